"""Difference of any statistic between two paired runs, by leaving out one prompt (or concept) at a time.

A statistic that is no mean over prompts, such as a read-off grade or a mean absolute gap, has no standard error of its
own. Taken twice more for every prompt, without that prompt in either run, it shows how much it hangs on each.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from scipy.special import stdtr

from audit.records import Method
from audit.stats.clusters import ClusterEstimate, half_width, has_spread, no_interval, variance_of_mean
from audit.stats.hypotheses import TestResult, sign_test
from audit.stats.intervals import check_finite, check_level


def pseudo_values(whole: float, left_out: Float[np.ndarray, " units"]) -> Float[np.ndarray, " units"]:
    """What each unit adds to a statistic; for a mean of units, the units themselves.

    Formula: ``G * whole - (G - 1) * left_out`` for G units.
    Source: Tukey (1958), Annals of Mathematical Statistics 29(2):614 (abstract).

    Args:
        whole: The statistic over all units, or the difference of two such statistics.
        left_out: The same without each unit in turn. A unit may be a group of prompts, if groups are about as large.

    Raises:
        ValueError: If a number is not finite.

    Example:
        >>> values = np.array([0.0, 0.5, 1.0])
        >>> pseudo_values(values.mean(), np.array([0.75, 0.5, 0.25])).tolist()
        [0.0, 0.5, 1.0]
    """
    check_finite("value of the statistic", whole, left_out)
    count = len(left_out)
    return np.asarray(whole + (count - 1) * (whole - left_out))


def jackknife_difference(
    whole: float, left_out: Float[np.ndarray, " units"], *, level: float = 0.95, unit: str = "units"
) -> ClusterEstimate:
    """Interval for a statistic, or a paired difference of two, from its values without each unit in turn.

    Formula: ``whole +- t(G - 1) * sqrt((G - 1) / G * sum((left_out - mean(left_out))**2))``, which is Student's
    interval over the G pseudo-values, put around the statistic itself: what is reported is not moved by an
    estimate of its bias.
    Source: Tukey (1958), Annals of Mathematical Statistics 29(2):614 (abstract); Efron and Stein (1981), Annals of
    Statistics 9(3):586-596, doi:10.1214/aos/1176345462, who show that this variance is too large rather than too
    small. It holds for statistics that are smooth in the units, so not for a median or a maximum.

    Args:
        whole: The difference over all units, in the unit of the statistic.
        left_out: The difference without each unit in turn; the unit is left out of both runs.
        level: Confidence level, in (0, 1).
        unit: What is left out, in the plural.

    Returns:
        The difference; without interval for fewer than two units, and where it is the same whichever is left out.

    Raises:
        ValueError: If a number is not finite, or ``level`` lies outside (0, 1).

    Example:
        >>> differences = np.array([0.1, 0.3, 0.2, 0.4])
        >>> found = jackknife_difference(0.25, np.array([0.9, 0.7, 0.8, 0.6]) / 3)
        >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
        (0.25, 0.0446, 0.4554)
    """
    check_level(level)
    added = pseudo_values(whole, left_out)
    count = len(added)
    if count < 2:
        return no_interval(whole, Method.FEW, count, over=unit)
    if not has_spread(left_out):
        return no_interval(whole, Method.SAME_WITHOUT, count, over=unit)
    half = half_width(variance_of_mean(added), count - 1, level)
    return ClusterEstimate(
        value=whole,
        low=whole - half,
        high=whole + half,
        method=Method.JACKKNIFE,
        n=count,
        n_clusters=count,
        over=unit,
    )


def jackknife_test(whole: float, left_out: Float[np.ndarray, " units"], *, unit: str = "units") -> TestResult:
    """Two-sided test that a statistic, or a paired difference of two, is 0; it agrees with the interval.

    Formula: Student's t with G - 1 degrees of freedom on ``whole`` over its jackknife standard error. Where the
    statistic is the same whichever unit is left out there is no standard error: then the exact sign test answers, as if
    every unit had the difference.
    Source: as for :func:`jackknife_difference`.

    Args:
        whole: The difference over all units.
        left_out: The difference without each unit in turn.
        unit: What is left out, in the plural.

    Returns:
        The p-value; 1 where both runs are the same, ``None`` for fewer than two units.

    Raises:
        ValueError: If a number is not finite.

    Example:
        >>> round(jackknife_test(0.25, np.array([0.9, 0.7, 0.8, 0.6]) / 3).p_value, 4)
        0.0305
        >>> jackknife_test(0.0, np.zeros(4)).p_value
        1.0
    """
    added = pseudo_values(whole, left_out)
    count = len(added)
    if count < 2:
        return TestResult(p_value=None, method=f"not tested: fewer than two {unit}", n=count)
    if not has_spread(left_out):
        return sign_test(np.full(count, whole), 0.0, unit=unit)
    statistic = whole / math.sqrt(variance_of_mean(added))
    p_value = 2 * float(stdtr(count - 1, -abs(statistic)))
    return TestResult(p_value=p_value, method=f"jackknife t test over {unit}", n=count)
