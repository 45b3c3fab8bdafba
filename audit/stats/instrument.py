"""The error that a concept has of its own: what concept, judge and image together add to every prompt of it alike.

Prompts of one concept share it, so it never shows in the spread between them. Neutralised subjects show it: prompts
from which the text's own lean was taken off, so that their true answer is 0 and whatever they are read as is error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq
from scipy.special import chdtri, ndtr, stdtr, stdtrit

from audit.records import Method
from audit.stats.clusters import ClusterEstimate, half_width, no_interval, variance_of_mean
from audit.stats.hypotheses import TestResult
from audit.stats.intervals import check_level, normal_quantile
from audit.stats.jackknife import pseudo_values

_FEWEST: Final = 2
"""Neutralised subjects without which nothing is said of the error."""
_FEWEST_PROMPTS: Final = 3
"""Prompts of a neutralised subject without which its variance has one degree of freedom, and would drown all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentError:
    """Spread of the errors that concepts have of their own, in the unit of the readings."""

    variance: float
    """Between concepts, beyond what prompts explain (tau_b squared); 0 where they explain it all."""
    uncertainty: float
    """Variance of the estimate ``variance``."""
    within: float
    """Mean variance of single prompts within a concept."""
    low: float
    """Ends of the interval of :attr:`sd`: with few concepts the upper one is far from it."""
    high: float
    level: float
    """Of that interval, and of those of the readings."""
    mean: float
    """Mean reading of the neutralised subjects, whose true value is 0."""
    square: float
    """Mean of their squares: all of their error, that of concepts and that of prompts together."""
    n_concepts: int

    @property
    def sd(self) -> float:
        """Standard deviation of the errors of concepts."""
        return math.sqrt(self.variance)


def instrument_error(neutral: Sequence[ClusterEstimate], *, level: float = 0.95) -> InstrumentError | None:
    """Error that a concept has of its own, from subjects whose true value is 0.

    Formula: for K readings y with the squared standard errors v, ``tau_b**2 = max(0, mean(y**2) - mean(v))``: the
    moments' estimate of the variance between concepts with a known mean, every concept weighing the same, so that noise
    in v biases nothing. A mean that is not 0 is an error too and counts in. Its variance is
    ``2 * (max(mean(y**2), mean(v))**2 + mean(v**2 / (G - 1))) / K``, which stays above 0 where tau_b is estimated as 0.
    The interval of tau_b has the ends ``sqrt(max(0, sum(y**2) / q - mean(v)))``, q the quantiles of chi squared with K
    degrees of freedom; the upper one is at least that of the normal interval of ``tau_b**2``, so that readings which
    happen to be all near 0 leave it open how large the error is.
    Source: Hedges and Olkin (1985), Statistical Methods for Meta-Analysis, chapter 9; for the interval, Viechtbauer
    (2007), Statistics in Medicine 26(1):37-52, doi:10.1002/sim.2514, with equal weights and a known mean.

    Args:
        neutral: What was read of each neutralised subject, with an interval at ``level``; those without one are left
            out, and those of two prompts where others have more.
        level: Confidence level of their intervals, in (0, 1).

    Returns:
        The error; ``None`` where fewer than two subjects have an interval.

    Raises:
        ValueError: If ``level`` lies outside (0, 1).

    Example:
        >>> from audit.stats.clusters import cluster_mean
        >>> readings = np.array([[0.3, 0.1], [-0.3, -0.2], [0.1, 0.3], [-0.1, -0.2]])
        >>> found = instrument_error([cluster_mean(one, ["p", "q"]) for one in readings])
        >>> round(found.sd, 4), round(found.low, 4), round(found.high, 4)
        (0.1871, 0.0925, 0.5782)
    """
    check_level(level)
    measured = [one for one in neutral if one.value is not None and one.low is not None and one.high is not None]
    known = [one for one in measured if one.n_clusters >= _FEWEST_PROMPTS] or measured
    count = len(known)
    if count < _FEWEST:
        return None
    readings = np.array([one.value for one in known], dtype=float)
    prompts = np.array([one.n_clusters for one in known], dtype=float)
    errors = np.array([_squared_error(one, level) for one in known])
    square, error = float((readings**2).mean()), float(errors.mean())
    noise = max(square, error) ** 2 + float((errors**2 / (prompts - 1)).mean())
    between, uncertainty = max(0.0, square - error), 2 * noise / count
    least, most = (count * square / float(chdtri(count, tail)) - error for tail in ((1 - level) / 2, (1 + level) / 2))
    return InstrumentError(
        variance=between,
        uncertainty=uncertainty,
        within=float((errors * prompts).mean()),
        low=math.sqrt(max(0.0, least)),
        high=math.sqrt(max(most, between + normal_quantile(level) * math.sqrt(uncertainty))),
        level=level,
        mean=float(readings.mean()),
        square=square,
        n_concepts=count,
    )


