import numpy as np
import pytest
from scipy import stats

from audit.comparison.jackknife import jackknife_difference, jackknife_test

VALUES = np.array([0.3, -0.1, 0.4, 0.25, 0.6])


def left_out(values, statistic=np.mean):
    return np.array([statistic(np.delete(values, k)) for k in range(len(values))])


def test_of_a_mean_it_is_students_interval_and_test():
    found = jackknife_difference(VALUES.mean(), left_out(VALUES), level=0.9)
    expected = stats.ttest_1samp(VALUES, 0.0)
    ends = expected.confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high))
    assert jackknife_test(VALUES.mean(), left_out(VALUES)).p_value == pytest.approx(expected.pvalue)


def test_of_a_statistic_that_is_no_mean_it_is_tukeys_formula():
    whole = np.exp(VALUES.mean())
    parts = left_out(VALUES, lambda values: np.exp(values.mean()))
    pseudo = 5 * whole - 4 * parts
    half = stats.t.ppf(0.975, 4) * np.std(pseudo, ddof=1) / np.sqrt(5)
    found = jackknife_difference(whole, parts)
    assert (found.value, found.low, found.high) == pytest.approx((whole, whole - half, whole + half))


def test_by_hand_for_two_units():
    # units 0.2 and 0.6: mean 0.4, standard error 0.2, and t with one degree of freedom is 12.706
    found = jackknife_difference(0.4, np.array([0.6, 0.2]))
    assert (found.low, found.high) == pytest.approx((0.4 - 12.706 * 0.2, 0.4 + 12.706 * 0.2), abs=1e-3)


def test_without_spread_there_is_no_interval_and_the_sign_test_answers():
    found = jackknife_difference(0.5, np.full(4, 0.5))
    assert (found.value, found.low, found.high) == (0.5, None, None)
    assert jackknife_test(0.5, np.full(4, 0.5)).p_value == pytest.approx(2 * 0.5**4)
    assert jackknife_test(0.0, np.zeros(4)).p_value == 1.0


def test_one_unit_is_not_tested():
    found = jackknife_difference(0.5, np.array([0.1]))
    assert (found.low, found.method) == (None, "no interval: fewer than two units")
    assert jackknife_test(0.5, np.array([0.1])).p_value is None


@pytest.mark.parametrize("function", [jackknife_difference, jackknife_test])
def test_what_is_not_finite_is_refused(function):
    with pytest.raises(ValueError, match="missing or infinite"):
        function(float("nan"), np.array([0.1, 0.2]))


def test_a_level_in_per_cent_is_refused():
    with pytest.raises(ValueError, match=r"95 % write 0\.95"):
        jackknife_difference(0.1, np.array([0.1, 0.2]), level=95)
