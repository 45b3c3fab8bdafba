"""What is claimed, from arrays of quality: costs at equal quality, gains and paired differences, with intervals.

Intervals are percentile bootstraps over prompts: a prompt is drawn with all its seeds, and in all arms at once. So
arms are compared in pairs, and images of one prompt, which look alike, do not pass for so many witnesses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from audit.seeding import derive_seed
from tests.benchmarks.costs import Middle

_LEVEL: Final = 0.95
RESAMPLES: Final = 2000

Quality = Float[np.ndarray, "prompts seeds kept"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranged:
    """A number with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What it costs one arm to get where another one ends."""

    cost: Ranged
    """Image-gradients; infinite where it never gets there."""
    at_most: bool
    """Whether the first kept image is there already, so that the true cost is smaller."""
    gain: Ranged
    """Image-gradients of the other arm's whole loop over ``cost``."""
    gain_on_curve: Ranged
    """The same, against where the other arm's own curve first comes to its end's quality."""


def resample(prompts: int, times: int = RESAMPLES) -> Int[np.ndarray, "times prompts"]:
    """Return which prompts are drawn each time; the same for every quantity of one bench."""
    rng = np.random.default_rng(derive_seed("bench bootstrap", prompts))
    return rng.integers(0, prompts, size=(times, prompts))


def crossing(prices: Sequence[float], quality: Sequence[float], target: float) -> float:
    """Return the price at which a curve first comes to ``target``, straight between points on a log scale of prices.

    The first price where the curve begins there; infinity where it never comes there.

    Example:
        >>> crossing([10, 100, 1000], [0.0, 1.0, 2.0], 1.5)
        316.22776601683796
    """
    if quality[0] >= target:
        return float(prices[0])
    for k in range(1, len(prices)):
        if quality[k] >= target:
            share = (target - quality[k - 1]) / (quality[k] - quality[k - 1])
            return float(math.exp(math.log(prices[k - 1]) + share * math.log(prices[k] / prices[k - 1])))
    return math.inf


def medians(quality: Quality) -> Float[np.ndarray, " kept"]:
    """Return the median over prompts and seeds at each kept step."""
    return np.median(quality, axis=(0, 1))


def ranged(value: float, draws: Sequence[float]) -> Ranged:
    """Return a value with the percentile interval of its bootstrap draws, which may be infinite.

    Example:
        >>> ranged(2.0, [1.0, 2.0, 3.0, math.inf])
        Ranged(value=2.0, low=1.0, high=inf)
    """
    low, high = np.quantile(np.asarray(draws, dtype=float), [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2], method="inverted_cdf")
    return Ranged(value=value, low=float(low), high=float(high))


def reach(
    quality: Quality, prices: Sequence[float], other: Quality, other_prices: Sequence[float], picks: np.ndarray
) -> Reach:
    """Return what it costs one arm to come to the final median quality of the ``other``."""

    def once(rows: np.ndarray) -> tuple[float, float]:
        theirs = medians(other[rows])
        return (
            crossing(prices, medians(quality[rows]), theirs[-1]),
            crossing(other_prices, theirs, theirs[-1]),
        )

    everything = np.arange(len(quality))
    cost, their_first = once(everything)
    draws = [once(rows) for rows in picks]
    costs = [draw[0] for draw in draws]
    return Reach(
        cost=ranged(cost, costs),
        at_most=cost == prices[0],
        gain=ranged(other_prices[-1] / cost, [other_prices[-1] / draw for draw in costs]),
        gain_on_curve=ranged(their_first / cost, [first / draw for draw, first in draws]),
    )


def combined(gain: Reach, engineering: Middle) -> Ranged:
    """Return the gain in seconds at equal quality: image-gradients saved, times what each one costs less.

    The interval multiplies the ends of both: it is wider than it had to be, never narrower.
    """
    return Ranged(
        value=gain.gain.value * engineering.value,
        low=gain.gain.low * engineering.low,
        high=gain.gain.high * engineering.high,
    )


def paired(
    ours: Float[np.ndarray, "prompts seeds"], theirs: Float[np.ndarray, "prompts seeds"], picks: np.ndarray
) -> Ranged:
    """Return the mean difference between two arms, prompt by prompt and seed by seed."""
    differences = (ours - theirs).mean(axis=1)
    return ranged(float(differences.mean()), differences[picks].mean(axis=1))


def ratio(ours: Float[np.ndarray, " prompts"], theirs: Float[np.ndarray, " prompts"], picks: np.ndarray) -> Ranged:
    """Return the ratio of two means over prompts."""
    draws = ours[picks].mean(axis=1) / theirs[picks].mean(axis=1)
    return ranged(float(ours.mean() / theirs.mean()), draws)


def over_prompts(values: np.ndarray, statistic: Callable[[np.ndarray], float], picks: np.ndarray) -> Ranged:
    """Return a statistic of values whose first axis is the prompts."""
    return ranged(statistic(values), [statistic(values[rows]) for rows in picks])
