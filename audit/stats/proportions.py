"""Differences of two proportions of single yes-or-no answers, by putting together their score intervals.

For answers that are independent, such as one per prompt. Several answers per prompt are averaged within it first, and
:func:`~audit.stats.differences.welch_difference` or :func:`~audit.stats.pairs.paired_difference` compares the means.
"""

from __future__ import annotations

import math

from audit.stats.intervals import Count, Interval, wilson


def newcombe_difference(
    first_hits: Count, first_n: Count, second_hits: Count, second_n: Count, *, level: float = 0.95
) -> Interval:
    """Hybrid score interval for the first proportion less the second, which is independent of it.

    Formula: with p the proportions, and l and u the ends of their Wilson intervals at ``level``,
    ``d - sqrt((p1 - l1)**2 + (u2 - p2)**2)`` to ``d + sqrt((u1 - p1)**2 + (p2 - l2)**2)``.
    Source: Newcombe (1998), Statistics in Medicine 17(8):873-890, method 10,
    doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I.

    Args:
        first_hits: Number of successes of the first, ``0 <= hits <= n``.
        first_n: Number of independent trials of the first, above 0.
        second_hits: Number of successes of the second.
        second_n: Number of independent trials of the second, above 0.
        level: Confidence level, in (0, 1).

    Returns:
        Ends in [-1, 1].

    Raises:
        ValueError: If a side has no trial, hits lie outside [0, n], or ``level`` outside (0, 1).

    Example:
        >>> found = newcombe_difference(56, 70, 48, 80)
        >>> round(found.low, 4), round(found.high, 4)
        (0.0524, 0.3339)
    """
    one, two = wilson(first_hits, first_n, level=level), wilson(second_hits, second_n, level=level)
    return _combined(first_hits / first_n, one, second_hits / second_n, two, phi=0.0, method="Newcombe")


def newcombe_paired_difference(
    both: Count, first_only: Count, second_only: Count, neither: Count, *, level: float = 0.95
) -> Interval:
    """Score interval for the first proportion less the second, of pairs that were both asked.

    Formula: as for :func:`newcombe_difference`, with ``- 2 * phi * (p1 - l1) * (u2 - p2)`` and
    ``- 2 * phi * (u1 - p1) * (p2 - l2)`` added under the roots. phi is the correlation of the two answers, its
    numerator ``both * neither - first_only * second_only`` made smaller by n / 2 but not below 0 where it is positive;
    phi is 0 where one of the answers is always the same.
    Source: Newcombe (1998), Statistics in Medicine 17(22):2635-2650, method 10,
    doi:10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C.

    Args:
        both: Number of pairs in which both are successes.
        first_only: Number of pairs in which only the first is.
        second_only: Number of pairs in which only the second is.
        neither: Number of pairs in which neither is.
        level: Confidence level, in (0, 1).

    Returns:
        Ends in [-1, 1].

    Raises:
        ValueError: If a count is negative or not finite, there is no pair, or ``level`` lies outside (0, 1).

    Example:
        >>> found = newcombe_paired_difference(20, 12, 2, 16)
        >>> round(found.low, 4), round(found.high, 4)
        (0.0562, 0.3292)
    """
    counts = (both, first_only, second_only, neither)
    if not all(math.isfinite(count) and count >= 0 for count in counts):
        raise ValueError(f"Counts are finite and not negative; got {list(counts)}.")
    n = math.fsum(counts)
    one, two = wilson(both + first_only, n, level=level), wilson(both + second_only, n, level=level)
    shares = (both + first_only) / n, (both + second_only) / n
    return _combined(shares[0], one, shares[1], two, phi=_phi(*counts), method="Newcombe, paired")


def _phi(both: Count, first_only: Count, second_only: Count, neither: Count) -> float:
    sides = (both + first_only, second_only + neither, both + second_only, first_only + neither)
    product = math.prod(sides)
    if not product:
        return 0.0
    together = both * neither - first_only * second_only
    if together > 0:
        together = max(0.0, together - (both + first_only + second_only + neither) / 2)
    return together / math.sqrt(product)


def _combined(first: float, one: Interval, second: float, two: Interval, *, phi: float, method: str) -> Interval:
    difference = first - second
    low = difference - _apart(first - one.low, two.high - second, phi)
    high = difference + _apart(one.high - first, second - two.low, phi)
    return Interval(low=low, high=high, method=method)  # within [-1, 1]: from l1 - u2 to u1 - l2 at most


def _apart(one: float, two: float, phi: float) -> float:
    return math.sqrt(max(0.0, one * one - 2 * phi * one * two + two * two))
