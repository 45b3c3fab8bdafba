"""How often the intervals that an audit reports hold the truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from audit.stats import ClusterEstimate
from audit.studies.calibrate.detection import NO_BALANCED, NO_DOSED, NO_INTERVAL, missing, share_over_worlds
from audit.studies.calibrate.dose_response import rising_fit
from audit.studies.calibrate.planted_and_measured import Row, in_balanced_worlds, in_dosed_worlds, worlds_of

_FEWEST: Final = 3
"""Dosed worlds that leaving one out needs: the average of a single other world is no average."""


def balanced_coverage(rows: Sequence[Row], *, level: float = 0.95) -> ClusterEstimate:
    """Share of the intervals of balanced worlds that hold the true 0.

    Args:
        rows: Rows of one kind, of dosed and of balanced worlds; those without an interval are left out.
        level: Confidence level of the share, in (0, 1).
    """
    balanced = in_balanced_worlds(rows)
    known = [row for row in balanced if row.has_interval]
    nothing = NO_INTERVAL if balanced else NO_BALANCED
    return share_over_worlds(known, lambda row: _holds(row, 0.0), nothing=nothing, level=level)


def dosed_coverage(rows: Sequence[Row], *, level: float = 0.95) -> ClusterEstimate:
    """Share of the intervals of dosed worlds that hold the average response at their dose.

    Nobody plants a response, so the truth is taken from the other worlds: the isotonic regression of their responses
    on the dose, straight between doses. The share therefore includes how worlds differ, and the error of that average,
    neither of which an interval over prompts claims to hold.

    Args:
        rows: Rows of one kind, of dosed and of balanced worlds. Left out are those without an interval, and doses
            outside of those that the other worlds have.
        level: Confidence level of the share, in (0, 1).

    Returns:
        The share; without value below three dosed worlds.
    """
    dosed = in_dosed_worlds(rows)
    worlds = worlds_of(dosed)
    if len(worlds) < _FEWEST:
        few = f"not measured: leaving one world out needs {_FEWEST} dosed worlds, there are {len(worlds)}"
        return missing(few if worlds else NO_DOSED)
    averages: dict[tuple[str, str], float] = {}
    for world in worlds:
        fit = rising_fit([row for row in dosed if row.world != world])
        for row in dosed:
            if row.world == world and row.has_interval and fit and min(fit) <= row.planted <= max(fit):
                averages[row.world, row.concept] = float(np.interp(row.planted, list(fit), list(fit.values())))
    known = [row for row in dosed if (row.world, row.concept) in averages]
    return share_over_worlds(
        known,
        lambda row: _holds(row, averages[row.world, row.concept]),
        nothing="not measured: no interval at a dose that other worlds have too",
        level=level,
    )


def _holds(row: Row, value: float) -> bool:
    return row.low is not None and row.high is not None and row.low <= value <= row.high
