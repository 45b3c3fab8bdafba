"""How evenly answers are spread: entropy as a part of the largest that it can be."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from scipy.stats import entropy

from audit.records import Method
from audit.stats.clusters import SAME, ClusterEstimate, cluster_mean, has_spread, no_interval
from audit.stats.intervals import check_finite, check_level, clopper_pearson
from audit.stats.jackknife import pseudo_values


def evenness(shares: Float[np.ndarray, " answers"]) -> float:
    """Entropy of shares as a part of that of even ones: 0 where one answer has all, 1 where all have the same.

    Formula: ``-sum(p * log(p)) / log(K)`` for K answers.
    Source: Pielou (1966), J. Theoretical Biology 13:131-144, doi:10.1016/0022-5193(66)90013-0.

    Args:
        shares: Of at least two answers; they are brought to a sum of 1.

    Raises:
        ValueError: If there are fewer than two, one is negative or not finite, or all are 0.

    Example:
        >>> evenness(np.array([0.5, 0.5])), round(evenness(np.array([0.9, 0.1])), 4)
        (1.0, 0.469)
    """
    check_finite("share", shares)
    if len(shares) < 2 or (shares < 0).any() or not shares.sum() > 0:
        raise ValueError("Evenness needs the shares of at least two answers, none negative and not all 0.")
    return min(1.0, float(entropy(shares)) / math.log(len(shares)))


def cluster_evenness(
    shares: Float[np.ndarray, "clusters answers"], *, level: float = 0.95, unit: str = "prompts"
) -> ClusterEstimate:
    """Evenness of the mean shares, with the cluster as its unit.

    Formula: the mean of the jackknife's pseudo-values and Student's interval over them, both cut at 0 and 1. Taken as
    it is, the evenness of a sample lies below that of what it was drawn from, and by much for few images; the
    jackknife takes most of that away. In simulation, 95 % intervals cover 92 % and more with 8 prompts of 2 images, for
    4 and for 12 answers, even or skewed; with 4 prompts, 95 % and more for 4 answers, and as little as 89 % for 12.
    Where all clusters have the same shares there are no pseudo-values that differ; then the lower end is the evenness
    itself, and the upper one that of the least share which the commonest answer may have (exact, with the number of
    clusters as n), the rest being spread evenly.
    Source: Zahl (1977), Ecology 58(4):907-913, doi:10.2307/1936227.

    Args:
        shares: A row per cluster, each with the sum 1.
        level: Confidence level, in (0, 1).
        unit: What a cluster is, in the plural; for the wording of ``method`` only.

    Returns:
        The estimate: without value where there is no cluster; without interval for fewer than two, and where it is the
        same whichever cluster is left out though the clusters differ.

    Raises:
        ValueError: If there are fewer than two answers, a share is negative or not finite, or ``level`` outside (0, 1).

    Example:
        >>> found = cluster_evenness(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.5, 0.5]]))
        >>> round(found.value, 4), round(found.low, 4), found.high
        (1.0, 0.3495, 1.0)
    """
    check_level(level)
    count = len(shares)
    if not count:
        return no_interval(None, Method.NOTHING, 0, over=unit)
    whole = evenness(_mean(shares))
    if count < 2:
        return no_interval(whole, Method.FEW, count, over=unit)
    left_out = np.array([evenness(_mean(np.delete(shares, row, axis=0))) for row in range(count)])
    if np.ptp(shares, axis=0).max() <= SAME:
        return _all_alike(shares, whole, level=level, unit=unit)
    if not has_spread(left_out):
        return no_interval(whole, Method.SAME_WITHOUT, count, over=unit)
    found = cluster_mean(pseudo_values(whole, left_out), [str(row) for row in range(count)], level=level)
    value, low, high = (min(1.0, max(0.0, end)) for end in (found.value or 0.0, found.low or 0.0, found.high or 0.0))
    return replace(found, value=value, low=low, high=high, method=Method.JACKKNIFE, over=unit)


def _all_alike(
    shares: Float[np.ndarray, "clusters answers"], whole: float, *, level: float, unit: str
) -> ClusterEstimate:
    count, answers = shares.shape
    most = float(_mean(shares).max())
    least = clopper_pearson(min(most, 1.0) * count, count, level=level).low
    rest = np.full(answers, (1 - least) / (answers - 1))
    rest[0] = least
    high = max(whole, evenness(rest) if least > 1 / answers else 1.0)
    return ClusterEstimate(
        value=whole, low=whole, high=high, method=Method.EXACT_COMMONEST, n=count, n_clusters=count, over=unit
    )


def _mean(shares: Float[np.ndarray, "clusters answers"]) -> Float[np.ndarray, " answers"]:
    """Return the mean of each column, exactly rounded, so that the order of the rows changes no digit."""
    return np.array([math.fsum(column) / len(shares) for column in shares.T.tolist()], dtype=float)
