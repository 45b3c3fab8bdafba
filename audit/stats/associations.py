"""How far two sets of words lie apart on an axis, in standard deviations."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from jaxtyping import Float

from audit.records import Method
from audit.stats.checks import check_finite
from audit.stats.clusters import ClusterEstimate, has_spread, no_interval
from audit.stats.intervals import check_level
from audit.stats.jackknife import jackknife_difference

FARTHEST: Final = 2.0
"""Largest effect size that two sets of about the same size reach."""


def effect_size(
    first: Float[np.ndarray, " first"], second: Float[np.ndarray, " second"], *, level: float = 0.95
) -> ClusterEstimate:
    """Difference of the means of two sets in standard deviations of both together, with an interval over words.

    Formula: ``d = (mean(x) - mean(y)) / sd(x and y)``, the standard deviation with n - 1. It lies between -2 and 2 for
    sets of the same size; ends of the interval are cut there.
    Source: Caliskan, Bryson and Narayanan (2017), Science 356(6334):183-186, doi:10.1126/science.aal4230, who give no
    interval; for that, see :func:`~audit.stats.jackknife.jackknife_difference`.

    Args:
        first: One finite number per word of the first set: how much nearer it lies to one attribute than to the other.
        second: The same of the second set.
        level: Confidence level, in (0, 1).

    Returns:
        The effect size: without value where a set has fewer than two words or all words agree.

    Raises:
        ValueError: If a number is not finite, or ``level`` lies outside (0, 1).

    Example:
        >>> found = effect_size(np.array([0.4, 0.5, 0.6]), np.array([0.1, 0.2, 0.3]))
        >>> round(found.value, 4), found.n
        (1.6036, 6)
    """
    check_level(level)
    check_finite("number", first, second)
    count = len(first) + len(second)
    if len(first) < 2 or len(second) < 2 or not has_spread(np.concatenate([first, second])):
        return no_interval(None, Method.NOT_DEFINED, count, over="words")
    whole = _effect(first, second)
    left = [_effect(np.delete(first, word), second) for word in range(len(first))]
    left += [_effect(first, np.delete(second, word)) for word in range(len(second))]
    found = jackknife_difference(whole, np.array(left, dtype=float), level=level)
    low, high = (None if end is None else min(FARTHEST, max(-FARTHEST, end)) for end in (found.low, found.high))
    return ClusterEstimate(
        value=min(FARTHEST, max(-FARTHEST, whole)),
        low=low,
        high=high,
        method=found.method,
        n=count,
        n_clusters=count,
        over="words",
    )


def _effect(first: Float[np.ndarray, " first"], second: Float[np.ndarray, " second"]) -> float:
    both = np.concatenate([first, second])
    mean = math.fsum(both) / len(both)
    spread = math.sqrt(math.fsum((both - mean) ** 2) / (len(both) - 1))
    apart = math.fsum(first) / len(first) - math.fsum(second) / len(second)
    return apart / spread if spread > 0 else 0.0
