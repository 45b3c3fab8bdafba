import numpy as np
import pytest

from audit.stats import clopper_pearson, relative_position, relative_shift, welch_difference


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
    assert "all agree" in found.method


@pytest.mark.parametrize(("one", "two"), [([], [0.5]), ([0.5], [])])
def test_missing_side_gives_no_value(one, two):
    assert welch_difference(np.array(one, dtype=float), np.array(two, dtype=float)).value is None


def test_single_prompt_gives_no_interval():
    found = welch_difference(np.array([0.5]), np.array([0.1, 0.2]))
    assert (found.value, found.low) == (pytest.approx(0.35), None)


def test_share_outside_its_range_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        welch_difference(np.array([1.5]), np.array([0.1]), shares=True)


def test_anchors_stand_at_minus_one_and_one():
    lower, upper = np.array([-0.6, -0.4]), np.array([0.7, 0.9])
    assert relative_position(lower, lower, upper).value == pytest.approx(-1)
    assert relative_position(upper, lower, upper).value == pytest.approx(1)


def test_shift_and_scale_of_the_judge_cancel():
    x, a, b = np.array([0.1, 0.3]), np.array([-0.6, -0.4]), np.array([0.7, 0.9])
    one, two = relative_position(x, a, b), relative_position(3 * x + 1, 3 * a + 1, 3 * b + 1)
    assert (one.value, one.low, one.high) == pytest.approx((two.value, two.low, two.high))


@pytest.mark.parametrize("upper", [[-0.9, -0.8], [-0.5, 0.4]])
def test_anchors_out_of_order_place_nothing(upper):
    found = relative_position(np.array([0.1, 0.3]), np.array([-0.6, -0.2]), np.array(upper))
    assert (found.value, found.method) == (None, "not placed: the anchors are not in order")


def test_place_by_single_prompts_has_no_interval():
    found = relative_position(np.array([0.0, 0.2]), np.array([-1.0]), np.array([1.0]))
    assert (found.value, found.low) == (pytest.approx(0.1), None)


def test_missing_anchor_places_nothing():
    assert relative_position(np.array([0.1]), np.array([]), np.array([1.0])).value is None


def test_missing_mean_is_refused():
    with pytest.raises(ValueError, match="missing or infinite"):
        relative_position(np.array([np.nan]), np.array([0.0]), np.array([1.0]))


def test_a_shift_is_a_place_whose_zero_is_known():
    a, b = np.array([-0.9, -0.7, -0.8]), np.array([0.7, 0.9, 0.8])
    shifts = np.array([0.1, 0.2, 0.3, 0.2])
    assert relative_shift(shifts, a, b).value == pytest.approx(relative_position(shifts, a, b).value)
    moved, still = relative_shift(shifts, a + 0.5, b + 0.5), relative_shift(shifts, a, b)
    assert (moved.value, moved.low, moved.high) == pytest.approx((still.value, still.low, still.high))


def test_no_shift_is_zero_with_the_interval_of_its_prompts_alone():
    found = relative_shift(np.array([-0.1, 0.1]), np.array([-1.2, -0.8]), np.array([0.8, 1.2]))
    assert (found.value, found.low, found.high) == pytest.approx((0.0, -1.2706, 1.2706), abs=1e-4)
