"""What training does to a picture before the checkpoint sees it.

A tower that is trained on clean pictures alone is inverted into coloured noise. Affine maps, low-pass,
contrast, colour casts and noise teach it to look at large shapes; an adversarial step (Engstrom et al. 2019,
arXiv 1906.00945) gives it gradients that people can read.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

Pictures = Float[Tensor, "batch 3 side side"]


def augment(pictures: Pictures, generator: torch.Generator) -> Pictures:
    """Return ``pictures`` (pixels in [0, 1]) moved, partly blurred, shifted in colour, and with noise."""
    batch, _, side, _ = pictures.shape

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand((batch, *shape), generator=generator) * (high - low) + low

    angle, zoom = uniform(-0.2, 0.2), torch.exp(uniform(-0.2, 0.2))
    cosine, sine = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    rows = torch.stack([torch.stack([cosine, -sine], 1), torch.stack([sine, cosine], 1)], 1)
    theta = torch.cat([rows, uniform(-0.15, 0.15, 2)[:, :, None]], dim=2)
    grid = affine_grid(theta, list(pictures.shape), align_corners=False)
    moved = grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
    blurred = batch * 2 // 5
    coarse = int(torch.randint(side // 5, side - 8, (1,), generator=generator))
    moved[:blurred] = low_pass(moved[:blurred], coarse)
    tinted = (moved - 0.5) * torch.exp(uniform(-0.3, 0.3, 1, 1, 1)) + 0.5 + uniform(-0.1, 0.1, 3, 1, 1)
    return tinted + torch.randn(tinted.shape, generator=generator) * uniform(0.0, 0.12, 1, 1, 1)


def clutter(pictures: Pictures, largest: float, generator: torch.Generator) -> Pictures:
    """Return ``pictures`` blended with smooth clouds of random colours, with weights up to ``largest``.

    Inversions are collages: what they show stands among blotches. A judge that has seen only clean drawings takes
    a blotch for a beard.
    """
    batch, _, side, _ = pictures.shape
    coarse = int(torch.randint(2, side // 5, (1,), generator=generator))
    cloud = torch.randn((batch, 3, coarse, coarse), generator=generator) * 0.3 + 0.5
    smooth = interpolate(cloud, size=(side, side), mode="bicubic", align_corners=False)
    weight = torch.rand((batch, 1, 1, 1), generator=generator) * largest
    blended: Tensor = torch.lerp(pictures, smooth, weight)
    return blended


def low_pass(pictures: Pictures, coarse: int) -> Pictures:
    """Return ``pictures`` averaged down to ``coarse`` pixels a side and interpolated back."""
    side = pictures.shape[-1]
    small = interpolate(pictures, size=(coarse, coarse), mode="area")
    return interpolate(small, size=(side, side), mode="bilinear", align_corners=False)


def adversarial_step(
    pictures: Pictures, loss: Callable[[Pictures], Tensor], size: float, generator: torch.Generator
) -> Pictures:
    """Return each picture moved up the gradient of ``loss``, by an L2 length uniform in [0, ``size``]."""
    moving = pictures.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(moving), moving)
    length = gradient.flatten(1).norm(dim=1).clamp_min(1e-12)
    scale = size * torch.rand(len(pictures), generator=generator) / length
    moved: Tensor = pictures + scale[:, None, None, None] * gradient
    return moved
