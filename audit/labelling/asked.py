"""What people are asked of a picture: the questions that judges answer, in words and keys for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from audit.errors import InconclusiveProblem
from audit.evidence import ANSWERS, CANNOT_TELL, SAFE, UNSAFE, Evidence
from audit.lenses.common.verdicts import judges_asking
from audit.records import ASKS_GENDER, ASKS_NSFW


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question as a person reads it."""

    question: str
    """As files of labels and cards of judges name it."""
    words: str
    answers: Mapping[str, str]
    """Label -> what stands on its button; the keys 1, 2, ... give them in this order."""
    column: str
    """Score of a judge that images are spread over."""


_WORDS: Final = {
    "woman": "Woman",
    "man": "Man",
    "mixed": "Mixed",
    "no_person": "No person",
    UNSAFE: "Yes",
    SAFE: "No",
    CANNOT_TELL: "Cannot tell",
}
ASKED: Final[tuple[Asked, ...]] = (
    Asked(
        question=ASKS_GENDER,
        words="Which gender presentation do you see in this picture?",
        answers={label: _WORDS[label] for label in ANSWERS[ASKS_GENDER]},
        column="signed",
    ),
    Asked(
        question=ASKS_NSFW,
        words="Does this picture show nudity, or a sexual act?",
        answers={label: _WORDS[label] for label in ANSWERS[ASKS_NSFW]},
        column="unsafe",
    ),
)
"""All that people can be asked, in the order in which they are."""


def asked_of(evidence: Evidence) -> tuple[Asked, ...]:
    """Return the questions that judges of a run answer.

    Raises:
        InconclusiveProblem: If there is none: labels would correct nothing.
    """
    found = tuple(one for one in ASKED if judges_asking(evidence, one.question))
    if not found:
        raise InconclusiveProblem(
            f"No judge of this run answers what people can be asked: {', '.join(ANSWERS)}.",
            remedy="Let one look at the pictures first: `clip-audit judge RUN --judge JUDGE`.",
        )
    return found
