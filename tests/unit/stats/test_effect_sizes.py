"""Effect sizes of two sets of words, and their permutation test, against calculations by hand and by enumeration."""

from __future__ import annotations

import itertools
import math
import statistics

import numpy as np
import pytest
from scipy import stats

from audit.stats import effect_size, two_sample_test

FIRST, SECOND = np.array([0.4, 0.1, 0.6]), np.array([0.2, 0.0, 0.3])


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_effect_size_is_the_difference_in_standard_deviations_of_both():
    by_hand = (1.1 / 3 - 0.5 / 3) / statistics.stdev([*FIRST, *SECOND])
    assert effect_size(FIRST, SECOND).value == pytest.approx(by_hand)


def test_effect_size_turns_its_sign_with_the_sets():
    assert effect_size(SECOND, FIRST).value == pytest.approx(-effect_size(FIRST, SECOND).value)


def test_effect_size_does_not_depend_on_the_scale():
    assert effect_size(3 * FIRST + 7, 3 * SECOND + 7).value == pytest.approx(effect_size(FIRST, SECOND).value)


def test_no_effect_size_reaches_beyond_two():
    found = effect_size(np.array([1.0, 1.0, 1.0]), np.array([0.0, 0.0, 0.1]))
    assert -2 <= found.low <= found.value <= found.high <= 2


@pytest.mark.parametrize(("one", "two"), [([0.1], [0.2, 0.3]), ([0.1, 0.1], [0.1, 0.1]), ([], [0.1, 0.2])])
def test_too_few_or_equal_words_have_no_effect_size(one, two):
    assert effect_size(np.array(one), np.array(two)).value is None


@pytest.mark.parametrize("count", [20])
def test_the_interval_of_an_effect_size_holds_in_simulation(count):
    truth, held = 0.0, 0
    draws = np.random.default_rng(11)
    for _ in range(200):
        found = effect_size(draws.normal(size=count), draws.normal(size=count))
        held += found.low <= truth <= found.high
    assert 180 <= held <= 200


def test_permutation_p_is_the_share_of_ways_that_are_as_large():
    pooled = [*FIRST, *SECOND]
    means = [np.mean(dealt) - (sum(pooled) - sum(dealt)) / 3 for dealt in itertools.combinations(pooled, 3)]
    by_hand = np.mean(np.array(means) >= FIRST.mean() - SECOND.mean() - 1e-12)
    assert two_sample_test(FIRST, SECOND, rng=rng(), alternative="greater").p_value == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("one", "others", "expected"),
    [(0.9, [0.1, 0.2, 0.3], 1 / 4), (0.2, [0.1, 0.2, 0.3], 3 / 4), (0.0, [0.1, 0.2, 0.3], 1.0)],
)
def test_one_against_many_has_its_place_among_them(one, others, expected):
    found = two_sample_test(np.array([one]), np.array(others), rng=rng(), alternative="greater")
    assert found.p_value == pytest.approx(expected)


def test_many_against_one_is_the_mirror_image():
    one, many = np.array([0.0]), np.array([0.1, 0.2, 0.3])
    assert two_sample_test(many, one, rng=rng(), alternative="greater").p_value == pytest.approx(1 / 4)


def test_two_sided_doubles_the_smaller_tail():
    assert two_sample_test(np.array([0.9]), np.arange(9) / 10, rng=rng()).p_value == pytest.approx(2 / 10)


def test_an_empty_set_is_not_tested():
    assert two_sample_test(np.array([]), SECOND, rng=rng()).p_value is None


def test_interval_of_an_effect_size_has_the_ends_at_which_it_is_a_quantile_of_the_noncentral_t():
    first, second = np.array([0.4, 0.1, 0.6, 0.3, 0.5]), np.array([0.3, 0.0, 0.4, 0.5])
    found = effect_size(first, second, level=0.5)
    statistic = stats.ttest_ind(first, second).statistic
    for end, tail in ((found.low, 0.75), (found.high, 0.25)):
        gap = end / math.sqrt(1 - 20 / 81 * end**2)  # in standard deviations within the sets
        assert stats.nct.cdf(statistic, 7, gap / math.sqrt(1 / 5 + 1 / 4)) == pytest.approx(tail)
    assert (found.method_text, found.n, found.n_clusters) == ("noncentral t over words", 9, 9)


