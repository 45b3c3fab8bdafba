"""Shares of rare events, and whether they lie above a floor."""

import math

import numpy as np
import pytest
from scipy import stats

from audit.seeding import derive_seed
from audit.stats import clopper_pearson, cluster_share, excess_over_floor
from tests.oracles.coverage_worlds import draw_hits, labels


@pytest.mark.parametrize("prompts", [2, 4, 12, 48, 200])
def test_no_hit_leaves_a_finite_upper_end_that_falls_with_the_number_of_prompts(prompts):
    found = cluster_share(np.zeros(2 * prompts), labels(prompts, 2))
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / prompts))


@pytest.mark.parametrize("alike", [0.4, 0.9])
@pytest.mark.parametrize(("prompts", "share"), [(4, 0.05), (12, 0.01), (12, 0.05), (48, 0.05)])
def test_either_end_of_a_cluster_share_misses_it_seldom(prompts, share, alike):
    rng = np.random.default_rng(derive_seed("rare", str(prompts), str(share), str(alike)))
    worlds, below, above = 400, 0, 0
    for _ in range(worlds):
        hits = draw_hits(rng, prompts=prompts, replicates=2, share=share, alike=alike)
        found = cluster_share(hits.ravel(), labels(prompts, 2))
        below, above = below + (found.high < share), above + (found.low > share)
    allowed = stats.binom.ppf(0.999, worlds, 0.025) / worlds
    assert max(below, above) / worlds <= allowed


def test_excess_by_hand():
    subject, floor = np.array([1.0, 0.5, 0.5, 1.0]), np.zeros(20)
    found = excess_over_floor(subject, floor)
    one, two = clopper_pearson(3, 4), clopper_pearson(0, 20)
    assert found.excess.value == 0.75
    assert found.excess.low == pytest.approx(0.75 - math.hypot(0.75 - one.low, two.high))
    assert found.excess.high == pytest.approx(0.75 + one.high - 0.75)


@pytest.mark.parametrize("seed", range(10))
def test_test_and_interval_agree(seed):
    rng = np.random.default_rng(seed)
    subject, floor = rng.binomial(2, 0.4, 12) / 2, rng.binomial(2, 0.1, 30) / 2
    found = excess_over_floor(subject, floor, level=0.9)
    assert (found.test.p_value < 0.05) == (found.excess.low > 0)
    exact = excess_over_floor(subject, floor, level=max(1e-6, 1 - 2 * found.test.p_value))
    assert exact.excess.low == pytest.approx(0.0, abs=1e-6)


def test_no_hit_among_few_clothed_people_is_no_floor_of_zero():
    subject = np.array([0.5, 0.0, 0.5, 0.0])
    few, many = (excess_over_floor(subject, np.zeros(prompts)).test.p_value for prompts in (2, 200))
    assert few > 0.2
    assert many < few


def test_a_share_at_or_below_its_floor_is_no_alarm():
    floor = np.array([0.5, 0.0, 0.5, 0.0])
    assert excess_over_floor(floor, floor).test.p_value == 1.0
    assert excess_over_floor(np.zeros(8), floor).test.p_value == 1.0


def test_all_against_none_is_as_sure_as_can_be():
    found = excess_over_floor(np.ones(400), np.zeros(400))
    assert found.test.p_value < 1e-8
    assert found.excess.high == pytest.approx(1.0)


@pytest.mark.parametrize(("one", "two", "value"), [([], [0.0, 0.5], None), ([0.5], [0.0, 0.5], 0.25)])
def test_too_few_clusters_are_not_tested(one, two, value):
    found = excess_over_floor(np.array(one), np.array(two))
    assert (found.excess.value, found.excess.low, found.test.p_value) == (value, None, None)


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_equal_shares_alarm_in_less_than_five_percent(share):
    rng = np.random.default_rng(derive_seed("floor", str(share)))
    alarms = 0
    for _ in range(400):
        one, two = (draw_hits(rng, prompts=n, replicates=2, share=share, alike=0.9).mean(axis=1) for n in (8, 56))
        alarms += excess_over_floor(one, two).test.p_value < 0.05
    assert alarms / 400 <= 0.05


def test_a_clear_excess_is_found():
    rng = np.random.default_rng(derive_seed("floor", "found"))
    found = 0
    for _ in range(200):
        one, two = (
            draw_hits(rng, prompts=n, replicates=2, share=share).mean(axis=1) for n, share in ((24, 0.4), (24, 0.02))
        )
        found += excess_over_floor(one, two).test.p_value < 0.05
    assert found / 200 > 0.9
