"""From a name to a checkpoint (resolve, hash, read, compare, try out, fingerprint), and from a model to a folder.

A model is written as an ordinary open_clip folder, which open_clip itself loads through ``local-dir:``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from audit.checkpoints.checkpoint import Checkpoint, Preprocess
from audit.checkpoints.config import FolderConfig, Lineage, check
from audit.checkpoints.known_digests import known_sha256
from audit.checkpoints.names import (
    LINEAGE_FILE,
    TOKENIZER_CONFIG_FILE,
    TOKENIZER_FILE,
    WEIGHTS_FILE,
    LoadOptions,
    Source,
    resolve,
)
from audit.checkpoints.safe_files import unchanged
from audit.checkpoints.sanity import check_sanity
from audit.checkpoints.tokenizer import TextTokenizer, load_tokenizer
from audit.checkpoints.weights import Architecture, load_weights
from audit.early_checks import CONFIG_FILE
from audit.errors import EnvironmentProblem, RefusedProblem, UsageProblem
from audit.lineage import IMAGE_TOWER
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
    tokenizer = load_tokenizer(source.model, source.tokenizer_json, where=name)
    with ExitStack() as held:
        for file in source.weights:
            held.enter_context(unchanged(file))
        model = load_weights(source.model, source.weights, allow_pickle=options.allow_pickle)
        checkpoint = Checkpoint(
            card=_card(name, source),
            model=model.to(place),
            mean=torch.tensor(source.preparation.settings.mean, device=place),
            std=torch.tensor(source.preparation.settings.std, device=place),
            device=place,
            preprocess=_preprocess(source),
            tokenizer=tokenizer,
        )
        doubts = _tried(checkpoint, source.model, name=name, waived=options.waive_sanity)
        weights_digest = _weights_digest(source.weights)  # last: what is refused is not worth hashing
    card = replace(
        checkpoint.card,
        digest=_digest(source, tokenizer=tokenizer, weights_digest=weights_digest),
        lineage=tuple(dict.fromkeys((*source.lineage, f"weights:{weights_digest}", *_matrices(checkpoint.visual)))),
        doubts=doubts,
    )
    return replace(checkpoint, card=card)


def _find_device(device: str) -> torch.device:
    try:
        place = torch.device(device)
    except RuntimeError as error:
        raise UsageProblem(
            f"There is no device {ascii(device)[:40]}.", remedy="Choose --device cpu or --device cuda."
        ) from error
    if place.type == "cuda" and not torch.cuda.is_available():
        raise EnvironmentProblem(
            f"The device {device} is not there.", remedy="Use --device cpu, or a machine with a GPU."
        )
    return place


def _preprocess(source: Source) -> Preprocess:
    config = source.preparation.settings
    interpolation: Literal["bicubic", "bilinear"] = "bilinear" if config.interpolation == "bilinear" else "bicubic"
    return Preprocess(
        size=source.model.side,
        resize_mode=config.resize_mode,
        interpolation=interpolation,
        fill=config.fill_color / 255,
    )


def _card(name: str, source: Source) -> CheckpointCard:
    """Return what is known of a checkpoint before its weights are hashed."""
    config = source.model
    return CheckpointCard(
        name=name,
        digest="",
        architecture=source.architecture,
        image_size=config.side,
        embedding_size=config.embed_dim,
        context_length=config.context_length,
        quick_gelu=config.quick_gelu,
        preprocessing=source.preparation.describe(),
        lineage=source.lineage,
    )


def _weights_digest(files: Sequence[Path]) -> str:
    """Return the SHA-256 of the weights file; of several shards, of their digests in the order of their names."""
    digests = [known_sha256(file) for file in sorted(files, key=lambda file: file.name)]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def _matrices(tower: nn.Module) -> tuple[str, ...]:
    """Return digests of some large matrices of an image tower, by which a copy is known in another file or format.

    A file's own digest changes with a single number, with half precision and with the names of tensors. Of every
    matrix that has at least an eighth of the numbers of the largest, numbers spread over all of it are hashed as half
    precision holds them; the smallest digests are kept (a min-hash), whatever the matrices are called, so that towers
    that share most of their matrices share some of these.
    """
    parameters = [one.detach() for one in tower.parameters() if one.ndim > 1 and one.is_floating_point()]
    least = max((one.numel() for one in parameters), default=0) / 8
    found = set()
    for one in parameters:
        if one.numel() >= max(least, _FEWEST_NUMBERS):
            numbers = one.flatten()[:: max(1, one.numel() // _HASHED_NUMBERS)].to("cpu", torch.float16)
            if bool((numbers != numbers[0]).any()):
                found.add(hashlib.sha256(numbers.numpy().tobytes()).hexdigest()[:_DIGITS])
    return tuple(f"{IMAGE_TOWER}{digest}" for digest in sorted(found)[:_KEPT_MATRICES])


def _digest(source: Source, *, tokenizer: TextTokenizer, weights_digest: str) -> str:
    """Return one fingerprint of all that decides what the checkpoint answers; its name is no part of it."""
    parts = {
        "model_cfg": source.model.canonical(),
        "preprocess_cfg": source.preparation.settings.model_dump(mode="json", exclude={"size"}),
        "tokenizer": tokenizer.digest,
        "weights": weights_digest,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


_FEWEST_NUMBERS: Final = 256
"""Of a matrix that is hashed by itself: smaller ones may be alike by chance, as filters of edges are."""
_HASHED_NUMBERS: Final = 4096
_KEPT_MATRICES: Final = 4
_DIGITS: Final = 16

_BROKEN: Final = (RuntimeError, ValueError, TypeError, AssertionError, IndexError)
"""What towers raise that do not run, or give embeddings of other shapes."""


def _tried(checkpoint: Checkpoint, config: Architecture, *, name: str, waived: bool) -> tuple[str, ...]:
    """Put a checkpoint through the sanity gate, or see that its towers run at all where that is waived.

    Returns:
        What speaks against it.

    Raises:
        RefusedProblem: If it does not pass, or its towers do not run.
    """
    if waived:
        _try_out(checkpoint, config, name=name)
        return ()
    try:
        return check_sanity(checkpoint).doubts
    except _BROKEN:
        _try_out(checkpoint, config, name=name)  # says which towers, and what to do
        raise


@torch.no_grad()
def _try_out(checkpoint: Checkpoint, config: Architecture, *, name: str) -> None:
    """Push one grey picture and one empty text through the towers, so that a mismatch shows here.

    Raises:
        RefusedProblem: If a tower fails, or its embedding has not the size that the configuration states.
    """
    model, place = checkpoint.model, checkpoint.device
    text = torch.full((1, config.context_length), config.end_id % config.vocab_size, device=place)
    try:
        image = model.encode_image(torch.zeros(1, 3, config.side, config.side, device=place))  # type: ignore[operator]
        words = model.encode_text(text)  # type: ignore[operator]
        shapes = {tuple(image.shape), tuple(words.shape)}
    except _BROKEN as error:
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
        lineage: What the model was trained on and so shares with its relatives, such as the digest of its world.

    Raises:
        RefusedProblem: If the settings would be refused when they are loaded.
        ValueError: If a weight is too large for half precision, or is not finite.
    """
    content = json.loads(json.dumps({"model_cfg": model_cfg, "preprocess_cfg": preprocess_cfg}))
    content["model_cfg"].setdefault("text_cfg", {}).setdefault("hf_tokenizer_name", _LOCAL_TOKENIZER)
    config = check(FolderConfig, content, where=str(folder / CONFIG_FILE))
    relatives = check(
        Lineage, {"lineage": list(lineage), "trained_on": list(lineage)}, where=str(folder / LINEAGE_FILE)
    )
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
