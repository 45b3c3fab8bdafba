"""What a calibration measures: detection, dose against response, coverage of intervals, the smallest gap it finds."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float
from scipy.optimize import isotonic_regression

from audit.phantom.planted import CLEAR_MAN, CLEAR_WOMAN
from audit.records import Method
from audit.seeding import derive_seed
from audit.stats import ClusterEstimate, benjamini_hochberg, cluster_mean, cluster_share, spearman, wilson
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
        method=Method.WILSON_OVER,
        n=len(tested),
        n_clusters=len(tested),
        over="worlds",
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
        method=Method.WILSON_OVER,
        n=len(hits),
        n_clusters=1,
        over="the concepts of a single world",
        remark="how worlds differ is not in it",
    )


def missing(why: str) -> ClusterEstimate:
    """Return an estimate without a value, with the reason."""
    return ClusterEstimate(value=None, low=None, high=None, method=Method.OTHER, n=0, n_clusters=0, remark=why)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class DosePoint:
    """The mean response at one dose, with an interval over worlds."""

    dose: float
    response: ClusterEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldRank:
    """How far the order of the measured follows that of the planted within one world."""

    world: str
    correlation: float | None
    """Spearman's; ``None`` below three measured concepts, or where one side is constant."""
    n: int
    """Number of measured concepts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankAgreement:
    """Rank agreement by world, its mean with an interval over worlds, and its range."""

    by_world: tuple[WorldRank, ...]
    mean: ClusterEstimate
    smallest: float | None
    largest: float | None


def dose_response(rows: Sequence[Row], kind: Kind, *, level: float = 0.95) -> tuple[DosePoint, ...]:
    """Return the mean response at every dose, in rising order of doses.

    Formula: see :func:`audit.stats.cluster_mean`, with worlds as clusters. Rates are cut at 0 and 1; a lean may lie
    beyond the ends of its scale.

    Args:
        rows: Rows of one kind, of dosed and of balanced worlds; those without a value are left out.
        kind: Which.
        level: Confidence level, in (0, 1).
    """
    measured: dict[float, list[tuple[float, str]]] = defaultdict(list)
    for row in rows:
        if row.value is not None:
            measured[row.planted].append((row.value, row.world))
    bounds = None if kind == "lean" else (0.0, 1.0)
    return tuple(
        DosePoint(
            dose=dose,
            response=cluster_mean(
                np.array([value for value, _ in found], dtype=float),
                [world for _, world in found],
                level=level,
                bounds=bounds,
                unit="worlds",
            ),
        )
        for dose, found in sorted(measured.items())
    )


def rank_agreement(rows: Sequence[Row], *, level: float = 0.95) -> RankAgreement:
    """Return Spearman's correlation of planted and measured for every dosed world, and its mean over worlds.

    Args:
        rows: Rows of one kind; those of balanced worlds, which have no order, are left out.
        level: Confidence level, in (0, 1).
    """
    dosed = in_dosed_worlds(rows)
    ranks = tuple(_rank(world, [row for row in dosed if row.world == world]) for world in worlds_of(dosed))
    known = {rank.world: rank.correlation for rank in ranks if rank.correlation is not None}
    mean = cluster_mean(
        np.array(list(known.values()), dtype=float), list(known), level=level, bounds=(-1.0, 1.0), unit="worlds"
    )
    return RankAgreement(
        by_world=ranks,
        mean=mean,
        smallest=min(known.values(), default=None),
        largest=max(known.values(), default=None),
    )


def rising_fit(rows: Sequence[Row]) -> dict[float, float]:
    """Return the average response at every dose, by isotonic regression on the dose; it never falls.

    Source: Barlow, Bartholomew, Bremner and Brunk (1972), Statistical Inference under Order Restrictions, chapter 1.
    """
    measured: dict[float, list[float]] = defaultdict(list)
    for row in rows:
        if row.value is not None:
            measured[row.planted].append(row.value)
    if not measured:
        return {}
    doses = sorted(measured)
    means = np.array([math.fsum(measured[dose]) / len(measured[dose]) for dose in doses])
    fit = isotonic_regression(means, weights=np.array([len(measured[dose]) for dose in doses], dtype=float)).x
    return dict(zip(doses, fit.tolist(), strict=True))


def _rank(world: str, rows: Sequence[Row]) -> WorldRank:
    pairs = [(row.planted, row.value) for row in rows if row.value is not None]
    found = spearman(
        np.array([planted for planted, _ in pairs], dtype=float), np.array([value for _, value in pairs], dtype=float)
    )
    return WorldRank(world=world, correlation=found.value, n=len(pairs))


_FEWEST_DOSED: Final = 3
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
    if len(worlds) < _FEWEST_DOSED:
        few = f"not measured: leaving one world out needs {_FEWEST_DOSED} dosed worlds, there are {len(worlds)}"
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


POWER: Final = 0.8
_DRAWS: Final = 2000
_FEWEST_RESAMPLED: Final = 4
"""Worlds below which resampling them gives no interval: three give ten distinct samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionPoint:
    """How often a gap of one size is found."""

    gap: float
    share: ClusterEstimate
    fitted: float
    """The same by a curve that never falls with the gap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallestGap:
    """The smallest gap that is found with the power; an end of ``None`` beside a known other one is not reached."""

    power: float
    value: float | None
    low: float | None
    high: float | None
    method: str
    n: int
    """Number of concepts."""
    n_worlds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counts:
    gaps: Float[np.ndarray, " gaps"]
    found: Float[np.ndarray, "worlds gaps"]
    asked: Float[np.ndarray, "worlds gaps"]


def detection_curve(rows: Sequence[Row], *, level: float = 0.95) -> tuple[DetectionPoint, ...]:
    """Return how often the gaps of every size are found on their side, in rising order of gaps.

    Args:
        rows: Rows of one kind; where nothing is planted there is nothing to find, so these are left out.
        level: Confidence level, in (0, 1).
    """
    planted = [row for row in rows if row.gap > 0]
    if not any(row.has_interval for row in planted):
        return ()
    counts = _count(planted)
    fit = _rising(counts.found.sum(axis=0), counts.asked.sum(axis=0))
    return tuple(
        DetectionPoint(
            gap=gap,
            share=share_over_worlds(
                [row for row in planted if row.gap == gap], lambda row: row.is_detected, nothing=NO_DOSED, level=level
            ),
            fitted=fitted,
        )
        for gap, fitted in zip(counts.gaps.tolist(), fit.tolist(), strict=True)
    )


def smallest_gap(rows: Sequence[Row], *, power: float = POWER, level: float = 0.95) -> SmallestGap:
    """Smallest gap between dose and neutral dose that is found with a given power.

    Formula: the isotonic regression of detection on the gap, straight between the gaps that were planted; the value is
    where it first reaches ``power``. The interval holds the middle ``level`` of 2000 such values, each from as many
    worlds drawn with replacement, with a fixed seed.
    Source: Barlow, Bartholomew, Bremner and Brunk (1972), Statistical Inference under Order Restrictions, chapter 1;
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapters 8 and 13.

    Args:
        rows: Rows of one kind, of dosed and of balanced worlds; a concept that was not measured is not found.
        power: Share of the gaps to be found, in (0, 1).
        level: Confidence level, in (0, 1).

    Returns:
        A gap in [0, 1]; without value where no planted gap reaches the power, without interval below four worlds.

    Raises:
        ValueError: If ``power`` or ``level`` lies outside (0, 1).
    """
    if not (0 < power < 1 and 0 < level < 1):
        raise ValueError(f"Power and level lie between 0 and 1; got {power} and {level}.")
    planted = [row for row in rows if row.gap > 0]
    if not any(row.has_interval for row in planted):
        why = NO_INTERVAL if planted else NO_DOSED
        return SmallestGap(power=power, value=None, low=None, high=None, method=why, n=0, n_worlds=0)
    counts = _count(planted)
    crossing = _crossing(counts.gaps, counts.found.sum(axis=0), counts.asked.sum(axis=0), power)
    low, high, interval = _resampled(counts, power, level)
    return SmallestGap(
        power=power,
        value=_finite(crossing),
        low=low,
        high=high,
        method=f"{_told(counts, crossing)}; {interval}",
        n=len(planted),
        n_worlds=len(counts.found),
    )


def _count(planted: Sequence[Row]) -> _Counts:
    gaps = sorted({row.gap for row in planted})
    worlds = worlds_of(planted)
    found, asked = np.zeros((len(worlds), len(gaps))), np.zeros((len(worlds), len(gaps)))
    for row in planted:
        place = worlds.index(row.world), gaps.index(row.gap)
        asked[place] += 1
        found[place] += row.is_detected
    return _Counts(gaps=np.array(gaps), found=found, asked=asked)


def _rising(found: Float[np.ndarray, " gaps"], asked: Float[np.ndarray, " gaps"]) -> Float[np.ndarray, " gaps"]:
    return np.asarray(isotonic_regression(found / asked, weights=asked).x, dtype=float)


def _crossing(
    gaps: Float[np.ndarray, " gaps"], found: Float[np.ndarray, " gaps"], asked: Float[np.ndarray, " gaps"], power: float
) -> float:
    """Return where the curve first has the height ``power``; infinity where it never has."""
    there = asked > 0
    gaps, fit = gaps[there], _rising(found[there], asked[there])
    reached = np.flatnonzero(fit >= power - 1e-12)
    if not len(reached):
        return math.inf
    first = int(reached[0])
    if first == 0:
        return float(gaps[0])
    return float(np.interp(power, fit[first - 1 : first + 1], gaps[first - 1 : first + 1]))


def _resampled(counts: _Counts, power: float, level: float) -> tuple[float | None, float | None, str]:
    worlds = len(counts.found)
    if worlds < _FEWEST_RESAMPLED:
        return None, None, f"no interval: fewer than {_FEWEST_RESAMPLED} worlds to resample"
    rng = np.random.default_rng(derive_seed("calibration", "smallest gap"))
    weights = rng.multinomial(worlds, np.full(worlds, 1 / worlds), size=_DRAWS).astype(float)
    found, asked = weights @ counts.found, weights @ counts.asked
    crossings = sorted(_crossing(counts.gaps, *pair, power) for pair in zip(found, asked, strict=True))
    tail = (1 - level) / 2
    low, high = crossings[math.floor(tail * (_DRAWS - 1))], crossings[math.ceil((1 - tail) * (_DRAWS - 1))]
    return _finite(low), _finite(high), "percentiles over resampled worlds, too narrow where these are few"


def _told(counts: _Counts, crossing: float) -> str:
    found, asked = counts.found.sum(axis=0), counts.asked.sum(axis=0)
    if math.isinf(crossing):
        most = float(_rising(found, asked)[-1])
        return f"not reached within the doses: {most:.0%} at the largest gap, {counts.gaps[-1]:.2f}"
    if crossing <= counts.gaps[0]:
        return "at most: the smallest gap planted is found as often already"
    return "isotonic regression, straight between the gaps planted"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
