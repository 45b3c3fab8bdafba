"""Every field of what comes back, also n, method and the status of what is missing."""

import numpy as np
import pytest

from audit.stats import (
    TestResult,
    cluster_mean,
    cluster_share,
    goodman,
    paired_difference,
    sign_test,
    spearman,
    t_test,
    welch_difference,
)

FOUR = np.array([0.1, 0.4, 0.2, 0.3])


def fields(found):
    return found.method_text, found.n, found.n_clusters


def test_correlations_say_how_and_of_how_many():
    other = np.array([0.2, 0.3, 0.1, 0.4])
    with_ends = spearman(FOUR, other)
    assert (with_ends.method_text, with_ends.n) == ("Spearman with Fisher's z over concepts", 4)
    assert with_ends.low < with_ends.value < with_ends.high
    without = spearman(FOUR[:3], other[:3])
    assert (without.method_text, without.n, without.low) == ("no interval: Spearman's needs four concepts", 3, None)
    nothing = spearman(FOUR[:2], other[:2])
    assert (nothing.value, *fields(nothing)) == (None, "not defined: too few concepts, or all alike", 2, 2)


def expected(linear, n):
    """The mean rank correlation of n pairs of normal variables, by Moran."""
    ranks, pairs = 6 / np.pi * np.arcsin(linear / 2), 2 / np.pi * np.arcsin(linear)
    return ((n - 2) * ranks + 3 * pairs) / (n + 1)


def ranks_of(mean, n):
    """The rank correlation of two normal variables whose sample of n pairs has this mean, off a fine table."""
    linear = np.linspace(-1, 1, 400_001)
    return np.interp(mean, expected(linear, n), 6 / np.pi * np.arcsin(linear / 2))


def test_interval_of_a_rank_correlation_by_hand():
    one, two = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), np.array([2.0, 1.0, 4.0, 3.0, 6.0, 5.0])
    value = 1 - 6 * 6 / (6 * 35)  # no ties: six squared differences of ranks, of 1 each
    half = 2.776445 * np.sqrt((1 + value**2 / 2) / 3)
    found = spearman(one, two)
    low, high = np.tanh(np.arctanh(value) + np.array([-half, half]))
    assert (found.value, found.low, found.high) == pytest.approx((value, low, ranks_of(high, 6)), abs=1e-5)


def test_interval_of_a_rank_correlation_turns_with_its_sign():
    one, two = np.arange(8.0), np.array([2.0, 1.0, 4.0, 3.0, 6.0, 5.0, 8.0, 7.0])
    there, back = spearman(one, two), spearman(one, -two)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def test_perfect_order_is_taken_half_a_step_below_for_its_interval():
    place = 1 - 6 / (6 * 35)
    half = 2.776445 * np.sqrt((1 + place**2 / 2) / 3)
    assert spearman(np.arange(6.0), np.arange(6.0)).low == pytest.approx(np.tanh(np.arctanh(place) - half), abs=1e-6)


def test_a_strong_rank_correlation_of_few_concepts_is_covered():
    rng = np.random.default_rng(3)
    truth, held = 6 / np.pi * np.arcsin(0.98 / 2), 0
    for _ in range(400):
        one = rng.normal(size=14)
        found = spearman(one, 0.98 * one + np.sqrt(1 - 0.98**2) * rng.normal(size=14))
        held += found.low <= truth <= found.high
    assert held / 400 >= 0.94


def test_missing_number_is_refused_on_the_first_side_too():
    with pytest.raises(ValueError, match="A number is missing"):
        spearman(np.array([0.1, np.nan, 0.2, 0.3]), FOUR)


def test_tests_say_how_and_of_how_many():
    nothing = TestResult(p_value=None, method="not tested: no prompt", n=0)
    assert sign_test(np.array([]), 0.0) == nothing
    even = TestResult(p_value=1.0, method="exact sign test over prompts", n=4)
    assert sign_test(FOUR, 0.25) == even
    assert (t_test(FOUR, 0.0).method, t_test(FOUR, 0.0).n) == ("t test over prompts", 4)


@pytest.mark.parametrize("test", [t_test, sign_test])
def test_neutral_value_that_is_no_number_is_refused(test):
    with pytest.raises(ValueError, match="A mean is missing"):
        test(FOUR, np.nan)


@pytest.mark.parametrize(("means", "neutral"), [([3e9 + 1e-6] * 8, 3e9), ([-3e9 - 1e-6] * 8, -3e9)])
def test_rounding_is_measured_by_the_size_of_the_numbers(means, neutral):
    assert sign_test(np.array(means), neutral).p_value == 1.0


def test_small_differences_that_are_no_rounding_count():
    assert sign_test(np.full(8, 1e-9), 0.0).p_value == 2 / 2**8


def test_means_say_how_and_of_how_many():
    values, names = np.array([0.1, 0.3, 0.4, 0.6]), list("aabb")
    assert fields(cluster_mean(values, names)) == ("t over prompts", 4, 2)
    assert fields(cluster_share(values, names)) == ("exact (Clopper-Pearson) over prompts", 4, 2)
    alike = cluster_mean(np.full(4, 0.5), names, bounds=(0.0, 1.0))
    assert (alike.value, *fields(alike)) == (0.5, "exact (Clopper-Pearson) over prompts, which all agree", 4, 2)
    assert fields(cluster_mean(np.full(4, 0.5), names)) == ("no interval: all prompts agree", 4, 2)


def test_a_prompt_is_one_trial_unless_said_otherwise():
    values, names = np.array([0.0, 1.0, 0.0, 1.0, 1.0, 1.0]), list("aabbcc")
    assert cluster_share(values, names) == cluster_share(values, names, replicates_count=False)
    assert cluster_share(values, names) != cluster_share(values, names, replicates_count=True)


@pytest.mark.parametrize("values", [[0.0, -0.1], [0.0, 1.1]])
def test_mean_out_of_its_bounds_is_refused(values):
    with pytest.raises(ValueError, match=r"between 0\.0 and 1\.0"):
        cluster_mean(np.array(values), ["a", "b"], bounds=(0.0, 1.0))


def test_differences_say_how_and_of_how_many():
    other = np.array([0.1, 0.2])
    assert fields(welch_difference(FOUR, other)) == ("Welch's t", 6, 6)
    assert fields(welch_difference(FOUR, other[:1])) == ("no interval: a side has fewer than two clusters", 5, 5)
    assert fields(paired_difference(FOUR, FOUR[::-1])) == ("t over differences of paired prompts", 4, 4)


def test_shares_of_classes_are_named():
    assert {interval.method for interval in goodman([3, 1])} == {"Goodman, simultaneous"}
