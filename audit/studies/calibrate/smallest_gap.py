"""The smallest gap that an audit finds with a given power: what it can be relied on to see."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float
from scipy.optimize import isotonic_regression

from audit.seeding import derive_seed
from audit.stats import ClusterEstimate
from audit.studies.calibrate.detection import NO_DOSED, NO_INTERVAL, share_over_worlds
from audit.studies.calibrate.planted_and_measured import Row, worlds_of

POWER: Final = 0.8
_DRAWS: Final = 2000
_FEWEST: Final = 4
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
    if worlds < _FEWEST:
        return None, None, f"no interval: fewer than {_FEWEST} worlds to resample"
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
