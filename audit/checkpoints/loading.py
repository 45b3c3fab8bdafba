"""From a name to a checkpoint: resolve, hash, read, compare, try out, fingerprint."""

from __future__ import annotations

import hashlib
import json
from typing import Literal

import torch
from torch import nn

from audit.checkpoints.checkpoint import Checkpoint, Preprocess
from audit.checkpoints.config import ModelConfig
from audit.checkpoints.names import LoadOptions, Source, resolve
from audit.checkpoints.safe_files import sha256, unchanged
from audit.checkpoints.sanity import check_sanity
from audit.checkpoints.tokenizer import TextTokenizer, load_tokenizer
from audit.checkpoints.weights import load_weights
from audit.errors import EnvironmentProblem, RefusedProblem, UsageProblem
from audit.records import CheckpointCard

_DEFAULTS = LoadOptions()


def load_checkpoint(name: str, *, options: LoadOptions = _DEFAULTS, device: str = "cpu") -> Checkpoint:
    """Return a checkpoint that is safe to ask and worth asking.

    Args:
        name: ``phantom:NAME``, ``open_clip:ARCH/TAG``, ``hf-hub:ORG/REPO@REVISION``, a local open_clip folder, or a
            weights file together with ``options.arch``.
        options: What has to be said explicitly.
        device: As torch names it, such as "cpu" or "cuda".

    Raises:
        UsageProblem: If there is no such checkpoint or device.
        RefusedProblem: If it could run code, is damaged, does not fit its configuration, or does not rank matched
            pairs above chance.
        EnvironmentProblem: If a hub cannot be reached, the device is absent, or a file changes meanwhile.
    """
    place = _find_device(device)
    source = resolve(name, options)
    tokenizer = load_tokenizer(source.model_cfg.text_cfg, source.tokenizer_json, where=name)
    with unchanged(source.weights):
        weights_digest = sha256(source.weights)
        model = load_weights(source.model_cfg, source.weights, allow_pickle=options.allow_pickle)
    _try_out(model, source.model_cfg, name=name)
    checkpoint = Checkpoint(
        card=_card(name, source, tokenizer=tokenizer, weights_digest=weights_digest),
        model=model.to(place),
        mean=torch.tensor(source.preprocess_cfg.mean, device=place),
        std=torch.tensor(source.preprocess_cfg.std, device=place),
        device=place,
        preprocess=_preprocess(source),
        tokenizer=tokenizer,
    )
    if not options.waive_sanity:
        check_sanity(checkpoint)
    return checkpoint


def _find_device(device: str) -> torch.device:
    try:
        place = torch.device(device)
    except RuntimeError as error:
        raise UsageProblem(f"There is no device {ascii(device)[:40]}.", remedy="Name cpu or cuda.") from error
    if place.type == "cuda" and not torch.cuda.is_available():
        raise EnvironmentProblem(f"The device {device} is not there.", remedy="Use cpu, or a machine with a GPU.")
    return place


def _preprocess(source: Source) -> Preprocess:
    config = source.preprocess_cfg
    interpolation: Literal["bicubic", "bilinear"] = "bilinear" if config.interpolation == "bilinear" else "bicubic"
    return Preprocess(
        size=source.model_cfg.vision_cfg.side,
        resize_mode=config.resize_mode,
        interpolation=interpolation,
        fill=config.fill_color / 255,
    )


def _card(name: str, source: Source, *, tokenizer: TextTokenizer, weights_digest: str) -> CheckpointCard:
    config = source.model_cfg
    return CheckpointCard(
        name=name,
        digest=_digest(source, tokenizer=tokenizer, weights_digest=weights_digest),
        architecture=source.architecture,
        image_size=config.vision_cfg.side,
        embedding_size=config.embed_dim,
        context_length=config.text_cfg.context_length,
        quick_gelu=config.quick_gelu,
        lineage=tuple(dict.fromkeys((*source.lineage, f"weights:{weights_digest}"))),
    )


def _digest(source: Source, *, tokenizer: TextTokenizer, weights_digest: str) -> str:
    """Return one fingerprint of all that decides what the checkpoint answers; its name is no part of it."""
    parts = {
        "model_cfg": source.model_cfg.canonical(),
        "preprocess_cfg": source.preprocess_cfg.model_dump(mode="json", exclude={"size"}),
        "tokenizer": tokenizer.digest,
        "weights": weights_digest,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@torch.no_grad()
def _try_out(model: nn.Module, config: ModelConfig, *, name: str) -> None:
    """Push one grey picture and one empty text through the towers, so that a mismatch shows here.

    Raises:
        RefusedProblem: If a tower fails, or its embedding has not the size that the configuration states.
    """
    side, text = config.vision_cfg.side, config.text_cfg
    try:
        image = model.encode_image(torch.zeros(1, 3, side, side))  # type: ignore[operator]
        words = model.encode_text(torch.full((1, text.context_length), text.eos_id % text.vocab_size))  # type: ignore[operator]
        shapes = {tuple(image.shape), tuple(words.shape)}
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError) as error:
        raise RefusedProblem(
            f"The towers of {name} do not run: {str(error).splitlines()[0][:200]}.",
            remedy="Compare its configuration with the one that it was trained with.",
        ) from error
    if shapes != {(1, config.embed_dim)}:
        raise RefusedProblem(
            f"The towers of {name} give embeddings of shapes {sorted(shapes)}, its configuration states "
            f"{config.embed_dim} numbers.",
            remedy="Correct embed_dim, pooling or projection in its configuration.",
        )
