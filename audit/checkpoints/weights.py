"""Weights: read without running code, compared with the model before memory is spent, and checked for sense."""

from __future__ import annotations

import json
import pickle
import re
import struct
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from open_clip.model import CLIP, CustomTextCLIP
from open_clip.modified_resnet import AttentionPool2d as AttentionPool
from open_clip.transformer import ResidualAttentionBlock as AttentionBlock
from open_clip.transformer import VisionTransformer
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.serialization import get_unsafe_globals_in_checkpoint

from audit.checkpoints.config import ModelConfig, parse_model_config
from audit.checkpoints.safe_files import PICKLE_SUFFIXES, FileKind, read_json, sniff, unique_keys
from audit.errors import RefusedProblem

_MAX_HEADER: Final = 32 << 20
_MAX_TENSORS: Final = 20_000
_SHOWN: Final = 3
_DTYPES: Final[Mapping[str, torch.dtype]] = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8,
    "BOOL": torch.bool,
}  # fmt: skip
_FLOATS: Final = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_GET_AGAIN: Final = "Get the file again from its source."
_OTHER_ARCH: Final = "Name the architecture that these weights were trained with (--arch, or open_clip_config.json)."
_SEE_PICKLES: Final = (
    "Prefer safetensors. If you trust its maker, add --allow-pickle; even then nothing but tensors is read from it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A weights file, opened as far as names and shapes."""

    shapes: Mapping[str, Tensor]
    """Tensors of the meta device, or mapped from the file; reading them costs no memory."""
    read: Callable[[], Mapping[str, Tensor]]


def load_weights(config: ModelConfig, path: Path, *, allow_pickle: bool) -> nn.Module:
    """Return the model of ``config`` with the weights of ``path``: evaluated, frozen, fp32, on the CPU.

    Raises:
        RefusedProblem: If the file is no weights file, could run code, does not hold exactly the parameters of
            the model in their shapes, or holds values that no trained model has.
    """
    file = _open(path, sniff(path), allow_pickle=allow_pickle)
    if not file.shapes:
        raise RefusedProblem(f"{path} holds no tensor at all.", remedy=_GET_AGAIN)
    _check_activation(config, path, file)
    _check_names_and_shapes(config, path, to_open_clip(file.shapes, custom_text=config.custom_text))
    state = to_open_clip(file.read(), custom_text=config.custom_text)
    _check_values(path, state)
    model = instantiate_quietly(config)
    own = model.state_dict()
    for name in ("logit_scale", "logit_bias"):  # one number, written as () or as (1,)
        if name in state:
            state[name] = state[name].reshape(own[name].shape)
    counters = {name: tensor for name, tensor in own.items() if name not in state}  # _check let only counters pass
    model.load_state_dict({**state, **counters}, strict=True)
    return model.float().eval().requires_grad_(requires_grad=False)


def _open(path: Path, kind: FileKind, *, allow_pickle: bool) -> _File:
    if kind == "safetensors":
        return _open_safetensors(path)
    if path.suffix not in PICKLE_SUFFIXES:
        raise RefusedProblem(
            f"{path} is a pickle that bears the name of another kind of file.", remedy=f"Do not use it. {_GET_AGAIN}"
        )
    if not allow_pickle:
        raise RefusedProblem(f"{path} is a pickle, which can run code when it is read.", remedy=_SEE_PICKLES)
    return _open_pickle(path, kind)


def _open_safetensors(path: Path) -> _File:
    header = _read_header(path)
    try:
        with safe_open(path, framework="pt") as opened:  # checks offsets and sizes against the file
            names = list(opened.keys())
    except (SafetensorError, OSError) as error:
        raise RefusedProblem(f"{path} is no sound safetensors file: {str(error)[:200]}.", remedy=_GET_AGAIN) from error
    shapes = {}
    for name in names:
        entry = header[name]
        dtype = _DTYPES.get(entry["dtype"])
        if dtype is None:
            raise RefusedProblem(
                f"{path} stores {ascii(name)[:120]} as {entry['dtype']}, which CLIP models do not use.",
                remedy="Save the weights as float32, float16 or bfloat16.",
            )
        shapes[name] = torch.empty(entry["shape"], dtype=dtype, device="meta")
    return _File(shapes=shapes, read=lambda: load_file(path))


def _read_header(path: Path) -> dict[str, dict[str, Any]]:
    """Return the table of contents; the library's own reader would spend seconds on a huge one."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > min(_MAX_HEADER, size):
            raise RefusedProblem(
                f"{path} announces a header of {length} bytes, but is {size} bytes long: it is cut off or made up.",
                remedy=_GET_AGAIN,
            )
        raw = stream.read(length)
    try:
        header = _table(json.loads(raw.decode("utf-8"), object_pairs_hook=unique_keys))
    except (ValueError, RecursionError) as error:
        raise RefusedProblem(
            f"{path} has no sound safetensors header: {str(error)[:200]}.", remedy=_GET_AGAIN
        ) from error
    return header


def _table(header: object) -> dict[str, dict[str, Any]]:
    if not isinstance(header, dict):
        raise ValueError("it is no table")  # noqa: TRY004  (the caller reports what is wrong with the text)
    entries = {str(name): entry for name, entry in header.items() if name != "__metadata__"}
    if len(entries) > _MAX_TENSORS:
        raise ValueError(f"{len(entries)} tensors, more than {_MAX_TENSORS}")
    if not all(isinstance(entry, dict) and {"dtype", "shape"} <= set(entry) for entry in entries.values()):
        raise ValueError("an entry lacks its dtype or its shape")
    return entries


def _open_pickle(path: Path, kind: FileKind) -> _File:
    try:
        if kind == "torch_zip" and (found := get_unsafe_globals_in_checkpoint(path)):
            raise RefusedProblem(
                f"{path} asks for {found[:_SHOWN]!a}, which no weights need: it may try to run code.",
                remedy="Do not use it. If its maker is trusted, ask for the state dict alone as safetensors.",
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about pickle protocols; what cannot be read is refused below
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=kind == "torch_zip")
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, TypeError, KeyError,
            AttributeError, IndexError, AssertionError, OverflowError, MemoryError, struct.error) as error:  # fmt: skip
        first = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise RefusedProblem(
            f"{path} cannot be read as plain weights: {first}.",
            remedy="It is damaged, or holds more than tensors; get it again, or ask for safetensors.",
        ) from error
    tensors = _tensors_of(path, content)
    return _File(shapes=tensors, read=lambda: tensors)


def _tensors_of(path: Path, content: object) -> dict[str, Tensor]:
    """Return the state dict that a pickle holds, also inside a checkpoint of open_clip's training."""
    state = content.get("state_dict", content) if isinstance(content, dict) else content
    if not isinstance(state, dict):
        raise RefusedProblem(
            f"{path} holds a {type(content).__name__} instead of a state dict.",
            remedy="Save `model.state_dict()` instead of the model.",
        )
    tensors: dict[str, Tensor] = {}
    for name, value in state.items():
        if isinstance(name, str) and isinstance(value, Tensor) and _is_plain(value):
            tensors[name] = value
        elif isinstance(name, str) and name in OPENAI_FIELDS and isinstance(value, int):
            tensors[name] = torch.tensor(value)
        else:
            raise RefusedProblem(
                f"{path} holds {ascii(name)[:120]}, a {type(value).__name__}, among the weights.",
                remedy="Save the state dict of the model alone.",
            )
    return tensors


def _is_plain(tensor: Tensor) -> bool:
    """Return whether a tensor has ordinary numbers in ordinary memory; pickles can hold stranger ones."""
    return tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized


def _check_activation(config: ModelConfig, path: Path, file: _File) -> None:
    """Refuse weights whose layout says which GELU they were trained with, if the architecture says another.

    The wrong one loads without complaint and gives wrong answers.
    """
    if is_openai(file.shapes) and not config.quick_gelu:
        raise RefusedProblem(
            f"{path} is in OpenAI's layout, and OpenAI trained with QuickGELU, but the architecture states GELU.",
            remedy="Name the architecture that ends in -quickgelu (for example --arch ViT-B-32-quickgelu).",
        )
    if not is_hugging_face(file.shapes):
        return
    stated = _hugging_face_activation(path.with_name("config.json"))
    if (stated == "quick_gelu") != config.quick_gelu:
        raise RefusedProblem(
            f"{path} is in Hugging Face's layout with the activation {stated}, but the architecture states "
            f"{'quick_gelu' if config.quick_gelu else 'gelu'}.",
            remedy="Name the architecture with the same activation (-quickgelu or not), and keep the checkpoint's "
            "config.json beside the weights.",
        )


def _hugging_face_activation(config_json: Path) -> str:
    """Return ``hidden_act`` of a transformers configuration; without one, what ``CLIPConfig`` defaults to."""
    content = read_json(config_json) if config_json.is_file() else {}
    vision = content.get("vision_config") if isinstance(content, dict) else None
    stated = vision.get("hidden_act", "quick_gelu") if isinstance(vision, dict) else "quick_gelu"
    return ascii(stated)[1:41].rstrip("'")


def _check_names_and_shapes(config: ModelConfig, path: Path, found: Mapping[str, Tensor]) -> None:
    with torch.device("meta"):
        wanted = instantiate(config).state_dict()
    missing = [name for name in wanted if name not in found and not name.endswith("num_batches_tracked")]
    extra = [name for name in found if name not in wanted]
    if missing or extra:
        raise RefusedProblem(
            f"{path} does not fit the architecture {config.describe()}: "
            f"{_count(missing, 'parameters are missing')}; {_count(extra, 'are unknown')}.",
            remedy=_OTHER_ARCH,
        )
    for name, tensor in found.items():
        same = tensor.shape == wanted[name].shape
        if not same and not (name in {"logit_scale", "logit_bias"} and tensor.numel() == 1):
            raise RefusedProblem(
                f"{path} does not fit the architecture {config.describe()}: {name} has the shape "
                f"{tuple(tensor.shape)}, the model needs {tuple(wanted[name].shape)}.",
                remedy=_OTHER_ARCH,
            )
        if wanted[name].is_floating_point() and tensor.dtype not in _FLOATS:
            raise RefusedProblem(
                f"{path} stores {name} as {tensor.dtype}; quantised weights are not read.",
                remedy="Audit the weights as they were before quantisation, as float32, float16 or bfloat16.",
            )


def _check_values(path: Path, state: Mapping[str, Tensor]) -> None:
    """Refuse values that no trained model has: not a number, infinite, or one number throughout a matrix."""
    for name, tensor in state.items():
        if not tensor.is_floating_point():
            continue
        if not bool(torch.isfinite(tensor).all()):
            raise RefusedProblem(f"{path} holds values in {name} that are not finite.", remedy=_GET_AGAIN)
        if tensor.ndim >= 2 and tensor.numel() > 1 and bool(tensor.min() == tensor.max()):
            raise RefusedProblem(
                f"{path} holds one and the same number throughout {name}: it was never trained.", remedy=_GET_AGAIN
            )


def _count(names: list[str], what: str) -> str:
    shown = ", ".join(ascii(name)[1:121].rstrip("'") for name in names[:_SHOWN])
    return f"{len(names)} {what}" + (f" ({shown}{', ...' if len(names) > _SHOWN else ''})" if names else "")


# The layouts in which CLIP weights are handed round, turned into open_clip's own.
#
# Every function works on tensors of the meta device as on real ones: a layout is compared with the model by
# names and shapes before a byte of the weights is read.
#
# Sources: github.com/openai/CLIP ``clip/model.py`` (``build_model``), open_clip_train ``main.py`` (the training
# checkpoint), transformers ``CLIPModel`` (names of its parameters).


OPENAI_FIELDS: Final = ("input_resolution", "context_length", "vocab_size")

_HF_TOWERS: Final = {"vision_model.": "visual.", "text_model.": ""}
_HF_NAMES: Final = {
    "vision_model.embeddings.class_embedding": "visual.class_embedding",
    "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
    "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
    "vision_model.pre_layrnorm.weight": "visual.ln_pre.weight",
    "vision_model.pre_layrnorm.bias": "visual.ln_pre.bias",
    "vision_model.post_layernorm.weight": "visual.ln_post.weight",
    "vision_model.post_layernorm.bias": "visual.ln_post.bias",
    "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "text_model.final_layer_norm.weight": "ln_final.weight",
    "text_model.final_layer_norm.bias": "ln_final.bias",
    "logit_scale": "logit_scale",
}
_HF_TRANSPOSED: Final = {"visual_projection.weight": "visual.proj", "text_projection.weight": "text_projection"}
_HF_IN_BLOCK: Final = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}
_HF_BLOCK: Final = re.compile(r"(vision_model\.|text_model\.)encoder\.layers\.(\d+)\.(.+)\.(weight|bias)")
_TEXT_PARTS: Final = ("text_projection", "positional_embedding", "token_embedding.", "transformer.", "ln_final.")


