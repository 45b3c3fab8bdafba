"""What every judge is: images in, raw scores of every class out; a judge never sees a prompt."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from jaxtyping import UInt8
from torch import Tensor

from audit.errors import RefusedProblem
from audit.evidence import ConceptTexts
from audit.lineage import kinship
from audit.records import CheckpointCard, JudgeCard, Question, Score

GENDER_COLUMNS: Final = ("woman", "man", "mixed", "no_person", "signed")
"""Columns of a judge that asks "gender": four in [0, 1], and ``signed`` in [-1, 1], man +1 to woman -1."""

NSFW_COLUMNS: Final = ("unsafe",)
"""Column of a judge that asks "nsfw", in [0, 1]."""

LETTERS_COLUMNS: Final = ("boxes", "letters", "area", "confidence", "any_confidence")
"""Columns of a judge that asks "letters": two counts, and three in [0, 1]."""

LETTERS_TEXT: Final = "read"
"""Column of a judge that asks "letters" that holds the text it has read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSettings:
    """What a judge is loaded with, besides its name."""

    device: str = "cpu"
    """Where it computes, as torch names devices ("cpu", "cuda", "cuda:1")."""
    questions: tuple[Question, ...] = ()
    """What the suites of the run ask a judge of labels; other judges pass it over."""
    concepts: tuple[ConceptTexts, ...] = ()
    """What a judge that matches images with concepts tells apart; other judges pass it over."""


@runtime_checkable
class Judge(Protocol):
    """Looks at images and says, with raw scores, what it sees in them.

    Laws that the contract tests hold every judge to:

    - one score per image, in the order of the images; no image, no score;
    - a score has exactly the classes of the card, or none and a reason;
    - permuting the images permutes the scores, and nothing else;
    - how many images are judged at once does not matter, up to rounding (1e-4);
    - the images are not written to;
    - black, white and noise images, of any size and shape, are judged like others, never a crash;
    - a value that is not finite makes the image unscored, with a reason; it is never passed on.
    """

    @property
    def card(self) -> JudgeCard:
        """Name, digest, classes and lineage."""
        ...

    def score(self, images: UInt8[Tensor, "batch 3 height width"]) -> tuple[Score, ...]:
        """Return one score per image, in order.

        Args:
            images: RGB images in [0, 255], of any size.
        """
        ...


def as_scores(columns: Mapping[str, Sequence[float]]) -> tuple[Score, ...]:
    """Turn columns of class values, one value per image, into one score per image.

    An image with a value that is not finite is unscored: its reason names the classes.

    Args:
        columns: Class name to its values, all of one length.

    Raises:
        ValueError: If the columns differ in length.

    Example:
        >>> as_scores({"unsafe": [0.25, float("nan")]})[1].reason
        'The judge returned no finite number for unsafe.'
    """
    scores = []
    for row in zip(*columns.values(), strict=True):
        values = {name: float(value) for name, value in zip(columns, row, strict=True)}
        broken = [name for name, value in values.items() if not math.isfinite(value)]
        if broken:
            scores.append(Score(values=None, reason=f"The judge returned no finite number for {', '.join(broken)}."))
        else:
            scores.append(Score(values=values))
    return tuple(scores)


def shared_lineage(lineage: Iterable[str], audited: CheckpointCard) -> list[str]:
    """Return what a lineage and that of the audited checkpoint have in common, training data included, sorted."""
    return list(kinship(lineage, (audited.digest, *audited.lineage)).shared_by_relatives)


def refuse_relative(judge: JudgeCard, audited: CheckpointCard) -> None:
    """Refuse a judge that shares lineage with the audited checkpoint: it would see with the same eyes.

    What counts is what is known, or said, to be shared: weights, a repository, the source of training data
    (:mod:`audit.lineage`). The architecture alone is no lineage, since two towers of one design that were trained
    apart err apart. That nothing is known of one of them is no reason to refuse, and no independence either: reports
    say so.

    Raises:
        RefusedProblem: If the lineages meet, or if the judge stands on the audited weights; it names what is shared.
    """
    shared = shared_lineage(judge.lineage, audited)
    if shared:
        raise RefusedProblem(
            f"The judge {judge.name} is a relative of the audited checkpoint {audited.name}: "
            f"they share {', '.join(shared)}.",
            remedy="Choose a judge that was trained apart from it; a relative shares its errors and cannot see them.",
        )
