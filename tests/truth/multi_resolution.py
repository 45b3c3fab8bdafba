"""A baseline: the sum of grids of many resolutions, moved by plain gradient descent (Direct Ascent Synthesis).

Source: Fort and Whitaker, "Direct Ascent Synthesis" (arXiv 2502.07753): an image is the sum of grids from one pixel up
to the whole canvas, behind a tanh; each step looks at shifted crops with noise. Written here from the text, with grids
of every fourth side, shifts of 56 pixels and noise of 0.2 as in an example of the authors, and as many image-gradients
as the recipe `thorough` takes, where theirs are 1,600 and more. The rate is the first that was tried.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate, normalize

from audit.inversion.loop import Tower


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiResolution:
    """The settings."""

    steps: int = 32
    views: int = 8
    rate: float = 1.0
    shift: int = 56
    noise: float = 0.2
    every: int = 4

    @property
    def image_gradients(self) -> int:
        """Gradients of one image."""
        return self.steps * self.views


def ascend(tower: Tower, target: Tensor, seed: int, settings: MultiResolution) -> Tensor:
    """Return one image, shape (3, size, size) in [0, 1], whose crops the tower finds to match a unit embedding."""
    draws = torch.Generator().manual_seed(seed)
    side = tower.size + 2 * settings.shift
    grids = [torch.zeros(1, 3, one, one, requires_grad=True) for one in range(1, side + 1, settings.every)]
    for _ in range(settings.steps):
        canvas = _summed(grids, side)
        corners = torch.randint(2 * settings.shift + 1, (settings.views, 2), generator=draws).tolist()
        crops = [canvas[0, :, down : down + tower.size, across : across + tower.size] for down, across in corners]
        views = torch.stack(crops)
        views = (views + settings.noise * torch.rand(views.shape, generator=draws)).clamp(0.0, 1.0)
        loss = -(normalize(tower.embed(views).float(), dim=-1) @ target).mean()
        gradients = torch.autograd.grad(loss, grids)
        with torch.no_grad():
            for grid, gradient in zip(grids, gradients, strict=True):
                grid.sub_(settings.rate * gradient)
    with torch.no_grad():
        inner = slice(settings.shift, settings.shift + tower.size)
        return _summed(grids, side)[0, :, inner, inner]


def _summed(grids: list[Tensor], side: int) -> Tensor:
    total = torch.zeros(1, 3, side, side)
    for grid in grids:
        mode = "bicubic" if grid.shape[-1] > 1 else "nearest"
        total = total + interpolate(grid, size=(side, side), mode=mode)
    return (torch.tanh(total) + 1) / 2
