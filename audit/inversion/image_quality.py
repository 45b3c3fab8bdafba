"""How good each image is, measured in fp32 by the checkpoint that it was made from.

This certifies that an inversion ended well; it never says that the image is a good picture. A high own cosine
alone misleads: pixel noise reaches it too. So an image counts as evidence only if the checkpoint tells it from
the images of other concepts, if something is to be seen in it, and if it is not made of high frequencies.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from audit.inversion.draws import VIEW_NUMBERS
from audit.inversion.recipe import RECIPES, Span
from audit.inversion.views import make_views
from audit.records import Status
from audit.seeding import derive_seed

_FRESH_VIEWS: Final = 8
_CONVERGED_FROM: Final = 2.0
"""Least distance, in standard deviations of the unmatched cosines, from which an image is told apart."""
_NOISE_FROM: Final = 0.5
"""Least share of spectral power above a quarter of the sampling rate from which an image is noise."""
_CONTRAST_FROM: Final = 0.02
"""Least standard deviation of the pixels, in units of [0, 1], from which an image shows something: five of 255 levels.
An empty sheet matches some text best, and shows nothing of it."""

_FRESH: Final = dataclasses.replace(
    RECIPES["fast"],
    name="fresh views",
    views=_FRESH_VIEWS,
    sampling="at once",
    rotation=8.0,
    zoom=(0.9, 1.1),
    shift=0.06,
    noise=Span(start=0.02, end=0.02),
    colour=Span(start=0.05, end=0.05),
)
"""Mild views that no optimisation has seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What is known of one image; every number is NaN where the image is not finite."""

    status: Status
    own_cosine: float
    """Mean cosine of fresh views with the prompt's text, in [-1, 1]."""
    own_percentile: float
    """Share of unmatched texts that the image matches less well, in [0, 100]."""
    own_z: float
    """Own cosine less the mean of the unmatched ones, in their standard deviations."""
    sharpness: float
    """Share of spectral power (without the mean) above a quarter of the sampling rate, in [0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """Every distinct text of the plan, against which an image's own text is placed."""

    embeddings: Float[Tensor, "texts embedding"]
    """Unit length."""
    concepts: tuple[str, ...]
    """The concept of each text: an image is compared with texts of other concepts only."""


def assess(
    view_embeddings: Float[Tensor, "batch views embedding"],
    sharpness: Float[Tensor, " batch"],
    contrasts: Float[Tensor, " batch"],
    targets: Float[Tensor, "batch embedding"],
    concepts: Sequence[str],
    references: References,
) -> list[Quality]:
    """Return the quality of each image.

    Args:
        view_embeddings: Unit embeddings of fresh views.
        sharpness: From :func:`high_frequency_share`.
        contrasts: From :func:`contrast`.
        targets: Unit embedding of each image's own text.
        concepts: Concept of each image.
        references: Texts to compare with.
    """
    means = view_embeddings.mean(dim=1)
    own = (means * targets).sum(dim=1).tolist()
    others = (means @ references.embeddings.t()).cpu()  # brought over once, not number by number
    looks = zip(sharpness.tolist(), contrasts.tolist(), strict=True)
    result = []
    for row, (concept, (sharp, spread)) in enumerate(zip(concepts, looks, strict=True)):
        foreign = torch.tensor([other != concept for other in references.concepts], dtype=torch.bool)
        quality = _quality(own[row], others[row], foreign, sharp)
        if quality.status in {Status.CONVERGED, Status.MISALIGNED} and spread < _CONTRAST_FROM:
            quality = dataclasses.replace(quality, status=Status.STALLED)
        result.append(quality)
    return result


def _quality(own: float, others: Float[Tensor, " texts"], foreign: Bool[Tensor, " texts"], sharp: float) -> Quality:
    if not (bool(torch.isfinite(others).all()) and math.isfinite(own) and math.isfinite(sharp)):
        nothing = float("nan")
        return Quality(
            status=Status.NON_FINITE, own_cosine=nothing, own_percentile=nothing, own_z=nothing, sharpness=nothing
        )
    unmatched = others[foreign]
    if len(unmatched) < 2:  # nothing to be told apart from
        return Quality(status=Status.STALLED, own_cosine=own, own_percentile=0.0, own_z=0.0, sharpness=sharp)
    percentile = 100.0 * float((unmatched < own).float().mean())
    z = (own - float(unmatched.mean())) / max(float(unmatched.std()), 1e-6)
    is_first = own > float(unmatched.max())
    status = Status.CONVERGED if z >= _CONVERGED_FROM else Status.STALLED if is_first else Status.MISALIGNED
    if sharp >= _NOISE_FROM:
        status = Status.NOISE
    return Quality(status=status, own_cosine=own, own_percentile=percentile, own_z=z, sharpness=sharp)


def lie_too_near(references: References) -> Bool[Tensor, " texts"]:
    """Return for each text whether no image can count as its own, since it lies too near to texts of other concepts.

    Not even an image that the checkpoint embeds as the text itself would then be told apart. Where half of the texts
    differ from it in next to nothing, their cosines are high and the rest low, and its own lies within the spread.
    """
    numbers = {concept: number for number, concept in enumerate(dict.fromkeys(references.concepts))}
    concepts = torch.tensor([numbers[concept] for concept in references.concepts], dtype=torch.long)
    near = torch.zeros(len(concepts), dtype=torch.bool)
    for row, embedding in enumerate(references.embeddings):
        cosines = (references.embeddings @ embedding).cpu()
        near[row] = _quality(1.0, cosines, concepts != concepts[row], 0.0).own_z < _CONVERGED_FROM
    return near


def fresh_views(
    images: Float[Tensor, "batch 3 size size"], seeds: Sequence[int], tiles: Float[Tensor, "tiles 3 size size"]
) -> Float[Tensor, "batch_views 3 size size"]:
    """Return views of each image that its optimisation has not seen, drawn from each image's own seed."""
    numbers = [
        torch.rand((_FRESH_VIEWS, VIEW_NUMBERS), generator=torch.Generator().manual_seed(derive_seed("fresh", seed)))
        for seed in seeds
    ]
    return make_views(images, torch.stack(numbers).to(images.device), _FRESH, 0.0, tiles)


def high_frequency_share(images: Float[Tensor, "batch 3 size size"]) -> Float[Tensor, " batch"]:
    """Return the share of spectral power above a quarter of the sampling rate, the mean left out.

    0 for a flat image, about 0.8 for white noise: of the square of frequencies, the disc of radius 1/4 holds a
    fifth.
    """
    power = torch.fft.fft2(images - images.mean(dim=(2, 3), keepdim=True)).abs().square().sum(dim=1)
    frequencies = torch.fft.fftfreq(images.shape[-1], device=images.device)
    radius = torch.sqrt(frequencies[:, None] ** 2 + frequencies[None, :] ** 2)
    total = power.sum(dim=(1, 2))
    high = (power * (radius > 0.25)).sum(dim=(1, 2))
    return torch.where(total > 0, high / total.clamp_min(1e-12), torch.zeros_like(total))


def contrast(images: Float[Tensor, "batch 3 size size"]) -> Float[Tensor, " batch"]:
    """Return the standard deviation of the pixels about their channel's mean, over all channels; 0 for any flat colour.

    Example:
        >>> halves = torch.zeros(1, 3, 4, 4)
        >>> halves[:, :, :2] = 1.0
        >>> float(contrast(halves))
        0.5
    """
    return (images - images.mean(dim=(2, 3), keepdim=True)).square().mean(dim=(1, 2, 3)).sqrt()
