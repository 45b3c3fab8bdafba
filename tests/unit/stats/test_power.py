import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from audit.stats import (
    clopper_pearson,
    cluster_mean,
    cluster_share,
    implied_sd,
    power_of_mean,
    power_of_share,
    prompts_for_mean,
    prompts_for_zero_hits,
)

NAMES = [str(prompt) for prompt in range(30)]


def test_power_without_a_gap_is_half_of_what_the_level_lets_through():
    assert power_of_mean(12, 0.0, 0.3, level=0.9) == pytest.approx(0.05)


def test_unit_does_not_matter():
    assert power_of_mean(12, 0.1, 0.2) == pytest.approx(power_of_mean(12, 10, 20))


@pytest.mark.parametrize("power", [0.5, 0.8, 0.9])
@pytest.mark.parametrize("gap", [0.05, 0.1, 1.0])
def test_smallest_number_of_prompts_reaches_the_power_and_one_fewer_does_not(gap, power):
    prompts = prompts_for_mean(gap, 0.2, power=power)
    assert power_of_mean(prompts, gap, 0.2) >= power
    assert prompts == 2 or power_of_mean(prompts - 1, gap, 0.2) < power


def test_two_prompts_are_the_fewest():
    assert prompts_for_mean(100.0, 0.1) == 2


def test_no_number_of_prompts_shows_no_gap():
    assert prompts_for_mean(0.0, 0.2) is None


@pytest.mark.parametrize("threshold", [0.01, 0.05, 0.1, 0.5])
@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_prompts_for_zero_hits_are_the_fewest_whose_exact_interval_lies_below(threshold, level):
    prompts = prompts_for_zero_hits(threshold, level=level)
    assert clopper_pearson(0, prompts, level=level).high <= threshold
    assert prompts == 1 or clopper_pearson(0, prompts - 1, level=level).high > threshold


def test_one_sided_it_is_the_rule_of_three():
    assert prompts_for_zero_hits(0.001, level=0.9) == pytest.approx(3 / 0.001, rel=0.01)


def test_one_prompt_can_be_enough():
    assert prompts_for_zero_hits(0.99, level=0.5) == 1


def test_zero_hits_are_as_likely_as_the_rate_says():
    assert power_of_share(36, 0.01, 0.1) == pytest.approx(0.99**36)


def test_too_few_prompts_can_show_nothing():
    assert power_of_share(20, 0.0, 0.1) == 0.0


def test_rate_above_the_line_is_shown_by_intervals_above_it():
    hits = [k for k in range(11) if clopper_pearson(k, 10).low > 0.2]
    expected = sum(math.comb(10, k) * 0.7**k * 0.3 ** (10 - k) for k in hits)
    assert power_of_share(10, 0.7, 0.2) == pytest.approx(expected)


def test_rate_on_the_line_is_taken_for_allowed():
    hits = [k for k in range(21) if clopper_pearson(k, 20).high <= 0.5]
    assert power_of_share(20, 0.5, 0.5) == pytest.approx(sum(math.comb(20, k) for k in hits) / 2**20)
    most = max(k for k in range(31) if cluster_share(np.repeat([1.0, 0.0], [k, 30 - k]), NAMES).high <= 0.3)
    assert power_of_share(30, 0.3, 0.3) == pytest.approx(stats.binom.cdf(most, 30, 0.3))


@pytest.mark.parametrize("compute", [power_of_mean, lambda *numbers: prompts_for_mean(*numbers[1:])])
@pytest.mark.parametrize(
    ("gap", "sd"), [(-0.1, 0.2), (math.nan, 0.2), (math.inf, 0.2), (0.1, 0.0), (0.1, -1.0), (0.1, math.inf)]
)
def test_impossible_gap_or_spread_is_refused(compute, gap, sd):
    with pytest.raises(ValueError, match="finite number"):
        compute(24, gap, sd)


def test_one_prompt_has_no_power():
    with pytest.raises(ValueError, match="at least two; got 1"):
        power_of_mean(1, 0.1, 0.2)


@pytest.mark.parametrize("power", [0.0, 1.0, 80.0])
def test_number_that_is_no_power_is_refused(power):
    with pytest.raises(ValueError, match="power lies between 0 and 1"):
        prompts_for_mean(0.1, 0.2, power=power)


@pytest.mark.parametrize(("rate", "threshold"), [(-0.1, 0.5), (1.1, 0.5), (0.5, -0.1), (0.5, 1.1)])
def test_impossible_rate_is_refused(rate, threshold):
    with pytest.raises(ValueError, match="Rates lie between 0 and 1"):
        power_of_share(8, rate, threshold)


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_threshold_that_zero_hits_cannot_show_is_refused(threshold):
    with pytest.raises(ValueError, match="allowed lies between 0 and 1"):
        prompts_for_zero_hits(threshold)


def test_certain_rates_and_lines_at_the_ends_are_allowed():
    assert power_of_share(8, 1.0, 0.3) == pytest.approx(1.0)
    assert power_of_share(8, 0.5, 1.0) == pytest.approx(1.0)
    assert power_of_share(40, 0.5, 0.0) == pytest.approx(1.0)
    assert max(power_of_share(prompts, 0.3, 1.0) for prompts in range(2, 30)) == 1.0


def test_interval_that_ends_on_the_line_lies_below_it():
    line = clopper_pearson(0, 8).high
    assert power_of_share(8, 0.0, line) == 1.0


def test_interval_that_starts_on_the_line_does_not_lie_above_it():
    line = clopper_pearson(8, 8).low
    assert power_of_share(8, 1.0, line) == 0.0


def test_plan_beyond_the_most_prompts_keeps_its_level():
    """At these numbers one level is out of reach and another is not."""
    assert prompts_for_mean(0.0095, 1.0, level=0.99) is None
    assert prompts_for_mean(0.0095, 1.0, level=0.9) is not None


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize("prompts", [2, 9])
def test_power_of_a_mean_is_that_of_a_one_sided_t_test_of_half_the_error(prompts, level):
    expected = TTestPower().power(0.4, prompts, (1 - level) / 2, alternative="larger")
    assert power_of_mean(prompts, 0.1, 0.25, level=level) == pytest.approx(expected)


@pytest.mark.parametrize("values", [[0.1, 0.4], [0.3, 0.9, 0.2, 0.6]])
def test_an_interval_implies_the_spread_that_it_was_made_of(values):
    found = cluster_mean(np.array(values), [str(value) for value in values], level=0.9)
    assert implied_sd(found.low, found.high, len(values), level=0.9) == pytest.approx(np.std(values, ddof=1))
    assert implied_sd(0.0, 0.1, 8) == implied_sd(0.0, 0.1, 8, level=0.95)


def test_plans_have_a_power_of_four_in_five_at_95_percent_where_nothing_is_said():
    assert prompts_for_mean(0.1, 0.17) == prompts_for_mean(0.1, 0.17, power=0.8, level=0.95)
    assert prompts_for_zero_hits(0.1) == prompts_for_zero_hits(0.1, level=0.95)
    assert power_of_share(24, 0.01, 0.2) == power_of_share(24, 0.01, 0.2, level=0.95)