def is_hugging_face(names: Mapping[str, object]) -> bool:
    """Return whether these are the parameters of a ``transformers.CLIPModel``."""
    return "vision_model.embeddings.class_embedding" in names


def is_openai(names: Mapping[str, object]) -> bool:
    """Return whether this is a state dict that OpenAI published: it carries three numbers beside the weights."""
    return any(name in names for name in OPENAI_FIELDS)


def to_open_clip(state: Mapping[str, Tensor], *, custom_text: bool) -> dict[str, Tensor]:
    """Return ``state`` under open_clip's names.

    Args:
        state: Parameters by name, in the layout of OpenAI, open_clip (also with the ``module.`` of parallel
            training) or Hugging Face.
        custom_text: Whether the model keeps its text tower under ``text.``.

    Returns:
        A new dict; unknown names are kept, so that the comparison with the model reports them.
    """
    if state and all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    if is_hugging_face(state):
        renamed = _from_hugging_face(state)
    else:
        renamed = {name: tensor for name, tensor in state.items() if name not in OPENAI_FIELDS}
    if custom_text and "positional_embedding" in renamed:
        renamed = {f"text.{name}" if name.startswith(_TEXT_PARTS) else name: renamed[name] for name in renamed}
    return renamed


def _from_hugging_face(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    renamed: dict[str, Tensor] = {}
    for name, tensor in state.items():
        block = _HF_BLOCK.fullmatch(name)
        if name.endswith(".embeddings.position_ids"):
            continue  # 0, 1, 2, ...: kept by older versions of transformers
        if block is not None:
            new = _block_name(block)
            if new is None:
                continue
            renamed[new] = _joined(state, name) if new.endswith(("in_proj_weight", "in_proj_bias")) else tensor
        elif name in _HF_TRANSPOSED:
            renamed[_HF_TRANSPOSED[name]] = tensor.T
        else:
            renamed[_HF_NAMES.get(name, name)] = tensor
    return renamed


def _block_name(block: re.Match[str]) -> str | None:
    """Return the new name, or None for keys and values, which are joined to their queries."""
    tower, index, part, kind = block.groups()
    prefix = f"{_HF_TOWERS[tower]}transformer.resblocks.{index}."
    if part in {"self_attn.k_proj", "self_attn.v_proj"}:
        return None
    if part == "self_attn.q_proj":
        return f"{prefix}attn.in_proj_{kind}"
    return f"{prefix}{_HF_IN_BLOCK.get(part, part)}.{kind}"


def _joined(state: Mapping[str, Tensor], query: str) -> Tensor:
    """Return queries, keys and values as the one matrix that torch's attention keeps; missing parts are left out."""
    names = [query.replace("q_proj", f"{letter}_proj") for letter in "qkv"]
    return torch.cat([state[name] for name in names if name in state])


__all__ = [
    "AttentionBlock",
    "AttentionPool",
    "VisionTransformer",
    "build_model",
    "instantiate",
    "instantiate_quietly",
]

_INITIAL_SEED = 0


def build_model(model_cfg: Mapping[str, object]) -> nn.Module:
    """Return the model of a configuration with random weights, drawn from torch's ambient generator.

    Args:
        model_cfg: As in the ``model_cfg`` of an open_clip folder.

    Returns:
        ``open_clip.model.CLIP``, or ``CustomTextCLIP`` where the configuration says ``custom_text``.

    Raises:
        RefusedProblem: If the configuration is not on the allow-list, or open_clip cannot build it.
    """
    return instantiate(parse_model_config(model_cfg))


def instantiate(config: ModelConfig) -> nn.Module:
    """Return the model of a checked configuration; under ``torch.device("meta")`` it takes no memory.

    Raises:
        RefusedProblem: If open_clip or timm cannot build it.
    """
    arguments: dict[str, Any] = config.canonical()
    arguments.setdefault("vision_cfg", {})["image_size"] = config.vision_cfg.side
    arguments["vision_cfg"].pop("timm_model_pretrained", None)  # would fetch weights by the name in the file
    arguments.setdefault("text_cfg", {}).pop("tokenizer_kwargs", None)
    custom_text = bool(arguments.pop("custom_text", False))
    try:
        model: nn.Module = (CustomTextCLIP if custom_text else CLIP)(**arguments)
    except (RuntimeError, ValueError, TypeError, AssertionError, ZeroDivisionError, AttributeError) as error:
        raise RefusedProblem(
            f"open_clip cannot build the model {config.describe()}: {str(error)[:200]}.",
            remedy="Compare open_clip_config.json with the configuration that the checkpoint was trained with.",
        ) from error
    return model


def instantiate_quietly(config: ModelConfig) -> nn.Module:
    """Return the model without touching torch's ambient generator: its weights are about to be replaced."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(_INITIAL_SEED)
        return instantiate(config)
