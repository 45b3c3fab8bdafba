import math

import numpy as np
import pytest
from scipy import stats

from audit.stats import cluster_evenness, evenness


def test_evenness_is_zero_for_one_answer_and_one_for_equal_ones():
    assert evenness(np.array([1.0, 0.0, 0.0])) == 0.0
    assert evenness(np.full(4, 1 / 4)) == pytest.approx(1.0)
    assert evenness(np.full(7, 1 / 7)) == 1.0  # and not more, by rounding


def test_evenness_is_entropy_over_that_of_even_shares():
    entropy = -(0.5 * math.log2(0.5) + 2 * 0.25 * math.log2(0.25))
    assert evenness(np.array([0.5, 0.25, 0.25])) == pytest.approx(entropy / math.log2(3))


def test_evenness_does_not_ask_for_a_sum_of_one():
    assert evenness(np.array([3.0, 1.0])) == pytest.approx(evenness(np.array([0.75, 0.25])))


@pytest.mark.parametrize("shares", [[1.0], [0.5, -0.5], [0.0, 0.0], [0.5, math.nan]], ids=str)
def test_what_are_no_shares_is_refused(shares):
    with pytest.raises(ValueError, match=r"share|Evenness"):
        evenness(np.array(shares))


def test_the_estimate_is_the_jackknife_of_the_evenness_of_the_mean():
    shares = np.array([[1.0, 0.0], [0.5, 0.5], [0.75, 0.25], [1.0, 0.0], [0.25, 0.75]])
    whole = evenness(shares.mean(axis=0))
    left = [evenness(np.delete(shares, row, axis=0).mean(axis=0)) for row in range(5)]
    found = cluster_evenness(shares)
    assert found.value == pytest.approx(5 * whole - 4 * np.mean(left))
    error = math.sqrt(4 / 5 * np.sum((np.array(left) - np.mean(left)) ** 2))
    assert found.low == pytest.approx(max(0.0, found.value - 2.7764451 * error), abs=1e-6)
    assert found.high == pytest.approx(min(1.0, found.value + 2.7764451 * error), abs=1e-6)


def test_the_order_of_the_clusters_changes_no_digit():
    shares = np.random.default_rng(1).dirichlet(np.ones(4), size=6)
    one, two = cluster_evenness(shares), cluster_evenness(shares[::-1].copy())
    assert one.value == pytest.approx(two.value, abs=1e-12)


def test_clusters_that_all_have_one_answer_do_not_prove_that_there_is_no_other():
    found = cluster_evenness(np.tile([1.0, 0.0, 0.0], (8, 1)))
    least = 0.025 ** (1 / 8)  # Clopper and Pearson for 8 of 8
    rest = (1 - least) / 2
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(evenness(np.array([least, rest, rest])))


def test_few_clusters_that_agree_may_hide_even_shares():
    assert cluster_evenness(np.tile([1.0, 0.0], (2, 1))).high == 1.0


def test_there_is_no_interval_where_no_cluster_matters_more_than_another():
    found = cluster_evenness(np.eye(4))
    assert (found.value, found.low, found.high) == (pytest.approx(1.0), None, None)
    why = "no interval: it is the same whichever prompt is left out"
    assert (found.method_text, found.n, found.n_clusters) == (why, 4, 4)


def test_one_cluster_has_a_value_and_none_has_nothing():
    one, none = cluster_evenness(np.array([[0.5, 0.5]])), cluster_evenness(np.empty((0, 2)))
    assert (one.value, one.low, none.value) == (1.0, None, None)
    assert (one.method_text, one.n, one.n_clusters) == ("no interval: fewer than two prompts", 1, 1)
    assert (none.method_text, none.n, none.n_clusters) == ("nothing measured", 0, 0)


@pytest.mark.parametrize("unit", ["prompts", "concepts"])
def test_methods_name_what_is_counted(unit):
    shares = np.array([[1.0, 0.0], [0.5, 0.5], [0.75, 0.25]])
    found, alike = cluster_evenness(shares, unit=unit), cluster_evenness(shares[:1].repeat(5, axis=0), unit=unit)
    assert (found.method_text, found.n, found.n_clusters) == (f"jackknife over {unit}, t", 3, 3)
    said = f"exact (Clopper-Pearson) for the commonest answer over {unit}, which all agree"
    assert (alike.method_text, alike.n, alike.n_clusters) == (said, 5, 5)
    assert cluster_evenness(shares, unit="prompts") == cluster_evenness(shares)


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_clusters_that_agree_on_several_answers_may_hide_evener_ones(level):
    shares = np.array([0.9, 0.1, 0.0])
    found = cluster_evenness(np.tile(shares, (30, 1)), level=level)
    least = stats.beta.ppf((1 - level) / 2, 27, 30 - 27 + 1)  # Clopper and Pearson for 27 of 30
    rest = (1 - least) / 2
    assert (found.value, found.low) == (pytest.approx(evenness(shares)), pytest.approx(evenness(shares)))
    assert found.high == pytest.approx(evenness(np.array([least, rest, rest])))


def test_what_the_jackknife_takes_beyond_its_range_is_cut():
    even = np.array([[0.34, 0.33, 0.33], [0.3, 0.4, 0.3], [0.4, 0.25, 0.35], [0.29, 0.36, 0.35]])
    rare = np.vstack([np.tile([1.0, 0.0], (5, 1)), [[0.99, 0.01]]])
    for shares, cut in ((even, 1.0), (rare, 0.0)):
        count = len(shares)
        left = [evenness(np.delete(shares, row, axis=0).mean(axis=0)) for row in range(count)]
        values = count * evenness(shares.mean(axis=0)) - (count - 1) * np.array(left)
        error = stats.t.ppf(0.975, count - 1) * stats.sem(values)
        found = cluster_evenness(shares)
        ends = (values.mean(), values.mean() - error, values.mean() + error)
        assert (ends[0] > 1.0, ends[1] < 0.0) == (cut == 1.0, cut == 0.0)
        assert (found.value, found.low, found.high) == pytest.approx(tuple(np.clip(ends, 0.0, 1.0)))
