"""The inverse Fourier transform of real images, as products with two matrices of sines and cosines.

The canvas of an inversion is small, and its images lie side by side in memory. Two matrix products on such long rows
take less time than a fast transform, which wants each image in one piece, with the copies before and after it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


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