def widen(found: ClusterEstimate, error: InstrumentError | None) -> ClusterEstimate:
    """Interval of a reading with the error that its concept has of its own.

    Formula: on either side ``y +- t(nu) * sqrt(V)`` with ``V = v + tau_b**2``, never narrower than it was. v is the
    squared standard error on this side, or its mean with that of the neutralised subjects (their variance within a
    concept, divided by the G prompts) where that is larger: a concept whose few prompts happen to agree, or lie at an
    end of the scale, is not more certain than others. Satterthwaite's ``nu = 2 * V**2 / (v**2 / (G - 1) +
    var(tau_b**2))``, at least 1; v, being a mean of two, has 2 (G - 1) degrees. Where one neutralised subject is read
    so badly that nu says nothing, the mean square of their readings does: it holds both kinds of error and has K
    degrees, so that V, at least as large as it, with the smaller of G - 1 and K degrees is taken where that is
    narrower. In simulation it covers 95.9 % and more for 4, 8 and 12 prompts and 4, 14 and 40 neutralised subjects,
    where the interval without covers as little as 79 %; with 8 prompts, 14 subjects and tau_b 0.108 half the width is
    0.33, where knowing tau_b would give 0.32.
    Source: Satterthwaite (1946), Biometrics Bulletin 2(6):110-114, doi:10.2307/3002019; for the mean of the variances,
    Smyth (2004), Statistical Applications in Genetics and Molecular Biology 3(1):3, doi:10.2202/1544-6115.1027, with
    equal weights.

    Args:
        found: The reading with its interval, at the level of the error.
        error: From neutralised subjects read in the same way; ``None`` changes nothing.

    Returns:
        The same value with the wider interval; unchanged where it has no value or fewer than two prompts.

    Example:
        >>> from audit.stats.clusters import cluster_mean
        >>> readings = np.array([[0.3, 0.1], [-0.3, -0.2], [0.1, 0.3], [-0.1, -0.2]])
        >>> error = instrument_error([cluster_mean(one, ["p", "q"]) for one in readings])
        >>> found = widen(cluster_mean(np.array([0.4, 0.5, 0.45, 0.55]), list("abcd")), error)
        >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
        (0.475, -0.1237, 1.0737)
        >>> found.method_text
        "t over prompts, with the instrument's own error; SD 0.19 from 4 neutralised subjects"
    """
    if error is None or found.value is None or found.n_clusters < _FEWEST:
        return found
    low, high = (_side(found, error, end) for end in (found.low, found.high))
    remark = f"SD {error.sd:.2f} from {error.n_concepts} neutralised subjects"
    return replace(
        found,
        low=min(found.value - low.half_width(error.level), math.inf if found.low is None else found.low),
        high=max(found.value + high.half_width(error.level), -math.inf if found.high is None else found.high),
        method=Method.INSTRUMENT,
        remark="; ".join(part for part in (found.remark, remark) if part),
    )


