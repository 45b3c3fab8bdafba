"""How much of what images differ by is due to the concept, how much to the wording, and how much to the seed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from audit.records import Method
from audit.stats.clusters import SAME, ClusterEstimate, half_width, no_interval
from audit.stats.intervals import check_finite, check_level
from audit.stats.jackknife import jackknife_difference

_OVER: Final = "templates and concepts"
_FEWEST = 3  # templates, or concepts, of which one can be left out with a pair remaining


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceShares:
    """Shares of the variance of single values; together they are 1, and ``None`` where they cannot be told apart."""

    wording: ClusterEstimate
    """Between templates within a concept: what they do to all concepts alike, and to each in its own way."""
    concept: float | None
    """Between concepts; ``None`` also where there is only one."""
    seed: float | None
    """Between replicates of one prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cells:
    """Prompts: one template of one concept each."""

    templates: Int[np.ndarray, " prompts"]
    concepts: Int[np.ndarray, " prompts"]
    counts: Int[np.ndarray, " prompts"]
    means: Float[np.ndarray, " prompts"]
    spreads: Float[np.ndarray, " prompts"]
    """Mean squared deviations of the values of a prompt from their mean."""

    def kept(self, keep: Bool[np.ndarray, " prompts"]) -> _Cells:
        return _Cells(
            templates=self.templates[keep],
            concepts=self.concepts[keep],
            counts=self.counts[keep],
            means=self.means[keep],
            spreads=self.spreads[keep],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    wording: float
    concept: float | None
    seed: float

    @property
    def total(self) -> float:
        return self.wording + (self.concept or 0.0) + self.seed

    @property
    def share(self) -> float:
        """Share of the wording, below 0 where its variance is estimated below 0."""
        return self.wording / self.total if self.total > 0 else 0.0


def wording_share(
    values: Float[np.ndarray, " n"], templates: Sequence[str], concepts: Sequence[str], *, level: float = 0.95
) -> VarianceShares:
    """Share of the variance that the wording explains, beside those of the concept and the seed.

    Formula: for values of concepts c and templates t, ``y = m + C_c + T_t + W_ct + e``. Half the mean squared
    difference of two values has the expectation ``var e`` for one prompt, ``var e + var W + var T`` for two templates
    of a concept, and ``var C`` more for two templates of two concepts. Each prompt weighs the same, however many values
    it has; a complete design gives the estimates of the analysis of variance. The wording's variance is
    ``var W + var T``.
    Variances estimated below 0 are counted as 0, and ``method`` names them. The interval adds the jackknife variances
    of leaving out one concept and one template, with t for the smaller number of the two less 1, once for the
    share and once for the arcsine of its root, and is as wide as both: with 4 templates whose effect is common to
    all concepts the former covers 90 %, for a small share of yes-or-no answers the latter 90 %.
    Source: Koch (1968), Technometrics 10(3):551-558, doi:10.1080/00401706.1968.10490601; Searle, Casella and McCulloch
    (1992), Variance Components, chapter 4; for the two-way jackknife, Cameron, Gelbach and Miller (2011), J. Business
    and Economic Statistics 29(2):238-249, doi:10.1198/jbes.2010.07136.

    Args:
        values: Finite numbers, in any unit.
        templates: Name of the template of each value. One that occurs in a single concept is nested in it.
        concepts: Name of the concept of each value.
        level: Confidence level, in (0, 1).

    Returns:
        The shares, in [0, 1]. Without value where no prompt has two values, no concept has two templates, or nothing
        varies; without interval for fewer than three templates, or for two concepts. ``n_clusters`` counts prompts.

    Raises:
        ValueError: If the lengths differ, a value is not finite, or ``level`` lies outside (0, 1).

    Example:
        >>> values = np.array([0.0, 0.2, 0.4, 0.6, 0.1, 0.3, 0.9, 1.1, 0.5, 0.7, 1.4, 1.6])
        >>> templates, concepts = list("ttuuvvttuuvv"), ["nurse"] * 6 + ["pilot"] * 6
        >>> found = wording_share(values, templates, concepts)
        >>> round(found.wording.value, 4), round(found.concept, 4), round(found.seed, 4)
        (0.3105, 0.6347, 0.0548)
        >>> found.wording.method_text
        'no interval: fewer than three templates, or two concepts'
    """
    check_level(level)
    check_finite("value", values)
    if not len(values) == len(templates) == len(concepts):
        raise ValueError(
            f"Every value needs its template and concept; got {len(values)}, {len(templates)} and {len(concepts)}."
        )
    cells = _cells(values, templates, concepts)
    n, prompts = len(values), len(cells.means)
    parts = _parts(cells)
    if parts is None or parts.total <= 0:
        nothing = replace(no_interval(None, Method.NOT_APART, prompts), n=n)
        return VarianceShares(wording=nothing, concept=None, seed=None)
    wording, concept = max(0.0, parts.wording), max(0.0, parts.concept or 0.0)
    total = wording + concept + parts.seed
    value = wording / total
    low, high, method = _interval(cells, parts, value, level)
    below = [
        name for name, part in (("wording", parts.wording), ("concept", parts.concept or 0.0)) if part < -SAME * total
    ]
    remark = f"variance of {' and '.join(below)} estimated below 0, counted as 0" if below else ""
    return VarianceShares(
        wording=ClusterEstimate(
            value=value, low=low, high=high, method=method, n=n, n_clusters=prompts, over=_OVER, remark=remark
        ),
        concept=None if parts.concept is None else concept / total,
        seed=parts.seed / total,
    )


def _cells(values: Float[np.ndarray, " n"], templates: Sequence[str], concepts: Sequence[str]) -> _Cells:
    _, template = np.unique(np.array(templates, dtype=str), return_inverse=True)
    _, concept = np.unique(np.array(concepts, dtype=str), return_inverse=True)
    pairs, prompt = np.unique(np.stack([template, concept]), axis=1, return_inverse=True)
    counts = np.bincount(prompt)
    means = np.bincount(prompt, values) / counts
    spreads = np.bincount(prompt, (values - means[prompt]) ** 2) / counts
    return _Cells(templates=pairs[0], concepts=pairs[1], counts=counts, means=means, spreads=spreads)


def _parts(cells: _Cells) -> _Parts | None:
    """Return the three variances, or ``None`` where a kind of pair is missing."""
    often = cells.counts > 1
    same_concept, pairs = _half_squares(cells, cells.concepts)
    if not (often.any() and pairs):
        return None
    seed = float((cells.spreads[often] * cells.counts[often] / (cells.counts[often] - 1)).mean())
    wording = same_concept / pairs - seed
    if len(np.unique(cells.concepts)) == 1:
        return _Parts(wording=wording, concept=None, seed=seed)
    same_template, template_pairs = _half_squares(cells, cells.templates)
    everything, all_pairs = _half_squares(cells, np.zeros_like(cells.concepts))
    others = all_pairs - pairs - template_pairs
    if not others:
        return None
    apart = (everything - same_concept - same_template) / others
    return _Parts(wording=wording, concept=apart - same_concept / pairs, seed=seed)


def _half_squares(cells: _Cells, groups: Int[np.ndarray, " prompts"]) -> tuple[float, int]:
    """Return the sum, over ordered pairs of prompts of a group, of half the mean squared difference of their values."""
    count = np.bincount(groups)
    sums, squares = np.bincount(groups, cells.means), np.bincount(groups, cells.means**2)
    spreads = np.bincount(groups, cells.spreads)
    total = count * squares - sums**2 + (count - 1) * spreads
    return math.fsum(total), int((count * (count - 1)).sum())


def _interval(cells: _Cells, parts: _Parts, value: float, level: float) -> tuple[float | None, float | None, Method]:
    levels = [names for names in (cells.concepts, cells.templates) if len(np.unique(names)) > 1]
    fewest = min(len(np.unique(names)) for names in levels)
    without = [[_parts(cells.kept(names != name)) for name in np.unique(names)] for names in levels]
    shares = [[part.share for part in line if part is not None] for line in without]
    if fewest < _FEWEST or any(len(line) < len(whole) for line, whole in zip(shares, without, strict=True)):
        return None, None, Method.FEW_TEMPLATES
    half = half_width(math.fsum(map(_jackknife_variance, shares)), fewest - 1, level)
    if half <= SAME:
        return None, None, Method.SAME_WITHOUT_EITHER
    angles = [[_angle(share) for share in line] for line in shares]
    turn = half_width(math.fsum(map(_jackknife_variance, angles)), fewest - 1, level)
    lowest = math.sin(max(0.0, _angle(parts.share) - turn)) ** 2
    highest = math.sin(min(math.pi / 2, _angle(parts.share) + turn)) ** 2
    low = max(0.0, min(value - half, lowest))
    high = min(1.0, max(value + half, highest))
    return low, high, Method.VARIANCE_PAIRS


def _angle(share: float) -> float:
    return math.asin(math.sqrt(min(1.0, max(0.0, share))))


def _jackknife_variance(values: list[float]) -> float:
    count = len(values)
    centre = math.fsum(values) / count
    return (count - 1) / count * math.fsum((value - centre) ** 2 for value in values)


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
