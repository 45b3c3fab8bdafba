"""Comparisons of two runs against independent implementations, hand computation and brute force."""

import itertools

import numpy as np
import pytest
from scipy import stats

from audit import stats as ours

LEVELS = [0.8, 0.95, 0.99]


@pytest.mark.parametrize("level", LEVELS)
def test_paired_difference_agrees_with_scipy(level):
    rng = np.random.default_rng(11)
    one, two = rng.random(9), rng.random(9)
    theirs = stats.ttest_rel(one, two)
    found = ours.paired_difference(one, two, level=level)
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval(level)))
    assert ours.t_test(one - two, 0.0).p_value == pytest.approx(theirs.pvalue)


def test_paired_test_finds_what_an_unpaired_one_misses():
    """A known mistake of model comparators: the two runs of one set of prompts taken for independent."""
    before = np.array([0.10, 0.90, 0.30, 0.70, 0.50, 0.20])
    after = before + np.array([0.05, 0.06, 0.04, 0.05, 0.06, 0.04])
    assert ours.t_test(after - before, 0.0).p_value < 1e-4
    assert stats.ttest_ind(after, before).pvalue > 0.7
    unpaired, paired = ours.welch_difference(after, before), ours.paired_difference(after, before)
    assert unpaired.low < 0 < paired.low


def test_ranks_of_step_up_are_not_places_of_one_argsort():
    """A known mistake of bias scanners: ``p.argsort() + 1`` holds places, not ranks."""
    raw = np.array([0.03, 0.001, 0.012, 0.5])  # argsort undoes itself where two swap; here three go round
    wrong = raw * len(raw) / (raw.argsort() + 1)
    by_hand = (0.04, 0.004, 0.024, 0.5)
    assert ours.benjamini_hochberg(raw.tolist()).p_values == pytest.approx(by_hand)
    assert wrong[0] == pytest.approx(0.06)
    assert ours.benjamini_hochberg(raw.tolist()).p_values == pytest.approx(stats.false_discovery_control(raw))


def left_out(values, statistic):
    return np.array([statistic(np.delete(values, place, axis=0)) for place in range(len(values))])


def test_jackknife_agrees_with_scipys_delta_of_a_ratio():
    """For a ratio of means, the jackknife variance is that of linearised residuals, but for terms of order 1 / G."""
    rng = np.random.default_rng(12)
    pairs = rng.beta([4, 6], [4, 4], (400, 2))

    def ratio(values):
        return values[:, 0].mean() / values[:, 1].mean()

    found = ours.jackknife_difference(float(ratio(pairs)), left_out(pairs, ratio))
    residuals = (pairs[:, 0] - ratio(pairs) * pairs[:, 1]) / pairs[:, 1].mean()
    half = stats.t.ppf(0.975, 399) * residuals.std(ddof=1) / 20
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.01)


def brute_force_sign_flips(differences):
    ways = [np.dot(signs, differences) for signs in itertools.product([-1, 1], repeat=len(differences))]
    return np.mean(np.abs(ways) >= abs(differences.sum()) - 1e-12)


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_sign_flips_agree_with_brute_force_and_scipy(count):
    differences = np.random.default_rng(13).normal(0.3, 1, count)
    found = ours.sign_flip_test(differences, rng=np.random.default_rng(0))
    assert found.p_value == pytest.approx(brute_force_sign_flips(differences))
    if count > 1:
        theirs = stats.permutation_test((differences,), np.sum, permutation_type="samples", n_resamples=np.inf)
        assert found.p_value == pytest.approx(theirs.pvalue)


def test_drawn_sign_flips_agree_with_all_of_them():
    differences = np.random.default_rng(14).normal(0.4, 1, 14)
    every, drawn = (
        ours.sign_flip_test(differences, rng=np.random.default_rng(1), draws=draws).p_value for draws in (8192, 8191)
    )
    assert every == pytest.approx(brute_force_sign_flips(differences))
    assert drawn != every
    assert drawn == pytest.approx(every, abs=4 * np.sqrt(every / 8191))
