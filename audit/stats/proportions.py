"""Difference of two proportions of single yes-or-no answers, by putting together their score intervals.

For answers that are independent, such as one per prompt. Several answers per prompt are averaged within it first, and
:func:`~audit.stats.differences.welch_difference` or :func:`~audit.stats.pairs.paired_difference` compares the means.
"""

from __future__ import annotations

import math

from audit.records import Method
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
    first, second = first_hits / first_n, second_hits / second_n
    low = first - second - math.hypot(first - one.low, two.high - second)
    high = first - second + math.hypot(one.high - first, second - two.low)
    return Interval(low=low, high=high, method=Method.NEWCOMBE)  # within [-1, 1]: from l1 - u2 to u1 - l2 at most
