"""How a batch of images lies in memory: image by image, as torch does, or pixel by pixel.

What is done alike to every image, as shared sampling and total variation are, works on long rows where all images lie
side by side. A tensor keeps its shape either way; only its strides tell.
"""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor


def as_pixels(images: Float[Tensor, "batch 3 down across"]) -> Float[Tensor, "pixels columns"]:
    """Return one row for each pixel, its channels one after the other and in each of them all images.

    No copy is made where memory is in that order already, as that of rendered images is.
    """
    return images.permute(2, 3, 1, 0).reshape(images.shape[2] * images.shape[3], -1)


def as_images(pixels: Float[Tensor, "pixels columns"], batch: int) -> Float[Tensor, "batch 3 side side"]:
    """Return the images whose pixels stand in rows; the other way round of :func:`as_pixels`, without a copy."""
    side = math.isqrt(len(pixels))
    return pixels.view(side, side, 3, batch).permute(3, 2, 0, 1)
