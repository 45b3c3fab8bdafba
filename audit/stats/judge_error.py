"""How often a judge is wrong, by labels that people gave, and what a share is once that is taken out.

The errors of a judge differ between concepts: it may flag one profession in 57 % of harmless images and another in
none. So a concept's rate of errors is one draw from a distribution of rates over concepts, and what the labels of the
other concepts say of it is that distribution (partial pooling). A concept with many labels has a rate of its own; one
without any has a wide interval, and not the pooled rate as if that were its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq
from scipy.special import betainc, betaln

from audit.records import CORRECTED, Method
from audit.stats.clusters import ClusterEstimate, no_interval
from audit.stats.intervals import Interval, check_level
from audit.stats.jackknife import jackknife_difference

Counts = tuple[int, int]
"""Errors, or hits, and the images that there were."""

_MEANS: Final = 48
_SPREADS: Final = 16
_NEGLIGIBLE: Final = 1e-6
"""Weight beside the largest below which a pair of mean and spread is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How often something happens to a judge, with an interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, interval: Interval) -> Rate:
        """Return a rate with its interval."""
        return cls(value=value, low=interval.low, high=interval.high)


@final
class PooledRate:
    """The distribution of a rate over concepts, and the rate of each concept, from counts per concept.

    Model: ``x_c ~ Binomial(n_c, r_c)`` and ``r_c ~ Beta(m (1 / s - 1), (1 - m) (1 / s - 1))``, with m the mean over
    concepts and s the intraclass correlation, how much the images of one concept share. A priori m is Beta(1/2, 1/2)
    and s uniform; both are summed over a grid, so that the interval of a concept holds what is not known of them.
    Source: Griffiths (1973), Biometrics 29(4):637-648, doi:10.2307/2529131, for the model; Gelman et al. (2013),
    Bayesian Data Analysis, 3rd edition, section 5.3, for the summing; Spiegelhalter (2001), Statistics in Medicine
    20(3):435-452, doi:10.1002/1097-0258(20010215)20:3<435::aid-sim804>3.0.co;2-e, for the prior of s.

    Args:
        counts: Concept -> how often it happened, and of how many images. A concept of none says nothing.

    Raises:
        ValueError: If a count is negative, or something happened more often than there were images.

    Example:
        >>> rate = PooledRate({"baker": (9, 16), "nurse": (0, 16), "pilot": (1, 16), "judge": (0, 16)})
        >>> [round(number, 2) for number in (rate.of("baker").value, rate.of("nurse").value, rate.of("chef").value)]
        [0.53, 0.01, 0.2]
        >>> rate.of("nurse").high < rate.of("chef").high
        True
    """

    def __init__(self, counts: Mapping[str, Counts]) -> None:
        for happened, images in counts.values():
            if not 0 <= happened <= images:
                raise ValueError(f"Something happens in none to all of the images; got {happened} of {images}.")
        self.counts = {concept: count for concept, count in counts.items() if count[1]}
        self._angles = (np.arange(_MEANS) + 0.5) / _MEANS
        ones, zeros, weights = _grid(self._angles, self.counts)
        self._by_angle = weights.sum(axis=1)
        kept = weights > _NEGLIGIBLE * weights.max()
        self._ones, self._zeros = ones[kept], zeros[kept]
        self._weights = weights[kept] / weights[kept].sum()
        self._known: dict[tuple[Counts, float], Rate] = {}

    @property
    def images(self) -> int:
        """Number of images that were counted."""
        return sum(images for _, images in self.counts.values())

    def of(self, concept: str, *, level: float = 0.95) -> Rate:
        """Return the rate of one concept, whether or not it has labels."""
        counts = self.counts.get(concept, (0, 0))
        key = (counts, check_level(level))
        if key not in self._known:
            self._known[key] = self._posterior(counts, level)
        return self._known[key]

    def overall(self, *, level: float = 0.95) -> Rate:
        """Return the mean rate over the concepts that these are a sample of."""
        check_level(level)
        means = np.sin(self._angles * math.pi / 2) ** 2
        share = self._by_angle / self._by_angle.sum()
        edges = np.arange(_MEANS + 1) / _MEANS
        reached = np.concatenate([[0.0], np.cumsum(share)])
        low, high = (
            float(np.sin(np.interp(tail, reached, edges) * math.pi / 2) ** 2)
            for tail in ((1 - level) / 2, (1 + level) / 2)
        )
        return Rate(value=float(means @ share), low=low, high=high)

    def _posterior(self, counts: Counts, level: float) -> Rate:
        happened, images = counts
        ones, zeros = self._ones + happened, self._zeros + images - happened
        # the weights already hold these counts; a concept without any is drawn from the distribution itself
        mean = float(self._weights @ (ones / (ones + zeros)))

        def beyond(rate: float, tail: float) -> float:
            return float(self._weights @ betainc(ones, zeros, rate)) - tail

        low, high = (
            0.0
            if beyond(0.0, tail) >= 0
            else 1.0
            if beyond(1.0, tail) <= 0
            else float(brentq(beyond, 0.0, 1.0, args=(tail,), xtol=1e-5))
            for tail in ((1 - level) / 2, (1 + level) / 2)
        )
        return Rate(value=mean, low=low, high=high)


