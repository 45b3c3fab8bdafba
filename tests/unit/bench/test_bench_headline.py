"""Costs at equal quality and paired differences, on numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.benchmarks.costs import Middle
from tests.benchmarks.headline import (
    Ranged,
    combined,
    crossing,
    medians,
    over_prompts,
    paired,
    ranged,
    ratio,
    reach,
    resample,
)

ONE = resample(1, 10)


def curve(*levels: float) -> np.ndarray:
    """One prompt, one seed."""
    return np.array([[levels]])


def test_a_curve_is_crossed_on_a_straight_line_over_the_logarithm_of_prices():
    assert crossing([10, 1000], [0.0, 2.0], 1.0) == pytest.approx(100)
    assert crossing([10, 1000], [0.0, 2.0], 0.5) == pytest.approx(10 * 100**0.25)
    assert crossing([1, 10, 100], [0.0, 1.0, 0.2], 1.0) == pytest.approx(10)


def test_a_curve_that_begins_above_costs_at_most_its_first_price_and_one_that_stays_below_never_gets_there():
    assert crossing([10, 100], [3.0, 1.0], 2.0) == 10
    assert crossing([10, 100], [0.0, 1.9], 2.0) == math.inf


def test_the_first_crossing_counts_where_a_curve_falls_again():
    assert crossing([1, 10, 100, 1000], [0.0, 2.0, 0.0, 2.0], 1.0) == pytest.approx(math.sqrt(10))


def test_reach_compares_with_the_whole_loop_and_with_the_other_arms_own_curve():
    theirs, ours = curve(0.0, 2.0, 1.0), curve(0.5, 1.5)
    found = reach(ours, [10, 40], theirs, [100, 1000, 10_000], ONE)
    assert found.cost.value == pytest.approx(20)  # half way from 0.5 to 1.5, on a log scale from 10 to 40
    assert found.gain.value == pytest.approx(10_000 / 20)
    assert found.gain_on_curve.value == pytest.approx(math.sqrt(100 * 1000) / 20)
    assert not found.at_most
    assert (found.gain.low, found.gain.high) == pytest.approx((500, 500))  # one prompt leaves nothing to draw


def test_an_arm_that_begins_there_has_an_upper_bound_and_one_that_never_comes_has_no_gain():
    theirs = curve(0.0, 1.0)
    assert reach(curve(3.0, 4.0), [7, 70], theirs, [100, 1000], ONE).at_most
    never = reach(curve(0.0, 0.5), [7, 70], theirs, [100, 1000], ONE)
    assert (never.cost.value, never.gain.value, never.gain_on_curve.value) == (math.inf, 0, 0)


def test_medians_are_over_prompts_and_seeds():
    z = np.array([[[0.0, 1.0], [2.0, 3.0]], [[4.0, 5.0], [6.0, 100.0]]])
    assert medians(z).tolist() == [3.0, 4.0]


def test_arms_are_drawn_together_so_that_what_they_share_cancels():
    rng = np.random.default_rng(0)
    level = rng.normal(0, 10, size=(50, 1))  # prompts differ much more than arms do
    theirs = level + np.zeros((50, 2))
    found = paired(theirs + 0.5, theirs, resample(50))
    assert found.value == pytest.approx(0.5)
    assert (found.low, found.high) == pytest.approx((0.5, 0.5))


def test_an_interval_over_prompts_is_as_wide_as_theory_says_however_many_seeds_look_alike():
    prompts = np.random.default_rng(1).normal(0, 1, size=(100, 1))
    alike = np.repeat(prompts, 8, axis=1)
    found = paired(alike, np.zeros_like(alike), resample(100))
    expected = 1.96 * prompts.std() / 10
    assert found.high - found.value == pytest.approx(expected, rel=0.1)
    assert found.value - found.low == pytest.approx(expected, rel=0.1)


def test_a_ratio_is_that_of_the_means():
    found = ratio(np.array([1.0, 3.0]), np.array([4.0, 4.0]), np.array([[0, 0], [1, 1], [0, 1]]))
    assert found == Ranged(value=0.5, low=0.25, high=0.75)


def test_gains_multiply_and_so_do_the_ends_of_their_intervals():
    gain = reach(curve(0.0, 2.0), [1, 100], curve(0.0, 1.0), [10, 1000], ONE)
    total = combined(gain, Middle(value=3.0, low=2.0, high=4.0, level=0.95))
    assert gain.gain.value == pytest.approx(100)
    assert (total.value, total.low, total.high) == pytest.approx((300, 200, 400))


def test_draws_are_the_same_each_time_and_bring_each_prompt_as_often():
    picks = resample(20)
    assert np.array_equal(picks, resample(20))
    assert picks.shape == (2000, 20)
    assert np.bincount(picks.ravel()).tolist() == pytest.approx([2000] * 20, rel=0.1)


def test_intervals_are_percentiles_and_bear_infinity():
    assert ranged(0.0, list(range(1, 101))) == Ranged(value=0.0, low=3.0, high=98.0)
    assert ranged(1.0, [1.0] * 90 + [math.inf] * 10).high == math.inf
    assert over_prompts(np.array([1.0, 3.0]), np.mean, np.array([[0, 0], [1, 1]])) == Ranged(value=2, low=1, high=3)
