"""Images as Fourier coefficients behind a squashing function."""

from __future__ import annotations

import math
from typing import Final, final

import torch
from jaxtyping import Complex, Float
from torch import Tensor
from torch.autograd.function import BackwardCFunction, FunctionCtx

from audit.inversion.layout import as_images, as_pixels
from audit.inversion.recipe import Recipe

# Square root of the colour covariance of natural images, rows R G B; figures of Olah et al., "Feature
# Visualization" (Distill 2017, doi:10.23915/distill.00007), scaled to a largest row norm of 1.
_COLOUR_ROOT: Final = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))
_START_SPREAD: Final = 0.6


@final
class FourierImages:
    """Images as real-FFT coefficients with a falling spectrum, decorrelated colours and an opening low-pass.

    What the low-pass never lets through need not be computed: steps may look at a smaller canvas, whose coefficients
    are the lowest of the whole image's, and only what is shown is rendered in full.
    """

    def __init__(self, start: Float[Tensor, "batch 3 side side"], recipe: Recipe) -> None:
        self._recipe = recipe
        self._side = start.shape[-1]
        self._canvas = canvas_side(self._side, recipe)
        root = torch.tensor(_COLOUR_ROOT, device=start.device)
        self._colours = root / root.norm(dim=1).max()
        self._cycles = _cycles(self._canvas, start.device)
        self._spectrum = self._cycles.clamp_min(1.0) ** -recipe.decay
        white = torch.fft.rfft2(start, norm="ortho")
        if self._canvas < self._side:
            white = _cut(white, self._canvas)
            # the highest frequency of an even side would stand for itself and its mirror image
            self._spectrum[self._canvas // 2] = self._spectrum[:, -1] = 0.0
        self.values: Tensor = (torch.view_as_real(white) * _START_SPREAD).contiguous().requires_grad_()

    def render(self, progress: float) -> Float[Tensor, "batch 3 canvas canvas"]:
        """Return sigmoid(colours(inverse FFT(low-pass x spectrum x values))) at the side of the canvas."""
        images: Tensor = _Render.apply(self.values, self._gain(progress), self._colours, self._canvas)
        return images

    @torch.no_grad()
    def show(self, values: Tensor, progress: float) -> Float[Tensor, "batch 3 side side"]:
        """Return the same at the side of the whole image."""
        spectrum = torch.view_as_complex(values) * self._gain(progress)
        if self._canvas < self._side:
            spectrum = _spread(spectrum, self._side) * (self._side / self._canvas)
        return torch.sigmoid(_mixed_fields(torch.view_as_real(spectrum), self._colours, self._side)).transpose(0, 1)

    def begin(self, progress: float) -> bool:
        """Nothing to do: the low-pass opens by itself."""
        del progress
        return False

    def settle(self) -> None:
        """Nothing to do: every coefficient is allowed."""

    def _gain(self, progress: float) -> Float[Tensor, "canvas half"]:
        """Return the low-pass at ``progress`` times the spectrum, for fields at the side of the canvas."""
        recipe = self._recipe
        opened = min(1.0, progress / recipe.open_until) if recipe.open_until > 0 else 1.0
        cutoff = recipe.cutoff.at(opened) * self._side / 64
        low_pass = torch.sigmoid((cutoff - self._cycles) / (0.15 * cutoff))
        return self._spectrum * low_pass * (recipe.contrast * self._canvas / 64)


class _Render(torch.autograd.Function):
    """From coefficients to pixels and back; colours are mixed where there are fewest numbers to mix.

    In memory the images lie pixel by pixel, each with its channels and they with all images side by side: what is done
    alike to every image, as sampling and total variation are, then works on long rows.
    """

    @staticmethod
    def forward(  # type: ignore[explicit-override]
        ctx: FunctionCtx,
        values: Float[Tensor, "batch 3 canvas half 2"],
        gain: Float[Tensor, "canvas half"],
        colours: Float[Tensor, "3 3"],
        side: int,
    ) -> Float[Tensor, "batch 3 canvas canvas"]:
        scaled = torch.view_as_real(torch.view_as_complex(values) * gain)
        pixels = _mixed_fields(scaled, colours, side).view(-1, side * side).t().contiguous().sigmoid_()
        ctx.save_for_backward(pixels, gain, colours)
        return as_images(pixels, len(values))

    @staticmethod
    def backward(  # type: ignore[explicit-override]
        ctx: BackwardCFunction, gradient: Float[Tensor, "batch 3 canvas canvas"]
    ) -> tuple[Tensor, None, None, None]:
        pixels, gain, colours = ctx.saved_tensors  # type: ignore[misc]
        batch, _, side, _ = gradient.shape
        slopes = torch.ops.aten.sigmoid_backward(as_pixels(gradient), pixels)
        fields = slopes.t().contiguous().view(3, batch, side, side)
        spectrum = torch.view_as_real(torch.fft.rfft2(fields, norm="ortho"))
        unmixed = torch.view_as_complex(torch.tensordot(colours, spectrum, dims=([0], [0])))
        # a coefficient that stands for itself and its mirror image counts twice
        twice = torch.full_like(gain, 2.0)
        twice[:, 0] = 1.0
        if side % 2 == 0:
            twice[:, -1] = 1.0
        return torch.view_as_real((unmixed * (gain * twice)).transpose(0, 1)), None, None, None


def _mixed_fields(
    spectrum: Float[Tensor, "batch 3 side half 2"], colours: Float[Tensor, "3 3"], side: int
) -> Float[Tensor, "3 batch side side"]:
    mixed = torch.view_as_complex(torch.tensordot(colours, spectrum, dims=([1], [1])))
    fields: Tensor = torch.fft.irfft2(mixed, s=(side, side), norm="ortho")
    return fields


def canvas_side(side: int, recipe: Recipe) -> int:
    """Return the side in pixels of what a step renders, for images of ``side``: theirs, or a smaller even one."""
    return min(side, max(2, 2 * math.ceil(side * recipe.canvas / 2)))


def _cut(whole: Complex[Tensor, "batch 3 side half"], side: int) -> Complex[Tensor, "batch 3 cut cut_half"]:
    """Return the coefficients of the lowest frequencies, as many as an image of the even ``side`` has."""
    half = side // 2
    return torch.cat([whole[:, :, :half, : half + 1], whole[:, :, -half:, : half + 1]], dim=2)


def _spread(cut: Complex[Tensor, "batch 3 cut cut_half"], side: int) -> Complex[Tensor, "batch 3 side half"]:
    """Return the coefficients of an image of ``side`` pixels whose highest frequencies are 0; undoes :func:`_cut`."""
    half = cut.shape[2] // 2
    whole = cut.new_zeros((*cut.shape[:2], side, side // 2 + 1))
    whole[:, :, :half, : half + 1] = cut[:, :, :half]
    whole[:, :, -half:, : half + 1] = cut[:, :, -half:]
    return whole


def _cycles(side: int, device: torch.device) -> Float[Tensor, "side half"]:
    """Return the radial frequency of each real-FFT coefficient, in cycles per image."""
    down = torch.fft.fftfreq(side, 1 / side, device=device)
    across = torch.fft.rfftfreq(side, 1 / side, device=device)
    return torch.sqrt(down[:, None] ** 2 + across[None, :] ** 2)
