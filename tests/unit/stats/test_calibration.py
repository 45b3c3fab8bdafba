import numpy as np
import pytest

from audit.stats import read_off

GRADES = np.array([-1.0, -0.5, 0.5, 1.0])
SCALE = np.array([[-0.6, -0.3, 0.3, 0.6], [-0.5, -0.2, 0.4, 0.7], [-0.7, -0.4, 0.2, 0.5]])
WORDING = np.array([0.0, 0.1, -0.1])


@pytest.mark.parametrize("grade", [-1.4, -1.0, -0.2, 0.0, 0.5, 1.0, 1.7])
def test_a_reading_at_a_grade_is_read_off_as_that_grade(grade):
    found = read_off(0.6 * grade + WORDING, SCALE, GRADES).estimate
    assert found.value == pytest.approx(grade)


def test_what_wording_does_to_both_widens_nothing():
    found = read_off(0.3 + WORDING, SCALE, GRADES)
    assert found.estimate.value == pytest.approx(0.5)
    assert found.estimate.low is None
    assert "no spread" in found.estimate.method


def test_shift_and_scale_of_the_judge_cancel():
    readings = np.array([0.2, 0.4, 0.1])
    one, two = (read_off(a * readings + b, a * SCALE + b, GRADES) for a, b in ((1.0, 0.0), (3.0, 0.7)))
    assert (one.estimate.value, one.estimate.low) == pytest.approx((two.estimate.value, two.estimate.low))
    assert one.test.p_value == pytest.approx(two.test.p_value)


def test_grades_that_the_judge_cannot_tell_apart_are_one_knot():
    scale = np.array([[-0.6, 0.1, -0.1, 0.6], [-0.5, 0.2, 0.0, 0.7]])
    assert read_off(scale[:, 1:3].mean(axis=1), scale, GRADES).estimate.value == pytest.approx(0.0)


def test_standards_that_do_not_surely_rise_tell_nothing():
    found = read_off(np.zeros(3), SCALE * np.array([[1.0], [-1.0], [0.2]]), GRADES)
    assert (found.estimate.value, found.estimate.low, found.test.p_value) == (None, None, None)
    assert "do not surely rise" in found.estimate.method
    assert read_off(np.zeros(3), -SCALE, GRADES).estimate.value is None


@pytest.mark.parametrize("prompts", [1, 3])
def test_ends_that_rise_make_no_scale_of_a_middle_that_falls(prompts):
    scale = np.array([[-0.1, 0.9, -0.9, 0.1], [-0.2, 0.8, -1.0, 0.0], [-0.1, 0.8, -0.9, 0.2]])[:prompts]
    found = read_off(np.full(prompts, 0.5), scale, GRADES)
    assert (found.estimate.value, found.test.p_value) == (None, None)


def test_one_prompt_gives_a_value_and_none_gives_nothing():
    single = read_off(np.array([0.3]), SCALE[:1], GRADES)
    assert (single.estimate.value, single.estimate.low, single.estimate.n) == (pytest.approx(0.5), None, 1)
    nothing = read_off(np.array([]), SCALE[:0], GRADES)
    assert (nothing.estimate.value, nothing.estimate.method) == (None, "nothing measured")


def test_the_interval_and_the_test_agree():
    readings = np.array([0.12, 0.25, -0.02])
    found = read_off(readings, SCALE, GRADES)
    inside = read_off(readings, SCALE, GRADES, level=1 - found.test.p_value).estimate
    assert min(abs(inside.low), abs(inside.high)) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("readings", "scale", "grades", "says"),
    [
        (np.zeros(2), SCALE, GRADES, "shape"),
        (np.zeros(3), SCALE, GRADES[::-1], "rising"),
        (np.array([0.0, 0.0, np.nan]), SCALE, GRADES, "missing"),
    ],
)
def test_what_is_no_scale_is_refused(readings, scale, grades, says):
    with pytest.raises(ValueError, match=says):
        read_off(readings, scale, grades)
