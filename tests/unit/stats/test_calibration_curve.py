import numpy as np
import pytest
from scipy import stats

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
    assert "no spread" in found.estimate.method_text


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
    assert "do not surely rise" in found.estimate.method_text
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
    assert (nothing.estimate.value, nothing.estimate.method_text) == (None, "nothing measured")


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


def test_ends_of_a_straight_scale_are_those_of_fieller():
    grades, scale = np.array([0.0, 1.0]), np.array([[0.1, 1.0], [0.0, 1.2], [0.2, 0.9], [0.1, 1.1]])
    readings = np.array([0.5, 0.7, 0.4, 0.6])
    found = read_off(readings, scale, grades, level=0.9).estimate
    rise = scale[:, 1] - scale[:, 0]
    assert found.value == pytest.approx((readings - scale[:, 0]).mean() / rise.mean())
    # mean(a - g b)**2 = t**2 var(a - g b) / n, a quadratic in g
    above, factor = readings - scale[:, 0], stats.t.ppf(0.95, 3) ** 2 / 4
    both = np.cov(above, rise)
    roots = np.roots(
        [
            rise.mean() ** 2 - factor * both[1, 1],
            -2 * (above.mean() * rise.mean() - factor * both[0, 1]),
            above.mean() ** 2 - factor * both[0, 0],
        ]
    )
    assert (found.low, found.high) == pytest.approx((roots.min(), roots.max()))
    assert (found.n, found.n_clusters) == (4, 4)
    assert found.method_text == "calibration curve, Fieller's interval with t over prompts"


def test_the_test_is_that_of_readings_against_the_curve_at_zero():
    grades, scale = np.array([-1.0, 1.0]), np.array([[0.1, 1.0], [0.0, 1.2], [0.2, 0.9]])
    readings = np.array([0.7, 0.9, 0.5])
    found = read_off(readings, scale, grades).test
    expected = stats.ttest_1samp(readings - scale.mean(axis=1), 0.0)
    assert (found.p_value, found.method, found.n) == (pytest.approx(expected.pvalue), "t test over prompts", 3)


def test_beyond_the_outer_knots_the_curve_has_the_slope_of_all_standards():
    scale = np.tile([0.0, 0.1, 0.5, 1.0], (3, 1))
    slope = np.polyfit(GRADES, scale[0], 1)[0]
    above, below = (read_off(np.full(3, reading), scale, GRADES).estimate.value for reading in (1.3, -0.4))
    assert (above, below) == pytest.approx((1 + 0.3 / slope, -1 - 0.4 / slope))
    inside = read_off(np.full(3, 0.3), scale, GRADES).estimate.value
    assert inside == pytest.approx(np.interp(0.3, scale[0], GRADES))


def test_standards_that_rise_too_little_give_no_interval():
    grades, scale = np.array([0.0, 1.0]), np.array([[0.0, 0.6], [0.0, 0.2], [0.3, 0.3], [0.0, 0.5]])
    found = read_off(np.array([0.3, 0.1, 0.2, 0.3]), scale, grades, level=0.99).estimate
    assert (found.low, found.high, found.method_text) == (None, None, "no interval: the standards rise too little")
    assert (found.value, found.n, found.n_clusters) == (pytest.approx((0.225 - 0.075) / 0.325), 4, 4)


@pytest.mark.parametrize(
    ("readings", "scale", "why"),
    [
        (np.zeros(3), -SCALE, "not read off: the standards do not surely rise"),
        (np.zeros(0), SCALE[:0], "nothing measured"),
    ],
)
def test_why_nothing_is_read_off_is_said_of_value_and_test(readings, scale, why):
    found = read_off(readings, scale, GRADES)
    assert (found.estimate.method_text, found.test.method) == (why, f"not tested: {why}")
    assert (found.estimate.n, found.test.n) == (len(readings), len(readings))


def test_one_prompt_has_no_interval_and_says_so():
    found = read_off(np.array([0.3]), SCALE[:1], GRADES).estimate
    assert (found.low, found.high) == (None, None)
    assert found.method_text == "no interval: fewer than two prompts, or no spread"
    assert read_off(np.array([0.3, 0.6]), SCALE[:2], GRADES).estimate.low is not None


