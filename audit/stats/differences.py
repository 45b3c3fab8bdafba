"""Differences between independent sets of prompts, and the place of one set between two others."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from scipy.special import stdtrit

from audit.stats.clusters import ClusterEstimate, has_spread, share_interval, variance_of_mean
from audit.stats.intervals import check_level


def welch_difference(
    first: Float[np.ndarray, " first"],
    second: Float[np.ndarray, " second"],
    *,
    level: float = 0.95,
    shares: bool = False,
) -> ClusterEstimate:
    """Mean of the first set of cluster means minus the mean of the second, which is independent of it.

    Formula: ``d +- t(df) * sqrt(v1 + v2)`` with v the variance of each mean and Satterthwaite's
    ``df = (v1 + v2)**2 / (v1**2 / (G1 - 1) + v2**2 / (G2 - 1))``. For shares the ends stay in [-1, 1]; and
    where the clusters of a set all agree, its variance of 0 says nothing, so the interval is put together
    from the two single ones: ``d - sqrt((p1 - l1)**2 + (u2 - p2)**2)``, ``d + sqrt((u1 - p1)**2 + (p2 - l2)**2)``.
    Source: Welch (1947), Biometrika 34(1-2):28-35, doi:10.1093/biomet/34.1-2.28; Zou and Donner (2008),
    Statistics in Medicine 27(10):1693-1702, doi:10.1002/sim.3095.

    Args:
        first: Means of the clusters (prompts) of the first set, finite.
        second: Means of the clusters of the second set, in the same unit.
        level: Confidence level, in (0, 1).
        shares: Whether the means are shares in [0, 1].

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
    _check_means(first, second)
    if shares and not all(((means >= 0) & (means <= 1)).all() for means in (first, second)):
        raise ValueError("Shares lie between 0 and 1; at least one is outside.")
    count = len(first) + len(second)
    if not (len(first) and len(second)):
        return ClusterEstimate(value=None, low=None, high=None, method="nothing measured", n=count, n_clusters=count)
    value = math.fsum(first) / len(first) - math.fsum(second) / len(second)
    if len(first) < 2 or len(second) < 2:
        why = "no interval: a side has fewer than two clusters"
        return ClusterEstimate(value=value, low=None, high=None, method=why, n=count, n_clusters=count)
    if has_spread(first) and has_spread(second):
        half = _half_width([variance_of_mean(first), variance_of_mean(second)], [len(first), len(second)], level)
        low, high, method = value - half, value + half, "Welch's t"
    elif shares:
        low, high = _from_single_intervals(value, first, second, level)
        method = "combined single intervals (Zou and Donner)"
    else:
        why = "no interval: the clusters of a side all agree"
        return ClusterEstimate(value=value, low=None, high=None, method=why, n=count, n_clusters=count)
    if shares:
        low, high = max(-1.0, low), min(1.0, high)
    return ClusterEstimate(value=value, low=low, high=high, method=method, n=count, n_clusters=count)


def relative_position(
    middle: Float[np.ndarray, " middle"],
    lower: Float[np.ndarray, " lower"],
    upper: Float[np.ndarray, " upper"],
    *,
    level: float = 0.95,
) -> ClusterEstimate:
    """Place of one set of prompts on the scale that two others span: -1 at the lower anchor, +1 at the upper.

    Formula: ``f = 2 * (x - a) / (b - a) - 1`` of the three means, with the delta method:
    ``var f = (2/d)**2 * var x + (2*(b - x)/d**2)**2 * var a + (2*(x - a)/d**2)**2 * var b``, ``d = b - a``,
    and Student's t with Satterthwaite's degrees of freedom.
    Source: Casella and Berger (2002), Statistical Inference, section 5.5.4; Satterthwaite (1946),
    Biometrics Bulletin 2(6):110-114, doi:10.2307/3002019.

    Args:
        middle: Means of the prompts to be placed.
        lower: Means of the prompts that stand for -1.
        upper: Means of the prompts that stand for +1.
        level: Confidence level, in (0, 1).

    Returns:
        The place, without unit; it lies outside [-1, 1] for a set outside its anchors. Without value where a
        set is empty, or where the anchors do not lie in order, surely so: their difference must be larger than
        twice its standard error.

    Raises:
        ValueError: If a mean is not finite, or ``level`` lies outside (0, 1).

    Example:
        >>> found = relative_position(np.array([0.4, 0.6]), np.array([-0.9, -1.1]), np.array([0.9, 1.1]))
        >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
        (0.5, -0.0485, 1.0485)
    """

    def place(x: float, a: float, b: float) -> tuple[float, ...]:
        span = b - a
        return 2 * (x - a) / span - 1, 2 / span, 2 * (b - x) / span**2, 2 * (x - a) / span**2

    return _on_scale((middle, lower, upper), place, level)


