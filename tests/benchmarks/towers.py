"""Towers with random weights, as fast as trained ones; what they cost by count, and whether bf16 is right for them."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import open_clip
import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, normalize
from torch.utils.flop_counter import FlopCounterMode

from audit.inversion.draws import draw
from audit.inversion.fast_copy import fast_copy
from audit.inversion.loop import Tower, spherical_loss
from audit.inversion.parameterization import parameterize
from audit.inversion.recipe import RECIPES

FULL: Final = ("ViT-B-32", "ViT-B-16", "ViT-L-14", "RN50")
SMALL: Final = ("small ViT", "small ResNet")
_SMALL_SIDE: Final = 64
_SMALL_EMBEDDING: Final = 64
_SEED: Final = 20261120


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One image tower, as a checkpoint would have it: fp32, frozen, in evaluation mode."""

    name: str
    visual: nn.Module
    size: int
    embedding: int
    device: torch.device

    def tower(self, precision: str, *, plain: bool = False) -> Tower:
        """Return what the loop takes: the copy that an audit makes, or a plain one as the published loop has it."""
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        grey = torch.full((3,), 0.5, device=self.device)
        visual = copy.deepcopy(self.visual).to(dtype) if plain else fast_copy(self.visual, dtype)
        return Tower(visual=visual, mean=grey, std=grey / 2, size=self.size, dtype=dtype)

    def targets(self, count: int) -> Tensor:
        """Return random unit vectors in the place of texts."""
        numbers = torch.Generator().manual_seed(_SEED)
        return normalize(torch.randn((count, self.embedding), generator=numbers), dim=1).to(self.device)


def make(name: str, device: torch.device) -> Made:
    """Return a tower with random weights; the BatchNorms of a ResNet get statistics as training leaves them."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(_SEED)
        visual = _SMALL_ONES[name]() if name in _SMALL_ONES else _full(name)
    size = visual.image_size if isinstance(visual.image_size, int) else visual.image_size[0]
    visual = _trained_statistics(visual).eval().requires_grad_(requires_grad=False).to(device)
    with torch.no_grad():
        embedding = visual(torch.zeros((1, 3, size, size), device=device)).shape[1]
    return Made(name=name, visual=visual, size=size, embedding=embedding, device=device)


def _full(name: str) -> nn.Module:
    logging.disable(logging.WARNING)  # open_clip warns that the weights are random; here they are meant to be
    try:
        return open_clip.create_model(name).visual
    finally:
        logging.disable(logging.NOTSET)


_SMALL_ONES: Final[dict[str, Callable[[], nn.Module]]] = {
    "small ViT": lambda: open_clip.model.VisionTransformer(
        image_size=_SMALL_SIDE, patch_size=8, width=128, layers=4, heads=2, mlp_ratio=4.0, output_dim=_SMALL_EMBEDDING
    ),
    "small ResNet": lambda: open_clip.model.ModifiedResNet(
        layers=[1, 2, 2, 1], output_dim=_SMALL_EMBEDDING, heads=8, image_size=_SMALL_SIDE, width=16
    ),
}


def _trained_statistics(visual: nn.Module) -> nn.Module:
    """Give BatchNorms factors near 1: a fresh ResNet has 0 at the end of each block, which would hide the blocks."""
    numbers = torch.Generator().manual_seed(_SEED)
    for norm in visual.modules():
        if isinstance(norm, nn.BatchNorm2d):
            for tensor, low, high in (
                (norm.weight, 0.5, 1.5),
                (norm.bias, -0.2, 0.2),
                (norm.running_mean, -0.2, 0.2),
                (norm.running_var, 0.5, 1.5),
            ):
                tensor.data.copy_(torch.rand(tensor.shape, generator=numbers) * (high - low) + low)
    return visual


def bare_pass(tower: Tower, views: int, device: torch.device) -> Callable[[], object]:
    """Return one pass of ``views`` pictures through the tower and back to them, and nothing else."""
    pixels = torch.randn((views, 3, tower.size, tower.size), generator=torch.Generator().manual_seed(_SEED))
    given = pixels.to(device, tower.dtype).contiguous(memory_format=torch.channels_last).requires_grad_()
    return lambda: torch.autograd.grad(tower.visual(given).float().sum(), given)


def flops_of_an_image_gradient(made: Made) -> int:
    """Return the floating-point operations of one picture forward and back to its pixels, as torch counts them."""
    tower, pixels = made.tower("fp32"), torch.zeros((1, 3, made.size, made.size), device=made.device)
    given = pixels.requires_grad_()
    with FlopCounterMode(display=False) as counter:
        tower.visual(given).sum().backward()
    return int(counter.get_total_flops())


def gradient_cosines(made: Made, images: int) -> Tensor:
    """Return the cosine of each image's pixel gradient in bf16 with that in fp32, for images midway through a recipe.

    The one in fp32 is that of the tower itself, without anything folded.
    """
    recipe = RECIPES["fast"]
    start = draw(list(range(images)), recipe, made.size, made.device).start
    canvas = parameterize(start, recipe)
    pixels = canvas.show(canvas.values, 0.5)
    exact, fast = (
        _gradient(tower, pixels, made.targets(images)) for tower in (made.tower("fp32", plain=True), made.tower("bf16"))
    )
    return cosine_similarity(exact.flatten(1), fast.flatten(1), dim=1).cpu()


def _gradient(tower: Tower, pixels: Tensor, targets: Tensor) -> Tensor:
    given = pixels.clone().requires_grad_()
    units = normalize(tower.embed(given).float(), dim=1)[:, None]
    return torch.autograd.grad(spherical_loss(units, targets).sum(), given)[0]
