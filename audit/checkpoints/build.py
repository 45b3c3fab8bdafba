"""Models of open_clip, built from a checked configuration; nothing is fetched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from open_clip.model import CLIP, CustomTextCLIP
from open_clip.modified_resnet import AttentionPool2d as AttentionPool
from open_clip.transformer import ResidualAttentionBlock as AttentionBlock
from open_clip.transformer import VisionTransformer
from torch import nn

from audit.checkpoints.config import ModelConfig, parse_model_config
from audit.errors import RefusedProblem

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
