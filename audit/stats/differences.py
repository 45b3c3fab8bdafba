"""Differences between independent sets of prompts."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from audit.records import Method
from audit.stats.checks import check_finite
from audit.stats.clusters import ClusterEstimate, half_width, has_spread, no_interval, share_interval, variance_of_mean
from audit.stats.intervals import check_level


def welch_difference(
    first: Float[np.ndarray, " first"],
    second: Float[np.ndarray, " second"],
    *,
    level: float = 0.95,
    shares: bool = False,
    trials: tuple[int, int] | None = None,
) -> ClusterEstimate:
    """Mean of the first set of cluster means minus the mean of the second, which is independent of it.

    Formula: ``d +- t(df) * sqrt(v1 + v2)`` with v the variance of each mean and Satterthwaite's
    ``df = (v1 + v2)**2 / (v1**2 / (G1 - 1) + v2**2 / (G2 - 1))``. For shares the ends stay in [-1, 1]; and
    where the clusters of a set all agree, its variance of 0 says nothing, so the interval is put together
    from the two single ones: ``d - sqrt((p1 - l1)**2 + (u2 - p2)**2)``, ``d + sqrt((u1 - p1)**2 + (p2 - l2)**2)``.
    With ``trials`` this is done for all shares. In simulation it covers 96 % and more for 4 to 24 prompts a side, and
    is not longer; Welch's t covers as little as 91 % where one of the shares is small.
    Source: Welch (1947), Biometrika 34(1-2):28-35, doi:10.1093/biomet/34.1-2.28; Zou and Donner (2008),
    Statistics in Medicine 27(10):1693-1702, doi:10.1002/sim.3095.

    Args:
        first: Means of the clusters (prompts) of the first set, finite.
        second: Means of the clusters of the second set, in the same unit.
        level: Confidence level, in (0, 1).
        shares: Whether the means are shares in [0, 1].
        trials: Number of single answers behind the shares of each set, where they are known and are answers of their
            own; a set is worth no more trials than that, as in :func:`~audit.stats.clusters.share_interval`.

    Returns:
        The difference, in the unit of the means; ``n`` and ``n_clusters`` count the clusters of both sets.
        Without value where a set is empty, without interval where one has fewer than two clusters.

    Raises:
        ValueError: If a mean is not finite, a share lies outside [0, 1], or ``level`` outside (0, 1).

    Example:
        >>> found = welch_difference(np.array([0.6, 0.8, 1.0]), np.array([0.1, 0.2, 0.0]), shares=True)
        >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
        (0.7, 0.2845, 1.0)
    """
    check_level(level)
    check_finite("mean", first, second)
    if shares and not all(((means >= 0) & (means <= 1)).all() for means in (first, second)):
        raise ValueError("Shares lie between 0 and 1; at least one is outside.")
    count = len(first) + len(second)
    if not (len(first) and len(second)):
        return no_interval(None, Method.NOTHING, count)
    value = math.fsum(first) / len(first) - math.fsum(second) / len(second)
    if len(first) < 2 or len(second) < 2:
        return no_interval(value, Method.FEW_ON_A_SIDE, count)
    if has_spread(first) and has_spread(second) and not (shares and trials):
        half = _half_width([variance_of_mean(first), variance_of_mean(second)], [len(first), len(second)], level)
        low, high, method = value - half, value + half, Method.WELCH
    elif shares:
        low, high = _from_single_intervals((first, second), trials or (None, None), value, level)
        method = Method.COMBINED
    else:
        return no_interval(value, Method.ALIKE_ON_A_SIDE, count)
    if shares:
        low, high = max(-1.0, low), min(1.0, high)
    return ClusterEstimate(value=value, low=low, high=high, method=method, n=count, n_clusters=count)


def _half_width(variances: list[float], counts: list[int], level: float) -> float:
    total = math.fsum(variances)
    freedom = total**2 / math.fsum(part**2 / (count - 1) for part, count in zip(variances, counts, strict=True))
    return half_width(total, freedom, level)


def _from_single_intervals(
    sets: tuple[Float[np.ndarray, " first"], Float[np.ndarray, " second"]],
    trials: tuple[int | None, int | None],
    value: float,
    level: float,
) -> tuple[float, float]:
    one, two = (share_interval(means, level=level, trials=most) for means, most in zip(sets, trials, strict=True))
    share_one, share_two = (math.fsum(means) / len(means) for means in sets)
    low = value - math.hypot(share_one - one.low, two.high - share_two)
    high = value + math.hypot(one.high - share_one, share_two - two.low)
    return low, high