def _grid(
    angles: Float[np.ndarray, " means"], counts: Mapping[str, Counts]
) -> tuple[Float[np.ndarray, "means spreads"], Float[np.ndarray, "means spreads"], Float[np.ndarray, "means spreads"]]:
    """Return both parameters of the beta distribution and the weight of every pair of mean and spread."""
    roots = (np.arange(_SPREADS) + 0.5) / _SPREADS
    spreads = roots**2  # finer where concepts hardly differ
    size = (1 / spreads - 1)[None, :]
    means = (np.sin(angles * math.pi / 2) ** 2)[:, None]
    ones, zeros = means * size, (1 - means) * size
    fit = np.log(np.broadcast_to(roots, ones.shape)).copy()
    for happened, images in counts.values():
        fit += betaln(ones + happened, zeros + images - happened) - betaln(ones, zeros)
    weights = np.exp(fit - fit.max())
    return ones, zeros, weights / weights.sum()


@dataclass(frozen=True, slots=True, kw_only=True)
class Neither:
    """Images that the judge reads as one of two things and that show neither."""

    share: Rate
    """Of the images that the judge reads as one or the other."""
    read: Rate
    """How often it reads such an image as the first of the two."""


NONE_OF_NEITHER: Final = Neither(share=Rate(value=0.0, low=0.0, high=0.0), read=Rate(value=0.5, low=0.0, high=1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Readings:
    """The hits, and what they are made of."""

    hits: Rate
    found: Rate
    alarms: Rate
    neither: Neither

    def away(self, share: float) -> float:
        """Return by how much the hits exceed those that a true share gives rise to."""
        other = self.neither.share.value
        made = share * self.found.value + (1 - share) * self.alarms.value
        return self.hits.value - (1 - other) * made - other * self.neither.read.value

    def refuted(self, share: float) -> float:
        """Return how far a true share is outside the interval, negative within."""
        away = self.away(share)
        sign = 1 if away > 0 else -1
        other = self.neither.share.value
        made = share * self.found.value + (1 - share) * self.alarms.value
        moved = self.neither.read.value - made
        parts = (
            _reach(self.hits, -sign),
            (1 - other) * share * _reach(self.found, sign),
            (1 - other) * (1 - share) * _reach(self.alarms, sign),
            other * _reach(self.neither.read, sign),
            abs(moved) * _reach(self.neither.share, sign if moved > 0 else -sign),
        )
        return abs(away) - math.hypot(*parts)


def rogan_gladen(
    read: ClusterEstimate, found: Rate, alarms: Rate, *, neither: Neither = NONE_OF_NEITHER
) -> ClusterEstimate:
    """True share of hits behind the share that a judge of known errors reads, its own uncertainty carried along.

    Formula: ``(p - f) / (Se - f)``, cut to [0, 1], with p the share that is read, Se how often the judge finds what is
    there and f how often it finds what is not. With images that show neither of two things, p is first
    ``(p - o g) / (1 - o)`` for their share o, of which the judge reads g as the first thing. The interval holds every
    true share s for which ``p - (1 - o) (s Se + (1 - s) f) - o g`` is no further from 0 than the ends of the single
    intervals allow, their distances squared and added. Without judge error it is the interval of p.
    Source: Rogan and Gladen (1978), American J. Epidemiology 107(1):71-76,
    doi:10.1093/oxfordjournals.aje.a112510; Zou and Donner (2008), Statistics in Medicine 27(10):1693-1702,
    doi:10.1002/sim.3095.

    Args:
        read: The share that the judge reads, in [0, 1], with its interval.
        found: Of what is there, how much the judge finds; at the level of ``read``.
        alarms: Of what is not there, how much it finds all the same; at the level of ``read``.
        neither: Images that show neither of two things, where there are two.

    Returns:
        The corrected share. Without value where nothing was read, and where the judge finds what is there no more
        often than what is not; without interval where ``read`` has none, and where the judge's errors cannot explain
        what it reads.

    Example:
        >>> from audit.stats import cluster_share
        >>> shares = np.array([0.0, 0.25, 0.5, 0.25, 0.0, 0.5, 0.75, 0.25])
        >>> read = cluster_share(shares, list("abcdefgh"))
        >>> found, alarms = Rate(value=0.9, low=0.79, high=0.96), Rate(value=0.05, low=0.02, high=0.11)
        >>> true = rogan_gladen(read, found, alarms)
        >>> round(true.value, 3), round(true.low, 3), round(true.high, 3)
        (0.309, 0.0, 0.782)
    """
    if read.value is None:
        return read
    if found.value <= alarms.value:
        return replace(no_interval(None, Method.NOT_ABOVE_CHANCE, read.n_clusters, over=read.over), n=read.n)
    other = neither.share.value
    hits = (read.value - other * neither.read.value) / (1 - other) if other < 1 else read.value
    value = min(1.0, max(0.0, (hits - alarms.value) / (found.value - alarms.value)))
    if read.low is None or read.high is None:
        return replace(read, value=value, remark=CORRECTED)
    readings = _Readings(
        hits=Rate(value=read.value, low=read.low, high=read.high), found=found, alarms=alarms, neither=neither
    )
    if readings.refuted(value) > 0:
        return replace(read, value=value, low=None, high=None, method=Method.UNEXPLAINED)
    low = 0.0 if readings.refuted(0.0) <= 0 else float(brentq(readings.refuted, 0.0, value))
    high = 1.0 if readings.refuted(1.0) <= 0 else float(brentq(readings.refuted, value, 1.0))
    return replace(read, value=value, low=low, high=high, method=Method.ROGAN_GLADEN)


def _reach(rate: Rate, side: int) -> float:
    """Return the distance from a rate to the end of its interval on this side."""
    return max(0.0, rate.high - rate.value if side > 0 else rate.value - rate.low)


def agreement(labels: Mapping[str, Sequence[Sequence[str]]], *, level: float = 0.95) -> ClusterEstimate:
    """Agreement of people beyond what chance gives: Krippendorff's alpha for names, 1 where all agree, 0 as by lot.

    Formula: ``1 - (n - 1) * sum_u (sum_k c_uk (m_u - c_uk)) / (m_u - 1) / sum_k n_k (n - n_k)`` over images u of
    ``m_u >= 2`` labels, ``c_uk`` of them k, with ``n_k`` the labels k of all these images and n all labels. The
    interval leaves out one concept at a time. For as many labels of every image, ``1 - alpha`` is
    ``(1 - kappa) (n - 1) / n`` of Fleiss' kappa (``statsmodels.stats.inter_rater``), which alone needs that.
    Source: Krippendorff (2018), Content Analysis, 4th edition, chapter 12; Hayes and Krippendorff (2007),
    Communication Methods and Measures 1(1):77-89, doi:10.1080/19312450709336664.

    Args:
        labels: Concept -> the labels of each of its images, one label per person. Images of one label say nothing.
        level: Confidence level, in (0, 1).

    Returns:
        The agreement, over concepts; without value where no image has two labels, or all labels are the same.

    Example:
        >>> found = agreement({"nurse": [["woman", "woman"], ["man", "woman"]], "pilot": [["man", "man"]]})
        >>> round(found.value, 4)
        0.4444
    """
    check_level(level)
    twice = {concept: [one for one in images if len(one) > 1] for concept, images in labels.items()}
    twice = {concept: images for concept, images in sorted(twice.items()) if images}
    images = sum(len(each) for each in twice.values())
    value = _alpha([one for each in twice.values() for one in each])
    if value is None:
        return replace(no_interval(None, Method.NOTHING, len(twice), over="concepts"), n=images)
    without = [_alpha([one for name, each in twice.items() if name != left for one in each]) for left in twice]
    measured = [one for one in without if one is not None]
    if len(measured) < max(2, len(without)):
        return replace(no_interval(value, Method.FEW, len(twice), over="concepts"), n=images)
    found = jackknife_difference(value, np.array(measured), level=level, unit="concepts")
    high = None if found.high is None else min(1.0, found.high)
    return replace(found, n=images, high=high)


def _alpha(images: Sequence[Sequence[str]]) -> float | None:
    kinds = sorted({label for image in images for label in image})
    counts = np.array([[list(image).count(kind) for kind in kinds] for image in images], dtype=float)
    if len(kinds) < 2:
        return None
    each = counts.sum(axis=1)
    apart = ((counts * (each[:, None] - counts)).sum(axis=1) / (each - 1)).sum()
    by_kind, every = counts.sum(axis=0), counts.sum()
    by_lot = (by_kind * (every - by_kind)).sum()
    return float(1 - (every - 1) * apart / by_lot)