def relative_shift(
    shifts: Float[np.ndarray, " shifts"],
    lower: Float[np.ndarray, " lower"],
    upper: Float[np.ndarray, " upper"],
    *,
    level: float = 0.95,
) -> ClusterEstimate:
    """Mean of paired differences in units of half the way between two anchors.

    This is :func:`relative_position` with a zero of its own in place of the anchors' middle.

    Formula: ``f = 2 * m / (b - a)`` of the means m of the shifts and a, b of the anchors, with the delta method:
    ``var f = (2/d)**2 * var m + (2*m/d**2)**2 * (var a + var b)``, ``d = b - a``, and Student's t as there.

    Args:
        shifts: Mean difference of each prompt from its own zero.
        lower: Means of the prompts that stand for -1.
        upper: Means of the prompts that stand for +1.
        level: Confidence level, in (0, 1).

    Returns:
        The shift, without unit, and without value as in :func:`relative_position`.

    Raises:
        ValueError: If a mean is not finite, or ``level`` lies outside (0, 1).

    Example:
        >>> found = relative_shift(np.array([0.4, 0.6]), np.array([-0.9, -1.1]), np.array([0.9, 1.1]))
        >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
        (0.5, -0.3445, 1.3445)
    """

    def place(x: float, a: float, b: float) -> tuple[float, ...]:
        span = b - a
        return 2 * x / span, 2 / span, 2 * x / span**2, 2 * x / span**2

    return _on_scale((shifts, lower, upper), place, level)


def _on_scale(
    sets: tuple[Float[np.ndarray, " _"], ...], place: Callable[[float, float, float], tuple[float, ...]], level: float
) -> ClusterEstimate:
    """Return the place of the first set on the scale of the other two; ``place`` gives it with its three slopes."""
    check_level(level)
    _check_means(*sets)
    count = sum(len(means) for means in sets)
    if not all(len(means) for means in sets):
        return ClusterEstimate(value=None, low=None, high=None, method="nothing measured", n=count, n_clusters=count)
    x, a, b = (math.fsum(means) / len(means) for means in sets)
    variances = [variance_of_mean(means) if len(means) > 1 else math.nan for means in sets]
    error = math.sqrt(variances[1] + variances[2])
    if b - a <= 0 or b - a <= 2 * error:
        why = "not placed: the anchors are not in order"
        return ClusterEstimate(value=None, low=None, high=None, method=why, n=count, n_clusters=count)
    value, *slopes = place(x, a, b)
    parts = [slope * slope * variance for slope, variance in zip(slopes, variances, strict=True)]
    if not math.isfinite(sum(parts)) or sum(parts) == 0:
        why = "no interval: a set has fewer than two prompts, or no spread"
        return ClusterEstimate(value=value, low=None, high=None, method=why, n=count, n_clusters=count)
    half = _half_width(parts, [len(means) for means in sets], level)
    method = "delta method with t over prompts"
    return ClusterEstimate(value=value, low=value - half, high=value + half, method=method, n=count, n_clusters=count)


def _half_width(variances: list[float], counts: list[int], level: float) -> float:
    total = math.fsum(variances)
    freedom = total**2 / math.fsum(part**2 / (count - 1) for part, count in zip(variances, counts, strict=True))
    return float(stdtrit(freedom, 0.5 + level / 2)) * math.sqrt(total)


def _from_single_intervals(
    value: float, first: Float[np.ndarray, " first"], second: Float[np.ndarray, " second"], level: float
) -> tuple[float, float]:
    one = share_interval(first, most=len(first), level=level)
    two = share_interval(second, most=len(second), level=level)
    share_one, share_two = math.fsum(first) / len(first), math.fsum(second) / len(second)
    low = value - math.hypot(share_one - one.low, two.high - share_two)
    high = value + math.hypot(one.high - share_one, share_two - two.low)
    return low, high


def _check_means(*sets: Float[np.ndarray, " _"]) -> None:
    if not all(np.isfinite(means).all() for means in sets):
        raise ValueError("A mean is missing or infinite; leave missing ones out and count them first.")
