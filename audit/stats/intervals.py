"""Intervals for one share, for the shares of several classes at once, and what the undetermined make of a share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import betaincinv, ndtri

from audit.records import Method

Count = int | float
"""A number of trials or hits; an effective number need not be whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Two ends, and how they were found."""

    low: float
    high: float
    method: Method


def check_level(level: float) -> float:
    """Return ``level`` if it is a confidence level.

    Raises:
        ValueError: If ``level`` lies outside (0, 1), as 95 does.

    Example:
        >>> check_level(0.95)
        0.95
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"A level lies between 0 and 1; got {level}. For 95 % write 0.95.")
    return level


def normal_quantile(level: float) -> float:
    """Two-sided standard normal quantile of a level.

    Raises:
        ValueError: If ``level`` lies outside (0, 1).

    Example:
        >>> round(normal_quantile(0.95), 4)
        1.96
    """
    return float(ndtri(0.5 + check_level(level) / 2))


def score_interval(share: float, n: Count, quantile: float) -> tuple[float, float]:
    """Ends of the score interval for a share, for any quantile.

    The ends are the roots t of ``(share - t)**2 = quantile**2 * t * (1 - t) / n``; they never leave [0, 1].

    Source: Wilson (1927), JASA 22(158):209-212, doi:10.1080/01621459.1927.10502953.

    Args:
        share: Observed share, in [0, 1].
        n: Number of independent trials, above 0; an effective number need not be whole.
        quantile: Two-sided quantile, normal or Student's.

    Example:
        >>> [round(end, 4) for end in score_interval(0.8, 10, 1.959964)]
        [0.4902, 0.9433]
    """
    spread = quantile * quantile / n
    centre = (share + spread / 2) / (1 + spread)
    half = math.sqrt(spread * share * (1 - share) + spread * spread / 4) / (1 + spread)
    low = 0.0 if share == 0 else max(0.0, centre - half)
    high = 1.0 if share == 1 else min(1.0, centre + half)
    return low, high


def wilson(hits: Count, n: Count, *, level: float = 0.95) -> Interval:
    """Wilson score interval for a share.

    Formula: see :func:`score_interval`, with the normal quantile of ``level``. It covers its level on average over
    shares, not at each: a share of 0.02 of 8 trials is covered in 86 %. Where no share may fall short, take
    :func:`clopper_pearson`.
    Source: Wilson (1927), JASA 22(158):209-212, doi:10.1080/01621459.1927.10502953.

    Args:
        hits: Number of successes, ``0 <= hits <= n``; need not be whole where ``n`` is an effective number.
        n: Number of independent trials, above 0.
        level: Confidence level, in (0, 1).

    Returns:
        Ends in [0, 1].

    Raises:
        ValueError: If there is no trial, ``hits`` lies outside [0, n], or ``level`` outside (0, 1).

    Example:
        >>> found = wilson(8, 10)
        >>> round(found.low, 4), round(found.high, 4)
        (0.4902, 0.9433)
    """
    check_counts(hits, n)
    low, high = score_interval(hits / n, n, normal_quantile(level))
    return Interval(low=low, high=high, method=Method.WILSON)


def clopper_pearson(hits: Count, n: Count, *, level: float = 0.95) -> Interval:
    """Exact interval for a share, which covers at least its level whatever the share.

    Formula: the ends are the quantiles ``a/2`` of Beta(hits, n - hits + 1) and ``1 - a/2`` of
    Beta(hits + 1, n - hits), with ``a = 1 - level``.
    Source: Clopper and Pearson (1934), Biometrika 26(4):404-413, doi:10.1093/biomet/26.4.404; for
    effective counts that are not whole, Korn and Graubard (1998), Survey Methodology 24(2):193-201.

    Args:
        hits: Number of successes, ``0 <= hits <= n``.
        n: Number of independent trials, above 0.
        level: Confidence level, in (0, 1).

    Returns:
        Ends in [0, 1].

    Raises:
        ValueError: If there is no trial, ``hits`` lies outside [0, n], or ``level`` outside (0, 1).

    Example:
        >>> found = clopper_pearson(0, 4)
        >>> round(found.low, 4), round(found.high, 4)
        (0.0, 0.6024)
    """
    check_counts(hits, n)
    tail = (1 - check_level(level)) / 2
    low = 0.0 if hits == 0 else float(betaincinv(hits, n - hits + 1, tail))
    high = 1.0 if hits == n else float(betaincinv(hits + 1, n - hits, 1 - tail))
    return Interval(low=low, high=high, method=Method.CLOPPER_PEARSON)


