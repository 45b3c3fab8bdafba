"""Seconds: medians with intervals, measured in turns, and written down."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from scipy.stats import binom

from tests.benchmarks.arms import find_arm
from tests.benchmarks.costs import Cost, keep_costs, kept_costs, measure, middle
from tests.benchmarks.timing import machine


@pytest.mark.parametrize(
    ("count", "inside"),
    [(6, 1), (7, 1), (8, 1), (9, 2), (11, 2), (12, 3), (15, 4), (20, 6)],  # as in tables of the sign test
)
def test_the_interval_of_a_median_lies_between_the_narrowest_order_statistics_that_cover_it(count, inside):
    found = middle([float(k) for k in range(1, count + 1)][::-1])
    assert (found.value, found.low, found.high) == ((count + 1) / 2, inside, count + 1 - inside)
    assert found.level == pytest.approx(1 - 2 * binom.cdf(inside - 1, count, 0.5))
    assert found.level >= 0.95


def test_few_numbers_say_that_their_interval_covers_less():
    assert middle([3.0, 1.0, 2.0]).level == pytest.approx(0.75)
    assert middle([2.0]) == dataclasses.replace(middle([2.0]), value=2.0, low=2.0, high=2.0, level=0.0)


def test_the_overhead_is_what_a_gradient_takes_beyond_its_tower():
    cost = Cost(batch=4, precision="fp32", seconds=(1.2, 3.0), bare=(1.0, 2.0))
    assert cost.overhead == pytest.approx((0.2, 0.5))


@pytest.fixture(scope="module")
def measured(tiny_checkpoint):
    arms = [find_arm(name, steps=4) for name in ("reference", "fast")]
    return arms, measure(tiny_checkpoint, arms, rounds=2, seconds=0.01, say=lambda _: None)


def test_every_arm_has_a_turn_in_every_round(measured):
    _, costs = measured
    assert {name: (len(cost.seconds), len(cost.bare)) for name, cost in costs.items()} == {
        "reference": (2, 2),
        "fast": (2, 2),
    }
    assert all(second > 0 for cost in costs.values() for second in (*cost.seconds, *cost.bare))


def test_the_published_loop_is_timed_one_prompt_at_a_time_in_fp32(measured):
    _, costs = measured
    assert (costs["reference"].batch, costs["reference"].precision) == (1, "fp32")
    assert costs["fast"].batch > 1


def test_costs_that_were_written_down_come_back_unless_the_recipe_has_changed(measured, tiny_checkpoint, tmp_path):
    arms, costs = measured
    assert kept_costs(tmp_path, tiny_checkpoint, arms) == ({}, "")
    keep_costs(tmp_path, tiny_checkpoint, arms, costs)
    assert kept_costs(tmp_path, tiny_checkpoint, arms) == (costs, machine(torch.device("cpu")))
    changed = [find_arm("reference", steps=4), find_arm("fast", steps=5)]
    assert set(kept_costs(tmp_path, tiny_checkpoint, changed)[0]) == {"reference"}
