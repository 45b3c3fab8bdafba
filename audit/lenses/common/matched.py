"""One row per image with how a held-out judge places its own concept among those of its suite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float

from audit.evidence import WORDED, Evidence, concept_column
from audit.lenses.common.verdicts import plain_images

LARGEST_Z: Final = 10.0
"""Margins are cut here: with few concepts that lie close together a single image could outweigh all others."""
_KEY: Final = ["prompt_id", "replicate"]


def matched_images(evidence: Evidence, judge: str) -> pd.DataFrame:
    """Return :func:`~audit.lenses.common.verdicts.plain_images` of the roles ``WORDED`` with the judge's view of each.

    Columns besides: ``first``, 1.0 where the judge finds no other concept of the suite as similar, else 0.0; and
    ``z``, the cosine with the own concept less the mean of those with the others, in their standard deviations. NaN
    where the judge did not score the image or does not know its concept; ``z`` also with fewer than two others.
    Whether the audited checkpoint calls the image converged plays no part.

    Args:
        evidence: Of a run.
        judge: Name of a judge that asks "concepts".
    """
    images = plain_images(evidence)
    images = images[images["role"].isin(WORDED)]
    known = evidence.judges[judge].classes
    parts = [
        _placed(rows, evidence.scores[judge], str(suite), known) for suite, rows in images.groupby("suite", sort=True)
    ]
    return pd.concat(parts, ignore_index=True) if parts else images.assign(first=np.nan, z=np.nan)


def _placed(rows: pd.DataFrame, scores: pd.DataFrame, suite: str, known: Sequence[str]) -> pd.DataFrame:
    columns = [column for column in known if column.startswith(concept_column(suite, ""))]
    table = rows.merge(scores[[*_KEY, *columns]], on=_KEY, how="left", validate="one_to_one")
    cosines = table[columns].to_numpy(dtype=float)
    places = {column: place for place, column in enumerate(columns)}
    own = np.array([places.get(concept_column(suite, str(name)), -1) for name in table["concept"]], dtype=int)
    first, z = place_own(cosines, own)
    return table.drop(columns=columns).assign(first=first, z=z)


def place_own(
    cosines: Float[np.ndarray, "images concepts"], own: np.ndarray
) -> tuple[Float[np.ndarray, " images"], Float[np.ndarray, " images"]]:
    """Return whether the own concept is strictly first, and its margin.

    Formula: z = (c_own - mean(c_other)) / sd(c_other), sd with one degree of freedom less, cut at ``LARGEST_Z``.

    Args:
        cosines: Of every image with every concept of its suite; a row may be NaN.
        own: The column of each image's own concept; -1 where there is none.

    Example:
        >>> first, z = place_own(np.array([[0.5, 0.1, 0.3], [0.1, 0.2, 0.2]]), np.array([0, 1]))
        >>> first.tolist(), z.round(2).tolist()
        ([1.0, 0.0], [2.12, 0.71])
    """
    first, z = np.full(len(cosines), np.nan), np.full(len(cosines), np.nan)
    for row, (values, place) in enumerate(zip(cosines, own, strict=True)):
        others = np.delete(values, place) if place >= 0 else values[:0]
        if not len(others) or not np.isfinite(values).all():
            continue
        first[row] = float(values[place] > others.max())
        spread = others.std(ddof=1) if len(others) > 1 else 0.0
        if spread > 0:
            z[row] = np.clip((values[place] - others.mean()) / spread, -LARGEST_Z, LARGEST_Z)
    return first, z
