"""Spread of true means behind noisy ones, from measurements that were repeated."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from audit.records import Method
from audit.stats.clusters import ClusterEstimate, no_interval
from audit.stats.intervals import check_level
from audit.stats.jackknife import jackknife_difference


def repeated_variance(
    values: Float[np.ndarray, "items repeats"], *, level: float = 0.95, unit: str = "repeats"
) -> ClusterEstimate:
    """Variance of the true means of items that were measured several times, free of what noise adds to it.

    Formula: for items i and j with the differences ``d_r`` of their values in the R repeats that both have, the mean of
    ``d_r * d_s / 2`` over all ``r != s`` has the expectation ``(m_i - m_j)**2 / 2``, since the noise of different
    repeats is independent; what a repeat does to all items alike cancels. The mean over all pairs of items estimates
    ``sum((m_i - m)**2) / (I - 1)`` without bias, so it may lie below 0. The interval is the jackknife's over repeats.
    Source: Searle, Casella and McCulloch (1992), Variance Components, chapter 4 (the analysis of variance of a complete
    two-way design gives the same numbers); for the interval, :func:`~audit.stats.jackknife.jackknife_difference`.

    Args:
        values: One number per item and repeat, in any unit; NaN where one is missing.
        level: Confidence level, in (0, 1).
        unit: What a repeat is, in the plural.

    Returns:
        The variance, in the square of the unit; ``n`` counts the values, ``n_clusters`` the repeats with a value.
        Without value where no two items share two repeats; without interval for fewer than three repeats.

    Raises:
        ValueError: If a value is infinite, or ``level`` lies outside (0, 1).

    Example:
        >>> found = repeated_variance(np.array([[0.0, 0.2, 0.1, 0.1], [0.5, 0.7, 0.4, 0.8]]))
        >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
        (0.1217, -0.0095, 0.2529)
    """
    check_level(level)
    if np.isinf(values).any():
        raise ValueError("A value is infinite; a missing one is written as NaN.")
    there = np.isfinite(values)
    count, repeats = int(there.sum()), int(there.any(axis=0).sum())
    whole = _between(values)
    if whole is None:
        return replace(no_interval(None, Method.NOT_REPEATED, repeats, over=unit), n=count)
    without = [_between(np.delete(values, r, axis=1)) for r in np.flatnonzero(there.any(axis=0))]
    left_out = [value for value in without if value is not None]
    if len(left_out) < len(without):
        return replace(no_interval(whole, Method.FEW_REPEATS, repeats, over=unit), n=count)
    return replace(jackknife_difference(whole, np.array(left_out), level=level, unit=unit), n=count)


def _between(values: Float[np.ndarray, "items repeats"]) -> float | None:
    parts = []
    for one, other in itertools.combinations(values, 2):
        apart = one - other
        known = apart[np.isfinite(apart)].tolist()
        if len(known) > 1:
            products = math.fsum(known) ** 2 - math.fsum(d * d for d in known)
            parts.append(products / (len(known) * (len(known) - 1)) / 2)
    return math.fsum(parts) / len(parts) if parts else None
