"""A loaded checkpoint: frozen, evaluated, fingerprinted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from audit.checkpoints.short_texts import encode_short, lengths
from audit.checkpoints.tokenizer import TextTokenizer
from audit.records import CheckpointCard

_TEXTS_AT_ONCE: Final = 128
_IMAGES_AT_ONCE: Final = 32


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """A CLIP model with its own preprocessing and tokenizer.

    The model is in evaluation mode, in fp32, and none of its parameters takes a gradient; gradients with
    respect to pixels flow through :attr:`visual`.
    """

    card: CheckpointCard
    model: nn.Module
    mean: Float[Tensor, " channel"]
    """Mean that the tower's input is normalised with, by channel, for pixels in [0, 1]."""
    std: Float[Tensor, " channel"]
    device: torch.device
    preprocess: Preprocess
    tokenizer: TextTokenizer

    @property
    def visual(self) -> nn.Module:
        """The image tower: normalised pixels (batch, 3, S, S) to embeddings (batch, E), not of unit length."""
        tower: nn.Module = self.model.get_submodule("visual")
        return tower

    @torch.no_grad()
    def encode_text(self, texts: Sequence[str]) -> Float[Tensor, "text embedding"]:
        """Return embeddings of unit length in fp32, one row per text, in order.

        Texts that are longer than the context are cut; :meth:`count_tokens` tells.
        """
        rows = [
            self.model.encode_text(self.tokenizer.encode(texts[start : start + _TEXTS_AT_ONCE]).to(self.device))  # type: ignore[operator]
            for start in range(0, len(texts), _TEXTS_AT_ONCE)
        ]
        return self._unit(rows)

    @torch.no_grad()
    def encode_texts(self, texts: Sequence[str]) -> Float[Tensor, "text embedding"]:
        """Return what :meth:`encode_text` does, up to rounding, in a fraction of the time where texts are short.

        For thousands of texts that are evidence by themselves. What an inversion aims at is left to
        :meth:`encode_text`: there rounding makes another image.
        """
        if not texts:
            return self._unit([])
        ids = self.tokenizer.encode(texts)
        order = torch.argsort(lengths(ids), stable=True)
        rows = self._unit(
            [encode_short(self.model, ids[some].to(self.device)) for some in torch.split(order, _TEXTS_AT_ONCE)]
        )
        return rows[torch.argsort(order).to(rows.device)]

    @torch.no_grad()
    def encode_image(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch embedding"]:
        """Return embeddings of unit length in fp32, one row per image, in order.

        Args:
            images: RGB in [0, 1], any size; resized, cropped and normalised as the checkpoint wants it.

        Raises:
            ValueError: If ``images`` has another number of axes or channels, or holds integers.
        """
        if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
            raise ValueError(
                f"Expected real numbers in [0, 1] of shape (batch, 3, height, width); got {images.dtype} of shape "
                f"{tuple(images.shape)}."
            )
        rows = []
        for start in range(0, len(images), _IMAGES_AT_ONCE):
            chunk = images[start : start + _IMAGES_AT_ONCE].to(self.device, torch.float32)
            rows.append(self.visual(self.preprocess(chunk, mean=self.mean, std=self.std)))
        return self._unit(rows)

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """Return the words that a closed vocabulary does not hold, each once; empty if it can spell anything."""
        return self.tokenizer.unknown_words(text)

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens before anything is cut, start and end included."""
        return self.tokenizer.count_tokens(text)

    def _unit(self, rows: list[Tensor]) -> Tensor:
        if not rows:
            return torch.zeros(0, self.card.embedding_size, device=self.device)
        return functional.normalize(torch.cat(rows).float(), dim=-1)


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
