import numpy as np
import pytest

from audit.stats import cluster_mean, jackknife_difference, jackknife_test, pseudo_values
from audit.stats import t_test as plain_t_test

VALUES = np.array([0.1, 0.3, 0.2, 0.4, -0.1])


def leave_one_out(values, statistic=np.mean):
    """The statistic, and the same without each value in turn: the arguments of every function here."""
    left_out = [statistic(np.delete(values, place)) for place in range(len(values))]
    return float(statistic(values)), np.array(left_out)


def difference(candidate, baseline):
    return candidate[0] - baseline[0], candidate[1] - baseline[1]


def mean_gap(values):
    return np.abs(values - 0.2).mean()


def test_pseudo_values_of_a_mean_are_the_values():
    run = leave_one_out(VALUES)
    assert pseudo_values(*run) == pytest.approx(VALUES)


def test_interval_and_test_of_a_mean_are_those_of_t():
    run = leave_one_out(VALUES)
    found, plain = jackknife_difference(*run), cluster_mean(VALUES, list("abcde"))
    assert (found.value, found.low, found.high) == pytest.approx((plain.value, plain.low, plain.high))
    assert (found.n, found.n_clusters, found.method_text) == (5, 5, "jackknife over units, t")
    result = jackknife_test(*run)
    assert result.p_value == pytest.approx(plain_t_test(VALUES, 0.0).p_value)
    assert (result.method, result.n) == ("jackknife t test over units", 5)


def test_value_is_the_statistic_itself_and_not_moved_by_its_bias():
    spread = leave_one_out(VALUES, lambda values: values.var())
    found = jackknife_difference(*spread)
    assert found.value == VALUES.var()
    assert found.high - found.value == pytest.approx(found.value - found.low)


@pytest.mark.parametrize("statistic", [np.mean, mean_gap, np.var])
def test_same_run_twice_gives_exactly_zero(statistic):
    run = leave_one_out(VALUES, statistic)
    none = difference(run, run)
    found = jackknife_difference(*none)
    assert (found.value, pseudo_values(*none).tolist(), jackknife_test(*none).p_value) == (0.0, [0.0] * 5, 1.0)
    assert (found.low, found.high) == (None, None)
    assert found.method_text == "no interval: it is the same whichever unit is left out"
    assert (found.n, found.n_clusters) == (5, 5)


def test_difference_of_two_runs_is_told_by_unit():
    changes = [0.5, 0.4, 0.6, 0.5, 0.5]
    between = difference(leave_one_out(VALUES + changes), leave_one_out(VALUES))
    found = jackknife_difference(*between)
    assert found.value == pytest.approx(0.5)
    assert found.low > 0
    assert pseudo_values(*between) == pytest.approx(changes)


def test_test_agrees_with_the_interval():
    rng = np.random.default_rng(3)
    for _ in range(50):
        between = difference(*(leave_one_out(rng.normal(0, 1, 6), np.var) for _ in range(2)))
        found = jackknife_difference(*between)
        assert (jackknife_test(*between).p_value < 0.05) == (not found.low <= 0 <= found.high)


def test_difference_that_hangs_on_no_unit_is_tested_by_sign():
    found = jackknife_test(0.3, np.full(4, 0.3))
    assert (found.p_value, found.method) == (0.125, "exact sign test over units")
    assert jackknife_test(-0.3, np.full(4, -0.3)).p_value == 0.125


def test_rounding_is_no_difference():
    rounded = 0.1 + 0.2 - 0.3
    assert jackknife_test(rounded, np.full(20, rounded)).p_value == 1.0


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_units_give_no_interval_and_no_test(count):
    found = jackknife_difference(0.2, np.zeros(count))
    assert (found.value, found.low, found.n, found.method_text) == (
        0.2,
        None,
        count,
        "no interval: fewer than two units",
    )
    result = jackknife_test(0.2, np.zeros(count))
    assert (result.p_value, result.n, result.method) == (None, count, "not tested: fewer than two units")


def test_two_units_are_enough():
    assert jackknife_difference(0.2, np.array([0.1, 0.3])).low is not None
    assert jackknife_test(0.2, np.array([0.1, 0.3])).p_value is not None


@pytest.mark.parametrize("compute", [pseudo_values, jackknife_difference, jackknife_test])
@pytest.mark.parametrize(("whole", "left_out"), [(np.nan, [0.0, 0.1]), (0.0, [0.0, np.inf])])
def test_missing_value_is_refused(compute, whole, left_out):
    with pytest.raises(ValueError, match="value of the statistic is missing"):
        compute(whole, np.array(left_out))
