"""What the judges that read images with a CLIP checkpoint have in common: sentences, looks at an image, the scale."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, runtime_checkable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from audit.judges.judge_protocol import as_scores
from audit.records import CheckpointCard, Score

TEMPLATES: Final = (
    "{}",
    "a photo of {}",
    "a picture of {}",
    "an image of {}",
    "a portrait of {}",
    "a drawing of {}",
    "a good photo of {}",
    "a dark photo of {}",
)
"""Sentences that a phrase stands in; its embedding is their mean (arXiv 2103.00020, section 3.1.4)."""

MICRO_BATCH: Final = 64

_SCALES: Final = (1.0, 100.0)
"""Bounds of the logit scale: 100 is where CLIP's own training stops it; below 1 every softmax is flat."""

_LOW_PASSES: Final = (3 / 8, 1 / 4)
"""Sides of the low-passed looks, as shares of the image's side; reports/LOG.md has the figures."""


@runtime_checkable
class Encoder(Protocol):
    """The part of a checkpoint that these judges read."""

    @property
    def card(self) -> CheckpointCard:
        """What identifies the checkpoint."""
        ...

    @property
    def model(self) -> nn.Module:
        """The model; its ``logit_scale`` is the logarithm of the factor on cosines."""
        ...

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        ...

    def encode_text(self, texts: Sequence[str]) -> Float[Tensor, "text embedding"]:
        """Return embeddings of unit length."""
        ...

    def encode_image(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch embedding"]:
        """Return embeddings of unit length for images in [0, 1]."""
        ...

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """Return the words that a closed vocabulary lacks."""
        ...


@torch.no_grad()
def read_images(
    images: UInt8[Tensor, "batch 3 height width"],
    encoder: Encoder,
    table: Callable[[Float[Tensor, "batch 3 height width"]], Float[Tensor, "batch classes"]],
    classes: Sequence[str],
) -> tuple[Score, ...]:
    """Return one score per image, in order, with the columns of ``table``, a part of the images at a time.

    Args:
        images: RGB in [0, 255].
        encoder: Whose device they are brought to.
        table: What is read of images in [0, 1]; its columns are ``classes``.
        classes: Their names.
    """
    found: list[Score] = []
    for part in torch.split(images, MICRO_BATCH):
        if len(part):
            values = table(part.to(encoder.device).float() / 255)
            found += as_scores({name: values[:, k].tolist() for k, name in enumerate(classes)})
    return tuple(found)


def reading_digest(checkpoint: str, sentences: Mapping[str, Sequence[str]]) -> str:
    """Return the SHA-256 over a checkpoint's digest and, for each column, its sentences, as 64 hex digits."""
    digest = hashlib.sha256(checkpoint.encode())
    for column, lines in sentences.items():
        digest.update("\n".join(("", column, *lines)).encode())
    return digest.hexdigest()


def known_templates(encoder: Encoder, phrases: Sequence[str]) -> tuple[str, ...]:
    """Return the templates in which the encoder knows every word of every phrase.

    Phrases that are compared share their templates, so that a difference between them is never one of wording.
    """
    return tuple(
        template
        for template in TEMPLATES
        if not any(encoder.unknown_words(template.format(phrase)) for phrase in phrases)
    )


def phrase_text(encoder: Encoder, sentences: Sequence[str]) -> Float[Tensor, " embedding"]:
    """Return the mean of the embeddings of the sentences, of unit length."""
    mean = encoder.encode_text(sentences).float().mean(dim=0)
    return nn.functional.normalize(mean, dim=0)


def looks(pixels: Float[Tensor, "batch 3 height width"]) -> list[Float[Tensor, "batch 3 height width"]]:
    """Return the low-passed copies of the images that a judge reads, and their mirror images."""
    size = pixels.shape[-2:]
    found = []
    for share in _LOW_PASSES:
        coarse = (max(1, round(size[0] * share)), max(1, round(size[1] * share)))
        small = nn.functional.interpolate(pixels, size=coarse, mode="area")
        smooth = nn.functional.interpolate(small, size=size, mode="bilinear", align_corners=False)
        found += [smooth, smooth.flip(3)]
    return found


def soft_cosine(cosines: Float[Tensor, "batch phrases"], scale: float) -> Float[Tensor, " batch"]:
    """Return the mean of exp(s c) over phrases, back on the scale of a cosine; one that fits is enough."""
    return (torch.logsumexp(scale * cosines, dim=1) - math.log(cosines.shape[1])) / scale


def logit_scale(encoder: Encoder) -> float:
    """Return the factor on cosines that the checkpoint was trained with; not finite where the checkpoint is broken."""
    return float(torch.as_tensor(encoder.model.logit_scale).detach().float().exp())


def bounded_scale(scale: float) -> float:
    """Return a factor on cosines within the bounds that make sense.

    Example:
        >>> bounded_scale(1e6), bounded_scale(20.0)
        (100.0, 20.0)
    """
    return min(max(scale, _SCALES[0]), _SCALES[1])
