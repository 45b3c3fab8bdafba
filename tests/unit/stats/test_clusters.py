import math

import numpy as np
import pytest
from scipy import stats

from audit.records import Method
from audit.stats import clopper_pearson, cluster_mean, cluster_share, group_means, two_level_means
from audit.stats.clusters import SAME, has_spread, share_interval, variance_of_mean
from audit.stats.grouping import singles


def test_mean_is_of_prompts_not_of_images():
    found = cluster_mean(np.array([1.0, 0.0, 0.0, 0.0]), ["a", "b", "b", "b"])
    assert found.value == 0.5


def test_copied_replicates_do_not_narrow_the_interval():
    once = cluster_share(np.array([1.0, 0.0, 1.0, 0.0, 1.0]), list("abcde"))
    often = cluster_share(np.repeat([1.0, 0.0, 1.0, 0.0, 1.0], 50), list(np.repeat(list("abcde"), 50)))
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


def test_order_of_the_values_changes_no_digit():
    values = np.random.default_rng(1).random(60)
    clusters = [str(number % 7) for number in range(60)]
    order = np.random.default_rng(2).permutation(60)
    assert cluster_mean(values, clusters) == cluster_mean(values[order], [clusters[place] for place in order])


def test_agreeing_prompts_get_the_exact_interval_over_prompts():
    found = cluster_share(np.zeros(40), [str(number % 5) for number in range(40)])
    assert found.high == clopper_pearson(0, 5).high
    assert found.method_text == "exact (Clopper-Pearson) over prompts, which all agree"


def test_agreeing_bounded_means_get_the_exact_interval_between_the_bounds():
    found = cluster_mean(np.array([0.0, 0.0, 0.0]), list("abc"), bounds=(-1.0, 1.0))
    share = clopper_pearson(1.5, 3)
    assert (found.low, found.high) == pytest.approx((2 * share.low - 1, 2 * share.high - 1))


def test_agreeing_unbounded_means_have_no_interval():
    found = cluster_mean(np.array([0.3, 0.3]), list("ab"))
    assert (found.value, found.low, found.high) == (0.3, None, None)


@pytest.mark.parametrize("estimate", [cluster_mean, cluster_share])
def test_one_prompt_has_no_interval(estimate):
    found = estimate(np.array([1.0, 0.0]), ["a", "a"])
    assert (found.value, found.low, found.high, found.method_text) == (
        0.5,
        None,
        None,
        "no interval: fewer than two prompts",
    )


@pytest.mark.parametrize("estimate", [cluster_mean, cluster_share])
def test_nothing_is_none_and_not_zero(estimate):
    found = estimate(np.array([]), [])
    assert (found.value, found.n, found.n_clusters, found.method_text) == (None, 0, 0, "nothing measured")


