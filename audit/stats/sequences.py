"""Intervals and evidence that hold however often one looks, and whenever one stops.

An interval of fixed size that is looked at after every round, until it says what one hopes for, misses far more often
than its level. Those here hold at all rounds together; the price is width. A value is one independent unit, a prompt's
mean as a rule, between 0 and 1; the order of the values changes nothing. A caller that looks often may also intersect
what it saw: the interval of a later round never has to give back what an earlier one excluded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import brentq
from scipy.special import betaln

from audit.stats.hypotheses import Adjusted, benjamini_hochberg
from audit.stats.intervals import Count, Interval, check_counts, check_level

JEFFREYS: Final = (0.5, 0.5)
"""Weights of the two ends, 0 and 1, in the mixture over shares: it is tight near both, where rare events lie."""

_EDGE: Final = 1e-12
"""Distance from 0 and 1 within which an end of an interval is put on them."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
_STAKES: Final = (1 + _NODES) / 2
"""Shares of the capital that are bet, over (0, 1). Any of them is a fair bet, so how many there are is no matter of
validity; up to 127 values, the sum over them is exactly the integral."""
_LOG_WEIGHTS: Final = np.log(_WEIGHTS / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class EValue:
    """Evidence against a claim: 1 is none, and if the claim holds, it ever reaches k with a chance of at most 1 / k."""

    value: float
    """From 0 up; infinite where the claim is impossible."""
    method: str
    n: int


def share_sequence(hits: Count, n: Count, *, level: float = 0.95, prior: tuple[float, float] = JEFFREYS) -> Interval:
    """Beta-binomial confidence sequence for a share: an interval that holds at every n at once.

    Formula: all p with ``B(a + h, b + n - h) / B(a, b) <= p**h * (1 - p)**(n - h) / (1 - level)`` for h hits of n. The
    left side over the power of p is a mixture of likelihood ratios and a martingale, so by Ville's inequality it ever
    reaches ``1 / (1 - level)`` with a chance of at most ``1 - level``. It holds for values between 0 and 1 too, h being
    their sum, because such a ratio is convex in the value; where these vary little, :func:`mean_sequence` is tighter.
    Source: Robbins (1970), Annals of Mathematical Statistics 41(5):1397-1409, doi:10.1214/aoms/1177696786; Howard,
    Ramdas, McAuliffe and Sekhon (2021), Annals of Statistics 49(2):1055-1080, doi:10.1214/20-AOS1991; as the ratio of
    prior and posterior, Waudby-Smith and Ramdas (2020), Advances in Neural Information Processing Systems 33.

    Args:
        hits: Number of successes so far, or the sum of values in [0, 1].
        n: Number of independent trials so far; 0 before the first.
        level: Confidence level that holds over all n together, in (0, 1).
        prior: Weights a and b of the mixture, above 0, chosen before looking.

    Returns:
        Ends in [0, 1].

    Raises:
        ValueError: If ``hits`` lies outside [0, n], ``level`` outside (0, 1), or a weight is not above 0.

    Example:
        >>> found = share_sequence(0, 24)
        >>> round(found.low, 4), round(found.high, 4)
        (0.0, 0.1935)
    """
    check_level(level)
    if min(prior) <= 0:
        raise ValueError(f"The weights of the mixture lie above 0; got {prior}.")
    method = "beta-binomial confidence sequence"
    if n == 0 and hits == 0:
        return Interval(low=0.0, high=1.0, method=f"{method}, nothing measured yet")
    check_counts(hits, n)
    mixture = float(betaln(prior[0] + hits, prior[1] + n - hits) - betaln(*prior))

    def evidence(share: float) -> float:
        return mixture - hits * math.log(share) - (n - hits) * math.log1p(-share)

    low, high = _not_refuted(evidence, hits / n, level)
    return Interval(low=low, high=high, method=method)


def mean_sequence(values: Float[np.ndarray, " n"], *, level: float = 0.95) -> Interval:
    """Confidence sequence for the mean of values between 0 and 1, by bets on both sides of every candidate mean.

    Formula: all m at which the capital ``(U(m) + D(m)) / 2`` stays below ``1 / (1 - level)``, with U the mean over
    stakes c in (0, 1) of ``prod(1 - c + c * x / m)``, D the same for ``1 - x`` and ``1 - m``. At the true mean the
    capital is a martingale that starts at 1. Where the values vary little, the interval is narrow.
    Source: Waudby-Smith and Ramdas (2024), J. Royal Statistical Society B 86(1):1-27, doi:10.1093/jrsssb/qkad009.

    Args:
        values: Independent values in [0, 1] with one mean.
        level: Confidence level that holds over all n together, in (0, 1).

    Returns:
        Ends in [0, 1]; they are 0 and 1 without values.

    Raises:
        ValueError: If a value lies outside [0, 1], or ``level`` outside (0, 1).

    Example:
        >>> found = mean_sequence(np.full(24, 0.5))
        >>> round(found.low, 4), round(found.high, 4)
        (0.4012, 0.5988)
    """
    check_level(level)
    _check_values(values)
    method = "confidence sequence by betting"
    if not len(values):
        return Interval(low=0.0, high=1.0, method=f"{method}, nothing measured yet")

    different, times = np.unique(values, return_counts=True)

    def evidence(mean: float) -> float:
        up, down = _log_capital(different, times, mean), _log_capital(1 - different, times, 1 - mean)
        return float(np.logaddexp(up, down)) - math.log(2)

    low, high = _not_refuted(evidence, math.fsum(values) / len(values), level)
    return Interval(low=low, high=high, method=method)


def evidence_against_at_most(values: Float[np.ndarray, " n"], threshold: float) -> EValue:
    """e-value against the claim that the mean is at most ``threshold``.

    Formula: U(threshold) of :func:`mean_sequence`; for values of 0 and 1 it is the beta-binomial likelihood ratio with
    all shares above the threshold weighed alike. Under every mean up to the threshold its expectation is at most 1, at
    any time of stopping; so a rule that calls the claim wrong at k or above does so wrongly with a chance of 1 / k at
    most, however often it looks.
    Source: Waudby-Smith and Ramdas (2024), doi:10.1093/jrsssb/qkad009; Vovk and Wang (2021), Annals of Statistics
    49(3):1736-1754, doi:10.1214/20-AOS2020.

    Args:
        values: Independent values in [0, 1] with one mean.
        threshold: Largest mean that is claimed, in [0, 1].

    Returns:
        The evidence; 1 without values.

    Raises:
        ValueError: If a value or ``threshold`` lies outside [0, 1].

    Example:
        >>> round(evidence_against_at_most(np.ones(4), 0.5).value, 4)
        6.2
    """
    _check_values(values, threshold)
    with np.errstate(over="ignore"):
        value = float(np.exp(_log_capital(*np.unique(values, return_counts=True), threshold)))
    return EValue(value=value, method="capital won by betting", n=len(values))


def evidence_against_at_least(values: Float[np.ndarray, " n"], threshold: float) -> EValue:
    """e-value against the claim that the mean is at least ``threshold``.

    Formula, source, arguments and errors: :func:`evidence_against_at_most` of ``1 - values`` and ``1 - threshold``.

    Example:
        >>> round(evidence_against_at_least(np.zeros(4), 0.5).value, 4)
        6.2
    """
    _check_values(values, threshold)
    return evidence_against_at_most(1 - values, 1 - threshold)


def e_benjamini_hochberg(e_values: Sequence[float | None]) -> Adjusted:
    """Correct e-values so that the expected share of false alarms is bounded, whatever depends on whatever.

    Formula: Benjamini and Hochberg's correction of ``min(1, 1 / e)``. What is then at most a is the largest set whose
    k-th e-value reaches ``m / (a * k)``; unlike with p-values, no assumption on dependence is needed.
    Source: Wang and Ramdas (2022), J. Royal Statistical Society B 84(3):822-852, doi:10.1111/rssb.12489.

    Args:
        e_values: e-values from 0 up; ``None`` or NaN where there is none.

    Raises:
        ValueError: If an e-value lies below 0.

    Example:
        >>> e_benjamini_hochberg([100.0, None, 25.0, 0.5]).p_values
        (0.03, None, 0.06, 1.0)
    """
    if any(e_value is not None and e_value < 0 for e_value in e_values):
        raise ValueError(f"e-values lie from 0 up; got {[e for e in e_values if e is not None and e < 0]}.")
    found = benjamini_hochberg([None if e is None or math.isnan(e) else 1 / max(1.0, e) for e in e_values])
    return Adjusted(p_values=found.p_values, n_tested=found.n_tested, missing=found.missing, method="e-BH")


def _log_capital(different: Float[np.ndarray, " _"], times: Int[np.ndarray, " _"], mean: float) -> float:
    """Return the logarithm of U at a candidate mean, of values that occur so many times each."""
    if mean <= 0:
        return math.inf if (different > 0).any() else 0.0
    won = times @ np.log1p(_STAKES * (different[:, None] / mean - 1)) + _LOG_WEIGHTS
    most = float(won.max())
    return most + math.log(math.fsum(np.exp(won - most)))


def _not_refuted(evidence: Callable[[float], float], centre: float, level: float) -> tuple[float, float]:
    """Return the ends of the region in which the logarithm of the evidence stays below that of ``1 / (1 - level)``."""
    most = -math.log1p(-level)

    def excess(place: float) -> float:
        return evidence(place) - most

    inside = min(1 - _EDGE, max(_EDGE, centre))
    low = float(brentq(excess, _EDGE, inside)) if centre > _EDGE and excess(_EDGE) > 0 else 0.0
    high = float(brentq(excess, inside, 1 - _EDGE)) if centre < 1 - _EDGE and excess(1 - _EDGE) > 0 else 1.0
    return low, high


def _check_values(values: Float[np.ndarray, " n"], threshold: float = 0.0) -> None:
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("Values lie between 0 and 1; at least one is outside or missing.")
    if not 0 <= threshold <= 1:
        raise ValueError(f"A threshold of such values lies between 0 and 1; got {threshold}.")
