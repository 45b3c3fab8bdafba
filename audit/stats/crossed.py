"""Means over a suite whose concepts are asked in the same templates: both are samples, and both enter the interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Float
from scipy.special import stdtrit

from audit.records import Method
from audit.stats.clusters import ClusterEstimate, cluster_mean, cluster_share, half_width, has_spread, variance_of_mean
from audit.stats.grouping import group_means, singles
from audit.stats.intervals import clopper_pearson, normal_quantile

_OVER: Final = "concepts and templates"


def crossed_mean(
    values: Float[np.ndarray, " n"],
    prompts: Sequence[str],
    *,
    concepts: Sequence[str],
    templates: Sequence[str],
    level: float = 0.95,
    bounds: tuple[float, float] | None = None,
) -> ClusterEstimate:
    """Mean over concepts, whose interval also holds what a template does to all of them.

    Formula: every concept weighs the same, and every prompt within its concept. The variance is that of the mean of C
    concept means, plus the jackknife's over T templates, ``(T - 1) / T * sum((m_t - mean(m_t))**2)`` with m_t the mean
    without template t; Student's quantile has Satterthwaite's degrees of freedom. The variance of single prompts is in
    both, which makes the interval a little too wide rather than too narrow. In simulation it covers 93 to 97 % for 8 to
    64 concepts in 4 to 12 templates whose standard deviation is 0 to 0.35; with concepts alone it is 43 to 95 %.
    Source: Cameron, Gelbach and Miller (2011), J. Business and Economic Statistics 29(2):238-249,
    doi:10.1198/jbes.2010.07136; Satterthwaite (1946), Biometrics Bulletin 2(6):110-114, doi:10.2307/3002019.

    Args:
        values: Finite numbers, in any unit.
        prompts: Name of the prompt of each value.
        concepts: Name of the concept of each value; a prompt belongs to one.
        templates: Name of the template of each value.
        level: Confidence level, in (0, 1).
        bounds: Smallest and largest value there can be, where these are known.

    Returns:
        The estimate, with concepts as its clusters. With one template, or concepts that all agree, that of
        :func:`~audit.stats.clusters.cluster_mean` over concepts.

    Raises:
        ValueError: If the lengths differ, a value is not finite or out of bounds, or ``level`` outside (0, 1).

    Example:
        >>> values, names = np.array([0.1, 0.5, 0.3, 0.6, 0.2, 0.9]), ["p", "q", "r", "s", "t", "u"]
        >>> found = crossed_mean(values, names, concepts=list("xxyyzz"), templates=list("ababab"))
        >>> round(found.value, 4), round(found.low, 4), round(found.high, 4), found.method_text
        (0.4333, -1.6881, 2.5547, 't over concepts and templates')
    """
    cells = _cells(values, prompts, concepts, templates)
    over_concepts = cluster_mean(cells.means, singles(cells.means), level=level, bounds=bounds, unit="concepts")
    whole = replace(over_concepts, n=len(values))
    if over_concepts.method is not Method.T or cells.between_templates == 0.0:
        return whole
    variance = cells.variance
    half = half_width(variance, cells.freedom, level)
    centre = math.fsum(cells.means) / len(cells.means)
    smallest, largest = bounds or (-math.inf, math.inf)
    return replace(whole, low=max(smallest, centre - half), high=min(largest, centre + half), over=_OVER)


def crossed_share(
    values: Float[np.ndarray, " n"],
    prompts: Sequence[str],
    *,
    concepts: Sequence[str],
    templates: Sequence[str],
    level: float = 0.95,
) -> ClusterEstimate:
    """Mean share over concepts, whose interval also holds what a template does to all of them.

    Formula: that of Clopper and Pearson with a trial for each of the C concepts; or with
    ``(z / t)**2 * p * (1 - p) / V`` trials where these are fewer, V and the degrees of freedom of t being those of
    :func:`crossed_mean`. In simulation with shares of 0.02 to 0.4, 14 to 64 concepts and templates that move the odds
    by a factor of 1 to 2.7 (one standard deviation) it covers 95.8 % and more; by a factor of 7.4, 91.7 % with 4
    templates and 96.8 % and more with 8.
    Source: as for :func:`crossed_mean`; Korn and Graubard (1998), Survey Methodology 24(2):193-201.

    Args:
        values: Numbers in [0, 1]: 1 for a hit, 0 for a miss.
        prompts: Name of the prompt of each value.
        concepts: Name of the concept of each value; a prompt belongs to one.
        templates: Name of the template of each value.
        level: Confidence level, in (0, 1).

    Returns:
        The estimate, with concepts as its clusters.

    Raises:
        ValueError: If the lengths differ, a value lies outside [0, 1], or ``level`` outside (0, 1).

    Example:
        >>> values, names = np.array([0.0, 1.0, 0.0, 1.0, 0.0, 1.0]), ["p", "q", "r", "s", "t", "u"]
        >>> found = crossed_share(values, names, concepts=list("xxyyzz"), templates=list("ababab"))
        >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
        (0.5, 0.0, 1.0)
    """
    cells = _cells(values, prompts, concepts, templates)
    over_concepts = cluster_share(cells.means, singles(cells.means), level=level, unit="concepts")
    whole = replace(over_concepts, n=len(values))
    share, count = whole.value, len(cells.means)
    if share is None or whole.low is None or cells.between_templates == 0.0:
        return whole
    quantile = float(stdtrit(cells.freedom, 0.5 + level / 2))
    worth = (normal_quantile(level) / quantile) ** 2 * share * (1 - share) / cells.variance
    if worth >= count:
        return whole
    found = clopper_pearson(share * worth, worth, level=level)
    return replace(whole, low=found.low, high=found.high, method=Method.EXACT_TRIALS, over=_OVER)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cells:
    """Means of concepts, and the two variances of their mean."""

    means: Float[np.ndarray, " concepts"]
    between_concepts: float
    between_templates: float
    freedom: float

    @property
    def variance(self) -> float:
        return self.between_concepts + self.between_templates


def _cells(
    values: Float[np.ndarray, " n"], prompts: Sequence[str], concepts: Sequence[str], templates: Sequence[str]
) -> _Cells:
    if not len(values) == len(prompts) == len(concepts) == len(templates):
        raise ValueError(
            "Every value needs its prompt, concept and template; "
            f"got {len(values)}, {len(prompts)}, {len(concepts)} and {len(templates)}."
        )
    by_prompt = group_means(values, prompts)
    where = dict(zip(prompts, zip(concepts, templates, strict=True), strict=True))
    order = sorted(where)
    rows, concept = np.unique([where[prompt][0] for prompt in order], return_inverse=True)
    columns, template = np.unique([where[prompt][1] for prompt in order], return_inverse=True)
    sums, counts = np.zeros((len(rows), len(columns))), np.zeros((len(rows), len(columns)))
    np.add.at(sums, (concept, template), by_prompt)
    np.add.at(counts, (concept, template), 1)
    means = np.array([math.fsum(by_prompt[concept == row]) / (concept == row).sum() for row in range(len(rows))])
    between = variance_of_mean(means) if len(means) > 1 else 0.0
    left = _without_each(sums, counts, means)
    spread = (len(left) - 1) ** 2 * variance_of_mean(left) if len(left) > 1 and has_spread(left) else 0.0
    freedom = 1.0
    if spread and len(means) > 1:
        parts = between**2 / (len(means) - 1) + spread**2 / (len(left) - 1)
        freedom = (between + spread) ** 2 / parts
    return _Cells(means=means, between_concepts=between, between_templates=spread, freedom=freedom)


def _without_each(
    sums: Float[np.ndarray, "concepts templates"],
    counts: Float[np.ndarray, "concepts templates"],
    means: Float[np.ndarray, " concepts"],
) -> Float[np.ndarray, " templates"]:
    """Return the mean over concepts without each template; a concept that has no other keeps its own mean."""
    if not len(means):
        return np.zeros(0)
    rest = counts.sum(axis=1, keepdims=True) - counts
    total = sums.sum(axis=1, keepdims=True) - sums
    left = np.where(rest > 0, total / np.maximum(rest, 1), means[:, None])
    return np.asarray(left.mean(axis=0))
