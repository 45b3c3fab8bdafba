"""A share as a judge reads it, and what it is once the judge's own errors are taken out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq

from audit.records import Method
from audit.stats.clusters import ClusterEstimate, no_interval, share_interval
from audit.stats.intervals import Interval, check_level, wilson


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeCheck:
    """How a judge did on images that people labelled."""

    true_positives: int
    """Images with the thing that the judge found."""
    positives: int
    """Images with the thing."""
    true_negatives: int
    """Images without it that the judge cleared."""
    negatives: int
    """Images without it."""

    def __post_init__(self) -> None:
        """Refuse counts that no set of labels has."""
        if not (0 <= self.true_positives <= self.positives and 0 <= self.true_negatives <= self.negatives):
            raise ValueError(f"The judge is right on none to all of the labelled images; got {self}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Readings:
    """Three shares with their intervals: of hits, of hits where there is something, and where there is nothing."""

    hits: tuple[float, Interval]
    found: tuple[float, Interval]
    false_alarms: tuple[float, Interval]

    def away(self, share: float) -> float:
        """Return by how much the hits exceed those that a true share gives rise to."""
        return self.hits[0] - share * self.found[0] - (1 - share) * self.false_alarms[0]

    def refuted(self, share: float) -> float:
        """Return how far a true share is outside the interval, negative within."""
        away = self.away(share)
        sign = 1 if away > 0 else -1
        parts = (
            _reach(self.hits, -sign),
            share * _reach(self.found, sign),
            (1 - share) * _reach(self.false_alarms, sign),
        )
        return abs(away) - math.hypot(*parts)


def rogan_gladen(
    shares: Float[np.ndarray, " prompts"], judge: JudgeCheck, *, level: float = 0.95, trials: int | None = None
) -> ClusterEstimate:
    """True share of hits behind the share that a judge of known errors reads, its own uncertainty carried along.

    Formula: ``(p + Sp - 1) / (Se + Sp - 1)``, cut to [0, 1], with p the mean over prompts, Se the judge's sensitivity
    and Sp its specificity on the labelled images. The interval holds every true share s for which
    ``p - s * Se - (1 - s) * (1 - Sp)`` is no further from 0 than the ends of the single intervals allow, their
    distances squared and added: that of :func:`~audit.stats.clusters.share_interval` for p, Wilson's for Se and Sp.
    Without judge error it is the interval of p. In simulations with 8 to 24 prompts and 20 to 100 labels a side it
    covers 98 % and more, with ``trials`` 95 % and more, and is shorter than that of Lang and Reiczigel with the same
    number of effective trials.
    Source: Rogan and Gladen (1978), American J. Epidemiology 107(1):71-76,
    doi:10.1093/oxfordjournals.aje.a112510; Zou and Donner (2008), Statistics in Medicine 27(10):1693-1702,
    doi:10.1002/sim.3095; for comparison, Lang and Reiczigel (2014), Preventive Veterinary Medicine 113(1):13-22,
    doi:10.1016/j.prevetmed.2013.09.015.

    Args:
        shares: Share of images per prompt in which the judge found something, in [0, 1].
        judge: What the judge did on labelled images like these, which are independent of each other.
        level: Confidence level, in (0, 1).
        trials: Number of images, where they are answers of their own; ``None`` counts a prompt as one trial at most.

    Returns:
        The corrected share. Without value where nothing was measured, where labels of either kind are missing, and
        where sensitivity and specificity add up to 1 or less; without interval for fewer than two prompts, and where
        the judge's errors on the labelled images cannot explain what it reads here.

    Raises:
        ValueError: If a share lies outside [0, 1], or ``level`` outside (0, 1).

    Example:
        >>> judge = JudgeCheck(true_positives=45, positives=50, true_negatives=95, negatives=100)
        >>> found = rogan_gladen(np.array([0.0, 0.25, 0.5, 0.25, 0.0, 0.5, 0.75, 0.25]), judge)
        >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
        (0.3088, 0.0292, 0.7726)
    """
    check_level(level)
    if not ((shares >= 0) & (shares <= 1)).all():
        raise ValueError("Shares lie between 0 and 1; at least one is outside or missing.")
    count = len(shares)
    refusal = _refusal(count, judge)
    if refusal:
        return no_interval(None, refusal, count)
    share = math.fsum(shares) / count
    sensitivity = judge.true_positives / judge.positives
    alarms = judge.negatives - judge.true_negatives
    false_alarm_rate = alarms / judge.negatives
    value = min(1.0, max(0.0, (share - false_alarm_rate) / (sensitivity - false_alarm_rate)))
    if count < 2:
        return no_interval(value, Method.FEW, count)
    readings = _Readings(
        hits=(share, share_interval(shares, level=level, trials=trials)),
        found=(sensitivity, wilson(judge.true_positives, judge.positives, level=level)),
        false_alarms=(false_alarm_rate, wilson(alarms, judge.negatives, level=level)),
    )
    if readings.refuted(value) > 0:
        return no_interval(value, Method.UNEXPLAINED, count)
    low = 0.0 if readings.refuted(0.0) <= 0 else float(brentq(readings.refuted, 0.0, value))
    high = 1.0 if readings.refuted(1.0) <= 0 else float(brentq(readings.refuted, value, 1.0))
    method = Method.ROGAN_GLADEN
    return ClusterEstimate(value=value, low=low, high=high, method=method, n=count, n_clusters=count)


def _refusal(count: int, judge: JudgeCheck) -> Method | None:
    if not count:
        return Method.NOTHING
    if not (judge.positives and judge.negatives):
        return Method.NOT_LABELLED
    if judge.true_positives / judge.positives + judge.true_negatives / judge.negatives <= 1:
        return Method.NOT_ABOVE_CHANCE
    return None


def _reach(share: tuple[float, Interval], side: int) -> float:
    """Return the distance from a share to the end of its interval on this side."""
    value, interval = share
    return interval.high - value if side > 0 else value - interval.low
