"""Interval and test of a paired difference from its values without each unit in turn."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from scipy.special import stdtr, stdtrit

from audit.stats import ClusterEstimate, TestResult, sign_test
from audit.stats.clusters import has_spread, variance_of_mean
from audit.stats.intervals import check_level


def jackknife_difference(
    whole: float, left_out: Float[np.ndarray, " units"], *, level: float = 0.95
) -> ClusterEstimate:
    """Interval for a paired difference of any statistic.

    Formula: ``whole +- t(G - 1) * s / sqrt(G)`` with s the standard deviation of the G pseudo-values
    ``G * whole - (G - 1) * left_out``.
    Source: Tukey (1958), Annals of Mathematical Statistics 29(2):614 (abstract); Efron and Stein (1981), Annals of
    Statistics 9(3):586-596, doi:10.1214/aos/1176345462.

    Args:
        whole: The difference over all units, in any unit of measure; the result has the same.
        left_out: The difference without each unit in turn.
        level: Confidence level, in (0, 1).

    Returns:
        The difference; without interval for fewer than two units, and where it is the same whichever is left out.

    Raises:
        ValueError: If a number is not finite, or ``level`` lies outside (0, 1).

    Example:
        >>> found = jackknife_difference(0.25, np.array([0.9, 0.7, 0.8, 0.6]) / 3)
        >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
        (0.25, 0.0446, 0.4554)
    """
    check_level(level)
    pseudo = _pseudo_values(whole, left_out)
    count = len(pseudo)
    if count < 2 or not has_spread(left_out):
        why = "fewer than two units" if count < 2 else "it is the same whichever unit is left out"
        return ClusterEstimate(
            value=whole, low=None, high=None, method=f"no interval: {why}", n=count, n_clusters=count
        )
    half = float(stdtrit(count - 1, 0.5 + level / 2)) * math.sqrt(variance_of_mean(pseudo))
    method = "jackknife over units, t"
    return ClusterEstimate(value=whole, low=whole - half, high=whole + half, method=method, n=count, n_clusters=count)


def jackknife_test(whole: float, left_out: Float[np.ndarray, " units"]) -> TestResult:
    """Two-sided test that a paired difference is 0; it agrees with the interval.

    Formula: Student's t with G - 1 degrees of freedom on ``whole`` over its jackknife standard error; where there is
    no spread, the exact sign test, as if every unit had the difference.
    Source: as for :func:`jackknife_difference`.

    Args:
        whole: The difference over all units.
        left_out: The difference without each unit in turn.

    Returns:
        The p-value; ``None`` for fewer than two units.

    Raises:
        ValueError: If a number is not finite.

    Example:
        >>> round(jackknife_test(0.25, np.array([0.9, 0.7, 0.8, 0.6]) / 3).p_value, 4)
        0.0305
    """
    pseudo = _pseudo_values(whole, left_out)
    count = len(pseudo)
    if count < 2:
        return TestResult(p_value=None, method="not tested: fewer than two units", n=count)
    if not has_spread(left_out):
        return sign_test(np.full(count, whole), 0.0)
    statistic = whole / math.sqrt(variance_of_mean(pseudo))
    p_value = min(1.0, 2 * float(stdtr(count - 1, -abs(statistic))))
    return TestResult(p_value=p_value, method="jackknife t test over units", n=count)


def _pseudo_values(whole: float, left_out: Float[np.ndarray, " units"]) -> Float[np.ndarray, " units"]:
    if not (math.isfinite(whole) and np.isfinite(left_out).all()):
        raise ValueError("A difference is missing or infinite; leave missing ones out and count them first.")
    return np.asarray(whole + (len(left_out) - 1) * (whole - left_out))