def goodman(counts: Sequence[Count], *, level: float = 0.95) -> tuple[Interval, ...]:
    """Simultaneous intervals for the shares of all classes of one multinomial count.

    Formula: for each of the k classes the score interval whose quantile is that of level
    ``1 - (1 - level) / k``, so that all k intervals hold together at ``level`` or more.
    Source: Goodman (1965), Technometrics 7(2):247-254, doi:10.1080/00401706.1965.10490252.

    Args:
        counts: One number per class, at least two classes, none negative; effective counts need not be whole.
        level: Confidence level that all intervals hold together, in (0, 1).

    Returns:
        One interval per class, in the order of ``counts``, with ends in [0, 1].

    Raises:
        ValueError: If there are fewer than two classes, a count is negative or not finite, all are 0, or
            ``level`` lies outside (0, 1).

    Example:
        >>> woman, man, mixed = goodman([6, 2, 0])
        >>> round(woman.low, 4), round(woman.high, 4), round(mixed.high, 4)
        (0.3471, 0.9442, 0.4174)
    """
    if len(counts) < 2:
        raise ValueError(f"Simultaneous intervals need at least two classes; got {len(counts)}.")
    if not all(math.isfinite(count) and count >= 0 for count in counts):
        raise ValueError(f"Counts are finite and not negative; got {list(counts)}.")
    n = math.fsum(counts)
    if n == 0:
        raise ValueError("All counts are 0; nothing was measured.")
    quantile = normal_quantile(1 - (1 - check_level(level)) / len(counts))
    ends = [score_interval(count / n, n, quantile) for count in counts]
    return tuple(Interval(low=low, high=high, method=Method.GOODMAN) for low, high in ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """A ratio of two shares with the ends of its interval; ``None`` where there is no end."""

    value: float
    low: float | None
    high: float | None


def impact_ratio(share: float, low: float | None, high: float | None) -> Ratio:
    """Return the share of the rarer of two groups over that of the other one.

    Formula: ``p / (1 - p)`` with ``p`` the share of the group that is at most one half. It rises with ``p``, so that
    the ends of the interval of ``p`` become those of the ratio, at the same level; at ``p = 1`` it has no end.
    Source: 6 RCNY 5-300, "impact ratio": the rate of a category divided by that of the most selected category.

    Args:
        share: Share of one of the groups, in [0, 1]; that of the other is one less it.
        low: Lower end of its interval; ``None`` for none.
        high: Upper end.

    Raises:
        ValueError: If the share is none.

    Example:
        >>> found = impact_ratio(0.8, 0.75, 0.9)
        >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
        (0.25, 0.1111, 0.3333)
    """
    if not 0 <= share <= 1:
        raise ValueError(f"A share lies between 0 and 1; got {share}.")
    if share > 0.5:
        return impact_ratio(1 - share, None if high is None else 1 - high, None if low is None else 1 - low)
    ends = (None if end is None or end >= 1 else max(end, 0.0) / (1 - max(end, 0.0)) for end in (low, high))
    return Ratio(value=share / (1 - share), low=next(ends), high=next(ends))


def check_counts(hits: Count, n: Count) -> None:
    """Refuse hits that ``n`` trials cannot have.

    Raises:
        ValueError: If ``n`` is not above 0, or ``hits`` lies outside [0, n].

    Example:
        >>> check_counts(3, 4)
    """
    if not (math.isfinite(n) and n > 0):
        raise ValueError(f"A share needs at least one trial; got n = {n}.")
    if not 0 <= hits <= n:
        raise ValueError(f"Hits lie between 0 and n = {n}; got {hits}.")


def check_finite(what: str, *arrays: np.ndarray | float) -> None:
    """Refuse a number that is missing or infinite.

    Args:
        what: What one of the numbers is, in the singular ("mean", "difference").
        arrays: The numbers, in any shape.

    Raises:
        ValueError: If one is NaN or infinite.

    Example:
        >>> check_finite("mean", np.array([0.5, 0.25]), 1.0)
    """
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError(f"A {what} is missing or infinite; leave missing ones out and count them first.")


def undetermined_bounds(
    hits: Float[np.ndarray, " prompts"],
    misses: Float[np.ndarray, " _"],
    undetermined: Float[np.ndarray, " _"],
) -> Interval | None:
    """Smallest and largest share of hits that any reading of the undetermined images allows.

    Formula: the mean over prompts of ``hits / n`` and of ``(hits + undetermined) / n``, where n is the sum of
    the three. No assumption is made about why an image is undetermined; the bounds carry no sampling error.
    Source: Manski (1990), American Economic Review 80(2):319-323; Horowitz and Manski (2000), JASA
    95(449):77-84, doi:10.1080/01621459.2000.10473902.

    Args:
        hits: Number of images per prompt that count.
        misses: Number of images per prompt that do not.
        undetermined: Number of images per prompt of which nobody can tell.

    Returns:
        Bounds in [0, 1], around the mean over prompts of ``hits / (hits + misses)``; ``None`` without images.

    Raises:
        ValueError: If the lengths differ, or a count is negative or not finite.

    Example:
        >>> found = undetermined_bounds(np.array([3.0, 1.0]), np.array([1.0, 1.0]), np.array([0.0, 2.0]))
        >>> found.low, found.high
        (0.5, 0.75)
    """
    if not len(hits) == len(misses) == len(undetermined):
        raise ValueError(f"One count of each kind per prompt; got {len(hits)}, {len(misses)}, {len(undetermined)}.")
    counts = np.stack([hits, misses, undetermined])
    if not (np.isfinite(counts).all() and (counts >= 0).all()):
        raise ValueError("Counts are finite and not negative; at least one is not.")
    total = counts.sum(axis=0)
    there = total > 0
    if not there.any():
        return None
    low = math.fsum(hits[there] / total[there]) / int(there.sum())
    high = math.fsum((hits + undetermined)[there] / total[there]) / int(there.sum())
    return Interval(low=low, high=high, method=Method.BOUNDS)
