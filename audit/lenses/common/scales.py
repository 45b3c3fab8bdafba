"""The scale of a subject: images whose place between two opposite answers is known, read by the same judge.

A judge that takes a uniform for a gender, or a dark picture for clothes, errs on a subject and on its scale alike: they
have the same wording and grew from the same noise under the same views.
"""

from __future__ import annotations

import json
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float

from audit.lenses.common.verdicts import numbers
from audit.records import GRADE, QUESTION, SCALE_OF

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
