import math

import numpy as np
import pytest

from audit.stats import JudgeCheck, cluster_share, rogan_gladen, wilson
from audit.stats.clusters import share_interval

SHARES = np.array([0.0, 0.25, 0.5, 0.25, 0.0, 0.5, 0.75, 0.25])


def check(true_positives, positives, true_negatives, negatives):
    return JudgeCheck(
        true_positives=true_positives, positives=positives, true_negatives=true_negatives, negatives=negatives
    )


def test_value_is_that_of_the_formula():
    assert rogan_gladen(SHARES, check(45, 50, 95, 100)).value == pytest.approx((0.3125 + 0.95 - 1) / (0.9 + 0.95 - 1))


def test_judge_without_error_leaves_the_share_and_its_interval():
    perfect = check(10**9, 10**9, 10**9, 10**9)
    found, plain = rogan_gladen(SHARES, perfect), cluster_share(SHARES, list("abcdefgh"))
    assert (found.value, found.low, found.high) == pytest.approx((plain.value, plain.low, plain.high), abs=1e-6)


def test_few_labels_widen_the_interval():
    few, many = rogan_gladen(SHARES, check(9, 10, 19, 20)), rogan_gladen(SHARES, check(900, 1000, 1900, 2000))
    assert few.value == pytest.approx(many.value)
    assert few.high - few.low > many.high - many.low


def test_images_that_count_narrow_the_interval():
    whole, counted = (rogan_gladen(SHARES, check(45, 50, 95, 100), trials=trials) for trials in (None, 32))
    assert counted.high - counted.low < whole.high - whole.low


def test_misses_turned_into_hits_mirror_the_share():
    there = rogan_gladen(SHARES, check(45, 50, 96, 120))
    back = rogan_gladen(1 - SHARES, check(96, 120, 45, 50))
    assert (there.value, there.low, there.high) == pytest.approx((1 - back.value, 1 - back.high, 1 - back.low))


@pytest.mark.parametrize("counts", [(25, 50, 50, 100), (10, 50, 20, 100)])
def test_judge_no_better_than_chance_is_refused(counts):
    found = rogan_gladen(SHARES, check(*counts))
    assert (found.value, found.low, found.high) == (None, None, None)
    assert found.method_text == "not corrected for judge error: on labelled images the judge is no better than chance"


def test_judge_barely_better_than_chance_leaves_everything_open():
    found = rogan_gladen(SHARES, check(26, 50, 50, 100))
    assert (found.low, found.high) == (0.0, 1.0)


@pytest.mark.parametrize("counts", [(0, 0, 5, 5), (5, 5, 0, 0)])
def test_labels_of_one_kind_are_not_enough(counts):
    found = rogan_gladen(SHARES, check(*counts))
    assert found.value is None
    assert "with and without the thing" in found.method_text


def test_share_below_the_false_alarms_is_cut_at_0():
    found = rogan_gladen(np.array([0.0, 0.0, 0.25, 0.0]), check(45, 50, 90, 100))
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high > 0.2


def test_share_above_the_sensitivity_is_cut_at_1():
    found = rogan_gladen(np.array([1.0, 1.0, 0.75, 1.0]), check(45, 50, 90, 100))
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low < 0.8


def test_hits_that_the_judges_errors_cannot_explain_get_no_interval():
    found = rogan_gladen(np.zeros(60), check(95, 100, 700, 1000))
    assert (found.value, found.low, found.high) == (0.0, None, None)
    assert "do not explain" in found.method_text


def test_nothing_measured_has_no_value():
    found = rogan_gladen(np.array([]), check(9, 10, 9, 10))
    assert (found.value, found.n, found.method_text) == (None, 0, "nothing measured")


def test_one_prompt_has_no_interval():
    found = rogan_gladen(np.array([0.5]), check(9, 10, 9, 10))
    assert (found.value, found.low, found.method_text) == (0.5, None, "no interval: fewer than two prompts")
    assert (found.n, found.n_clusters) == (1, 1)


@pytest.mark.parametrize("odd", [-0.1, 1.1, np.nan])
def test_number_that_is_no_share_is_refused(odd):
    with pytest.raises(ValueError, match="Shares lie between 0 and 1"):
        rogan_gladen(np.array([0.5, odd]), check(9, 10, 9, 10))


@pytest.mark.parametrize("counts", [(11, 10, 5, 10), (5, 10, 11, 10), (-1, 10, 5, 10), (5, 10, -1, 10)])
def test_counts_that_no_labels_have_are_refused(counts):
    with pytest.raises(ValueError, match="right on none to all"):
        check(*counts)


def test_two_prompts_have_an_interval():
    assert rogan_gladen(np.array([0.25, 0.5]), check(9, 10, 9, 10)).low is not None


def test_record_says_how_and_of_how_many():
    found = rogan_gladen(SHARES, check(9, 10, 9, 10))
    assert (found.method_text, found.n, found.n_clusters) == (
        "corrected for judge error (Rogan-Gladen), combined single intervals",
        8,
        8,
    )


@pytest.mark.parametrize("trials", [None, 32])
def test_ends_are_where_the_single_intervals_explain_the_hits_just_so(trials):
    found = rogan_gladen(SHARES + 0.25, check(45, 50, 90, 100), level=0.9, trials=trials)
    hits = share_interval(SHARES + 0.25, level=0.9, trials=trials)
    right, alarms = wilson(45, 50, level=0.9), wilson(10, 100, level=0.9)
    # at the lower end there are more hits than it gives rise to, at the upper one fewer
    low, high = found.low, found.high
    apart = math.hypot(0.5625 - hits.low, low * (right.high - 0.9), (1 - low) * (alarms.high - 0.1))
    assert 0.5625 - low * 0.9 - (1 - low) * 0.1 == pytest.approx(apart)
    apart = math.hypot(hits.high - 0.5625, high * (0.9 - right.low), (1 - high) * (0.1 - alarms.low))
    assert high * 0.9 + (1 - high) * 0.1 - 0.5625 == pytest.approx(apart)


@pytest.mark.parametrize(
    ("shares", "counts", "method"),
    [
        (
            [0.0] * 60,
            (95, 100, 700, 1000),
            "no interval: the judge's errors on labelled images do not explain its hits",
        ),
        (
            [0.5, 0.5],
            (0, 0, 5, 5),
            "not corrected for judge error: labelled images with and without the thing are needed",
        ),
    ],
)
def test_why_there_is_no_interval_is_said(shares, counts, method):
    found = rogan_gladen(np.array(shares), check(*counts))
    assert (found.low, found.high, found.method_text, found.n) == (None, None, method, len(shares))


def test_a_judge_that_is_always_wrong_or_always_right_on_one_side_is_allowed():
    assert check(0, 10, 10, 10).true_positives == 0
    assert check(10, 10, 0, 10).true_negatives == 0
    assert rogan_gladen(np.array([0.0, 1.0]), check(1, 1, 1, 1)).value == 0.5
