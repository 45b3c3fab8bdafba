"""Differences between two runs of the same prompts, paired by prompt: what both have in common cancels."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from audit.records import Method
from audit.stats.checks import check_finite
from audit.stats.clusters import ClusterEstimate, half_width, has_spread, no_interval, variance_of_mean
from audit.stats.intervals import check_level, clopper_pearson


def paired_difference(
    first: Float[np.ndarray, " prompts"],
    second: Float[np.ndarray, " _"],
    *,
    level: float = 0.95,
    bounds: tuple[float, float] | None = None,
) -> ClusterEstimate:
    """Mean over prompts of the first run's mean less the second run's mean of the same prompt.

    Formula: ``d +- t(G - 1) * s / sqrt(G)`` with d and s the mean and standard deviation of the G differences, cut at
    plus and minus the width of ``bounds``. Where all differences agree, s is 0 and says nothing. Then, if the values
    are bounded, the prompts that would differ otherwise are 0 hits among G: with u the upper end of their exact
    interval and w the width of the bounds, the interval is ``(1 - u) * d - u * w`` to ``(1 - u) * d + u * w``.
    Source: Student (1908), Biometrika 6(1):1-25, doi:10.1093/biomet/6.1.1; for u, Clopper and Pearson (1934),
    doi:10.1093/biomet/26.4.404.

    Args:
        first: One finite mean per prompt, in any unit; the result has the same.
        second: The mean of the same prompts in the other run, in the same order.
        level: Confidence level, in (0, 1).
        bounds: Smallest and largest value that a mean can have, where these are known.

    Returns:
        The difference, exactly 0 for the same numbers twice; without value where there is no prompt, without interval
        for fewer than two prompts and for unbounded values whose differences all agree.

    Raises:
        ValueError: If the lengths differ, a mean is not finite or out of bounds, or ``level`` outside (0, 1).

    Example:
        >>> found = paired_difference(np.array([0.6, 0.9, 0.4]), np.array([0.5, 0.6, 0.2]))
        >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
        (0.2, -0.0484, 0.4484)
        >>> found = paired_difference(np.zeros(24), np.zeros(24), bounds=(0.0, 1.0))
        >>> found.value, round(found.high, 4), found.method_text
        (0.0, 0.1425, 'exact (Clopper-Pearson) over prompts, whose differences all agree')
    """
    check_level(level)
    differences = _differences(first, second)
    width = _width(bounds, first, second)
    count = len(differences)
    if not count:
        return no_interval(None, Method.NOTHING, count)
    mean = math.fsum(differences) / count
    if count < 2:
        return no_interval(mean, Method.FEW, count)
    if has_spread(differences):
        half = half_width(variance_of_mean(differences), count - 1, level)
        low, high, method = mean - half, mean + half, Method.PAIRED_T
    elif bounds is None:
        return no_interval(mean, Method.ALIKE_DIFFERENCES, count)
    else:
        others = clopper_pearson(0, count, level=level).high
        low, high = (1 - others) * mean - others * width, (1 - others) * mean + others * width
        method = Method.EXACT_DIFFERENCES
    low, high = max(-width, low), min(width, high)
    return ClusterEstimate(value=mean, low=low, high=high, method=method, n=count, n_clusters=count)


def _differences(first: Float[np.ndarray, " prompts"], second: Float[np.ndarray, " _"]) -> Float[np.ndarray, " _"]:
    if len(first) != len(second):
        raise ValueError(f"Paired runs have the same prompts; got {len(first)} and {len(second)} of them.")
    check_finite("mean", first, second)
    return np.asarray(first - second)


def _width(bounds: tuple[float, float] | None, *runs: Float[np.ndarray, " _"]) -> float:
    if bounds is None:
        return math.inf
    smallest, largest = bounds
    if not smallest < largest:
        raise ValueError(f"The lower bound lies below the upper one; got {bounds}.")
    if not all(((means >= smallest) & (means <= largest)).all() for means in runs):
        raise ValueError(f"Values lie between {smallest} and {largest}; at least one is outside.")
    return largest - smallest
