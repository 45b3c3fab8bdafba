"""Tests of one set of prompt means against a neutral value, and corrections for many such tests."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import stdtr
from scipy.stats import binomtest

from audit.stats.clusters import SAME, has_spread, variance_of_mean
from audit.stats.intervals import check_finite


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """Outcome of a two-sided test; ``p_value`` is ``None`` where nothing could be tested."""

    __test__ = False  # not a class of tests, whatever pytest makes of the name

    p_value: float | None
    method: str
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusted:
    """p-values of a family after correction, in the order they came in."""

    p_values: tuple[float | None, ...]
    """``None`` where the p-value was missing; a missing one is no member of the family."""
    n_tested: int
    missing: tuple[int, ...]
    """Positions of the missing ones."""
    method: str

    @property
    def note(self) -> str:
        """What was corrected, and what was left out.

        Example:
            >>> holm([0.01, None, 0.04]).note
            'Holm over 2 tests; 1 missing one left out'
        """
        family = f"{self.method} over {self.n_tested} test{'s' * (self.n_tested != 1)}"
        gone = len(self.missing)
        return f"{family}; {gone} missing one{'s' * (gone != 1)} left out" if gone else family


def t_test(means: Float[np.ndarray, " prompts"], neutral: float, *, unit: str = "prompts") -> TestResult:
    """Two-sided test that the mean over prompts is ``neutral``.

    Formula: Student's t with G - 1 degrees of freedom on the G prompt means. Where these all agree t is not
    defined, and the sign test answers.
    Source: Student (1908), Biometrika 6(1):1-25, doi:10.1093/biomet/6.1.1.

    Args:
        means: One finite mean per prompt.
        neutral: The value to be tested, in the unit of the means.
        unit: What a mean stands for, in the plural.

    Returns:
        The p-value; ``None`` for fewer than two prompts.

    Raises:
        ValueError: If a mean or ``neutral`` is not finite.

    Example:
        >>> round(t_test(np.array([0.1, 0.3, 0.2, 0.4]), 0.0).p_value, 4)
        0.0305
    """
    check_finite("mean", means, neutral)
    if len(means) < 2:
        return TestResult(p_value=None, method=f"not tested: fewer than two {unit}", n=len(means))
    if not has_spread(means):
        return sign_test(means, neutral, unit=unit)
    statistic = (math.fsum(means) / len(means) - neutral) / math.sqrt(variance_of_mean(means))
    p_value = 2 * float(stdtr(len(means) - 1, -abs(statistic)))
    return TestResult(p_value=p_value, method=f"t test over {unit}", n=len(means))


def sign_test(means: Float[np.ndarray, " prompts"], neutral: float, *, unit: str = "prompts") -> TestResult:
    """Exact two-sided test that as many prompts lie above ``neutral`` as below; prompts on it are left out.

    Formula: twice the smaller tail of Binomial(n, 1/2), at most 1.
    Source: Conover (1999), Practical Nonparametric Statistics, 3rd edition, section 3.4.

    Args:
        means: One finite mean per prompt.
        neutral: The value to be tested, in the unit of the means.
        unit: What a mean stands for, in the plural.

    Returns:
        The p-value; 1 where every prompt lies on the neutral value, ``None`` where there is no prompt.

    Raises:
        ValueError: If a mean or ``neutral`` is not finite.

    Example:
        >>> sign_test(np.array([0.5, 0.5, 0.5, 0.5]), 0.0).p_value
        0.125
    """
    check_finite("mean", means, neutral)
    if len(means) == 0:
        return TestResult(p_value=None, method="not tested: no prompt", n=0)
    away = means - neutral
    rounding = SAME * max(1.0, abs(neutral), float(np.abs(means).max()))
    above, below = int((away > rounding).sum()), int((away < -rounding).sum())
    p_value = float(binomtest(above, above + below, 0.5).pvalue) if above + below else 1.0
    return TestResult(p_value=p_value, method=f"exact sign test over {unit}", n=len(means))


def holm(p_values: Sequence[float | None]) -> Adjusted:
    """Holm's step-down correction, which bounds the chance of any false alarm in the family.

    Formula: the running maximum of ``(m - i) * p_(i)`` over the m ordered p-values, i from 0, at most 1.
    Source: Holm (1979), Scandinavian J. Statistics 6(2):65-70.

    Args:
        p_values: Raw p-values in [0, 1]; ``None`` or NaN where a test could not be made.

    Returns:
        The corrected ones in the same order, with what was left out.

    Raises:
        ValueError: If a p-value lies outside [0, 1].

    Example:
        >>> holm([0.01, None, 0.04, 0.03]).p_values
        (0.03, None, 0.06, 0.06)
    """
    return _adjust(p_values, _holm_steps, "Holm")


def benjamini_hochberg(p_values: Sequence[float | None]) -> Adjusted:
    """Benjamini and Hochberg's step-up correction, which bounds the expected share of false alarms.

    Formula: the running minimum from the largest down of ``m / i * p_(i)`` over the m ordered p-values, i
    from 1, at most 1.
    Source: Benjamini and Hochberg (1995), JRSS B 57(1):289-300, doi:10.1111/j.2517-6161.1995.tb02031.x.

    Args:
        p_values: Raw p-values in [0, 1]; ``None`` or NaN where a test could not be made.

    Returns:
        The corrected ones in the same order, with what was left out.

    Raises:
        ValueError: If a p-value lies outside [0, 1].

    Example:
        >>> benjamini_hochberg([0.01, None, 0.04, 0.03]).p_values
        (0.03, None, 0.04, 0.04)
    """
    return _adjust(p_values, _step_up, "Benjamini-Hochberg")


def _holm_steps(ordered: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
    return np.maximum.accumulate(ordered * np.arange(len(ordered), 0, -1))


def _step_up(ordered: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
    ranked = ordered * len(ordered) / np.arange(1, len(ordered) + 1)
    return np.minimum.accumulate(ranked[::-1])[::-1]


def _adjust(
    p_values: Sequence[float | None],
    steps: Callable[[Float[np.ndarray, " m"]], Float[np.ndarray, " m"]],
    method: str,
) -> Adjusted:
    known = {i: p for i, p in enumerate(p_values) if p is not None and not math.isnan(p)}
    if not all(0 <= p <= 1 for p in known.values()):
        raise ValueError(f"p-values lie between 0 and 1; got {[p for p in known.values() if not 0 <= p <= 1]}.")
    order = sorted(known, key=lambda position: known[position])
    corrected = steps(np.array([known[position] for position in order], dtype=float))
    result: list[float | None] = [None] * len(p_values)
    for position, p_value in zip(order, corrected.tolist(), strict=True):
        result[position] = min(1.0, p_value)
    missing = tuple(position for position in range(len(p_values)) if position not in known)
    return Adjusted(p_values=tuple(result), n_tested=len(known), missing=missing, method=method)
