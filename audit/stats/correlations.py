"""Correlation of two measurements of the same concepts, with an interval."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from audit.records import Method
from audit.stats.checks import check_finite
from audit.stats.clusters import ClusterEstimate, has_spread, no_interval
from audit.stats.intervals import check_level, normal_quantile
from audit.stats.jackknife import jackknife_difference

_OVER = "concepts"
_FEWEST = 4  # Fisher's standard error divides by n - 3


def spearman(
    first: Float[np.ndarray, " n"], second: Float[np.ndarray, " _"], *, level: float = 0.95
) -> ClusterEstimate:
    """Rank correlation with Fisher's interval in the form for ranks; ties get their mean rank.

    Formula: ``tanh(atanh(r) +- z * sqrt((1 + r**2 / 2) / (n - 3)))``, r the linear correlation of the ranks. For
    the interval, |r| is at most ``1 - 6 / (n * (n**2 - 1))``, half a step below the perfect order: a perfect
    order of few concepts is no proof of a perfect one.
    Source: Spearman (1904), doi:10.2307/1412159; Bonett and Wright (2000), Psychometrika 65(1):23-28,
    doi:10.1007/BF02294183.

    Args:
        first: One finite number per concept.
        second: The other number of the same concepts.
        level: Confidence level, in (0, 1).

    Returns:
        The correlation, in [-1, 1]; without value for fewer than 3 pairs and where a side does not vary, without
        interval for fewer than 4.

    Raises:
        ValueError: If the lengths differ, a number is not finite, or ``level`` lies outside (0, 1).

    Example:
        >>> found = spearman(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([2.0, 1.0, 40.0, 30.0, 50.0]))
        >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
        (0.8, -0.4571, 0.9908)
    """
    _check_pairs(first, second)
    quantile = normal_quantile(level)
    n = len(first)
    if n < 3 or not (has_spread(first) and has_spread(second)):
        return no_interval(None, Method.NOT_DEFINED, n, over=_OVER)
    value = _product_moment(rankdata(first).astype(float), rankdata(second).astype(float))
    if n < _FEWEST:
        return no_interval(value, Method.FEW_CONCEPTS, n, over=_OVER)
    most = 1 - 6 / (n * (n * n - 1))
    inner = min(most, max(-most, value))
    low, high = _fisher(inner, quantile * math.sqrt((1 + inner * inner / 2) / (n - 3)))
    low, high = min(low, value), max(high, value)
    return ClusterEstimate(value=value, low=low, high=high, method=Method.SPEARMAN, n=n, n_clusters=n, over=_OVER)


def _product_moment(first: Float[np.ndarray, " n"], second: Float[np.ndarray, " n"]) -> float:
    one, two = first - first.mean(), second - second.mean()
    value = math.fsum(one * two) / math.sqrt(math.fsum(one * one) * math.fsum(two * two))
    return min(1.0, max(-1.0, value))


def _fisher(value: float, half: float) -> tuple[float, float]:
    return math.tanh(math.atanh(value) - half), math.tanh(math.atanh(value) + half)


def _check_pairs(first: Float[np.ndarray, " n"], second: Float[np.ndarray, " _"]) -> None:
    if len(first) != len(second):
        raise ValueError(f"A correlation needs pairs; got {len(first)} and {len(second)} numbers.")
    check_finite("number", first, second)


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