def widened_test(found: ClusterEstimate, error: InstrumentError, *, neutral: float = 0.0) -> TestResult:
    """Two-sided test that a reading is ``neutral``, its concept's own error counted in; it agrees with :func:`widen`.

    Formula: Student's t of ``y - neutral`` over the root of V with nu degrees of freedom, as in :func:`widen`, on the
    side of y on which ``neutral`` lies; never smaller than without the concept's own error.

    Args:
        found: The reading with its interval, at the level of the error, as it was before it was widened.
        error: From neutralised subjects read in the same way.
        neutral: The value that is tested, in the unit of the readings.

    Returns:
        The p-value; ``None`` where the reading has no value or fewer than two prompts.

    Example:
        >>> from audit.stats.clusters import cluster_mean
        >>> readings = np.array([[0.3, 0.1], [-0.3, -0.2], [0.1, 0.3], [-0.1, -0.2]])
        >>> error = instrument_error([cluster_mean(one, ["p", "q"]) for one in readings])
        >>> round(widened_test(cluster_mean(np.array([0.4, 0.5, 0.45, 0.55]), list("abcd")), error).p_value, 4)
        0.0868
    """
    count = found.n_clusters
    if found.value is None or count < _FEWEST:
        return TestResult(p_value=None, method=f"not tested: fewer than two {found.over}", n=count)
    away = found.value - neutral
    side = _side(found, error, found.low if away > 0 else found.high)
    method = f"t test over {found.over}, with the instrument's own error"
    if side.variance == 0.0:
        return TestResult(p_value=1.0 if away == 0.0 else 0.0, method=method, n=count)
    chances = [2 * float(stdtr(side.freedom, -abs(away) / math.sqrt(side.variance)))]
    if side.own > 0.0:
        chances.append(2 * float(stdtr(count - 1, -abs(away) / math.sqrt(side.own))))
    return TestResult(p_value=max(chances), method=method, n=count)


def mean_size(
    readings: Sequence[ClusterEstimate], error: InstrumentError | None, *, level: float = 0.95
) -> ClusterEstimate:
    """Mean absolute value of what concepts truly are, without what noise adds to it.

    Beside a mean, in which opposite leans cancel.

    Formula: noise keeps the mean of ``|y|`` above 0. With s**2 the variance of each reading y (its squared standard
    error and, where it is known, the instrument's own) and ``g(m, s)`` the mean of ``|N(m, s**2)|``, the true values
    are taken to be spread as the readings are, but by a factor k less: k in [0, 1] solves ``mean(g(k * |y|, s)) =
    mean(|y|)``, 0 where noise alone gives as much, and the estimate is ``k * mean(|y|)``. The interval is the
    jackknife's over concepts, at least as wide as Student's for ``|y|``; its upper end is at least that of
    ``mean(|y|)`` uncorrected, so that true values no larger than the noise are covered too, and its lower end is 0
    unless chi squared says that there is more than noise. docs/accuracy.md has its coverage in simulation.
    Source: for g, Leone, Nelson and Nottingham (1961), Technometrics 3(4):543-550, doi:10.1080/00401706.1961.10489974;
    for the interval, :func:`~audit.stats.jackknife.jackknife_difference`. The factor is our own.

    Args:
        readings: One for every concept, each with its interval at ``level``; those without one are left out.
        error: The error that a concept has of its own; ``None`` leaves it out, and the mean is too large by it.
        level: Confidence level, in (0, 1).

    Returns:
        The mean size, from 0 up; without value where no reading has an interval, without interval for fewer than three.

    Raises:
        ValueError: If ``level`` lies outside (0, 1).

    Example:
        >>> from audit.stats.clusters import cluster_mean
        >>> readings = np.array([[0.5, 0.7], [-0.6, -0.4], [0.1, -0.1], [0.6, 0.8]])
        >>> found = mean_size([cluster_mean(one, ["p", "q"]) for one in readings], None)
        >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
        (0.4301, 0.0, 0.9863)
    """
    check_level(level)
    known = [one for one in readings if one.value is not None and one.low is not None and one.high is not None]
    count = len(known)
    sizes = np.array([abs(one.value or 0.0) for one in known])
    variances = np.array([_squared_error(one, level) for one in known])
    if error is not None:
        within = np.array([error.within / one.n_clusters for one in known])
        variances = np.maximum(variances, (variances + within) / 2) + error.variance
    if not count:
        return no_interval(None, Method.NOTHING, 0, over="concepts")
    value = _less_noise(sizes, np.sqrt(variances))
    if count < _FEWEST + 1:
        return no_interval(value, Method.FEW_REPEATS, count, over="concepts")
    left = [_less_noise(np.delete(sizes, place), np.sqrt(np.delete(variances, place))) for place in range(count)]
    plain = half_width(variance_of_mean(sizes), count - 1, level)
    half = max(plain, half_width(variance_of_mean(pseudo_values(value, np.array(left))), count - 1, level))
    surely = count * float((sizes**2).mean()) > float(chdtri(count, (1 - level) / 2)) * float(variances.mean())
    return ClusterEstimate(
        value=value,
        low=max(0.0, value - half) if surely else 0.0,
        high=max(value + half, float(sizes.mean()) + plain),
        method=Method.JACKKNIFE,
        n=count,
        n_clusters=count,
        over="concepts",
    )


