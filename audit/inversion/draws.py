"""The random numbers of an inversion: one stream per item, drawn before the first step.

An item is a prompt and a replicate. Its numbers come from a generator of its own, in a fixed order, so they
do not depend on which other items share its batch, on the batch's size or on the device. Where a recipe shares the
affine maps of views, those are the same for every item.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.quasirandom import SobolEngine

from audit.inversion.recipe import Recipe
from audit.seeding import derive_seed

VIEW_NUMBERS: Final = 13
"""Numbers per view: whether, angle, zoom, shift x and y, contrast and brightness per channel, noise tile, sign."""

MAP_NUMBERS: Final = 5
"""The first of them, which make a view's affine map."""

_TILES: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """All random numbers of a batch of inversions."""

    views: Float[Tensor, "batch steps views numbers"]
    """Uniform in [0, 1)."""
    start: Float[Tensor, "batch 3 height width"]
    """Standard normal field that the images start from."""
    rolls: Float[Tensor, "batch steps 2"]
    """Uniform in [0, 1): how far the image of each step is rolled down and across."""


def draw(seeds: Sequence[int], recipe: Recipe, size: int, device: torch.device) -> Draws:
    """Draw what a batch of inversions needs, item by item.

    Args:
        seeds: One seed per item.
        recipe: Says how many steps and views there are.
        size: Side of the checkpoint's images, in pixels.
        device: Where the numbers are wanted; they are drawn on the CPU, so that devices agree.
    """
    views, starts, rolls = [], [], []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        starts.append(torch.randn((3, size, size), generator=generator))
        views.append(torch.rand((recipe.steps, recipe.views, VIEW_NUMBERS), generator=generator))
        rolls.append(torch.rand((recipe.steps, 2), generator=generator))
    if recipe.sampling == "shared":
        for one in views:
            one[..., :MAP_NUMBERS] = shared_maps(recipe.steps, recipe.views)
    return Draws(
        views=torch.stack(views).to(device), start=torch.stack(starts).to(device), rolls=torch.stack(rolls).to(device)
    )


@functools.cache
def shared_maps(steps: int, views: int) -> Float[Tensor, "steps views numbers"]:
    """Return the numbers in [0, 1) of the affine maps that all images share, whatever their seeds.

    A scrambled Sobol sequence (Owen 1998, doi:10.1006/jcom.1998.0487): any few maps in a row are spread evenly over all
    angles, zooms and shifts, so that the optimiser's momentum averages over them sooner than over random ones.
    """
    sequence = SobolEngine(MAP_NUMBERS, scramble=True, seed=derive_seed("shared maps"))  # type: ignore[no-untyped-call]
    return sequence.draw(steps * views).view(steps, views, MAP_NUMBERS)


def noise_tiles(size: int, device: torch.device) -> Float[Tensor, "tiles 3 height width"]:
    """Return the fixed bank of standard normal tiles from which every view takes its noise.

    Drawing fresh noise for each view and item would cost one generator call each; a view instead picks a
    tile and a sign by its own numbers, which keeps items independent of their batch at the price of a copy.
    """
    generator = torch.Generator().manual_seed(derive_seed("noise tiles", size))
    return torch.randn((_TILES, 3, size, size), generator=generator).to(device)
