"""Views: each step looks at an image through a roll, a few random affine maps, colour shifts and noise."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

from audit.inversion.recipe import Recipe


def make_views(
    images: Float[Tensor, "batch 3 side side"],
    numbers: Float[Tensor, "batch views numbers"],
    recipe: Recipe,
    progress: float,
    tiles: Float[Tensor, "tiles 3 height width"],
) -> Float[Tensor, "batch_views 3 height width"]:
    """Return every view of every image, image by image, at the size of ``tiles``.

    One bilinear ``grid_sample`` rotates, zooms, shifts and resizes; outside of the image its border repeats. With
    ``sampling="published"`` it keeps the size of the images, and a bicubic resize follows.

    Args:
        images: Pixels, nominally in [0, 1], of any side.
        numbers: Uniform draws in [0, 1), see ``draws.VIEW_NUMBERS``.
        recipe: Sizes of the transformations.
        progress: Share of the steps that is done, in [0, 1].
        tiles: Bank of standard normal noise at the size of the checkpoint's images.
    """
    flat = numbers.flatten(0, 1)
    theta = affine_maps(flat, recipe)
    published = recipe.sampling == "published"
    height, width = images.shape[-2:] if published else tiles.shape[-2:]
    grid = affine_grid(theta, [len(flat), 3, height, width], align_corners=False)
    repeated = images.repeat_interleave(numbers.shape[1], dim=0)
    views = grid_sample(repeated, grid, mode="bilinear", padding_mode="border", align_corners=False)
    if published:
        views = resize(views, tiles.shape[-1])
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
    offsets = shifts[:, :, None]
    if recipe.sampling == "published":
        offsets = rows @ offsets
    return torch.cat([rows, offsets], dim=2)


def roll(
    images: Float[Tensor, "batch 3 side side"], numbers: Float[Tensor, "batch 2"], recipe: Recipe
) -> Float[Tensor, "batch 3 side side"]:
    """Return each image rolled down and across by whole pixels, at most ``recipe.jitter`` of its side either way.

    Args:
        images: Pixels of any side; what leaves an edge comes in at the other.
        numbers: Uniform draws in [0, 1), down and across.
        recipe: Says how far.
    """
    side = images.shape[-1]
    furthest = round(recipe.jitter * side)
    offsets = (numbers * (2 * furthest + 1)).floor().long() - furthest
    places = (torch.arange(side, device=images.device) - offsets[:, :, None]) % side
    down = places[:, None, 0, :, None].expand(images.shape)
    across = places[:, None, 1, None, :].expand(images.shape)
    return images.gather(2, down).gather(3, across)


def shift_colours(
    views: Float[Tensor, "batch_views 3 height width"],
    numbers: Float[Tensor, "batch views numbers"],
    recipe: Recipe,
    mean: Float[Tensor, " 3"],
    std: Float[Tensor, " 3"],
) -> Float[Tensor, "batch_views 3 height width"]:
    """Return the views with each channel x as (x - m) / s, m and log s uniform as ``recipe.colour_shift`` says.

    Source: Ghiasi et al., "Plug-In Inversion" (arXiv 2201.12961), whose images are normalised ones; the script of
    arXiv 2403.02580 has it for pixels in [0, 1], switched off.

    Args:
        views: Pixels in [0, 1].
        numbers: Uniform draws in [0, 1), see ``draws.VIEW_NUMBERS``.
        recipe: Says how far, and in which units.
        mean: What the tower subtracts from pixels in [0, 1].
        std: What it then divides them by.
    """
    flat = (numbers.flatten(0, 1) * 2 - 1)[:, :, None, None]
    largest, widest = recipe.colour_shift
    spread, away = torch.exp(flat[:, 5:8] * widest), flat[:, 8:11] * largest
    if recipe.colour_units == "pixels":
        return (views - away) / spread
    centre, unit = mean[:, None, None], std[:, None, None]
    return (views - centre - away * unit) / spread + centre


def resize(images: Float[Tensor, "batch 3 before before"], side: int) -> Float[Tensor, "batch 3 side side"]:
    """Return the images at another side, bicubic and without antialiasing; as they are where they have it already."""
    if images.shape[-1] == side:
        return images
    return interpolate(images, size=(side, side), mode="bicubic", align_corners=False)
