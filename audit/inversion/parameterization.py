"""What is optimised: what every kind of it offers, and which kind a recipe names."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from audit.inversion.fourier import FourierImages
from audit.inversion.pixels import PixelImages
from audit.inversion.recipe import Recipe


@runtime_checkable
class Parameterization(Protocol):
    """A batch of images under optimisation."""

    @property
    def values(self) -> Tensor:
        """The leaf tensor that the optimiser moves."""

    @property
    def batch_axis(self) -> int:
        """Which axis of ``values`` the images are on."""

    def render(self, progress: float) -> Float[Tensor, "batch 3 side side"]:
        """Return the images at ``progress`` in [0, 1] as a step looks at them, with gradients to ``values``."""

    def show(self, values: Tensor, progress: float) -> Float[Tensor, "batch 3 whole whole"]:
        """Return the whole images that ``values`` stand for, at the tower's side and without gradients."""

    def begin(self, progress: float) -> bool:
        """Get ready for a step; true where ``values`` is a new tensor, so that the optimiser starts anew."""

    def settle(self) -> None:
        """Bring ``values`` back into their range, between the gradient and the optimiser's step."""


def parameterize(
    start: Float[Tensor, "batch 3 side side"], recipe: Recipe, dtype: torch.dtype = torch.float32
) -> Parameterization:
    """Return the parameterization that ``recipe`` names, starting from a standard normal field.

    What a step looks at may come in ``dtype``; what is optimised and what is shown is in the precision of ``start``.
    """
    return FourierImages(start, recipe, dtype) if recipe.parameterization == "fourier" else PixelImages(start, recipe)
