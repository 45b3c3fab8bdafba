"""A statistic that refuses a number says which number it is and what would do."""

from __future__ import annotations

import math

import numpy as np
import pytest

from audit import stats
from audit.stats.clusters import share_interval, variance_of_mean

ONE, TWO, NAMES = np.ones(1), np.array([0.0, 1.0]), ["a", "b"]
BY_LOOK, SHARE_BY_LOOK = stats.power_of_mean_by_look, stats.power_of_share_by_look
DRAWN = np.random.default_rng(1)
LOST = np.array([0.0, math.nan])
GRADES = "at least two grades"
REFUSED = [
    (lambda: stats.read_off(TWO, np.zeros((3, 2)), np.arange(3.0)), "2 readings", "3 grades", "(3, 2)"),
    (lambda: stats.read_off(TWO, np.zeros((2, 2)), np.zeros(2)), GRADES, "rising", "[0.0, 0.0]"),
    (lambda: stats.read_off(TWO, np.zeros((2, 1)), np.array([0.5])), GRADES, "[0.5]"),
    (lambda: stats.spearman(TWO, np.array([0.0, math.inf])), "number is missing or infinite", "leave"),
    (lambda: stats.cluster_mean(LOST, NAMES), "value is missing", "leave", "count them"),
    (lambda: stats.paired_difference(TWO, LOST), "mean is missing", "leave"),
    (lambda: stats.evenness(LOST), "share is missing", "leave"),
    (lambda: stats.sign_flip_test(LOST, rng=DRAWN), "difference is missing", "leave"),
    (lambda: stats.pseudo_values(math.nan, TWO), "statistic is missing", "leave"),
    (lambda: share_interval(np.ones(1)), "interval", "two clusters", "got 1"),
    (lambda: variance_of_mean(np.ones(1)), "variance", "two clusters", "got 1"),
    (lambda: stats.cluster_mean(TWO, NAMES, bounds=(1.0, 1.0)), "lower bound", "(1.0, 1.0)"),
    (lambda: stats.paired_difference(TWO, TWO, bounds=(2.0, 2.0)), "lower bound", "(2.0, 2.0)"),
    (lambda: stats.cluster_mean(TWO, NAMES, bounds=(0.5, 2.0)), "between 0.5 and 2.0"),
    (lambda: stats.paired_difference(np.zeros(2), TWO, bounds=(0.0, 0.5)), "between 0.0 and 0.5"),
    (lambda: stats.spearman(TWO, TWO[:1]), "pairs", "2 and 1 numbers"),
    (lambda: stats.welch_difference(TWO, TWO + 0.1, shares=True), "shares", "between 0 and 1"),
    (lambda: stats.PooledRate({"nurse": (11, 10)}), "none to all", "11 of 10"),
    (lambda: stats.evenness(np.zeros(2)), "evenness", "not all 0"),
    (lambda: stats.group_means(TWO, ["a"]), "group", "2 values", "1 groups"),
    (lambda: stats.two_level_means(TWO, NAMES, ["a"]), "concept", "2 prompts", "1 concepts"),
    (lambda: stats.two_level_means(TWO, ["p", "p"], NAMES), "two concepts", "name prompts"),
    (lambda: stats.holm([0.0, -0.1, 1.0, 1.2, None]), "between 0 and 1", "[-0.1, 1.2]"),
    (lambda: stats.wilson(1, 2, level=95), "level", "got 95", "0.95"),
    (lambda: stats.goodman([3]), "two classes", "got 1"),
    (lambda: stats.goodman([1, -1]), "not negative", "[1, -1]"),
    (lambda: stats.goodman([0, 0]), "all counts are 0"),
    (lambda: stats.wilson(0, 0), "at least one trial", "n = 0"),
    (lambda: stats.wilson(0, math.inf), "at least one trial", "n = inf"),
    (lambda: stats.wilson(3, 2), "n = 2", "got 3"),
    (lambda: stats.paired_difference(TWO, TWO[:1]), "same prompts", "2 and 1"),
    (lambda: stats.sign_flip_test(TWO, rng=DRAWN, draws=0), "draws", "at least one", "got 0"),
    (lambda: stats.power_of_mean(1, 0.1, 0.2), "at least two", "got 1"),
    (lambda: stats.power_of_share(8, -0.1, 0.5), "between 0 and 1", "-0.1"),
    (lambda: stats.prompts_for_zero_hits(1.0), "between 0 and 1", "got 1.0"),
    (lambda: stats.implied_sd(0.5, 0.5, 8), "ends that rise", "0.5 to 0.5"),
    (lambda: stats.implied_sd(0.0, 0.5, 1), "two units", "of 1"),
    (lambda: stats.power_of_mean(8, math.inf, 0.2), "gap", "got inf"),
    (lambda: BY_LOOK([8], -0.1, 0.2, levels=[0.9]), "gap", "got -0.1"),
    (lambda: stats.power_of_mean(8, 0.1, 0.0), "standard deviation", "got 0.0"),
    (lambda: stats.prompts_for_mean(0.1, 0.2, power=80), "power", "got 80", "0.8"),
    (lambda: BY_LOOK([4], 0.5, 1.0, levels=[0.9], far=math.nan), "other side", "not a number"),
    (lambda: SHARE_BY_LOOK([4], 0.5, 1.1, levels=[0.9]), "between 0 and 1", "1.1"),
    (lambda: BY_LOOK([4], 0.5, 1.0, levels=[0.9, 0.9]), "level", "1 and 2"),
    (lambda: SHARE_BY_LOOK([6, 4], 0.5, 0.5, levels=[0.9, 0.9]), "look before", "[6, 4]"),
    (lambda: stats.repeated_variance(np.array([[0.0, math.inf], [1.0, 1.0]])), "infinite", "nan"),
    (lambda: stats.undetermined_bounds(ONE, TWO, ONE), "per prompt", "1, 2, 1"),
    (lambda: stats.undetermined_bounds(ONE, -ONE, ONE), "not negative"),
    (lambda: stats.wording_share(TWO, ["t"], NAMES), "template and concept", "2, 1 and 2"),
]


@pytest.mark.parametrize(("refused", "named"), [(call, named) for call, *named in REFUSED])
def test_a_number_that_is_refused_is_named_with_what_would_do(refused, named):
    with pytest.raises(ValueError, match=r"\w") as found:
        refused()
    said = str(found.value).lower()
    assert [name for name in named if name not in said] == []
