"""Every reader of a file that somebody else may have written, with a sound file to begin from."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from audit.checkpoints.config import parse_folder_config
from audit.checkpoints.names import _read_lineage, _shards
from audit.checkpoints.preprocessing import from_processor
from audit.checkpoints.safe_files import read_json as read_checkpoint_json
from audit.checkpoints.transformers_models import parse_transformers_config
from audit.checkpoints.weights import fitting_architectures
from audit.cli.config_file import read_config
from audit.evidence.labels import read_labels
from audit.evidence.reading import read_findings
from audit.evidence.shards import ShardLabel, decode, encode
from audit.evidence.specs import read_json, read_spec
from audit.gate import load_policy
from audit.packaged import PHANTOMS, PHOTO_WORLDS, POLICIES, PROMPTS, WORLDS
from audit.phantom.photographs import read_photo_world
from audit.phantom.world import read_world
from audit.suites import load_suite

CORPUS: Final = Path(__file__).parent / "corpus"
_RUN: Final = Path(__file__).parents[1] / "data" / "first_release_run"
_LABEL: Final = ShardLabel(spec="a" * 64, kind="images", name="00000")


@dataclass(frozen=True)
class Parser:
    """One reader: how its file is called, how it is read, and what a sound one holds."""

    file: str
    read: Callable[[Path], object]
    sound: Callable[[], bytes]


def _json(content: object) -> Callable[[], bytes]:
    return lambda: json.dumps(content, indent=1).encode()


def _safetensors() -> bytes:
    header = json.dumps({"logit_scale": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(header)) + header + struct.pack("<f", 4.6)


def _parquet() -> bytes:
    return encode(pd.DataFrame({"prompt_id": ["a", "b"], "replicate": [0, 1], "png": [b"x", b"y"]}), _LABEL)


def _label_rows() -> bytes:
    return b"image,rater,question,label\n90b2cad6a1f03c55-0,ann,gender,woman\n90b2cad6a1f03c55-1,ann,gender,man\n"


def _labels_as_parquet() -> bytes:
    rows = [line.split(",") for line in _label_rows().decode().split()]
    out = io.BytesIO()
    pd.DataFrame(rows[1:], columns=rows[0]).to_parquet(out)
    return out.getvalue()


_VISION: Final = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
_CLIP: Final = {
    "model_type": "clip",
    "projection_dim": 16,
    "vision_config": {**_VISION, "image_size": 32, "patch_size": 16},
    "text_config": {**_VISION, "vocab_size": 64, "max_position_embeddings": 16},
}
_PROCESSOR: Final = {
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "resample": 3,
    "size": {"shortest_edge": 32},
    "crop_size": {"height": 32, "width": 32},
    "do_center_crop": True,
    "rescale_factor": 1 / 255,
}

PARSERS: Final[dict[str, Parser]] = {
    "suite": Parser("suite.toml", load_suite, (PROMPTS / "phantom" / "controls.toml").read_bytes),
    "policy": Parser("policy.toml", lambda path: load_policy(str(path)), (POLICIES / "phantom.toml").read_bytes),
    "world": Parser("world.toml", read_world, (WORLDS / "scenes.toml").read_bytes),
    "photo_world": Parser("world.toml", read_photo_world, (PHOTO_WORLDS / "photo.toml").read_bytes),
    "settings": Parser(
        "clip-audit.toml", lambda path: read_config(path.parent), lambda: b'effort = "quick"\n[run]\nseed = 3\n'
    ),
    "labels_csv": Parser("labels.csv", read_labels, _label_rows),
    "labels_parquet": Parser("labels.parquet", read_labels, _labels_as_parquet),
    "spec": Parser("spec.json", lambda path: read_spec(path.parent), (_RUN / "spec.json").read_bytes),
    "findings": Parser("findings.json", read_findings, (_RUN / "findings.json").read_bytes),
    "run_record": Parser("run.json", read_json, (_RUN / "run.json").read_bytes),
    "shard": Parser("00000.parquet", lambda path: decode(path, _LABEL), _parquet),
    "open_clip_config": Parser(
        "open_clip_config.json", parse_folder_config, (PHANTOMS / "scenes" / "open_clip_config.json").read_bytes
    ),
    "transformers_config": Parser(
        "config.json",
        lambda path: parse_transformers_config(read_checkpoint_json(path), where=str(path)),
        _json(_CLIP),
    ),
    "preprocessor_config": Parser("preprocessor_config.json", from_processor, _json(_PROCESSOR)),
    "lineage": Parser("clip_audit.json", _read_lineage, _json({"lineage": ["world:x"], "trained_on": ["laion2b"]})),
    "index_of_shards": Parser(
        "model.safetensors.index.json", _shards, _json({"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}})
    ),
    "safetensors": Parser(
        "weights.safetensors", lambda path: fitting_architectures(path, allow_pickle=False), _safetensors
    ),
}
