"""Tests that ask how often chance alone does as much: the signs of paired differences are turned over.

If candidate and baseline are alike, the difference of a prompt is as likely with either sign. Nothing more is assumed:
no normal distribution.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from jaxtyping import Float
from scipy.stats import permutation_test

from audit.stats.hypotheses import TestResult
from audit.stats.intervals import check_finite

_ROUNDING: Final = 1e-9
"""Statistics closer than this are the same one, added up in another order."""

_BATCH: Final = 1000
"""Sign vectors that are held in memory at once."""


def sign_flip_test(
    differences: Float[np.ndarray, " prompts"], *, rng: np.random.Generator, draws: int = 9999
) -> TestResult:
    """Two-sided test that paired differences lie around 0.

    Formula: the share of all 2**G ways to sign the G differences in which the absolute sum is as large as it is, or
    larger. Where there are more ways than ``draws``, signs are drawn, and the p-value is ``(b + 1) / (draws + 1)`` with
    b of them as large: the ways seen include the one that was measured, so it is never 0.
    Source: Fisher (1935), The Design of Experiments, section 21; Phipson and Smyth (2010), Statistical Applications in
    Genetics and Molecular Biology 9(1):39, doi:10.2202/1544-6115.1585.

    Args:
        differences: One finite difference per prompt (or other unit that is independent of the rest).
        rng: Where the draws come from, if they are needed.
        draws: Number of draws, and the largest number of ways that are all gone through; above 0.

    Returns:
        The p-value: 1 where all differences are 0, ``None`` where there is none. Below six prompts it cannot reach
        0.05 whatever they say, since ``2 / 2**G`` is the smallest there is.

    Raises:
        ValueError: If a difference is not finite, or ``draws`` is below 1.

    Example:
        >>> found = sign_flip_test(np.array([0.1, 0.3, 0.2, 0.4]), rng=np.random.default_rng(7))
        >>> found.p_value, found.method
        (0.125, 'exact sign-flip test over prompts')
    """
    check_finite("difference", differences)
    count = len(differences)
    if not count:
        return TestResult(p_value=None, method="not tested: no prompt", n=0)
    chance, exact = _chance(differences, rng, draws)
    method = "exact sign-flip test over prompts" if exact else f"sign-flip test over prompts, {draws} draws"
    return TestResult(p_value=chance, method=method, n=count)


def two_sample_test(
    first: Float[np.ndarray, " first"],
    second: Float[np.ndarray, " second"],
    *,
    rng: np.random.Generator,
    draws: int = 9999,
    alternative: Literal["greater", "two-sided"] = "two-sided",
) -> TestResult:
    """Test that two sets of concepts are alike, by dealing their members out anew.

    Formula: the share of all ways to deal the pooled members into sets of these sizes in which the difference of the
    means is as large as it is, or larger; two-sided, twice the smaller tail, at most 1. Where there are more ways than
    ``draws``, they are drawn, and the one that was measured counts among them. One member against m others cannot reach
    less than ``1 / (m + 1)``.
    Source: Pitman (1937), Supplement to the J. Royal Statistical Society 4(1):119-130, doi:10.2307/2984124; computed by
    ``scipy.stats.permutation_test``.

    Args:
        first: One finite number per concept.
        second: Numbers of what they are compared with, in the same unit.
        rng: Where the draws come from, if they are needed.
        draws: Number of draws, and the largest number of ways that are all gone through; above 0.
        alternative: "greater" asks only whether the first set is larger.

    Returns:
        The p-value; ``None`` where a set is empty.

    Raises:
        ValueError: If a number is not finite.

    Example:
        >>> found = two_sample_test(
        ...     np.array([0.9]), np.array([0.1, 0.3, 0.2, 0.4]), rng=np.random.default_rng(7), alternative="greater"
        ... )
        >>> found.p_value, found.method
        (0.2, 'permutation test over concepts')
    """
    check_finite("number", first, second)
    count = len(first) + len(second)
    if not (len(first) and len(second)):
        return TestResult(p_value=None, method="not tested: a set is empty", n=count)
    if min(len(first), len(second)) == 1:
        p_value = _place(first[0], second, alternative) if len(first) == 1 else _place(-second[0], -first, alternative)
    else:
        p_value = permutation_test(
            (first, second),
            _difference,
            permutation_type="independent",
            vectorized=True,
            n_resamples=draws,
            alternative=alternative,
            rng=rng,
        ).pvalue
    return TestResult(p_value=min(1.0, float(p_value)), method="permutation test over concepts", n=count)


def _place(one: float, others: Float[np.ndarray, " others"], alternative: str) -> float:
    """Return the p-value of one member against others, which scipy refuses: its place among them."""
    greater, less = (
        (1 + int((sign * others >= sign * one - _ROUNDING).sum())) / (1 + len(others)) for sign in (1.0, -1.0)
    )
    return greater if alternative == "greater" else 2 * min(greater, less)


def _difference(first: np.ndarray, second: np.ndarray, axis: int) -> np.ndarray:
    return np.asarray(first.mean(axis=axis) - second.mean(axis=axis))


def _chance(differences: Float[np.ndarray, " prompts"], rng: np.random.Generator, draws: int) -> tuple[float, bool]:
    """Return the share of ways to sign the differences whose sum is as far from 0, and whether it is exact."""
    if draws < 1:
        raise ValueError(f"A test by draws needs at least one; got {draws}.")
    count = len(differences)
    exact = count < 63 and 2 ** (count - 1) <= draws  # a way and its mirror image have the same sum
    ways = 2 ** (count - 1) if exact else draws
    size = float(np.sqrt((differences**2).sum()))
    scaled = differences / (size if size > 0 else 1.0)
    reached = 0
    for start in range(0, ways, _BATCH):
        batch = min(_BATCH, ways - start)
        signs = _all_signs(start, batch, count) if exact else rng.choice([-1.0, 1.0], (batch, count))
        reached += int((np.abs(signs @ scaled) >= abs(scaled.sum()) - _ROUNDING).sum())
    return (reached / ways, True) if exact else ((reached + 1) / (ways + 1), False)


def _all_signs(start: int, size: int, count: int) -> Float[np.ndarray, "ways prompts"]:
    """Return the ways with these numbers; the last prompt keeps its sign."""
    numbers = np.arange(start, start + size)[:, None]
    return np.asarray(1.0 - 2.0 * ((numbers >> np.arange(count)) & 1))
