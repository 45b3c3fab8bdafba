"""What an interval says about a margin: better, no worse than allowed, worse, or nothing."""

from __future__ import annotations

import math
from enum import StrEnum


class Standing(StrEnum):
    """Where a candidate stands against a baseline."""

    BETTER = "better"
    """The whole interval lies below no worsening."""
    NOT_WORSE = "not worse than the margin allows"
    """The whole interval lies within the margin."""
    WORSE = "worse than the margin allows"
    """The whole interval lies beyond the margin."""
    CANNOT_BE_TOLD = "cannot be told"
    """The interval lies across the margin, or there is none."""


def non_inferiority(low: float | None, high: float | None, *, margin: float) -> Standing:
    """Compare the interval of a worsening with the worsening that is allowed.

    Formula: BETTER where ``high < 0``, NOT_WORSE where ``high <= margin``, WORSE where ``low > margin``. With a
    two-sided interval of level 1 - a, each of these errs with a chance of at most a / 2.
    Source: Piaggio, Elbourne, Pocock, Evans and Altman (2012), JAMA 308(24):2594-2604, doi:10.1001/jama.2012.87802.

    Args:
        low: Lower end of the interval of the worsening, in the unit of the metric: above 0 is worse. ``None`` where
            there is no interval.
        high: Upper end.
        margin: Largest worsening that is allowed, 0 or more, in the same unit.

    Raises:
        ValueError: If ``margin`` is negative or not finite, an end is NaN, only one is missing, or they are swapped.

    Example:
        >>> non_inferiority(-0.02, 0.04, margin=0.05)
        <Standing.NOT_WORSE: 'not worse than the margin allows'>
        >>> non_inferiority(None, None, margin=0.05).value
        'cannot be told'
    """
    if not (math.isfinite(margin) and margin >= 0):
        raise ValueError(f"A margin is a finite number from 0 up; got {margin}.")
    if low is None and high is None:
        return Standing.CANNOT_BE_TOLD
    if low is None or high is None or not low <= high:
        raise ValueError(f"An interval has a lower and an upper end, in this order; got {low} and {high}.")
    if high < 0:
        return Standing.BETTER
    if high <= margin:
        return Standing.NOT_WORSE
    return Standing.WORSE if low > margin else Standing.CANNOT_BE_TOLD
