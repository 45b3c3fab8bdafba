"""Correlation of two measurements of the same concepts, with an interval."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from audit.records import Method
from audit.stats.checks import check_finite
from audit.stats.clusters import ClusterEstimate, has_spread, no_interval
from audit.stats.intervals import normal_quantile

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