def _less_noise(sizes: Float[np.ndarray, " concepts"], errors: Float[np.ndarray, " concepts"]) -> float:
    """Return the mean size once noise with these standard errors is taken off."""
    mean = float(sizes.mean())

    def excess(factor: float) -> float:
        return float(_folded(factor * sizes, errors).mean()) - mean

    return 0.0 if excess(0.0) >= 0 else float(brentq(excess, 0.0, 1.0)) * mean if excess(1.0) > 0 else mean


def _folded(
    means: Float[np.ndarray, " concepts"], errors: Float[np.ndarray, " concepts"]
) -> Float[np.ndarray, " concepts"]:
    """Return the means of the absolute values of normal numbers with these means and standard deviations."""
    spread = np.maximum(errors, 1e-12)
    places = means / spread
    return np.asarray(means * (1 - 2 * ndtr(-places)) + spread * np.sqrt(2 / np.pi) * np.exp(-(places**2) / 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """Variance of a reading, as seen on one side of it, and its degrees of freedom."""

    own: float
    """Squared standard error of the reading itself."""
    variance: float
    freedom: float

    def half_width(self, level: float) -> float:
        return float(stdtrit(self.freedom, 0.5 + level / 2)) * math.sqrt(self.variance)


def _side(found: ClusterEstimate, error: InstrumentError, end: float | None) -> _Side:
    """Return the variance on the side of ``end``; a side without an end has shown no spread."""
    count = found.n_clusters
    own = 0.0 if end is None or found.value is None else _variance(abs(end - found.value), count, error.level)
    shared = max(own, (own + error.within / count) / 2)
    total = shared + error.variance
    doubt = shared**2 / (count - 1) + error.uncertainty
    apart = _Side(own=own, variance=total, freedom=max(1.0, 2 * total**2 / doubt) if doubt > 0 else 1.0)
    as_a_whole = _Side(own=own, variance=max(total, error.square), freedom=min(count - 1, error.n_concepts))
    return min(apart, as_a_whole, key=lambda side: side.half_width(error.level))


def _squared_error(found: ClusterEstimate, level: float) -> float:
    """Return the squared standard error behind an interval of Student's kind, the mean of its two sides."""
    low, high = found.low or 0.0, found.high or 0.0
    return _variance((high - low) / 2, found.n_clusters, level)


def _variance(half: float, count: int, level: float) -> float:
    return (half / float(stdtrit(count - 1, 0.5 + level / 2))) ** 2
