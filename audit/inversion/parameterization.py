"""What is optimised: Fourier coefficients behind a squashing function, or plain pixels as in the published loop."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Protocol, final, runtime_checkable

import torch
from jaxtyping import Complex, Float
from torch import Tensor
from torch.autograd.function import BackwardCFunction, FunctionCtx

from audit.inversion.memory import as_images, as_pixels
from audit.inversion.recipe import Recipe
from audit.inversion.views import resize


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


# Square root of the colour covariance of natural images, rows R G B; figures of Olah et al., "Feature
# Visualization" (Distill 2017, doi:10.23915/distill.00007), scaled to a largest row norm of 1.
_COLOUR_ROOT: Final = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))


@final
class FourierImages:
    """Images as real-FFT coefficients with a falling spectrum, decorrelated colours and an opening low-pass.

    Their axes are frequency down, real and imaginary part, frequency across, channel and image, in the order in which
    they are worked on. What the low-pass never lets through need not be computed: steps may look at a smaller canvas,
    whose coefficients are the lowest of the whole image's, and only what is shown is rendered in full.
    """

    def __init__(
        self, start: Float[Tensor, "batch 3 side side"], recipe: Recipe, dtype: torch.dtype = torch.float32
    ) -> None:
        self._recipe = recipe
        self._side = start.shape[-1]
        self._canvas = canvas_side(self._side, recipe)
        root = torch.tensor(_COLOUR_ROOT, device=start.device)
        self._colours = root / root.norm(dim=1).max()
        self._cycles = _cycles(self._canvas, start.device)
        self._spectrum = self._cycles.clamp_min(1.0) ** -recipe.decay
        self._waves = make_waves(self._canvas, self._canvas, start.device, dtype)
        white = torch.fft.rfft2(start, norm="ortho")
        if self._canvas < self._side:
            white = _cut(white, self._canvas)
            # the highest frequency of an even side would stand for itself and its mirror image
            self._spectrum[self._canvas // 2] = self._spectrum[:, -1] = 0.0
        coefficients = torch.view_as_real(white).permute(2, 4, 3, 1, 0) * recipe.spread
        self.values: Tensor = coefficients.contiguous().requires_grad_()

    @property
    def batch_axis(self) -> int:
        """The last."""
        return 4

    def render(self, progress: float) -> Float[Tensor, "batch 3 canvas canvas"]:
        """Return sigmoid(colours(inverse FFT(low-pass x spectrum x values))) at the side of the canvas."""
        images: Tensor = _Render.apply(self.values, self._gain(progress), self._waves)
        return images

    @torch.no_grad()
    def show(self, values: Tensor, progress: float) -> Float[Tensor, "batch 3 side side"]:
        """Return the same at the side of the whole image."""
        waves = make_waves(self._canvas, self._side, values.device, torch.float32)
        shown: Tensor = _Render.apply(values, self._gain(progress), waves).contiguous()
        return shown

    def begin(self, progress: float) -> bool:
        """Nothing to do: the low-pass opens by itself."""
        del progress
        return False

    def settle(self) -> None:
        """Nothing to do: every coefficient is allowed."""

    def _gain(self, progress: float) -> Float[Tensor, "canvas half 3 3"]:
        """Return the low-pass at ``progress`` times the spectrum times the mixing of colours, of each frequency."""
        recipe = self._recipe
        opened = min(1.0, progress / recipe.open_until) if recipe.open_until > 0 else 1.0
        cutoff = recipe.cutoff.at(opened) * self._side / 64
        low_pass = torch.sigmoid((cutoff - self._cycles) / (0.15 * cutoff))
        gain: Tensor = self._spectrum * low_pass * (recipe.contrast * self._canvas / 64)
        mixing: Tensor = gain[..., None, None] * self._colours
        return mixing


class _Render(torch.autograd.Function):
    """From coefficients to pixels and back, both as products with small matrices.

    In memory the images lie pixel by pixel, each with its channels and they with all images side by side, and so do the
    coefficients: what is done alike to every image, as sampling and total variation are, then works on long rows.
    """

    @staticmethod
    def forward(  # type: ignore[explicit-override]
        ctx: FunctionCtx,
        values: Float[Tensor, "canvas 2 half 3 batch"],
        gain: Float[Tensor, "canvas half 3 3"],
        waves: Waves,
    ) -> Float[Tensor, "batch 3 side side"]:
        batch = values.shape[-1]
        mixed = torch.bmm(_of_each(gain), values.reshape(-1, 3, batch))
        pixels = waves.there(mixed.view(*values.shape[:3], -1).to(waves.down.dtype)).sigmoid_()
        ctx.waves = waves  # type: ignore[attr-defined]
        ctx.save_for_backward(pixels, gain)
        return as_images(pixels.flatten(0, 1), batch)

    @staticmethod
    def backward(  # type: ignore[explicit-override]
        ctx: BackwardCFunction, gradient: Float[Tensor, "batch 3 side side"]
    ) -> tuple[Tensor, None, None]:
        pixels, gain = ctx.saved_tensors  # type: ignore[misc]
        batch = len(gradient)
        slopes = torch.ops.aten.sigmoid_backward(as_pixels(gradient).view_as(pixels), pixels)
        mixed = ctx.waves.back(slopes).to(gain.dtype).reshape(-1, 3, batch)  # type: ignore[attr-defined]
        return torch.bmm(_of_each(gain).mT, mixed).view(len(gain), 2, -1, 3, batch), None, None


def _of_each(gain: Float[Tensor, "canvas half 3 3"]) -> Float[Tensor, "coefficients 3 3"]:
    """Return the matrix of each coefficient, that of its frequency."""
    return gain[:, None].expand(-1, 2, -1, -1, -1).reshape(-1, 3, 3)


def canvas_side(side: int, recipe: Recipe) -> int:
    """Return the side in pixels of what a step renders, for images of ``side``: theirs, or a smaller even one."""
    return min(side, max(2, 2 * math.ceil(side * recipe.canvas / 2)))


def _cut(whole: Complex[Tensor, "batch 3 side half"], side: int) -> Complex[Tensor, "batch 3 cut cut_half"]:
    """Return the coefficients of the lowest frequencies, as many as an image of the even ``side`` has."""
    half = side // 2
    return torch.cat([whole[:, :, :half, : half + 1], whole[:, :, -half:, : half + 1]], dim=2)


def _cycles(side: int, device: torch.device) -> Float[Tensor, "side half"]:
    """Return the radial frequency of each real-FFT coefficient, in cycles per image."""
    down = torch.fft.fftfreq(side, 1 / side, device=device)
    across = torch.fft.rfftfreq(side, 1 / side, device=device)
    return torch.sqrt(down[:, None] ** 2 + across[None, :] ** 2)


# The inverse Fourier transform of real images, as products with two matrices of sines and cosines.
#
# The canvas of an inversion is small, and its images lie side by side in memory. Two matrix products on such long rows
# take less time than a fast transform, which wants each image in one piece, with the copies before and after it.


@dataclass(frozen=True, slots=True, kw_only=True)
class Waves:
    """Two matrices: first over the frequencies down, then over those across."""

    down: Float[Tensor, "twice_after twice_before"]
    """Complex numbers as pairs: row and column 2 k are of real parts, 2 k + 1 of imaginary ones."""
    across: Float[Tensor, "after twice_half"]
    """Real parts of all frequencies, then imaginary ones."""

    def there(self, rows: Float[Tensor, "before 2 half columns"]) -> Float[Tensor, "after after columns"]:
        """Return the pixels of every column from its coefficients, real and imaginary parts apart."""
        half, columns = rows.shape[2:]
        lines = torch.mm(self.down, rows.reshape(-1, half * columns))
        return torch.matmul(self.across, lines.view(-1, 2 * half, columns))

    def back(self, pixels: Float[Tensor, "after after columns"]) -> Float[Tensor, "before 2 half columns"]:
        """Return the transposed transform: the gradient of the coefficients from that of the pixels."""
        columns = pixels.shape[2]
        lines = torch.matmul(self.across.mT, pixels)
        rows = torch.mm(self.down.mT, lines.view(len(self.down), -1))
        return rows.view(-1, 2, self.across.shape[1] // 2, columns)


def make_waves(before: int, after: int, device: torch.device, dtype: torch.dtype) -> Waves:
    """Return the transform from the real-FFT coefficients of images of side ``before`` to pixels of side ``after``.

    The same as torch's ``irfft2`` with ``norm="ortho"``, where the sides are equal. A larger side shows the same waves,
    as high as before, at more places; the highest frequency of an even ``before`` must then be 0, since it would stand
    for itself and its mirror image.
    """
    places = torch.arange(after, dtype=torch.float64) * (2 * torch.pi / after)
    turns = torch.outer(places, torch.fft.fftfreq(before, 1 / before, dtype=torch.float64))
    turned = torch.stack(
        [torch.stack([turns.cos(), -turns.sin()], dim=-1), torch.stack([turns.sin(), turns.cos()], dim=-1)], dim=1
    )
    waves = torch.fft.rfftfreq(before, 1 / before, dtype=torch.float64)
    alone = (waves == 0) | (2 * waves == before)  # every other one stands for its mirror image too
    weights = torch.where(alone, 1.0, 2.0) / before
    turns = torch.outer(places, waves)
    across = torch.cat([turns.cos() * weights, -turns.sin() * weights], dim=1)
    return Waves(down=turned.flatten(2).flatten(0, 1).to(device, dtype), across=across.to(device, dtype))


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
