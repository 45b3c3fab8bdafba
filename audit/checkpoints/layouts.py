"""The layouts in which CLIP weights are handed round, turned into open_clip's own.

Every function works on tensors of the meta device as on real ones: a layout is compared with the model by
names and shapes before a byte of the weights is read.

Sources: github.com/openai/CLIP ``clip/model.py`` (``build_model``), open_clip_train ``main.py`` (the training
checkpoint), transformers ``CLIPModel`` (names of its parameters).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

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
