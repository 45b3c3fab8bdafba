import numpy as np
import pytest
from scipy import stats

from audit.stats import clopper_pearson, welch_difference
from audit.stats.clusters import share_interval


def test_difference_changes_sign_with_the_order():
    one, two = np.array([0.1, 0.4, 0.3]), np.array([0.6, 0.9])
    there, back = welch_difference(one, two), welch_difference(two, one)
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))


def test_agreeing_shares_get_the_combined_exact_intervals():
    found = welch_difference(np.zeros(4), np.zeros(6), shares=True)
    assert (found.value, found.low, found.high) == pytest.approx(
        (0.0, -clopper_pearson(0, 6).high, clopper_pearson(0, 4).high)
    )


def test_difference_of_shares_stays_between_minus_one_and_one():
    found = welch_difference(np.array([0.5, 1.0]), np.array([0.0, 0.1]), shares=True)
    assert found.high == 1.0


def test_agreeing_unbounded_side_gives_no_interval():
    found = welch_difference(np.array([0.5, 0.5]), np.array([0.0, 0.1]))
    assert found.low is None
    assert "all agree" in found.method_text


@pytest.mark.parametrize(("one", "two"), [([], [0.5]), ([0.5], [])])
def test_missing_side_gives_no_value(one, two):
    found = welch_difference(np.array(one, dtype=float), np.array(two, dtype=float))
    assert (found.value, found.n, found.method_text) == (None, 1, "nothing measured")


def test_single_prompt_gives_no_interval():
    for one, two in (([0.5], [0.1, 0.2]), ([0.1, 0.2], [0.5])):
        found = welch_difference(np.array(one), np.array(two), shares=True)
        assert (abs(found.value), found.low) == (pytest.approx(0.35), None)


def test_share_outside_its_range_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        welch_difference(np.array([1.5]), np.array([0.1]), shares=True)


def test_shares_of_known_trials_get_the_combined_single_intervals():
    one, two = np.array([0.5, 0.75, 0.25]), np.array([0.0, 0.25, 0.0, 0.0])
    found = welch_difference(one, two, shares=True, trials=(12, 16))
    first, second = (share_interval(means, trials=n) for means, n in ((one, 12), (two, 16)))
    low = 0.4375 - np.hypot(0.5 - first.low, second.high - 0.0625)
    high = 0.4375 + np.hypot(first.high - 0.5, 0.0625 - second.low)
    assert (found.low, found.high, found.method_text) == pytest.approx(
        (low, high, "combined single intervals (Zou and Donner)")
    )


def test_trials_of_means_that_are_no_shares_change_nothing():
    one, two = np.array([0.5, 0.75, 0.25]), np.array([0.0, 0.25, 0.0, 0.0])
    assert welch_difference(one, two, trials=(12, 16)) == welch_difference(one, two)


@pytest.mark.parametrize(("one", "two"), [([0.1, np.nan], [0.1, 0.2]), ([0.1, 0.2], [0.1, np.inf])])
def test_missing_mean_is_refused_on_either_side(one, two):
    with pytest.raises(ValueError, match="A mean is missing"):
        welch_difference(np.array(one), np.array(two))


@pytest.mark.parametrize("shares", [False, True])
def test_difference_of_means_is_that_of_welch(shares):
    one, two = np.array([0.1, 0.4, 0.3]), np.array([0.5, 0.6, 0.55, 0.5, 0.58])
    found = welch_difference(one, two, level=0.8, shares=shares)
    low, high = stats.ttest_ind(one, two, equal_var=False).confidence_interval(0.8)
    assert (found.value, found.low, found.high) == pytest.approx((one.mean() - two.mean(), low, high))


def test_difference_of_agreeing_shares_by_hand():
    found = welch_difference(np.full(3, 0.5), np.array([0.0, 0.0, 0.5, 0.25]), level=0.9, shares=True)
    one, two = clopper_pearson(1.5, 3, level=0.9), share_interval(np.array([0.0, 0.0, 0.5, 0.25]), level=0.9)
    assert found.low == pytest.approx(0.3125 - np.hypot(0.5 - one.low, two.high - 0.1875))
    assert found.high == pytest.approx(0.3125 + np.hypot(one.high - 0.5, 0.1875 - two.low))
    assert found.method_text == "combined single intervals (Zou and Donner)"


def test_difference_of_shares_is_cut_below_too():
    assert welch_difference(np.array([0.0, 0.1]), np.array([0.5, 1.0]), shares=True).low == -1.0
    assert welch_difference(np.array([0.0, 0.1]), np.array([0.5, 1.0])).low < -1.0


def test_two_prompts_on_either_side_are_enough():
    assert welch_difference(np.array([0.1, 0.2]), np.array([0.3, 0.5])).method_text == "Welch's t"


@pytest.mark.parametrize(
    ("one", "two", "method"),
    [
        ([0.5, 0.5], [0.0, 0.1], "no interval: the clusters of a side all agree"),
        ([0.0, 0.1], [0.5, 0.5], "no interval: the clusters of a side all agree"),
        ([0.5], [0.0, 0.1], "no interval: a side has fewer than two clusters"),
    ],
)
def test_why_there_is_no_interval_is_said(one, two, method):
    found = welch_difference(np.array(one), np.array(two))
    assert (found.low, found.high, found.method_text, found.n) == (None, None, method, len(one) + len(two))
    assert found.value == pytest.approx(np.mean(one) - np.mean(two))


@pytest.mark.parametrize(("one", "two"), [([-0.1, 0.5], [0.1, 0.2]), ([0.1, 0.2], [0.5, 1.1])])
def test_share_outside_its_range_is_refused_on_either_side(one, two):
    with pytest.raises(ValueError, match="at least one is outside"):
        welch_difference(np.array(one), np.array(two), shares=True)
    assert welch_difference(np.array(one), np.array(two)).low is not None
