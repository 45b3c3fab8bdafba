import numpy as np
import pytest
from scipy import stats

from audit.stats import clopper_pearson, paired_difference

ONE, TWO = np.array([0.6, 0.9, 0.4, 0.8]), np.array([0.5, 0.6, 0.2, 0.9])


def test_same_numbers_twice_differ_by_exactly_nothing():
    found = paired_difference(ONE, ONE, bounds=(0.0, 1.0))
    assert (found.value, found.low, found.high) == (0.0, -clopper_pearson(0, 4).high, clopper_pearson(0, 4).high)


def test_difference_changes_sign_with_the_order():
    there, back = paired_difference(ONE, TWO), paired_difference(TWO, ONE)
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))


def test_what_all_prompts_share_changes_nothing():
    shifted = paired_difference(ONE + 5, TWO + 5)
    plain = paired_difference(ONE, TWO)
    assert (shifted.low, shifted.high) == pytest.approx((plain.low, plain.high))


def test_prompt_that_moves_both_runs_does_not_widen_the_interval():
    odd = np.array([0.0, 0.0, 0.0, 7.0])
    assert paired_difference(ONE + odd, TWO + odd).high == pytest.approx(paired_difference(ONE, TWO).high)


def test_agreeing_differences_are_bounded_by_the_prompts_that_might_have_differed():
    found = paired_difference(np.full(3, 0.75), np.full(3, 0.25), bounds=(0.0, 1.0))
    others = 1 - 0.025 ** (1 / 3)
    assert (found.low, found.high) == pytest.approx((0.5 * (1 - others) - others, 0.5 * (1 - others) + others))
    assert found.method_text == "exact (Clopper-Pearson) over prompts, whose differences all agree"


def test_bounds_set_the_scale_of_the_fall_back():
    narrow = paired_difference(np.zeros(5), np.zeros(5), bounds=(0.0, 1.0))
    wide = paired_difference(np.zeros(5), np.zeros(5), bounds=(-1.0, 1.0))
    assert (wide.low, wide.high) == pytest.approx((2 * narrow.low, 2 * narrow.high))


def test_ends_stay_within_what_bounded_values_can_differ_by():
    found = paired_difference(np.array([1.0, 1.0, 0.9]), np.array([0.0, 0.1, 0.0]), bounds=(0.0, 1.0))
    assert found.high == 1.0
    found = paired_difference(np.array([0.0, 0.1, 0.0]), np.array([1.0, 1.0, 0.9]), bounds=(0.0, 1.0))
    assert found.low == -1.0


def test_agreeing_unbounded_differences_have_no_interval():
    found = paired_difference(ONE, ONE - 0.25)
    assert (found.value, found.low, found.high) == (pytest.approx(0.25), None, None)
    assert found.method_text == "no interval: the differences of all prompts agree"
    assert (found.n, found.n_clusters) == (4, 4)


def test_one_prompt_has_a_value_and_no_interval():
    found = paired_difference(ONE[:1], TWO[:1], bounds=(0.0, 1.0))
    assert (found.value, found.low, found.n, found.n_clusters) == (pytest.approx(0.1), None, 1, 1)
    assert found.method_text == "no interval: fewer than two prompts"


def test_two_prompts_have_an_interval():
    assert paired_difference(ONE[:2], TWO[:2]).low is not None


def test_no_prompt_has_no_value():
    found = paired_difference(np.array([]), np.array([]))
    assert (found.value, found.method_text, found.n, found.n_clusters) == (None, "nothing measured", 0, 0)


def test_runs_of_other_prompts_are_refused():
    with pytest.raises(ValueError, match="got 4 and 3"):
        paired_difference(ONE, TWO[:3])


def test_missing_mean_is_refused():
    with pytest.raises(ValueError, match="mean is missing"):
        paired_difference(ONE, np.array([0.1, np.nan, 0.2, 0.3]))
    with pytest.raises(ValueError, match="mean is missing"):
        paired_difference(np.array([0.1, np.nan, 0.2, 0.3]), ONE)


@pytest.mark.parametrize("bounds", [(0.0, 0.85), (0.3, 1.0)])
def test_mean_out_of_bounds_is_refused_on_either_side(bounds):
    inside = np.full(4, 0.5)
    for runs in ((ONE, inside), (TWO, inside), (inside, ONE), (inside, TWO)):
        if min(map(min, runs)) < bounds[0] or max(map(max, runs)) > bounds[1]:
            with pytest.raises(ValueError, match="at least one is outside"):
                paired_difference(*runs, bounds=bounds)
        else:
            assert paired_difference(*runs, bounds=bounds).low is not None


@pytest.mark.parametrize("bounds", [(1.0, 0.0), (0.5, 0.5)])
def test_swapped_bounds_are_refused(bounds):
    with pytest.raises(ValueError, match="lower bound lies below"):
        paired_difference(ONE, TWO, bounds=bounds)


def test_means_on_their_bounds_are_allowed():
    assert paired_difference(np.array([0.0, 1.0]), np.array([1.0, 1.0]), bounds=(0.0, 1.0)).value == -0.5


def test_interval_of_pairs_are_those_of_scipy():
    expected = stats.ttest_rel(ONE, TWO)
    low, high = expected.confidence_interval(0.8)
    found = paired_difference(ONE, TWO, level=0.8)
    assert (found.value, found.low, found.high) == pytest.approx(((ONE - TWO).mean(), low, high))


def test_one_pair_that_differs_claims_no_more_than_none():
    same, one = np.zeros(64), np.zeros(64)
    one[0] = 1 / 16
    none = paired_difference(same, same, bounds=(0.0, 1.0))
    found = paired_difference(one, same, bounds=(0.0, 1.0))
    assert none.high == pytest.approx(0.056, abs=1e-3)
    assert found.high - found.low >= none.high - none.low
    assert found.low < -0.05
    assert found.method_text == "exact (Clopper-Pearson) over prompts, of which few differ"


def test_pairs_that_all_differ_have_students_interval_however_few():
    assert paired_difference(ONE, TWO, bounds=(0.0, 1.0)).method_text == "t over differences of paired prompts"


def test_a_rare_rise_is_covered():
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(300):
        after = rng.binomial(16, rng.beta(0.15, 1.35, 8)) / 16
        found = paired_difference(after, np.zeros(8), bounds=(0.0, 1.0))
        held += found.low <= 0.1 <= found.high
    assert held / 300 > 0.93
