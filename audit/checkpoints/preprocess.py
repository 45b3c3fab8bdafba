"""A checkpoint's own way from a picture to its tower's input, on tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

ResizeMode = Literal["shortest", "longest", "squash"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocess:
    """Resizing, cropping and normalising as ``open_clip.transform.image_transform`` does for evaluation.

    open_clip resizes 8-bit pictures with Pillow; here real-valued ones are resized with the same antialiased
    kernels, so that results differ by the rounding to 8 bits only. A picture that already has the right size
    is not touched before it is normalised.
    """

    size: int
    """Side of the square that comes out, in pixels."""
    resize_mode: ResizeMode
    interpolation: Literal["bicubic", "bilinear"]
    fill: float
    """Value in [0, 1] around a picture that is fitted whole (``longest``)."""

    def __call__(
        self,
        images: Float[Tensor, "batch 3 height width"],
        *,
        mean: Float[Tensor, " channel"],
        std: Float[Tensor, " channel"],
    ) -> Float[Tensor, "batch 3 size size"]:
        """Return what the tower reads.

        Args:
            images: RGB in [0, 1], any size.
            mean: Subtracted, by channel.
            std: Divided by, by channel.
        """
        return (self._fit(images) - mean.view(3, 1, 1)) / std.view(3, 1, 1)

    def _fit(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        if height == width == self.size:
            return images
        if self.resize_mode == "squash":
            return self._resize(images, self.size, self.size)
        if self.resize_mode == "shortest":
            tall, wide = self.size, int(self.size * max(height, width) / min(height, width))
            if height > width:
                tall, wide = wide, tall
            resized = self._resize(images, tall, wide)
            top, left = round((tall - self.size) / 2.0), round((wide - self.size) / 2.0)
            return resized[..., top : top + self.size, left : left + self.size]
        ratio = max(height, width) / self.size
        resized = self._resize(images, max(1, round(height / ratio)), max(1, round(width / ratio)))
        canvas = torch.full((*images.shape[:2], self.size, self.size), self.fill).to(resized)
        tall, wide = resized.shape[-2:]
        top, left = (self.size - tall) // 2, (self.size - wide) // 2
        canvas[..., top : top + tall, left : left + wide] = resized
        return canvas

    def _resize(self, images: Tensor, height: int, width: int) -> Tensor:
        resized = functional.interpolate(
            images, size=(height, width), mode=self.interpolation, antialias=True, align_corners=False
        )
        return resized.clamp(0.0, 1.0)  # bicubic kernels overshoot at edges
