"""What is optimised: Fourier coefficients behind a squashing function, or plain pixels."""

from __future__ import annotations

from typing import Final, Protocol, final, runtime_checkable

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from audit.inversion.recipe import Recipe
from audit.inversion.views import resize

# Square root of the colour covariance of natural images, rows R G B; figures of Olah et al., "Feature
# Visualization" (Distill 2017, doi:10.23915/distill.00007), scaled to a largest row norm of 1.
_COLOUR_ROOT: Final = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))
_START_SPREAD: Final = 0.6


@runtime_checkable
class Parameterization(Protocol):
    """A batch of images under optimisation."""

    @property
    def values(self) -> Tensor:
        """The leaf tensor that the optimiser moves; its first axis is the batch."""

    def render(self, progress: float) -> Float[Tensor, "batch 3 side side"]:
        """Return the images at ``progress`` in [0, 1], with gradients to ``values``."""

    def begin(self, progress: float) -> bool:
        """Get ready for a step; true where ``values`` is a new tensor, so that the optimiser starts anew."""

    def settle(self) -> None:
        """Bring ``values`` back into their range, between the gradient and the optimiser's step."""


@final
class FourierImages:
    """Images as real-FFT coefficients with a falling spectrum, decorrelated colours and an opening low-pass."""

    def __init__(self, start: Float[Tensor, "batch 3 side side"], recipe: Recipe) -> None:
        self._recipe = recipe
        side = start.shape[-1]
        self._side = side
        self._cycles = _cycles(side, start.device)
        self._spectrum = self._cycles.clamp_min(1.0) ** -recipe.decay
        root = torch.tensor(_COLOUR_ROOT, device=start.device)
        self._colours = root / root.norm(dim=1).max()
        white = torch.view_as_real(torch.fft.rfft2(start, norm="ortho"))
        self.values: Tensor = (white * _START_SPREAD).contiguous().requires_grad_()

    def render(self, progress: float) -> Float[Tensor, "batch 3 side side"]:
        """Return sigmoid(colours(inverse FFT(low-pass x spectrum x values)))."""
        gain = self._spectrum * self._low_pass(progress) * (self._recipe.contrast * self._side / 64)
        spectrum: Complex[Tensor, "batch 3 side half"] = torch.view_as_complex(self.values) * gain
        field = torch.fft.irfft2(spectrum, s=(self._side, self._side), norm="ortho")
        return torch.sigmoid((self._colours @ field.flatten(2)).view(field.shape))

    def begin(self, progress: float) -> bool:
        """Nothing to do: the low-pass opens by itself."""
        del progress
        return False

    def settle(self) -> None:
        """Nothing to do: every coefficient is allowed."""

    def _low_pass(self, progress: float) -> Float[Tensor, "side half"]:
        recipe = self._recipe
        opened = min(1.0, progress / recipe.open_until) if recipe.open_until > 0 else 1.0
        cutoff = recipe.cutoff.at(opened) * self._side / 64
        return torch.sigmoid((cutoff - self._cycles) / (0.15 * cutoff))


@final
class PixelImages:
    """Plain pixels, clamped to [0, 1] before each step; their side grows as the recipe says."""

    def __init__(self, start: Float[Tensor, "batch 3 side side"], recipe: Recipe) -> None:
        self._side = start.shape[-1]
        self._stages = list(recipe.growth) or [(0.0, 1.0)]
        first = max(2, round(self._side * self._stages.pop(0)[1]))
        uniform = torch.special.ndtr(start[..., :first, :first])
        self.values: Tensor = uniform.contiguous().requires_grad_()

    def render(self, progress: float) -> Float[Tensor, "batch 3 side side"]:
        """Return the pixels as they are."""
        del progress
        return self.values

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


def parameterize(start: Float[Tensor, "batch 3 side side"], recipe: Recipe) -> Parameterization:
    """Return the parameterization that ``recipe`` names, starting from a standard normal field."""
    return FourierImages(start, recipe) if recipe.parameterization == "fourier" else PixelImages(start, recipe)


def _cycles(side: int, device: torch.device) -> Float[Tensor, "side half"]:
    """Return the radial frequency of each real-FFT coefficient, in cycles per image."""
    down = torch.fft.fftfreq(side, 1 / side, device=device)
    across = torch.fft.rfftfreq(side, 1 / side, device=device)
    return torch.sqrt(down[:, None] ** 2 + across[None, :] ** 2)
