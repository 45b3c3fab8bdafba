"""The gate before anything is measured: is this the model that its name promises?

A checkpoint with damaged weights, the wrong activation or the wrong tokenizer loads without complaint and
gives numbers that mean nothing. So it must first tell twelve drawn pictures by their captions. One that does is asked
four of them in other ways, and its weights are looked at; what speaks against it becomes a doubt (``doubts``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn import functional

from audit.checkpoints.checkpoint import Checkpoint
from audit.checkpoints.doubts import (
    Embedded,
    OtherReading,
    better_reading,
    hear,
    look,
    margin,
    nearer_reading,
    other_readings,
    untrained_blocks,
)
from audit.errors import RefusedProblem

PAIRS: Final = (
    ("red", "ball"), ("green", "apple"), ("blue", "car"), ("yellow", "house"), ("red", "cup"), ("green", "box"),
    ("blue", "ball"), ("yellow", "apple"), ("red", "car"), ("green", "house"), ("blue", "cup"), ("yellow", "box"),
)  # fmt: skip
"""Colour and shape of each picture in ``pairs.png``, from left to right."""

LEAST_RANKING: Final = 0.75
"""Chance is 0.5; twelve pairs scatter by less than 0.1 around it, and a working checkpoint exceeds 0.9."""
_LEAST_PAIRS: Final = 4
_PAIRS_READ_AGAIN: Final = 4
_BLOCKS_SHOWN: Final = 4
_LOGIT_SCALES: Final = (1.0, 1000.0)
_NORMS: Final = (1e-4, 1e5)
_REMEDY: Final = (
    "Check the architecture, the activation (QuickGELU or not), the tokenizer and the preprocessing against those it "
    "was trained with. To look at it all the same, skip this check with --waive-sanity; its findings then mean nothing."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sanity:
    """What the gate measured."""

    ranking: float
    """Mean share of wrong partners that rank below the right one, over pictures and captions; 0.5 is chance."""
    n_pairs: int
    doubts: tuple[str, ...] = ()
    """What speaks against it all the same: sentences for people."""


def check_sanity(checkpoint: Checkpoint) -> Sanity:
    """Return how well the checkpoint ranks matched pairs, and what speaks against it all the same.

    It takes eight encodes at most: of pictures and captions as stated, of four pictures under four normalisations, and
    of four of both with the other activation.

    Raises:
        RefusedProblem: If it ranks them below ``LEAST_RANKING``, knows the words of fewer than four captions, or
            has embeddings or a logit scale that no trained model has.
    """
    _check_logit_scale(checkpoint)
    usable = [index for index, caption in enumerate(captions()) if not checkpoint.unknown_words(caption)]
    if len(usable) < _LEAST_PAIRS:
        raise RefusedProblem(
            f"{checkpoint.card.name} knows the words of {len(usable)} of {len(PAIRS)} test captions such as "
            f'"{captions()[0]}"; at least {_LEAST_PAIRS} are needed to see whether it works.',
            remedy="Audit one whose words include coloured things (red, green, blue, yellow; ball, apple, car, house, "
            "cup, box), or skip this check with --waive-sanity.",
        )
    pictures, texts = load_pictures()[usable], [captions()[index] for index in usable]
    stated, again = _embedded(checkpoint, pictures, texts), _PAIRS_READ_AGAIN
    ranking, few = rank_matches(stated.cosines), stated.first(again)
    others = other_readings(checkpoint, pictures[:again], texts[:again], few)
    better, nearer = better_reading(few, others), nearer_reading(checkpoint.visual, few, others)
    if ranking < LEAST_RANKING:
        raise RefusedProblem(
            f"{checkpoint.card.name} does not tell matched pictures and captions from unmatched ones: it ranks the "
            f"right partner above {ranking:.0%} of the wrong ones, where chance is 50 % and at least "
            f"{LEAST_RANKING:.0%} are asked.",
            remedy=_remedy([nearer[0] if nearer else None, better]),
        )
    reading = _doubts_of_statistics(nearer) or _doubts_of_reading(better)
    doubts = (*reading, *_doubts_of_weights(untrained_blocks(checkpoint.model)))
    return Sanity(ranking=ranking, n_pairs=len(usable), doubts=doubts)


def _remedy(readings: Sequence[OtherReading | None]) -> str:
    """Return what to do; where another reading tells the pairs apart, which: the first of these that does."""
    for reading in readings:
        if reading is not None and (ranking := rank_matches(reading.pairs.cosines)) >= LEAST_RANKING:
            return f"Read with {reading.words}, it ranks {ranking:.0%}. {reading.remedy} {_REMEDY}"
    return _REMEDY


def _doubts_of_reading(better: OtherReading | None) -> tuple[str, ...]:
    if better is None:
        return ()
    doubt = (
        f"Read with {better.words}, it tells drawn pictures by their captions better than as stated (mean margin "
        f"{margin(better.pairs.cosines):.2f}). {better.remedy}"
    )
    return (doubt,)


def _doubts_of_statistics(nearer: tuple[OtherReading, float] | None) -> tuple[str, ...]:
    if nearer is None:
        return ()
    reading, times = nearer
    doubt = (
        f"Read with {reading.words}, pictures lie {times:.1f} times nearer than as stated to the statistics that its "
        f"image tower kept of those it was trained on. {reading.remedy}"
    )
    return (doubt,)


def _doubts_of_weights(blocks: list[str]) -> tuple[str, ...]:
    if not blocks:
        return ()
    shown = ", ".join(blocks[:_BLOCKS_SHOWN]) + (", ..." if len(blocks) > _BLOCKS_SHOWN else "")
    doubt = (
        f"The weights of {len(blocks)} of its blocks ({shown}) look like random numbers, as before training or after a "
        "load that left them out. Compare them with the file that its maker published."
    )
    return (doubt,)


def captions() -> list[str]:
    """Return the captions of the pictures, from left to right."""
    return [f"a photo of a {colour} {shape}" for colour, shape in PAIRS]


def pictured() -> tuple[str, ...]:
    """Return the things that the pictures show, from left to right."""
    return tuple(shape for _, shape in PAIRS)


def load_pictures() -> Float[Tensor, "picture 3 64 64"]:
    """Return the pictures as RGB in [0, 1]."""
    with files("audit.checkpoints").joinpath("pairs.png").open("rb") as stream:
        strip = np.array(Image.open(stream).convert("RGB"))
    side = strip.shape[0]
    pictures = torch.from_numpy(strip).permute(2, 0, 1).reshape(3, side, len(PAIRS), side).permute(2, 0, 1, 3)
    return pictures.float() / 255


def rank_matches(cosines: Float[Tensor, "n n"]) -> float:
    """Return the mean over rows and columns of the AUC of the matched entry against the unmatched ones.

    Args:
        cosines: Similarity of picture i and caption j; the diagonal is matched.

    Returns:
        1 if every match beats every mismatch in its row and column, 0.5 by chance; ties count half.

    Example:
        >>> rank_matches(torch.eye(4))
        1.0
    """
    count = len(cosines)
    matched = cosines.diagonal()
    unmatched = ~torch.eye(count, dtype=torch.bool, device=cosines.device)
    total = 0.0
    for table in (cosines, cosines.T):
        wins = (matched[:, None] > table).double() + 0.5 * (matched[:, None] == table).double()
        total += float(wins[unmatched].mean())
    return total / 2


def _check_logit_scale(checkpoint: Checkpoint) -> None:
    exponent = float(checkpoint.model.get_parameter("logit_scale").reshape(-1)[0])
    low, high = _LOGIT_SCALES
    if not math.log(low) <= exponent <= math.log(high):
        raise RefusedProblem(
            f"{checkpoint.card.name} has the logit scale exp({exponent:.3g}), outside of [{low:g}, {high:g}].",
            remedy=_REMEDY,
        )


def _embedded(checkpoint: Checkpoint, pictures: Tensor, texts: list[str]) -> Embedded:
    """Return pictures and texts as the checkpoint reads them.

    Raises:
        RefusedProblem: If embeddings are not finite, or of a length that no trained model gives.
        ValueError: If they are not of the size that the card states.
    """
    with torch.no_grad():
        images, moments = look(checkpoint, pictures, checkpoint.mean, checkpoint.std)
        words = hear(checkpoint, texts)
    if not images.shape == words.shape == (len(texts), checkpoint.card.embedding_size):
        raise ValueError(f"The towers give shapes {tuple(images.shape)} and {tuple(words.shape)}.")
    low, high = _NORMS
    for tower, embedding in (("image", images), ("text", words)):
        norms = embedding.norm(dim=-1)
        if not bool(((norms >= low) & (norms <= high)).all()):  # a NaN fails both
            raise RefusedProblem(
                f"The {tower} embeddings of {checkpoint.card.name} have lengths from {float(norms.min()):.3g} to "
                f"{float(norms.max()):.3g}, outside of [{low:g}, {high:g}].",
                remedy=_REMEDY,
            )
    return Embedded(
        images=functional.normalize(images, dim=-1), words=functional.normalize(words, dim=-1), moments=moments
    )
