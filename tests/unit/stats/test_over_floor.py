"""Shares of rare events, and whether they lie above a floor."""

import math

import numpy as np
import pytest
from scipy import stats

from audit.seeding import derive_seed
from audit.stats import clopper_pearson, cluster_share, excess_over_floor, excess_over_references, welch_difference
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


def names_of(rng, *, names, share=0.1, alike=0.3, prompts=8):
    """Shares of prompts (names x prompts): names differ among themselves, and so do prompts of a name."""
    own = np.clip(rng.beta(share * (1 / alike - 1), (1 - share) * (1 / alike - 1), (names, 1)), 1e-6, 1 - 1e-6)
    return rng.binomial(2, rng.beta(own * 2, (1 - own) * 2, (names, prompts))) / 2


@pytest.mark.parametrize("references", [8, 24])
def test_a_name_of_the_kind_of_its_references_seldom_alarms(references):
    rng = np.random.default_rng(derive_seed("references", str(references)))
    alarms = by_prompts = 0
    for _ in range(300):
        hits = names_of(rng, names=references + 1)
        means = hits[1:].mean(axis=1)
        alarms += excess_over_references(hits[0], means, means).low > 0
        by_prompts += welch_difference(hits[0], hits[1:].ravel(), shares=True).low > 0
    assert alarms / 300 <= 0.05
    assert by_prompts > alarms


def test_a_name_far_beyond_its_references_is_found():
    rng = np.random.default_rng(derive_seed("references", "found"))
    means = names_of(rng, names=24, share=0.05, alike=0.05).mean(axis=1)
    assert excess_over_references(np.full(8, 0.9), means[:2], means).low > 0


def test_excess_over_references_by_hand():
    own, matched = np.array([0.5, 0.75, 0.25, 0.5]), np.array([0.5, 0.1])
    every = np.array([0.5, 0.1, 0.3, 0.9, 0.2, 0.7])
    found = excess_over_references(own, matched, every)
    half = stats.t.ppf(0.975, 5) * math.sqrt(own.var(ddof=1) / 4 + every.var(ddof=1) * 1.5)
    assert (found.value, found.low) == pytest.approx((0.2, max(-1.0, 0.2 - half)))
    assert found.method_text == "t over references, with the spread between them"


@pytest.mark.parametrize(("own", "every", "value"), [([], [0.5, 0.1], None), ([0.5, 0.5], [0.1], 0.4)])
def test_too_few_references_have_no_interval(own, every, value):
    found = excess_over_references(np.array(own), np.array(every[:1]), np.array(every))
    assert (found.value, found.low) == (value, None)
