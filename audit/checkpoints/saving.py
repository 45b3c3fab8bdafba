"""Writing a model as an ordinary open_clip folder, which open_clip itself loads through ``local-dir:``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from audit.checkpoints.config import FolderConfig, Lineage, check
from audit.checkpoints.names import (
    LINEAGE_FILE,
    TOKENIZER_CONFIG_FILE,
    TOKENIZER_FILE,
    WEIGHTS_FILE,
)
from audit.early_checks import CONFIG_FILE

_LOCAL_TOKENIZER: Final = "local"  # any name makes open_clip read the folder's own tokenizer


def export_folder(
    folder: Path,
    *,
    model: nn.Module,
    model_cfg: Mapping[str, object],
    preprocess_cfg: Mapping[str, object],
    tokenizer: Tokenizer,
    lineage: Sequence[str] = (),
) -> None:
    """Write ``model`` with its settings and its tokenizer into ``folder``, which is made if it is not there.

    Args:
        folder: Where the five files go.
        model: As :func:`audit.checkpoints.build_model` returns it; weights are stored in half precision.
        model_cfg: What it was built from; ``text_cfg.hf_tokenizer_name`` is added if it is not set.
        preprocess_cfg: Mean, standard deviation, interpolation and resize mode.
        tokenizer: Should know its padding token (``enable_padding``); otherwise ``text_cfg.pad_id`` names it.
        lineage: What the model shares with its relatives, such as the digest of its world.

    Raises:
        RefusedProblem: If the settings would be refused when they are loaded.
        ValueError: If a weight is too large for half precision, or is not finite.
    """
    content = json.loads(json.dumps({"model_cfg": model_cfg, "preprocess_cfg": preprocess_cfg}))
    content["model_cfg"].setdefault("text_cfg", {}).setdefault("hf_tokenizer_name", _LOCAL_TOKENIZER)
    config = check(FolderConfig, content, where=str(folder / CONFIG_FILE))
    relatives = check(Lineage, {"lineage": list(lineage)}, where=str(folder / LINEAGE_FILE))
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: _half(name, tensor) for name, tensor in model.state_dict().items()}, folder / WEIGHTS_FILE)
    (folder / WEIGHTS_FILE).chmod(0o644)  # safetensors writes files that only their owner reads
    tokenizer.save(str(folder / TOKENIZER_FILE))
    _write(folder / CONFIG_FILE, content)
    _write(folder / TOKENIZER_CONFIG_FILE, _describe(tokenizer, config))
    _write(folder / LINEAGE_FILE, relatives.model_dump())


def _half(name: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return tensor.detach().cpu().contiguous()
    half = tensor.detach().cpu().half().contiguous()
    if not bool(torch.isfinite(half).all()):
        raise ValueError(f"{name} holds values that half precision cannot hold.")
    return half


def _describe(tokenizer: Tokenizer, config: FolderConfig) -> dict[str, Any]:
    """Return what transformers needs to know beside ``tokenizer.json``."""
    text = config.model_cfg.text_cfg
    pad = tokenizer.padding["pad_token"] if tokenizer.padding else tokenizer.id_to_token(text.pad_id)
    described = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": pad,
        "model_max_length": text.context_length,
    }
    unknown = json.loads(tokenizer.to_str())["model"].get("unk_token")
    return described if unknown is None else {**described, "unk_token": unknown}


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
