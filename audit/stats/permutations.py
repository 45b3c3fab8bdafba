"""Tests that ask how often chance alone does as much: the signs of paired differences are turned over.

If candidate and baseline are alike, the difference of a prompt is as likely with either sign. Nothing more is assumed:
no normal distribution, and between the measures of a family whatever correlation they have.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from jaxtyping import Float
from scipy.stats import permutation_test

from audit.stats.checks import check_finite
from audit.stats.hypotheses import Adjusted, TestResult

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
    family = differences[:, None]
    seen = _statistics(np.ones((1, count)), family)[0]
    chance, exact = _as_large(seen, family, rng, draws)
    method = "exact sign-flip test over prompts" if exact else f"sign-flip test over prompts, {draws} draws"
    return TestResult(p_value=float(chance[0]), method=method, n=count)


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


def max_t(differences: Float[np.ndarray, "prompts family"], *, rng: np.random.Generator, draws: int = 9999) -> Adjusted:
    """Sign-flip tests of a family at once, corrected with the correlation that its members have.

    Formula: the statistic of a member is ``|sum d| / sqrt(sum d**2)``, which for given absolute differences grows with
    Student's t. Signs are turned over by prompt, the same for all members. Members are ordered by their statistic, and
    the p-value of each is the chance that the largest statistic among itself and those behind it is as large as its
    own, made monotone from the first on (step-down). Any false alarm in the family is bounded by the level, and
    members that repeat each other cost nothing, as they do with Holm.
    Source: Westfall and Young (1993), Resampling-Based Multiple Testing, algorithm 4.1; Romano and Wolf (2005),
    Econometrica 73(4):1237-1282, doi:10.1111/j.1468-0262.2005.00615.x.

    Args:
        differences: One difference per prompt and member; NaN where a member was not measured on a prompt.
        rng: Where the draws come from, if there are more than ``draws`` ways to sign the prompts.
        draws: Number of draws, and the largest number of ways that are all gone through; above 0.

    Returns:
        The corrected p-values in the order of the members; ``None`` where a member was measured on no prompt. A
        member that was measured on some prompts is tested on these.

    Raises:
        ValueError: If a difference is infinite, or ``draws`` is below 1.

    Example:
        >>> both = np.array([[0.1, 0.1], [0.3, -0.2], [0.2, 0.1], [0.4, 0.0], [0.2, -0.1], [0.3, 0.2]])
        >>> max_t(both, rng=np.random.default_rng(7)).p_values
        (0.03125, 1.0)
    """
    if np.isinf(differences).any():
        raise ValueError("A difference is infinite; a missing one is written as NaN.")
    there = ~np.isnan(differences)
    tested = np.flatnonzero(there.any(axis=0))
    missing = tuple(np.flatnonzero(~there.any(axis=0)).tolist())
    corrected: list[float | None] = [None] * differences.shape[1]
    method = "max-T over sign flips, step-down"
    if not len(tested):
        return Adjusted(p_values=tuple(corrected), n_tested=0, missing=missing, method=method)
    family = np.where(there, differences, 0.0)[:, tested]
    seen = _statistics(np.ones((1, len(family))), family)[0]
    order = np.argsort(-seen, kind="stable")
    chance, exact = _as_large(seen[order], family[:, order], rng, draws)
    for place, p_value in zip(tested[order].tolist(), np.maximum.accumulate(chance).tolist(), strict=True):
        corrected[place] = p_value
    method = f"{method}, {'exact' if exact else f'{draws} draws'}"
    return Adjusted(p_values=tuple(corrected), n_tested=len(tested), missing=missing, method=method)


def _place(one: float, others: Float[np.ndarray, " others"], alternative: str) -> float:
    """Return the p-value of one member against others, which scipy refuses: its place among them."""
    greater, less = (
        (1 + int((sign * others >= sign * one - _ROUNDING).sum())) / (1 + len(others)) for sign in (1.0, -1.0)
    )
    return greater if alternative == "greater" else 2 * min(greater, less)


def _difference(first: np.ndarray, second: np.ndarray, axis: int) -> np.ndarray:
    return np.asarray(first.mean(axis=axis) - second.mean(axis=axis))


def _statistics(
    signs: Float[np.ndarray, "ways prompts"], family: Float[np.ndarray, "prompts members"]
) -> Float[np.ndarray, "ways members"]:
    sizes = np.sqrt((family**2).sum(axis=0))
    return np.abs(signs @ (family / np.where(sizes > 0, sizes, 1.0)))


def _as_large(
    seen: Float[np.ndarray, " members"],
    family: Float[np.ndarray, "prompts members"],
    rng: np.random.Generator,
    draws: int,
) -> tuple[Float[np.ndarray, " members"], bool]:
    """Return the chance that members from each on reach the statistic of that one, and whether it is exact."""
    if draws < 1:
        raise ValueError(f"A test by draws needs at least one; got {draws}.")
    count = len(family)
    exact = count < 63 and 2 ** (count - 1) <= draws  # a way and its mirror image have the same statistic
    ways = 2 ** (count - 1) if exact else draws
    reached = np.zeros(len(seen))
    for start in range(0, ways, _BATCH):
        size = min(_BATCH, ways - start)
        signs = _all_signs(start, size, count) if exact else rng.choice([-1.0, 1.0], (size, count))
        found = _statistics(signs, family)[:, ::-1]
        largest = np.maximum.accumulate(found, axis=1)[:, ::-1]
        reached += (largest >= seen - _ROUNDING).sum(axis=0)
    return (reached / ways, True) if exact else ((reached + 1) / (ways + 1), False)


def _all_signs(start: int, size: int, count: int) -> Float[np.ndarray, "ways prompts"]:
    """Return the ways with these numbers; the last prompt keeps its sign."""
    numbers = np.arange(start, start + size)[:, None]
    return np.asarray(1.0 - 2.0 * ((numbers >> np.arange(count)) & 1))
