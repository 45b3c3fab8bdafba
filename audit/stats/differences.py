"""Differences: between independent sets of prompts, over a floor, and between two runs of the same prompts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq

from audit.records import Method
from audit.stats.clusters import (
    SAME,
    ClusterEstimate,
    half_width,
    has_spread,
    no_interval,
    share_interval,
    variance_of_mean,
)
from audit.stats.hypotheses import TestResult
from audit.stats.intervals import check_finite, check_level, clopper_pearson

_FEW: Final = 5
"""Prompts that differ, below which the spread of the differences says little."""
_LEVELS: Final = (1e-9, 1 - 1e-9)
"""Levels between which that of a p-value is looked for."""


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
    With ``trials`` this is done for all shares. In simulation it covers 96 % and more for 4 to 24 prompts a side;
    Welch's t covers as little as 91 % where one of the shares is small.
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
    if shares:
        _check_shares(first, second)
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


def _check_shares(*sets: Float[np.ndarray, " _"]) -> None:
    if not all(((means >= 0) & (means <= 1)).all() for means in sets):
        raise ValueError("Shares lie between 0 and 1; at least one is outside.")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class OverFloor:
    """By how much a share exceeds its floor, and the one-sided test that it does not."""

    excess: ClusterEstimate
    test: TestResult


def excess_over_floor(
    shares: Float[np.ndarray, " clusters"], floor: Float[np.ndarray, " floor"], *, level: float = 0.95
) -> OverFloor:
    """By how much a share exceeds a floor that was measured too, and whether it surely does.

    A judge flags some pictures of clothed people. So a rate of unsafe pictures is held against the rate among these,
    and not against 0, which an interval leaves at the first flagged image.

    Formula: with l and u the ends of the single intervals, those of :func:`~audit.stats.clusters.share_interval`, that
    of the excess d is ``d - sqrt((p1 - l1)**2 + (u2 - p2)**2)`` to ``d + sqrt((u1 - p1)**2 + (p2 - l2)**2)``. The
    p-value is half of one less the level at which the lower end is 0, and 1 where d is not above 0; so the uncertainty
    of the floor counts, and no hit in few clothed people proves no floor of 0. In simulation with equal shares of 0.01
    to 0.2 it is below 0.05 in at most 3 %; a share of 0.3 against a floor of 0.05 is found in half of the cases with 8
    prompts against 56, in 70 % with 24 against 24.
    Source: Zou and Donner (2008), Statistics in Medicine 27(10):1693-1702, doi:10.1002/sim.3095.

    Args:
        shares: Share of hits of every cluster (a prompt, or a concept), in [0, 1].
        floor: The same of the images of known innocence.
        level: Confidence level of the interval, in (0, 1).

    Returns:
        The excess with its interval and the one-sided test: without value where a side is empty, without interval and
        untested where one has fewer than two clusters.

    Raises:
        ValueError: If a share lies outside [0, 1], or ``level`` outside (0, 1).

    Example:
        >>> found = excess_over_floor(np.array([0.5, 0.5, 1.0, 0.0]), np.zeros(48))
        >>> round(found.excess.value, 4), round(found.excess.low, 4), round(found.test.p_value, 4)
        (0.5, 0.0613, 0.0015)
    """
    check_level(level)
    check_finite("share", shares, floor)
    _check_shares(shares, floor)
    count = len(shares) + len(floor)
    if min(len(shares), len(floor)) < 2:
        some = len(shares) and len(floor)
        value = math.fsum(shares) / len(shares) - math.fsum(floor) / len(floor) if some else None
        excess = no_interval(value, Method.FEW_ON_A_SIDE if some else Method.NOTHING, count)
        return OverFloor(excess=excess, test=TestResult(p_value=None, method=f"not tested: {excess.method}", n=count))
    value = math.fsum(shares) / len(shares) - math.fsum(floor) / len(floor)
    low, high = _from_single_intervals((shares, floor), (None, None), value, level)
    return OverFloor(
        excess=ClusterEstimate(value=value, low=low, high=high, method=Method.COMBINED, n=count, n_clusters=count),
        test=TestResult(p_value=_chance(shares, floor, value), method="one-sided exact test", n=count),
    )


def _chance(shares: Float[np.ndarray, " clusters"], floor: Float[np.ndarray, " floor"], value: float) -> float:
    """Return half of one less the level at which the lower end of the excess is 0."""
    if value <= 0:
        return 1.0

    def low(level: float) -> float:
        return _from_single_intervals((shares, floor), (None, None), value, level)[0]

    least, most = _LEVELS
    if low(most) >= 0:
        return (1 - most) / 2
    return (1 - float(brentq(low, least, most))) / 2 if low(least) > 0 else 0.5


def excess_over_references(
    own: Float[np.ndarray, " prompts"],
    matched: Float[np.ndarray, " matched"],
    every: Float[np.ndarray, " references"],
    *,
    level: float = 0.95,
) -> ClusterEstimate:
    """By how much the share of one concept exceeds that of another of the kind of its references.

    A name is compared with names like it, which differ among themselves: what is asked is whether it is more than one
    of them could be.

    Formula: with p the mean over the G prompts of the concept and v its variance, M matched references of mean r, and
    S**2 the variance of the means of all R references, the interval is ``p - r +- t(R - 1) * sqrt(v + S**2 * (1 +
    1/M))``, and no narrower than that which :func:`excess_over_floor` puts together of the single intervals. In
    simulation with 8 to 64 references, a subject that is one of their kind is outside in at most 6.2 % and above in at
    most 4.6 % (prompts as units, without the spread between references: 4 to 88 %).
    Source: for the spread of a further member, Gelman and Hill (2007), Data Analysis Using Regression and
    Multilevel/Hierarchical Models, section 12.3; Student's prediction interval.

    Args:
        own: Share of hits of every prompt of the concept, in [0, 1].
        matched: Mean share of every reference that the concept is compared with.
        every: Mean share of every reference of the kind, the matched ones among them.
        level: Confidence level, in (0, 1).

    Returns:
        The excess; ``n_clusters`` counts the references of ``every``. Without value where a side is empty, without
        interval for fewer than two prompts or two references.

    Raises:
        ValueError: If a share lies outside [0, 1], or ``level`` outside (0, 1).

    Example:
        >>> found = excess_over_references(np.ones(4), np.array([0.0, 0.1]), np.array([0.0, 0.1, 0.2, 0.0, 0.1]))
        >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
        (0.95, 0.1483, 1.0)
    """
    check_level(level)
    check_finite("share", own, matched, every)
    _check_shares(own, matched, every)
    count = len(every)
    if not (len(own) and len(matched)):
        return no_interval(None, Method.NOTHING, count, over="references")
    value = math.fsum(own) / len(own) - math.fsum(matched) / len(matched)
    if len(own) < 2 or count < 2:
        return no_interval(value, Method.FEW_ON_A_SIDE, count, over="references")
    between = variance_of_mean(every) * count
    half = half_width(variance_of_mean(own) + between * (1 + 1 / len(matched)), count - 1, level)
    apart = math.fsum(own) / len(own) - math.fsum(every) / count
    low, high = (end + value - apart for end in _from_single_intervals((own, every), (None, None), apart, level))
    return ClusterEstimate(
        value=value,
        low=max(-1.0, min(low, value - half)),
        high=min(1.0, max(high, value + half)),
        method=Method.OVER_REFERENCES,
        n=len(own) + count,
        n_clusters=count,
        over="references",
    )


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
    interval and w the width of the bounds, the interval is ``(1 - u) * d - u * w`` to ``(1 - u) * d + u * w``. Where
    only some prompts differ, and fewer than five, s says little; then the mean rise and the mean fall are shares of w
    with a trial a prompt, put together as in :func:`excess_over_floor`, and the interval is as wide as that and as t's.
    In simulation with shares of 0.003 to 0.3 it covers 92.8 % and more, where t covers 68 to 85 % of rare rises in 4 to
    14 prompts.
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
        if bounds is not None and 0 < int((np.abs(differences) > SAME * width).sum()) < min(_FEW, count):
            least, most = _by_rises(differences / width, level)
            low, high, method = min(low, least * width), max(high, most * width), Method.FEW_DIFFER
    elif bounds is None:
        return no_interval(mean, Method.ALIKE_DIFFERENCES, count)
    else:
        others = clopper_pearson(0, count, level=level).high
        low, high = (1 - others) * mean - others * width, (1 - others) * mean + others * width
        method = Method.EXACT_DIFFERENCES
    low, high = max(-width, low), min(width, high)
    return ClusterEstimate(value=mean, low=low, high=high, method=method, n=count, n_clusters=count)


def _by_rises(differences: Float[np.ndarray, " prompts"], level: float) -> tuple[float, float]:
    """Return the interval of the mean of differences in [-1, 1], of which few are not 0."""
    rises, falls = np.maximum(differences, 0.0), np.maximum(-differences, 0.0)
    value = math.fsum(differences) / len(differences)
    return _from_single_intervals((rises, falls), (None, None), value, level)


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
