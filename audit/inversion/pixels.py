"""Images as plain pixels, as the published loop has them."""

from __future__ import annotations

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from audit.inversion.recipe import Recipe
from audit.inversion.views import resize


@final
class PixelImages:
    """Plain pixels, clamped to [0, 1] before each step; their side grows as the recipe says."""

    def __init__(self, start: Float[Tensor, "batch 3 side side"], recipe: Recipe) -> None:
        self._side = start.shape[-1]
        self._stages = list(recipe.growth) or [(0.0, 1.0)]
        first = max(2, round(self._side * self._stages.pop(0)[1]))
        uniform = torch.special.ndtr(start[..., :first, :first])
        self.values: Tensor = uniform.contiguous().requires_grad_()

    @property
    def batch_axis(self) -> int:
        """The first."""
        return 0

    def render(self, progress: float) -> Float[Tensor, "batch 3 side side"]:
        """Return the pixels as they are."""
        del progress
        return self.values

    @torch.no_grad()
    def show(self, values: Tensor, progress: float) -> Float[Tensor, "batch 3 whole whole"]:
        """Return the pixels at the side of the tower, to which a bicubic resize brings those that are not there yet."""
        del progress
        return resize(values.detach(), self._side)

    def settle(self) -> None:
        """Clamp the pixels to [0, 1] in place."""
        with torch.no_grad():
            self.values.clamp_(0.0, 1.0)

    def begin(self, progress: float) -> bool:
        """Bring the pixels to their next side where a stage begins, unclamped, as the last step left them."""
        if not self._stages or progress < self._stages[0][0]:
            return False
        side = max(2, round(self._side * self._stages.pop(0)[1]))
        self.values = resize(self.values.detach(), side).clone().contiguous().requires_grad_()
        return True
