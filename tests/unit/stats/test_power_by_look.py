"""What prompts can show over looks: against fixed designs, and against samples drawn one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from audit.stats import (
    clopper_pearson,
    cluster_share,
    power_of_mean,
    power_of_mean_by_look,
    power_of_share,
    power_of_share_by_look,
)

LEVELS = [1 - 0.0055, 1 - 0.018, 1 - 0.0264]


@pytest.mark.parametrize("gap", [0.0, 0.3, 0.6, 1.2])
@pytest.mark.parametrize("prompts", [2, 8, 40])
def test_the_mean_at_one_look_is_that_of_a_run_of_fixed_size(prompts, gap):
    (found,) = power_of_mean_by_look([prompts], gap, 1.0, levels=[0.95])
    assert found == pytest.approx(power_of_mean(prompts, gap, 1.0), abs=0.012)


@pytest.mark.parametrize(("rate", "line"), [(0.0, 0.2), (0.05, 0.2), (0.5, 0.2), (0.9, 0.6)])
def test_a_share_at_one_look_is_that_of_a_run_of_fixed_size(rate, line):
    (found,) = power_of_share_by_look([24], rate, line, levels=[0.9])
    assert found == pytest.approx(power_of_share(24, rate, line, level=0.9), abs=1e-12)


@pytest.mark.parametrize("gap", [0.4, 0.9])
@pytest.mark.parametrize("sizes", [(6, 12, 24), (3, 3, 4), (5, 6, 6)])
def test_the_mean_over_looks_is_as_often_clear_as_samples_drawn_value_by_value(sizes, gap):
    rng = np.random.default_rng(3)
    values = rng.normal(gap, 0.7, (20_000, sizes[-1]))
    clear = np.stack(
        [
            stats.ttest_1samp(values[:, :size], 0.0, axis=1).confidence_interval(level).low > 0
            for size, level in zip(sizes, LEVELS, strict=True)
        ]
    )
    drawn = np.logical_or.accumulate(clear).mean(axis=1)
    assert power_of_mean_by_look(sizes, gap, 0.7, levels=LEVELS) == pytest.approx(drawn.tolist(), abs=0.015)


def test_a_share_over_looks_is_as_often_clear_as_hits_drawn_one_by_one():
    rng = np.random.default_rng(4)
    hits = rng.random((3000, 24)) < 0.05
    sizes, decided, drawn = (8, 16, 24), np.zeros(3000, dtype=bool), []
    for size, level in zip(sizes, LEVELS, strict=True):
        highs = {
            count: cluster_share(
                np.repeat([1.0, 0.0], [count, size - count]), [str(one) for one in range(size)], level=level
            ).high
            for count in range(size + 1)
        }
        decided |= np.array([highs[count] <= 0.3 for count in hits[:, :size].sum(axis=1)])
        drawn.append(decided.mean())
    assert power_of_share_by_look(sizes, 0.05, 0.3, levels=LEVELS) == pytest.approx(drawn, abs=0.03)


def test_a_look_that_adds_nothing_sees_the_same_at_its_own_level():
    early, late = power_of_mean_by_look([8, 8], 0.8, 1.0, levels=[0.99, 0.95])
    assert early < late == pytest.approx(power_of_mean(8, 0.8, 1.0), abs=0.012)


def test_a_line_on_the_other_side_has_to_be_clear_at_the_same_look():
    near = power_of_mean_by_look([6, 12], 0.9, 1.0, levels=[0.99, 0.96])
    both = power_of_mean_by_look([6, 12], 0.9, 1.0, levels=[0.99, 0.96], far=0.9)
    assert all(2 * one - 1 - 0.02 <= two < one for one, two in zip(near, both, strict=True))
    assert power_of_mean_by_look([6, 12], 0.9, 1.0, levels=[0.99, 0.96], far=100.0) == near


@pytest.mark.parametrize(
    ("prompts", "levels"), [([], []), ([4], [0.9, 0.95]), ([1, 4], [0.9, 0.95]), ([6, 4], [0.9, 0.95])]
)
def test_looks_that_are_none_are_refused(prompts, levels):
    with pytest.raises(ValueError, match="look has"):
        power_of_mean_by_look(prompts, 0.5, 1.0, levels=levels)
    with pytest.raises(ValueError, match="look has"):
        power_of_share_by_look(prompts, 0.5, 0.2, levels=levels)


def test_numbers_out_of_range_are_refused():
    with pytest.raises(ValueError, match="other side"):
        power_of_mean_by_look([4], 0.5, 1.0, levels=[0.9], far=math.nan)
    with pytest.raises(ValueError, match="gap"):
        power_of_mean_by_look([4], -0.5, 1.0, levels=[0.9])
    with pytest.raises(ValueError, match="Rates"):
        power_of_share_by_look([4], 1.5, 0.2, levels=[0.9])


def test_the_unit_of_a_mean_does_not_matter():
    one = power_of_mean_by_look([6, 12], 0.9, 1.0, levels=[0.99, 0.96], far=1.1)
    assert power_of_mean_by_look([6, 12], 3.6, 4.0, levels=[0.99, 0.96], far=4.4) == one


def test_certain_rates_and_lines_at_the_ends_are_allowed():
    assert power_of_share_by_look([8], 1.0, 0.3, levels=[0.95]) == (1.0,)
    assert power_of_share_by_look([4, 8], 0.5, 1.0, levels=[0.95, 0.95]) == pytest.approx((1.0, 1.0))
    assert power_of_share_by_look([40], 0.5, 0.0, levels=[0.95]) == pytest.approx((1.0,))
    assert max(power_of_share_by_look([size], 0.3, 1.0, levels=[0.95])[0] for size in range(2, 30)) == 1.0


def test_a_rate_on_the_line_is_taken_for_allowed():
    assert power_of_share_by_look([30], 0.3, 0.3, levels=[0.95]) == pytest.approx((power_of_share(30, 0.3, 0.3),))


def test_an_interval_that_ends_on_the_line_lies_below_it_and_one_that_starts_there_not_above():
    assert power_of_share_by_look([8], 0.0, clopper_pearson(0, 8).high, levels=[0.95]) == (1.0,)
    assert power_of_share_by_look([8], 1.0, clopper_pearson(8, 8).low, levels=[0.95]) == (0.0,)
