"""The concepts of a run and their words: what a judge that was held out tells the images of a suite apart by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd

WORDED: Final = ("subject", "reference", "explicit", "object")
"""Roles whose text names the concept of its prompt and nothing else of it; a graded one lies between two texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConceptTexts:
    """All that the prompts of a suite say of one concept."""

    suite: str
    concept: str
    texts: tuple[str, ...]
    """Without repetition, in alphabetical order."""

    @property
    def column(self) -> str:
        """Name under which a judge's scores hold the concept."""
        return concept_column(self.suite, self.concept)


def concept_column(suite: str, concept: str) -> str:
    """Return the name under which a judge's scores hold a concept of a suite.

    Example:
        >>> concept_column("professions", "nurse")
        'professions|nurse'
    """
    return f"{suite}|{concept}"


def concept_texts(prompts: pd.DataFrame) -> tuple[ConceptTexts, ...]:
    """Return every concept of every suite that has at least two, in alphabetical order.

    Args:
        prompts: Table ``PROMPTS`` of a run.
    """
    worded = prompts[prompts["role"].isin(WORDED)]
    several = worded.groupby("suite")["concept"].transform("nunique") > 1
    return tuple(
        ConceptTexts(suite=str(suite), concept=str(concept), texts=tuple(sorted(set(rows["text"]))))
        for (suite, concept), rows in worded[several].groupby(["suite", "concept"], sort=True)
    )
