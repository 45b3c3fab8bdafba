"""Views: each step looks at an image through a few random affine maps, colour shifts and noise."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from audit.inversion.recipe import Recipe


def make_views(
    images: Float[Tensor, "batch 3 side side"],
    numbers: Float[Tensor, "batch views numbers"],
    recipe: Recipe,
    progress: float,
    tiles: Float[Tensor, "tiles 3 height width"],
) -> Float[Tensor, "batch_views 3 height width"]:
    """Return every view of every image, image by image, at the size of ``tiles``.

    One bilinear ``grid_sample`` rotates, zooms, shifts and resizes; outside of the image its border repeats.

    Args:
        images: Pixels, nominally in [0, 1], of any side.
        numbers: Uniform draws in [0, 1), see ``draws.VIEW_NUMBERS``.
        recipe: Sizes of the transformations.
        progress: Share of the steps that is done, in [0, 1].
        tiles: Bank of standard normal noise at the size of the checkpoint's images.
    """
    flat = numbers.flatten(0, 1)
    theta = affine_maps(flat, recipe)
    height, width = tiles.shape[-2:]
    grid = affine_grid(theta, [len(flat), 3, height, width], align_corners=False)
    repeated = images.repeat_interleave(numbers.shape[1], dim=0)
    views = grid_sample(repeated, grid, mode="bilinear", padding_mode="border", align_corners=False)
    spread = recipe.colour.at(progress)
    if spread > 0:
        contrast = torch.exp((flat[:, 5:8] * 2 - 1) * spread)[:, :, None, None]
        brightness = ((flat[:, 8:11] * 2 - 1) * spread * 0.25)[:, :, None, None]
        views = (views - 0.5) * contrast + (0.5 + brightness)
    sigma = recipe.noise.at(progress)
    if sigma > 0:
        picks = (flat[:, 11] * len(tiles)).long().clamp_max(len(tiles) - 1)
        signs = torch.where(flat[:, 12] < 0.5, -sigma, sigma)
        views = torch.addcmul(views, tiles[picks], signs[:, None, None, None])
    return views


def affine_maps(numbers: Float[Tensor, "views numbers"], recipe: Recipe) -> Float[Tensor, "views 2 3"]:
    """Return the sampling maps (output to input, in [-1, 1] coordinates) of the views."""
    used = (numbers[:, 0] < recipe.view_probability).to(numbers.dtype)
    angle = (numbers[:, 1] * 2 - 1) * math.radians(recipe.rotation) * used
    low, high = recipe.zoom
    zoom = 1 + (low + (high - low) * numbers[:, 2] - 1) * used
    shifts = (numbers[:, 3:5] * 2 - 1) * (2 * recipe.shift) * used[:, None]
    cosine, sine = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    rows = torch.stack([torch.stack([cosine, -sine], 1), torch.stack([sine, cosine], 1)], 1)
    return torch.cat([rows, shifts[:, :, None]], dim=2)
