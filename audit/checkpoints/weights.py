"""Weights: read without running code, compared with the model before memory is spent, and checked for sense."""

from __future__ import annotations

import argparse
import codecs
import pickle
import re
import struct
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import open_clip
import torch
from jaxtyping import Float
from open_clip.coca_model import CoCa
from open_clip.model import CLIP, CustomTextCLIP
from open_clip.modified_resnet import AttentionPool2d as AttentionPool
from open_clip.transformer import ResidualAttentionBlock as AttentionBlock
from open_clip.transformer import VisionTransformer
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from audit.checkpoints.config import PRUNED_REMEDY, ModelConfig, parse_model_config
from audit.checkpoints.safe_files import PICKLE_SUFFIXES, FileKind, read_json, sniff
from audit.checkpoints.text_towers import ContrastiveTowers, settings_folder
from audit.checkpoints.transformers_models import TransformersConfig
from audit.errors import EnvironmentProblem, RefusedProblem
from audit.opening import is_file, open_regular, read_text, size_of
from audit.parsing import parse_json

_MAX_HEADER: Final = 32 << 20
_MAX_TENSORS: Final = 20_000
_SHOWN: Final = 3
_SHOWN_FITS: Final = 4
_DTYPES: Final[Mapping[str, torch.dtype]] = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8,
    "BOOL": torch.bool,
}  # fmt: skip
_FLOATS: Final = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_GET_AGAIN: Final = "Get the file again from its source."
_OTHER_ARCH: Final = "Name the architecture that these weights were trained with (--arch, or open_clip_config.json)."
_STATE_KEYS: Final = (
    "state_dict", "model_state_dict", "model", "module", "net", "ema", "ema_state_dict", "model_ema", "state_dict_ema",
)  # fmt: skip
"""Where training scripts keep the weights in what they save."""
_EXTRACT: Final = (
    "Where you trust the file, keep the weights alone, and name the new file: "
    "`import torch; from safetensors.torch import save_file`, then "
    "`save_file(torch.load(FILE, map_location='cpu', weights_only=False)['state_dict'], 'weights.safetensors')`."
)
_HARMLESS: Final[tuple[Any, ...]] = (
    argparse.Namespace,
    np.dtype,
    *{type(np.dtype(kind)) for kind in ("bool", "int32", "int64", "float32", "float64")},
    (codecs.encode, "_codecs.encode"),
    *((np.float64(0).__reduce__()[0], f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
)
"""What stands beside the weights in ordinary training files: options, and numbers of numpy."""
_SEE_PICKLES: Final = (
    "Prefer safetensors. If you trust its maker, add --allow-pickle; even then nothing but tensors is read from it."
)


Architecture = ModelConfig | TransformersConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A weights file, opened as far as names and shapes."""

    shapes: Mapping[str, Tensor]
    """Tensors of the meta device, or mapped from the file; reading them costs no memory."""
    read: Callable[[], Mapping[str, Tensor]]


def load_weights(config: Architecture, paths: Sequence[Path], *, allow_pickle: bool) -> nn.Module:
    """Return the model of ``config`` with the weights of one file, or of its shards: frozen, fp32, on the CPU.

    Raises:
        RefusedProblem: If a file is no weights file, could run code, does not hold exactly the parameters of
            the model in their shapes, or holds values that no trained model has.
        EnvironmentProblem: If memory is too short for the weights.
    """
    path = _place(paths)
    file = _fitting(config, paths, allow_pickle=allow_pickle)
    _check_room(path, file.shapes)
    state = _renamed(config, file.read())
    _check_values(path, state)
    model = instantiate_quietly(config)
    own = model.state_dict()
    for name in ("logit_scale", "logit_bias"):  # one number, written as () or as (1,)
        if name in state:
            state[name] = state[name].reshape(own[name].shape)
    counters = {name: tensor for name, tensor in own.items() if name not in state}  # _check let only counters pass
    model.load_state_dict({**state, **counters}, strict=True)
    frozen = model.float().eval().requires_grad_(requires_grad=False)
    if not isinstance(config, ModelConfig):
        return config.encoder(frozen).eval()
    return frozen if config.multimodal_cfg is None else ContrastiveTowers(frozen).eval()


_MEMORY_TABLE: Final = Path("/proc/meminfo")


def _check_room(path: Path, shapes: Mapping[str, Tensor]) -> None:
    """Refuse weights that, as stored and in fp32 beside that, exceed the free memory; Linux alone tells how much it is.

    Raises:
        EnvironmentProblem: If they do. What the kernel would do is to end the process without a word.
    """
    if not is_file(_MEMORY_TABLE):
        return
    told = dict(line.partition(":")[::2] for line in read_text(_MEMORY_TABLE).splitlines())
    free = int(told["MemAvailable"].split()[0]) * 1024
    needed = sum(tensor.numel() * (tensor.element_size() + 4) for tensor in shapes.values())
    if needed > free:
        raise EnvironmentProblem(
            f"Loading {path} takes about {needed / 1e9:,.1f} GB of memory, and {free / 1e9:,.1f} GB are free.",
            remedy="Close other programs, or use a machine with more memory.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsLook:
    """What names and shapes of a weights file tell, before a byte of the weights is read."""

    layout: str
    """Whose names the parameters bear."""
    n_parameters: int
    n_by_dtype: Mapping[str, int]
    """Numbers stored in each precision, the commonest first."""


def look_at_weights(config: Architecture, paths: Sequence[Path], *, allow_pickle: bool) -> WeightsLook:
    """Return what a weights file, or its shards, holds, once it is known to fit the model of ``config``.

    Raises:
        RefusedProblem: As :func:`load_weights`, but for what only the values tell.
    """
    shapes = _fitting(config, paths, allow_pickle=allow_pickle).shapes
    stored = Counter[str]()
    for tensor in (one for one in shapes.values() if one.is_floating_point()):
        stored[str(tensor.dtype).removeprefix("torch.")] += tensor.numel()
    own = "OpenAI's" if is_openai(shapes) else "transformers'" if is_hugging_face(shapes) else "open_clip's"
    return WeightsLook(
        layout=own if isinstance(config, ModelConfig) else "transformers'",
        n_parameters=stored.total(),
        n_by_dtype=dict(stored.most_common()),
    )


def _fitting(config: Architecture, paths: Sequence[Path], *, allow_pickle: bool) -> _File:
    """Return the weights as far as names and shapes, once these are those of the model."""
    file = _unwrapped(_together([_open(one, sniff(one), allow_pickle=allow_pickle) for one in paths]))
    if not file.shapes:
        raise RefusedProblem(f"{_place(paths)} holds no tensor at all.", remedy=_GET_AGAIN)
    _check_activation(config, _place(paths), file)
    _check_names_and_shapes(config, _place(paths), _renamed(config, file.shapes))
    return file


def fitting_architectures(path: Path, *, allow_pickle: bool) -> list[str]:
    """Return the architectures of open_clip whose parameters a weights file holds, by names and shapes.

    Raises:
        RefusedProblem: As :func:`look_at_weights`.
    """
    return _fits(_unwrapped(_open(path, sniff(path), allow_pickle=allow_pickle)).shapes)


def _fits(shapes: Mapping[str, Tensor]) -> list[str]:
    found = []
    for arch in open_clip.list_models():
        config = parse_model_config(open_clip.get_model_config(arch), where=arch)
        state = _renamed(config, shapes)
        if not _could_fit(config, state):
            continue
        with torch.device("meta"):
            wanted = instantiate(config).state_dict()
        if all(name in state and _same_shape(name, state[name], wanted[name]) for name in wanted) and all(
            name in wanted for name in state
        ):
            found.append(arch)
    return found


def _could_fit(config: ModelConfig, state: Mapping[str, Tensor]) -> bool:
    """Tell from a few of its numbers whether an architecture is worth building, which takes a while."""
    vision, text = config.vision_cfg, config.text_cfg
    words = state.get("token_embedding.weight", state.get("text.token_embedding.weight"))
    first = state.get("visual.conv1.weight")
    trunk = any(name.startswith("visual.trunk.") for name in state)
    if (vision.timm_model_name is not None) != trunk or (text.hf_model_name is None) != (words is not None):
        return False
    if first is None and not trunk:
        return False
    if words is not None and tuple(words.shape) != (text.vocab_size, text.width):
        return False
    if first is None or isinstance(vision.layers, list):
        return True
    return tuple(first.shape) == (vision.width, 3, vision.patch_size, vision.patch_size)


def _same_shape(name: str, tensor: Tensor, wanted: Tensor) -> bool:
    return tensor.shape == wanted.shape or (name in {"logit_scale", "logit_bias"} and tensor.numel() == 1)


def _other_architecture(shapes: Mapping[str, Tensor]) -> str:
    """Return the remedy for weights of another architecture: which one, where open_clip has it."""
    fits = _fits(shapes)
    if not fits:
        return _OTHER_ARCH
    return f"By names and shapes these are weights of {' or '.join(fits[:_SHOWN_FITS])}: name it with --arch."


def _place(paths: Sequence[Path]) -> Path:
    return paths[0] if len(paths) == 1 else paths[0].parent


def _together(files: Sequence[_File]) -> _File:
    """Return several shards as one file."""
    if len(files) == 1:
        return files[0]
    return _File(
        shapes={name: tensor for file in files for name, tensor in file.shapes.items()},
        read=lambda: {name: tensor for file in files for name, tensor in file.read().items()},
    )


def _renamed(config: Architecture, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict under the names of the model of ``config``."""
    if isinstance(config, ModelConfig):
        return to_open_clip(state, custom_text=config.custom_text or config.multimodal_cfg is not None)
    return config.renamed(state)


def _unwrapped(file: _File) -> _File:
    """Return the file with every name as the model itself has it, without what training wrapped around it."""
    return _File(shapes=without_wrappers(file.shapes), read=lambda: without_wrappers(file.read()))


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
    size = size_of(path)
    with open_regular(path) as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > min(_MAX_HEADER, size):
            raise RefusedProblem(
                f"{path} announces a header of {length} bytes, but is {size} bytes long: it is cut off or made up.",
                remedy=_GET_AGAIN,
            )
        raw = stream.read(length)
    try:
        header = _table(parse_json(raw))
    except ValueError as error:
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
        with safe_globals(list(_HARMLESS)):
            if kind == "torch_zip" and (found := get_unsafe_globals_in_checkpoint(path)):
                raise RefusedProblem(
                    f"{path} holds objects of {_listed(found)} beside its tensors, and reading these can run code.",
                    remedy=_EXTRACT,
                )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of pickle protocols; what can't be read is refused below
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
    """Return the state dict that a pickle holds, also inside what a training script saves around it."""
    state = _state_dict(path, content)
    tensors: dict[str, Tensor] = {}
    for name, value in state.items():
        if isinstance(name, str) and isinstance(value, Tensor) and _is_plain(value):
            tensors[name] = value
        elif isinstance(name, str) and name in OPENAI_FIELDS and isinstance(value, int):
            tensors[name] = torch.tensor(value)
        else:
            raise RefusedProblem(
                f"{path} holds {ascii(name)[:120]}, a {type(value).__name__}, among the weights.", remedy=_EXTRACT
            )
    return tensors


def _state_dict(path: Path, content: object) -> dict[object, object]:
    """Return the innermost table of weights.

    Raises:
        RefusedProblem: If there is none, or there are several sets of weights of which the user has to choose one.
    """
    while isinstance(content, dict):
        inner = [key for key in _STATE_KEYS if isinstance(content.get(key), dict)]
        if not inner or any(isinstance(value, Tensor) for value in content.values()):
            return content
        if len(inner) > 1:
            raise RefusedProblem(
                f"{path} holds several sets of weights: {', '.join(inner)}.",
                remedy=f"Choose one. {_EXTRACT.replace(_STATE_KEYS[0], inner[0])}",
            )
        content = content[inner[0]]
    raise RefusedProblem(f"{path} holds a {type(content).__name__} instead of a state dict.", remedy=_EXTRACT)


def _listed(names: list[str]) -> str:
    shown = ", ".join(ascii(name)[1:81].rstrip("'") for name in sorted(names)[:_SHOWN])
    return shown + (", ..." if len(names) > _SHOWN else "")


def _is_plain(tensor: Tensor) -> bool:
    """Return whether a tensor has ordinary numbers in ordinary memory; pickles can hold stranger ones."""
    return tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized


def _check_activation(config: Architecture, path: Path, file: _File) -> None:
    """Refuse weights whose layout says which GELU they were trained with, if the architecture says another.

    The wrong one loads without complaint and gives wrong answers.
    """
    if not isinstance(config, ModelConfig):
        return  # the configuration and the names are of one maker
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
    content = read_json(config_json) if is_file(config_json) else {}
    vision = content.get("vision_config") if isinstance(content, dict) else None
    stated = vision.get("hidden_act", "quick_gelu") if isinstance(vision, dict) else "quick_gelu"
    return ascii(stated)[1:41].rstrip("'")


def _check_names_and_shapes(config: Architecture, path: Path, found: Mapping[str, Tensor]) -> None:
    with torch.device("meta"), _Undrawn():
        wanted = instantiate(config).state_dict()
    missing = [name for name in wanted if name not in found and not name.endswith("num_batches_tracked")]
    extra = [name for name in found if name not in wanted]
    if missing or extra:
        raise RefusedProblem(
            f"{path} does not fit the architecture {config.describe()}: "
            f"{_count(missing, 'parameters are missing')}; {_count(extra, 'are unknown')}.",
            remedy=_remedy_of_mismatch(wanted, found),
        )
    for name, tensor in found.items():
        if not _same_shape(name, tensor, wanted[name]):
            raise RefusedProblem(
                f"{path} does not fit the architecture {config.describe()}: {name} has the shape "
                f"{tuple(tensor.shape)}, the model needs {tuple(wanted[name].shape)}.",
                remedy=_remedy_of_mismatch(wanted, found) if isinstance(config, ModelConfig) else _OTHER_ARCH,
            )
        if wanted[name].is_floating_point() and tensor.dtype not in _FLOATS:
            raise RefusedProblem(
                f"{path} stores {name} as {tensor.dtype}; quantised weights are not read.",
                remedy="Audit the weights as they were before quantisation, as float32, float16 or bfloat16.",
            )


def _remedy_of_mismatch(wanted: Mapping[str, object], found: Mapping[str, Tensor]) -> str:
    """Return what to do about names that are not those of the model, by what they look like."""
    if any(part in name for name in found for part in ("lora_A", "lora_B", "lora_up", "lora_down")):
        return "This is a LoRA adapter: merge it into its base model (peft: `merge_and_unload()`), and save that."
    if any(name.endswith(_QUANTISED) for name in found):
        return "These weights are quantised: audit them as they were before, as float32, float16 or bfloat16."
    if _is_pruned(found):
        return f"Its blocks were pruned to different widths, which no architecture of open_clip has. {PRUNED_REMEDY}"
    common = wanted.keys() & found.keys()
    image = {name for name in common if name.startswith(("visual.", "vision_model."))}
    if common and image in (common, set()) and len(found) - len(common) <= 1:
        tower = "image" if image else "text"
        return f"This file holds the {tower} tower alone: save the whole model, both towers in one file."
    wrapped = next((name for name in found for real in wanted if name.endswith(f".{real}")), None)
    if wrapped is not None and not common:
        return (
            f"The names look wrapped by a training framework ({ascii(wrapped)[1:81].rstrip(chr(39))}): save "
            "`model.state_dict()` of the CLIP model itself."
        )
    return _other_architecture(found)


_IN_BLOCK: Final = re.compile(r"(.*\bresblocks)\.\d+\.(mlp\.c_fc\.weight|attn\.in_proj_weight)")


def _is_pruned(found: Mapping[str, Tensor]) -> bool:
    """Return whether blocks of one tower differ in width, as those of TinyCLIP's auto models do."""
    shapes: dict[tuple[str, ...], set[torch.Size]] = {}
    for name, tensor in found.items():
        if block := _IN_BLOCK.fullmatch(name):
            shapes.setdefault(block.groups(), set()).add(tensor.shape)
    return any(len(of_tower) > 1 for of_tower in shapes.values())


_QUANTISED: Final = (".SCB", ".absmax", ".quant_map", ".qweight", ".qzeros", "_packed_params", ".weight_scale")


def _check_values(path: Path, state: Mapping[str, Tensor]) -> None:
    """Refuse values that no trained model has: not a number, infinite, or one number throughout a matrix."""
    for name, tensor in state.items():
        if not tensor.is_floating_point():
            continue
        if not tensor.numel():
            continue
        low, high = tensor.aminmax()  # one pass; a NaN becomes both
        if not bool(torch.isfinite(low) & torch.isfinite(high)):
            raise RefusedProblem(f"{path} holds values in {name} that are not finite.", remedy=_GET_AGAIN)
        if tensor.ndim >= 2 and tensor.numel() > 1 and bool(low == high):
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


_WRAPPERS: Final = ("module.", "model.", "clip_model.", "clip.", "net.")
_COMPUTED: Final = ("attn_mask", "position_ids", "embed_positions.weights")
"""Ends of the names of buffers that a model makes for itself, and that older versions saved all the same."""
_TINY_CLIP: Final = re.compile(
    r"(?:_image_encoder|_text_encoder|_logit_scale|(?:image_encoder|text_encoder|logit_scale)_without_ddp)\.(?:module\.)*"
)
"""What TinyCLIP puts before the names of its two towers and of its scale."""
_ANYWHERE: Final = re.compile(r"(?:(?<=\.)|^)(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")


def without_wrappers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict without the prefixes that data-parallel, compiled, sharded or Lightning modules add.

    Example:
        >>> list(without_wrappers({"module._orig_mod.logit_scale": torch.ones(())}))
        ['logit_scale']
    """
    bare = {_ANYWHERE.sub("", name): tensor for name, tensor in state.items() if not name.endswith(_COMPUTED)}
    while bare and (shared := next((one for one in _WRAPPERS if all(name.startswith(one) for name in bare)), None)):
        bare = {name.removeprefix(shared): tensor for name, tensor in bare.items()}
    if bare and all(_TINY_CLIP.match(name) for name in bare):
        return {_TINY_CLIP.sub("", name, count=1): tensor for name, tensor in bare.items()}
    return bare


def is_hugging_face(names: Mapping[str, object]) -> bool:
    """Return whether these are the parameters of a ``transformers.CLIPModel``."""
    return "vision_model.embeddings.class_embedding" in names


def is_openai(names: Mapping[str, object]) -> bool:
    """Return whether this is a state dict that OpenAI published: it carries three numbers beside the weights."""
    return any(name in names for name in OPENAI_FIELDS)


def to_open_clip(state: Mapping[str, Tensor], *, custom_text: bool) -> dict[str, Tensor]:
    """Return ``state`` under open_clip's names.

    Args:
        state: Parameters by name, in the layout of OpenAI, open_clip or Hugging Face, without wrappers.
        custom_text: Whether the model keeps its text tower under ``text.``.

    Returns:
        A new dict; unknown names are kept, so that the comparison with the model reports them.
    """
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


def instantiate(config: Architecture) -> nn.Module:
    """Return the model of a checked configuration; under ``torch.device("meta")`` it takes no memory.

    Raises:
        RefusedProblem: If open_clip, timm or transformers cannot build it.
    """
    if not isinstance(config, ModelConfig):
        return config.build()
    arguments: dict[str, Any] = config.canonical()
    arguments.setdefault("vision_cfg", {})["image_size"] = config.vision_cfg.side
    arguments["vision_cfg"].pop("timm_model_pretrained", None)  # would fetch weights by the name in the file
    text = arguments.setdefault("text_cfg", {})
    text.pop("tokenizer_kwargs", None)
    if config.text_cfg.hf_model_name is not None:
        text.update(hf_model_name=str(settings_folder(config.text_cfg.hf_model_name)), hf_model_pretrained=False)
    custom_text = arguments.pop("custom_text", False) or config.text_cfg.hf_model_name is not None
    kind = CoCa if config.multimodal_cfg is not None else CustomTextCLIP if custom_text else CLIP
    over_all = arguments["vision_cfg"].pop("global_average_pool", False)
    try:
        model: nn.Module = kind(**arguments)
    except (RuntimeError, ValueError, TypeError, AssertionError, ZeroDivisionError, AttributeError) as error:
        raise RefusedProblem(
            f"open_clip cannot build the model {config.describe()}: {str(error)[:200]}.",
            remedy="Compare open_clip_config.json with the configuration that the checkpoint was trained with.",
        ) from error
    if over_all and isinstance(model.visual, VisionTransformer):  # towers of timm and ResNets never read this setting
        model.visual.__class__ = _AveragingTransformer
        model.visual.final_ln_after_pool = True
    return model


class _AveragingTransformer(VisionTransformer):  # type: ignore[misc]  # open_clip has no types
    """The image tower of older versions of open_clip with ``global_average_pool``: means first, then the layer norm."""

    def _global_pool(self, x: Float[Tensor, "batch tokens width"]) -> tuple[Tensor, Tensor]:
        return x.mean(dim=1), x


def instantiate_quietly(config: Architecture) -> nn.Module:
    """Return the model with whatever numbers, and without touching torch's ambient generator.

    All its parameters are about to be replaced; drawing them first takes a third of the time of loading.
    """
    with torch.random.fork_rng(devices=[]), _Undrawn():
        torch.default_generator.manual_seed(_INITIAL_SEED)
        return instantiate(config)


_DRAWS: Final = {
    "normal_", "uniform_", "trunc_normal_", "kaiming_normal_", "kaiming_uniform_", "xavier_normal_", "xavier_uniform_",
}  # fmt: skip


_NUMBERED: Final = {"normal_", "uniform_", "trunc_normal_"}
"""Of these, those whose first number after the tensor is the mean, or the lower end."""


class _Undrawn(TorchFunctionMode):
    """Fills tensors with one number where they would be filled with random ones: their mean, or their lower end.

    What stood in the memory would not do: who draws until all numbers lie in a range, as torch does for truncated
    normal ones, would draw for ever.
    """

    def __torch_function__(  # type: ignore[explicit-override]  # typing.override is of Python 3.12
        self,
        func: Callable[..., object],
        types: Sequence[type],
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        del types
        given = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if name not in _DRAWS:
            return func(*args, **given)
        tensor = args[0] if args else given["tensor"]
        first = args[1] if len(args) > 1 else given.get("mean", given.get("from", given.get("a", 0.0)))
        if isinstance(tensor, Tensor):
            with torch.no_grad():
                tensor.fill_(first if isinstance(first, (int, float)) and name in _NUMBERED else 0.0)
        return tensor
