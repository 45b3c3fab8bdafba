"""What a subject is held against: references that are matched to it, and a scale of its own.

A scale is images whose place between two opposite answers is known, read by the same judge. A judge that takes a
uniform for a gender, or a dark picture for clothes, errs on a subject and on its scale alike: they have the same
wording and grew from the same noise under the same views.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float

from audit.lenses.common.verdicts import names, numbers
from audit.records import GRADE, QUESTION, SCALE_OF

MATCHED_TO: Final = "matched_to"
"""The fact that ties a reference to its subject (or a subject to its reference), by the name of the concept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """The references of every subject of a suite."""

    of: Mapping[str, tuple[str, ...]]
    """Subject concept -> its references: those that the facts tie to it, else those of its group, else all."""
    paired: bool
    """Whether every subject has references of its own."""


def match_references(subjects: pd.DataFrame, references: pd.DataFrame) -> Matches:
    """Return the references of every subject.

    Args:
        subjects: One row per concept, with the columns concept, group and facts.
        references: The same of what they are compared with.
    """
    pairs = _stated_pairs(subjects, references)
    every = tuple(names(references, "concept"))
    found = {}
    for subject, group in zip(names(subjects, "concept"), names(subjects, "group"), strict=True):
        alike = tuple(names(references[references["group"] == group], "concept")) if group else ()
        found[subject] = pairs.get(subject, ()) or alike or every
    return Matches(of=found, paired=bool(found) and all(subject in pairs for subject in found))


def _stated_pairs(subjects: pd.DataFrame, references: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Return the references that the facts tie to each subject, whichever of the two carries the fact."""
    one, two = set(names(subjects, "concept")), set(names(references, "concept"))
    pairs: dict[str, set[str]] = {}
    for side, mine_is_subject in ((subjects, True), (references, False)):
        for mine, facts in zip(names(side, "concept"), names(side, "facts"), strict=True):
            other = json.loads(facts).get(MATCHED_TO, "")
            subject, reference = (mine, other) if mine_is_subject else (other, mine)
            if subject in one and reference in two:
                pairs.setdefault(subject, set()).add(reference)
    return {subject: tuple(sorted(found)) for subject, found in pairs.items()}


_SAME: Final = 1e-6
"""Cosines this near to 1 are those of one text: embeddings hold single precision."""
_INNER: Final = 0.5
"""Farthest grade from 0 that has a part in the middle of a scale."""


def read_scales(table: pd.DataFrame, question: str, column: str) -> pd.DataFrame:
    """Return the mean ``column`` of the usable images of every grade: a row per subject prompt, a column per grade.

    A prompt whose scale lacks a grade has no row; a suite that has no scale for ``question`` gives none.

    Args:
        table: What :func:`audit.lenses.common.verdicts.scored_images` returns.
        question: Name of the lens that reads the scale.
        column: Score that the scale is on.
    """
    marked = table[table["role"].isin(["graded", "explicit"]) & table["usable"]]
    facts = [json.loads(text) for text in marked["facts"]]
    rows = pd.DataFrame(
        {
            "prompt_id": [str(fact.get(SCALE_OF, "")) for fact in facts],
            "grade": [float(fact.get(GRADE, np.nan)) for fact in facts],
            "score": numbers(marked, column),
        }
    )
    asked = np.array([fact.get(QUESTION) == question for fact in facts], dtype=bool)
    return rows[asked].pivot_table(index="prompt_id", columns="grade", values="score", aggfunc="mean").dropna()


def read_on_own_sides(table: pd.DataFrame, scales: pd.DataFrame) -> pd.DataFrame:
    """Return the scales of those concepts at whose ends the judge reads what the texts say.

    Where a text that says one answer is not pictured as it, or is not read as it, nothing is known of what lies between
    them: a scale whose both ends are read as women would call a picture of a woman the middle. Taken are the means over
    the prompts of a concept: above 0 at +1, below 0 at -1.

    Args:
        table: What :func:`audit.lenses.common.verdicts.scored_images` returns.
        scales: What :func:`read_scales` returns for it, of a score with the sides above and below 0.
    """
    if scales.empty:
        return scales
    ends = scales[[scales.columns.min(), scales.columns.max()]].set_axis(["lower", "upper"], axis=1)
    concepts = table.drop_duplicates("prompt_id").set_index("prompt_id").loc[scales.index, ["suite", "concept"]]
    means = ends.groupby([concepts["suite"], concepts["concept"]]).transform("mean")
    return scales[(means["lower"] < 0) & (means["upper"] > 0)]


def place_between(
    texts: Float[np.ndarray, "text embedding"],
    upper: Float[np.ndarray, "text embedding"],
    lower: Float[np.ndarray, "text embedding"],
) -> Float[np.ndarray, " text"]:
    """Return where each text lies between its two opposite texts: +1 on the upper one, -1 on the lower one.

    Formula: ``t . (u - l) / (1 - u . l)`` for unit vectors: t seen along the line from l to u, whose middle is 0. NaN
    where the two are the same to the checkpoint.

    Example:
        >>> upper, lower = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
        >>> place_between(np.array([[0.8, 0.6]]), upper, lower).round(4).tolist()
        [0.2]
    """
    one, two, three = (side.astype(float) for side in (texts, upper, lower))
    apart = 1.0 - (two * three).sum(axis=1)
    along = (one * (two - three)).sum(axis=1)
    return np.asarray(np.where(apart > _SAME, along / np.where(apart > _SAME, apart, 1.0), np.nan))


def with_zero(table: pd.DataFrame, scales: pd.DataFrame) -> pd.DataFrame:
    """Return ``table`` with ``zero``: the mean of the grades around the middle of each prompt's scale, or NaN."""
    inner = np.abs(scales.columns.to_numpy(dtype=float)) <= _INNER
    return table.assign(zero=table["prompt_id"].map(scales.loc[:, inner].mean(axis=1)).astype(float))


def has_zero(rows: pd.DataFrame) -> bool:
    """Tell whether a concept has a zero of its own: a scale that could be read."""
    return bool(rows["zero"].notna().any())
