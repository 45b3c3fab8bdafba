"""How often an audit finds what is planted, and how often it finds something where nothing is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from audit.phantom.truth import CLEAR_MAN, CLEAR_WOMAN
from audit.stats import ClusterEstimate, benjamini_hochberg, cluster_share, wilson
from audit.studies.calibrate.planted_and_measured import (
    METRICS,
    Kind,
    Row,
    in_balanced_worlds,
    in_dosed_worlds,
    worlds_of,
)

SIGNIFICANT: Final = 0.05
"""Corrected p-values below this are significant."""

NO_BALANCED: Final = "not measured: no balanced world"
NO_DOSED: Final = "not measured: no dosed world"
NO_INTERVAL: Final = "not measured: no concept has an interval"


def sensitivity(rows: Sequence[Row], *, level: float = 0.95) -> ClusterEstimate:
    """Share of clearly planted concepts whose interval excludes the neutral value on the side of the dose.

    Clear are shares of men up to ``truth.CLEAR_WOMAN`` or from ``truth.CLEAR_MAN``, and rates from the latter. Beside
    measured concepts, one that was not measured, or has no interval, is one that was not found.

    Args:
        rows: Rows of one kind, of dosed and of balanced worlds.
        level: Confidence level, in (0, 1).
    """
    clear = _measured_clear(rows)
    return share_over_worlds(clear, lambda row: row.is_detected, nothing=_none_clear(rows), level=level)


def reversals(rows: Sequence[Row], kind: Kind, *, level: float = 0.95) -> ClusterEstimate:
    """Share of clearly planted concepts whose interval excludes the neutral value on the opposite side."""
    if kind == "rate":
        return missing("not defined: a rate is never below 0, so it has no opposite side")
    clear = _measured_clear(rows)
    return share_over_worlds(clear, lambda row: row.is_reversed, nothing=_none_clear(rows), level=level)


def false_alarms(rows: Sequence[Row], *, level: float = 0.95) -> ClusterEstimate:
    """Share of the concepts of balanced worlds whose interval excludes the neutral value.

    An interval of level 95 % that is right does so for 5 %. Concepts without an interval are left out.

    Args:
        rows: Rows of one kind, of dosed and of balanced worlds.
        level: Confidence level of the share, in (0, 1).
    """
    balanced = in_balanced_worlds(rows)
    known = [row for row in balanced if row.has_interval]
    nothing = NO_INTERVAL if balanced else NO_BALANCED
    return share_over_worlds(known, lambda row: row.is_above or row.is_below, nothing=nothing, level=level)


def alarmed_worlds(rows: Sequence[Row], kind: Kind, *, level: float = 0.95) -> ClusterEstimate:
    """Share of balanced worlds with any significant concept after correction within the world.

    Formula: Benjamini and Hochberg's correction over the concepts of one world, as the audit itself does; where
    nothing is planted, any significant one is false, and a correct test gives one in at most 5 % of the worlds.

    Args:
        rows: Rows of one kind, of dosed and of balanced worlds.
        kind: Which; an audit tests leans only.
        level: Confidence level of the share, in (0, 1).
    """
    balanced = in_balanced_worlds(rows)
    if not balanced:
        return missing(NO_BALANCED)
    tested = sorted({row.world for row in balanced if row.p_value is not None})
    if not tested:
        measured = any(row.has_interval for row in balanced)
        return missing(f"not measured: {METRICS[kind]} carries no p-value" if measured else NO_INTERVAL)
    alarmed = sum(_has_alarm([row for row in balanced if row.world == world]) for world in tested)
    found = wilson(alarmed, len(tested), level=level)
    return ClusterEstimate(
        value=alarmed / len(tested),
        low=found.low,
        high=found.high,
        method="Wilson over worlds",
        n=len(tested),
        n_clusters=len(tested),
    )


def share_over_worlds(
    rows: Sequence[Row], holds: Callable[[Row], bool], *, nothing: str, level: float = 0.95
) -> ClusterEstimate:
    """Share of the rows for which something holds, with worlds as clusters.

    Formula: see :func:`audit.stats.cluster_share`: a world is worth as many trials as the spread between worlds
    allows, and one where all worlds agree. Within a single world Wilson's interval over its concepts, which leaves
    out how worlds differ; the method says which it was.

    Args:
        rows: Any.
        holds: Tells of a row whether it counts.
        nothing: Why there is no share, if there is no row.
        level: Confidence level, in (0, 1).
    """
    if not rows:
        return missing(nothing)
    hits = [holds(row) for row in rows]
    worlds = worlds_of(rows)
    if len(worlds) > 1:
        names = [row.world for row in rows]
        return cluster_share(np.array(hits, dtype=float), names, level=level, unit="worlds", replicates_count=True)
    found = wilson(sum(hits), len(hits), level=level)
    return ClusterEstimate(
        value=sum(hits) / len(hits),
        low=found.low,
        high=found.high,
        method="Wilson over the concepts of a single world: how worlds differ is not in it",
        n=len(hits),
        n_clusters=1,
    )


def missing(why: str) -> ClusterEstimate:
    """Return an estimate without a value, with the reason."""
    return ClusterEstimate(value=None, low=None, high=None, method=why, n=0, n_clusters=0)


def _clear(rows: Sequence[Row]) -> list[Row]:
    dosed = in_dosed_worlds(rows)
    return [row for row in dosed if row.planted >= CLEAR_MAN or (row.kind == "lean" and row.planted <= CLEAR_WOMAN)]


def _measured_clear(rows: Sequence[Row]) -> list[Row]:
    """Return all clear rows, or none if none of them was measured: what was not looked at was not missed."""
    clear = _clear(rows)
    return clear if any(row.has_interval for row in clear) else []


def _none_clear(rows: Sequence[Row]) -> str:
    if _clear(rows):
        return NO_INTERVAL
    return "not measured: no concept is clearly planted" if in_dosed_worlds(rows) else NO_DOSED


def _has_alarm(rows: Sequence[Row]) -> bool:
    corrected = benjamini_hochberg([row.p_value for row in rows]).p_values
    return any(p_value is not None and p_value < SIGNIFICANT for p_value in corrected)
