"""Verdicts per prompt, and how often two arms agree on them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.headline import resample
from tests.benchmarks.verdicts import UNDETERMINED, agreement, agreement_lost, crossed, majority

WOMAN, MAN, MIXED, NOBODY = np.eye(4) * 0.9
UNSURE = np.full(4, 0.25)
NOTHING = np.full(4, np.nan)


def test_the_verdict_is_what_most_seeds_show():
    scores = np.array([[WOMAN, WOMAN, MAN], [UNSURE, UNSURE, MAN], [NOBODY, MIXED, NOBODY]])
    assert majority(scores).tolist() == [0, UNDETERMINED, 3]


def test_a_tie_goes_to_the_likelier_class_and_a_seed_below_one_half_is_undetermined():
    surer, barely = WOMAN * 1.1, MAN * (0.5 / 0.9)
    assert majority(np.array([[barely, surer], [surer, barely]])).tolist() == [0, 0]
    assert majority(np.array([[MAN * (0.49 / 0.9), UNSURE]])).tolist() == [UNDETERMINED]


def test_an_image_that_was_not_scored_is_undetermined():
    assert majority(np.array([[NOTHING, NOTHING, WOMAN]])).tolist() == [UNDETERMINED]


def test_agreement_is_the_share_of_prompts_with_equal_verdicts():
    one = np.array([[WOMAN, WOMAN], [MAN, MAN], [NOBODY, NOBODY], [MAN, MAN]])
    other = np.array([[WOMAN, WOMAN], [WOMAN, WOMAN], [NOBODY, NOBODY], [MAN, MAN]])
    assert agreement(one, other, resample(4)).all_seeds.value == 0.75
    assert agreement(one, one, resample(4)).all_seeds.value == 1.0


def test_under_other_seeds_halves_are_crossed_both_ways():
    steady, moody = np.array([[MAN, MAN]]), np.array([[WOMAN, MAN]])
    assert crossed(moody, moody).tolist() == [0.0]
    assert crossed(steady, moody).tolist() == [0.5]
    assert crossed(steady, steady).tolist() == [1.0]
    assert agreement(steady, moody, resample(1)).other_seeds.value == 0.5


def test_what_is_lost_is_measured_against_the_yardsticks_own_agreement():
    yardstick = np.array([[MAN, MAN], [WOMAN, WOMAN], [WOMAN, MAN], [MAN, MAN]])  # with itself: 1, 1, 0, 1
    arm = np.array([[MAN, MAN], [MAN, WOMAN], [MAN, WOMAN], [MAN, MAN]])  # with it: 1, 0.5, 1, 1
    assert agreement_lost(arm, yardstick, resample(4)).value == pytest.approx(0.75 - 0.875)


def test_one_seed_has_no_halves():
    one = np.array([[MAN], [WOMAN]])
    assert crossed(one, one) is None
    assert agreement(one, one, resample(2)).other_seeds is None
    assert agreement_lost(one, one, resample(2)) is None