def test_ends_beyond_a_scale_of_two_grades_are_those_of_fieller_too():
    grades, scale = np.array([1.0, 3.0]), np.array([[0.1, 1.0], [0.0, 1.2], [0.2, 0.9], [0.1, 1.1]])
    for readings in (np.array([1.5, 1.7, 1.45, 1.6]), np.array([-0.6, -0.9, -0.5, -0.7])):
        found = read_off(readings, scale, grades).estimate
        rise = (scale[:, 1] - scale[:, 0]) / 2
        assert found.value == pytest.approx(1 + (readings - scale[:, 0]).mean() / rise.mean())
        for end in (found.low, found.high):
            apart = readings - scale[:, 0] - (end - 1) * rise
            assert abs(apart.mean()) / stats.sem(apart) == pytest.approx(stats.t.ppf(0.975, 3))
        assert found.low < found.value < found.high


def test_a_small_unit_of_the_judge_takes_no_interval_away():
    readings = np.array([0.2, 0.4, 0.1])
    plain, small = read_off(readings, SCALE, GRADES).estimate, read_off(0.01 * readings, 0.01 * SCALE, GRADES).estimate
    assert (small.low, small.high) == pytest.approx((plain.low, plain.high))


def test_flat_standards_and_two_that_do_not_agree_on_the_way_up_tell_nothing():
    assert read_off(np.zeros(3), np.zeros((3, 4)), GRADES).estimate.value is None
    assert read_off(np.zeros(2), SCALE[:2] * np.array([[1.0], [-0.5]]), GRADES).estimate.value is None


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_number_that_is_missing_is_named(place):
    numbers = [np.zeros(3), SCALE.copy(), np.append(GRADES[:3], 1.0)]
    numbers[place][..., -1] = np.inf
    with pytest.raises(ValueError, match=r"^A number is missing or infinite; leave"):
        read_off(*numbers)


@pytest.mark.parametrize("place", [-0.05, 0.3, 1.05])
def test_ends_are_where_t_just_rejects_the_curve_between_and_beyond_its_knots(place):
    """The curve of each prompt is straight between its standards, and beyond them has their least-squares slope."""
    scale = np.array([0.0, 0.1, 0.5, 1.0]) + np.array([[0.0, 0.01, 0.0, 0.02], [0.03, 0.0, 0.01, 0.0], [0.0] * 4])
    readings = place + np.array([0.04, 0.0, -0.05])
    found = read_off(readings, scale, GRADES).estimate
    for end in (found.low, found.high):
        inside = np.clip(end, -1.0, 1.0)
        curves = [np.interp(inside, GRADES, one) + (end - inside) * np.polyfit(GRADES, one, 1)[0] for one in scale]
        apart = readings - np.array(curves)
        assert abs(apart.mean()) / stats.sem(apart) == pytest.approx(stats.t.ppf(0.975, 2))


def test_the_interval_near_a_value_is_that_of_the_delta_method():
    found = read_off(0.3 + WORDING + np.array([0.0, 0.02, -0.02]), SCALE, GRADES)
    near, residuals = found.near, 0.3 + WORDING + np.array([0.0, 0.02, -0.02]) - (0.6 * found.estimate.value + WORDING)
    half = stats.t.ppf(0.975, 2) * residuals.std(ddof=1) / np.sqrt(3) / 0.6
    assert near.value == found.estimate.value
    assert (near.low, near.high) == pytest.approx((near.value - half, near.value + half))


def test_a_scale_that_is_short_at_one_end_stretches_fiellers_interval_and_not_the_one_near_the_value():
    rng = np.random.default_rng(3)
    short = np.array([-0.6, -0.3, 0.02, 0.05]) + rng.normal(0, 0.02, (4, 4))
    found = read_off(np.array([-0.6, -0.1, -0.3, -0.2]), short, GRADES)
    fieller, near = found.estimate, found.near
    assert fieller.high - fieller.value > 1.5 * (near.high - near.value)
