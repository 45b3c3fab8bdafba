import math

import numpy as np
import pytest
from scipy import stats

from audit.stats import TestResult, benjamini_hochberg, holm, sign_test, t_test
from audit.stats.clusters import SAME


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
def test_missing_p_values_poison_nothing_and_are_reported(correct):
    found = correct([0.01, math.nan, 0.04, None])
    alone = correct([0.01, 0.04])
    assert found.p_values == (alone.p_values[0], None, alone.p_values[1], None)
    assert (found.n_tested, found.missing) == (2, (1, 3))


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
def test_corrected_is_never_below_raw_and_keeps_the_order(correct):
    raw = np.random.default_rng(3).random(40).tolist()
    corrected = correct(raw).p_values
    assert all(after >= before for before, after in zip(raw, corrected, strict=True))
    assert [corrected[place] for place in np.argsort(raw)] == sorted(corrected)


def test_ranks_are_not_taken_from_one_argsort():
    assert benjamini_hochberg([0.03, 0.001, 0.012, 0.5]).p_values == pytest.approx((0.04, 0.004, 0.024, 0.5))
    assert holm([0.03, 0.20, 0.01]).p_values == pytest.approx((0.06, 0.20, 0.03))


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
def test_empty_family_is_empty(correct):
    found = correct([])
    assert (found.p_values, found.n_tested) == ((), 0)


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
def test_number_that_is_no_p_value_is_refused(correct):
    with pytest.raises(ValueError, match=r"got \[1\.2\]"):
        correct([0.1, 1.2])


def test_agreeing_prompts_are_tested_by_sign():
    found = t_test(np.array([0.9, 0.9, 0.9]), 0.0)
    assert (found.p_value, found.method) == (0.25, "exact sign test over prompts")


def test_prompts_on_the_neutral_value_say_nothing():
    assert sign_test(np.zeros(5), 0.0).p_value == 1.0


def test_prompts_on_the_neutral_value_are_left_out():
    assert sign_test(np.array([0.0, 0.1, 0.2]), 0.0).p_value == 0.5


def test_one_prompt_is_not_tested():
    assert t_test(np.array([0.9]), 0.0) == TestResult(p_value=None, method="not tested: fewer than two prompts", n=1)


def test_no_prompt_is_not_tested():
    assert sign_test(np.array([]), 0.0).p_value is None


@pytest.mark.parametrize("test", [t_test, sign_test])
def test_missing_mean_is_refused(test):
    with pytest.raises(ValueError, match="count them first"):
        test(np.array([0.1, np.nan]), 0.0)
    with pytest.raises(ValueError, match="count them first"):
        test(np.array([np.nan]), 0.0)


def test_prompts_that_miss_the_neutral_value_by_rounding_lie_on_it():
    assert t_test(np.full(20, 0.1 + 0.2), 0.3).p_value == 1.0


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
def test_correction_says_what_it_did_with_missing_tests(correct):
    name = correct([]).method
    assert correct([0.01, None, math.nan]).note == f"{name} over 1 test; 2 missing ones left out"
    assert correct([0.01, 0.02, None]).note == f"{name} over 2 tests; 1 missing one left out"
    assert correct([0.01, 0.02]).note == f"{name} over 2 tests"


def test_t_test_is_that_of_scipy():
    means = np.array([0.2, 0.6, 0.1, 0.9])
    for neutral in (0.0, 0.5, 1.2):
        assert t_test(means, neutral).p_value == pytest.approx(stats.ttest_1samp(means, neutral).pvalue)
    assert t_test(means, means.mean()).p_value == 1.0
    assert t_test(means[:2], 0.0).p_value == pytest.approx(stats.ttest_1samp(means[:2], 0.0).pvalue)


def test_sign_test_counts_what_lies_above_and_below():
    found = sign_test(np.array([0.1, 0.2, 0.3, 0.4, 0.5, -0.1, 0.0]), 0.0)
    assert found.p_value == pytest.approx(2 * (1 + 6) / 2**6)
    assert sign_test(np.array([0.9, 0.2, 0.3]), 1.0).p_value == pytest.approx(0.25)
    assert sign_test(np.array([0.4]), 0.0).p_value == 1.0


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
def test_chances_of_nothing_and_of_certainty_are_allowed(correct):
    assert correct([0.0, 1.0]).p_values == (0.0, 1.0)


def test_what_is_rounding_is_measured_by_the_largest_number_and_not_below_one():
    assert sign_test(np.array([4e12, 1.0, 1.0]), 0.0).p_value == 1.0
    for sign in (1.0, -1.0):
        assert sign_test(np.full(6, sign * 1.5 * SAME), 0.0).p_value == 2 / 2**6
        assert sign_test(np.full(6, sign * SAME), 0.0).p_value == 1.0


def test_corrections_are_named_and_end_at_one():
    assert holm([0.6, 0.9]).p_values == (1.0, 1.0)
    assert (holm([0.5]).method, benjamini_hochberg([0.5]).method) == ("Holm", "Benjamini-Hochberg")
