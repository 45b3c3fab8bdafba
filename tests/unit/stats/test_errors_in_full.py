"""What is said of every number that a statistic refuses, word for word."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from audit import stats
from audit.stats.clusters import share_interval, variance_of_mean

ONE, TWO, NAMES = np.ones(1), np.array([0.0, 1.0]), ["a", "b"]
BY_LOOK, SHARE_BY_LOOK = stats.power_of_mean_by_look, stats.power_of_share_by_look
DRAWN = np.random.default_rng(1)
MISSING = "leave missing ones out and count them first."
REFUSED = {
    "2 readings and 3 grades need standards of that shape; got (3, 2).": lambda: stats.read_off(
        TWO, np.zeros((3, 2)), np.arange(3.0)
    ),
    "At least two grades, rising, make a scale; got [0.0, 0.0].": lambda: stats.read_off(
        TWO, np.zeros((2, 2)), np.zeros(2)
    ),
    "At least two grades, rising, make a scale; got [0.5].": lambda: stats.read_off(
        TWO, np.zeros((2, 1)), np.array([0.5])
    ),
    f"A number is missing or infinite; {MISSING}": lambda: stats.spearman(TWO, np.array([0.0, math.inf])),
    f"A value is missing or infinite; {MISSING}": lambda: stats.cluster_mean(np.array([0.0, math.nan]), NAMES),
    f"A mean is missing or infinite; {MISSING}": lambda: stats.paired_difference(TWO, np.array([0.0, math.nan])),
    f"A share is missing or infinite; {MISSING}": lambda: stats.evenness(np.array([0.0, math.nan])),
    f"A difference is missing or infinite; {MISSING}": lambda: stats.sign_flip_test(
        np.array([0.0, math.nan]), rng=DRAWN
    ),
    f"A value of the statistic is missing or infinite; {MISSING}": lambda: stats.pseudo_values(math.nan, TWO),
    "An interval needs at least two clusters; got 1.": lambda: share_interval(np.ones(1)),
    "A variance needs at least two clusters; got 1.": lambda: variance_of_mean(np.ones(1)),
    "The lower bound lies below the upper one; got (1.0, 1.0).": lambda: stats.cluster_mean(
        TWO, NAMES, bounds=(1.0, 1.0)
    ),
    "The lower bound lies below the upper one; got (2.0, 2.0).": lambda: stats.paired_difference(
        TWO, TWO, bounds=(2.0, 2.0)
    ),
    "Values lie between 0.5 and 2.0; at least one is outside or missing.": lambda: stats.cluster_mean(
        TWO, NAMES, bounds=(0.5, 2.0)
    ),
    "Values lie between 0.0 and 0.5; at least one is outside.": lambda: stats.paired_difference(
        np.zeros(2), TWO, bounds=(0.0, 0.5)
    ),
    "A correlation needs pairs; got 2 and 1 numbers.": lambda: stats.spearman(TWO, TWO[:1]),
    "Shares lie between 0 and 1; at least one is outside.": lambda: stats.welch_difference(TWO, TWO + 0.1, shares=True),
    "Shares lie between 0 and 1; at least one is outside or missing.": lambda: stats.rogan_gladen(
        TWO + 0.1, stats.JudgeCheck(true_positives=9, positives=10, true_negatives=9, negatives=10)
    ),
    "The judge is right on none to all of the labelled images; got JudgeCheck(true_positives=11, positives=10, "
    "true_negatives=9, negatives=10).": lambda: stats.JudgeCheck(
        true_positives=11, positives=10, true_negatives=9, negatives=10
    ),
    "Evenness needs the shares of at least two answers, none negative and not all 0.": lambda: stats.evenness(
        np.zeros(2)
    ),
    "Every value needs its group; got 2 values and 1 groups.": lambda: stats.group_means(TWO, ["a"]),
    "Every prompt needs its concept; got 2 prompts and 1 concepts.": lambda: stats.two_level_means(TWO, NAMES, ["a"]),
    "A prompt belongs to two concepts; name prompts so that each belongs to one.": lambda: stats.two_level_means(
        TWO, ["p", "p"], NAMES
    ),
    "p-values lie between 0 and 1; got [-0.1, 1.2].": lambda: stats.holm([0.0, -0.1, 1.0, 1.2, None]),
    "A level lies between 0 and 1; got 95. For 95 % write 0.95.": lambda: stats.wilson(1, 2, level=95),
    "Simultaneous intervals need at least two classes; got 1.": lambda: stats.goodman([3]),
    "Counts are finite and not negative; got [1, -1].": lambda: stats.goodman([1, -1]),
    "All counts are 0; nothing was measured.": lambda: stats.goodman([0, 0]),
    "A share needs at least one trial; got n = 0.": lambda: stats.wilson(0, 0),
    "A share needs at least one trial; got n = inf.": lambda: stats.wilson(0, math.inf),
    "Hits lie between 0 and n = 2; got 3.": lambda: stats.wilson(3, 2),
    "Paired runs have the same prompts; got 2 and 1 of them.": lambda: stats.paired_difference(TWO, TWO[:1]),
    "A test by draws needs at least one; got 0.": lambda: stats.sign_flip_test(TWO, rng=DRAWN, draws=0),
    "An interval over prompts needs at least two; got 1.": lambda: stats.power_of_mean(1, 0.1, 0.2),
    "Rates lie between 0 and 1; got -0.1 and a line at 0.5.": lambda: stats.power_of_share(8, -0.1, 0.5),
    "The largest rate that is allowed lies between 0 and 1; got 1.0.": lambda: stats.prompts_for_zero_hits(1.0),
    "An interval of at least two units has ends that rise; got 0.5 to 0.5 of 8.": lambda: stats.implied_sd(0.5, 0.5, 8),
    "An interval of at least two units has ends that rise; got 0.0 to 0.5 of 1.": lambda: stats.implied_sd(0.0, 0.5, 1),
    "A gap is a finite number from 0 up; got inf.": lambda: stats.power_of_mean(8, math.inf, 0.2),
    "A gap is a finite number from 0 up; got -0.1.": lambda: BY_LOOK([8], -0.1, 0.2, levels=[0.9]),
    "A standard deviation is a finite number above 0; got 0.0.": lambda: stats.power_of_mean(8, 0.1, 0.0),
    "A power lies between 0 and 1; got 80. For 80 % write 0.8.": lambda: stats.prompts_for_mean(0.1, 0.2, power=80),
    "The distance to the line on the other side is not a number.": lambda: BY_LOOK(
        [4], 0.5, 1.0, levels=[0.9], far=math.nan
    ),
    "Rates lie between 0 and 1; got 0.5 and a line at 1.1.": lambda: SHARE_BY_LOOK([4], 0.5, 1.1, levels=[0.9]),
    "Each look has its prompts and its level; got 1 and 2.": lambda: BY_LOOK([4], 0.5, 1.0, levels=[0.9, 0.9]),
    "A look has at least two prompts, and all of the look before; got [6, 4].": lambda: SHARE_BY_LOOK(
        [6, 4], 0.5, 0.5, levels=[0.9, 0.9]
    ),
    "A value is infinite; a missing one is written as NaN.": lambda: stats.repeated_variance(
        np.array([[0.0, math.inf], [1.0, 1.0]])
    ),
    "One count of each kind per prompt; got 1, 2, 1.": lambda: stats.undetermined_bounds(ONE, TWO, ONE),
    "Counts are finite and not negative; at least one is not.": lambda: stats.undetermined_bounds(ONE, -ONE, ONE),
    "Every value needs its template and concept; got 2, 1 and 2.": lambda: stats.wording_share(TWO, ["t"], NAMES),
}


@pytest.mark.parametrize("said", REFUSED)
def test_a_number_that_is_refused_is_named_with_what_would_do(said):
    with pytest.raises(ValueError, match=re.escape(said)) as found:
        REFUSED[said]()
    assert str(found.value) == said