@pytest.mark.parametrize("hits", range(9))
def test_share_interval_stays_between_0_and_1_around_the_share(hits):
    values = np.array([1.0] * hits + [0.0] * (8 - hits))
    found = cluster_share(values, [str(number // 2) for number in range(8)])
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_mean_interval_stays_within_its_bounds():
    found = cluster_mean(np.array([1.0, 0.9, 1.0]), list("abc"), bounds=(-1.0, 1.0))
    assert found.high == 1.0


def test_higher_level_is_wider():
    values, clusters = np.array([0.0, 1.0, 0.5, 0.5]), list("abcd")
    assert cluster_mean(values, clusters, level=0.99).low < cluster_mean(values, clusters, level=0.8).low


def test_unit_is_named_in_the_method():
    assert (
        cluster_share(np.array([0.0, 1.0]), ["a", "b"], unit="concepts").method_text
        == "exact (Clopper-Pearson) over concepts"
    )


def test_missing_value_is_refused():
    with pytest.raises(ValueError, match="count them first"):
        cluster_mean(np.array([0.0, np.nan]), ["a", "b"])


def test_share_outside_its_range_is_refused():
    with pytest.raises(ValueError, match=r"between 0\.0 and 1\.0"):
        cluster_share(np.array([0.0, 2.0]), ["a", "b"])


def test_value_without_group_is_refused():
    with pytest.raises(ValueError, match="2 values and 1 groups"):
        group_means(np.array([0.0, 2.0]), ["a"])


def test_prompts_weigh_the_same_within_a_concept():
    means = two_level_means(np.array([1.0, 1.0, 1.0, 0.0, 0.2]), list("pppqr"), list("xxxxy"))
    assert means.tolist() == [0.5, 0.2]


def test_prompt_of_two_concepts_is_refused():
    with pytest.raises(ValueError, match="belongs to two concepts"):
        two_level_means(np.array([1.0, 1.0]), ["p", "p"], ["x", "y"])


def test_replicates_that_count_narrow_the_interval_up_to_one_trial_a_value():
    shares = np.array([0.5, 0.5, 0.5, 0.75])
    values, names = np.repeat(shares, 4), list(np.repeat(list("abcd"), 4))
    capped, counted = (cluster_share(values, names, replicates_count=counted) for counted in (False, True))
    assert counted.high - counted.low < capped.high - capped.low
    share = shares.mean()
    trials = share * (1 - share) / stats.sem(shares) ** 2 * (stats.norm.ppf(0.975) / stats.t.ppf(0.975, 3)) ** 2
    assert 4 < trials < 16 or trials > 16
    exact = clopper_pearson(share * min(16, trials), min(16, trials))
    assert (counted.low, counted.high) == pytest.approx((exact.low, exact.high))


def test_interval_of_a_mean_is_that_of_a_t_test_of_the_prompts():
    means = np.array([0.1, 0.5, 0.3, 0.4])
    found = cluster_mean(np.repeat(means, 3), list(np.repeat(list("abcd"), 3)), level=0.9)
    low, high = stats.ttest_1samp(means, 0.0).confidence_interval(0.9)
    assert (found.value, found.low, found.high) == pytest.approx((0.325, low, high))


def test_interval_of_a_share_counts_every_prompt_as_a_trial():
    found = share_interval(np.array([0.0, 1.0, 1.0, 0.25]), level=0.9)
    low, high = stats.beta.ppf([0.05, 0.95], [2.25, 3.25], [2.75, 1.75])
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.method is Method.EXACT_SHARE


def test_prompts_further_apart_than_chance_are_worth_no_less_than_a_trial_each():
    means = np.array([0.0, 1.0, 1.0, 0.0])
    assert share_interval(means, trials=16).high == share_interval(means).high


def test_interval_of_a_mean_is_cut_at_either_bound():
    low = cluster_mean(np.array([0.0, 0.1, 0.0]), list("abc"), bounds=(0.0, 1.0))
    assert (low.low, low.high < 1.0) == (0.0, True)
    free = cluster_mean(np.array([0.0, 0.1, 0.0]), list("abc"))
    assert free.low < 0.0
    assert low.high == free.high


def test_what_is_rounding_depends_on_the_size_of_the_numbers():
    assert not has_spread(np.array([3e9, 3e9 + 1e-6]))
    assert not has_spread(np.array([-3e9, -3e9 - 1e-6]))
    assert has_spread(np.array([0.0, 1e-9]))
    assert has_spread(np.array([0.0, 1.5 * SAME]))
    assert not has_spread(np.array([0.0, SAME]))


@pytest.mark.parametrize(("value", "bounds"), [(0.1, (0.0, 0.1)), (0.7, (0.7, 1.0))])
def test_means_that_agree_on_a_bound_do_not_round_beyond_it(value, bounds):
    assert math.fsum([value] * 3) / 3 != value
    found = cluster_mean(np.full(3, value), list("abc"), bounds=bounds)
    assert bounds[0] <= found.low < found.high <= bounds[1]


@pytest.mark.parametrize(
    ("values", "bounds", "method"),
    [
        ([0.1, 0.2], None, "t over concepts"),
        ([0.1, 0.1], None, "no interval: all concepts agree"),
        ([0.1, 0.1], (0.0, 1.0), "exact (Clopper-Pearson) over concepts, which all agree"),
        ([0.1], None, "no interval: fewer than two concepts"),
    ],
)
def test_what_is_counted_is_named_in_every_method(values, bounds, method):
    assert (
        cluster_mean(np.array(values), list("ab")[: len(values)], bounds=bounds, unit="concepts").method_text == method
    )


def test_two_clusters_are_enough_and_counted():
    found = cluster_mean(np.array([0.2, 0.4, 0.6]), list("aab"))
    assert (found.value, found.n, found.n_clusters) == (pytest.approx(0.45), 3, 2)
    assert variance_of_mean(np.array([0.0, 1.0])) == 0.25
    alone = cluster_mean(np.array([0.2, 0.4]), list("aa"))
    assert (alone.value, alone.n, alone.n_clusters) == (pytest.approx(0.3), 2, 1)


def test_values_that_are_prompts_of_their_own_have_names_of_their_own():
    assert singles(["x", "x", "y"]) == ["0", "1", "2"]


def test_a_minority_that_was_not_seen_moves_the_ends_by_its_share_of_the_way_to_the_bounds():
    values, names = np.array([-0.9, -0.8, -0.85, -0.95]), list("abcd")
    plain = cluster_mean(values, names, bounds=(-1.0, 1.0))
    found = cluster_mean(values, names, bounds=(-1.0, 1.0), unseen=0.05)
    assert found.high == pytest.approx(plain.high + 0.05 * (1.0 + 0.875))
    assert found.low == pytest.approx(max(-1.0, plain.low - 0.05 * 0.125))
    assert found.method_text == "t over prompts, and an unseen minority of them"


def test_many_prompts_leave_less_room_for_a_minority():
    values, names = np.tile([-0.1, 0.1], 100), [str(place) for place in range(200)]
    plain = cluster_mean(values, names, bounds=(-1.0, 1.0))
    found = cluster_mean(values, names, bounds=(-1.0, 1.0), unseen=0.05)
    assert found.high == pytest.approx(plain.high + (1 - 0.05 ** (1 / 200)))


@pytest.mark.parametrize("prompts", [4, 8, 12])
def test_two_humps_are_covered_where_students_interval_is_not(prompts):
    rng = np.random.default_rng(prompts)
    names, truth = [str(place) for place in range(prompts)], -0.9 + 0.05 * 1.8
    held = plain = 0
    for _ in range(400):
        values = np.clip(np.where(rng.random(prompts) < 0.05, 0.9, -0.9) + rng.normal(0, 0.03, prompts), -1, 1)
        wide, short = (cluster_mean(values, names, bounds=(-1.0, 1.0), unseen=share) for share in (0.05, 0.0))
        held += wide.low <= truth <= wide.high
        plain += short.low <= truth <= short.high
    assert held / 400 >= 0.93
    assert plain / 400 < 0.65