def test_sets_that_do_not_vary_have_an_effect_size_and_no_interval():
    found = effect_size(np.full(3, 1.0), np.zeros(3))
    assert found.value == pytest.approx(math.sqrt(5 / 6) * 2)
    assert found.low is None


@pytest.mark.parametrize("gap", [1.0, 4.0])
def test_the_interval_of_a_large_effect_size_holds_in_simulation(gap):
    draws = np.random.default_rng(12)
    truth, held = gap / math.sqrt(1 + gap**2 / 4), 0
    for _ in range(300):
        found = effect_size(draws.normal(gap, 1, 8), draws.normal(0, 1, 8))
        held += found.low <= truth <= found.high
    assert 0.93 - 0.025 <= held / 300 <= 0.97 + 0.02


def test_an_undefined_effect_size_says_why_and_two_words_each_are_enough():
    found = effect_size(np.array([0.1]), np.array([0.2, 0.3]))
    assert (found.method_text, found.n) == ("not defined: too few words, or all alike", 3)
    assert effect_size(np.array([0.2, 0.3]), np.array([0.1])).value is None
    assert effect_size(np.array([0.2, 0.3]), np.array([0.1, 0.3])).value is not None


def test_permutation_tests_say_how_and_of_how_many():
    empty = two_sample_test(FIRST, np.array([]), rng=rng())
    assert (empty.method, empty.n) == ("not tested: a set is empty", 3)
    found = two_sample_test(FIRST, SECOND, rng=rng())
    assert (found.method, found.n) == ("permutation test over concepts", 6)


def test_two_sided_permutation_p_is_twice_the_smaller_tail():
    pooled = [*FIRST, *SECOND]
    means = np.array([np.mean(dealt) - (sum(pooled) - sum(dealt)) / 3 for dealt in itertools.combinations(pooled, 3)])
    apart = FIRST.mean() - SECOND.mean()
    tails = np.mean(means >= apart - 1e-12), np.mean(means <= apart + 1e-12)
    for one, two in ((FIRST, SECOND), (SECOND, FIRST)):
        assert two_sample_test(one, two, rng=rng()).p_value == pytest.approx(2 * min(tails))


def test_few_draws_are_taken_where_there_are_more_ways():
    first, second = np.arange(12.0), np.arange(12.0) + 100
    assert two_sample_test(first, second, rng=rng(), draws=99).p_value == pytest.approx(2 / 100)


def test_an_effect_that_hangs_on_no_word_has_no_interval():
    found = effect_size(np.array([1.0, 1.0]), np.array([0.0, 0.0]))
    assert (found.value, found.low, found.high) == (pytest.approx(math.sqrt(3)), None, None)


@pytest.mark.parametrize("compute", [effect_size, lambda *sets: two_sample_test(*sets, rng=rng())])
def test_a_missing_number_is_refused_in_either_set(compute):
    for sets in ((np.array([0.1, np.nan]), SECOND), (FIRST, np.array([0.1, np.nan]))):
        with pytest.raises(ValueError, match=r"^A number is missing or infinite; leave"):
            compute(*sets)


def test_one_against_many_is_mirrored_about_zero():
    many = np.array([0.1, 0.2, 0.3])
    assert two_sample_test(many, np.array([0.15]), rng=rng(), alternative="greater").p_value == pytest.approx(2 / 4)
    assert two_sample_test(np.array([0.0]), np.arange(1, 10) / 10, rng=rng()).p_value == pytest.approx(2 / 10)
    assert two_sample_test(np.array([0.2]), np.array([0.1, 0.3]), rng=rng()).p_value == 1.0


def test_draws_come_from_the_generator_that_is_given():
    first, second = np.arange(12.0), np.arange(12.0) + 2.5
    found = [two_sample_test(first, second, rng=np.random.default_rng(seed), draws=999).p_value for seed in (5, 5, 6)]
    assert found[0] == found[1] != found[2]
    assert two_sample_test(first, second + 100, rng=rng()).p_value == pytest.approx(2 / 10_000)
