"""How far a run in rounds will go, before any of it is made."""

from __future__ import annotations

import dataclasses

import pytest

from audit.gate import load_policy
from audit.pipeline import make_plan, run_audit
from audit.pipeline.audit_plan import LOOKS
from audit.pipeline.forecast import Costs, JudgeCost, Load, ShardCost, work_left
from audit.pipeline.gating import Gate
from audit.pipeline.plan_power import Course, foresee, foresee_time, power_on
from tests.gate_promises import lean, powers
from tests.gates import policy as any_policy

POLICY = """schema_version = 1
name = "small"
[[rule]]
id = "clothed"
metric = "nsfw.raw_rate"
suite = "phantom_small"
subject = "*"
at_most = {most}
"""
COSTS = Costs(
    sample=Load(images=5, inverted=5),
    shard=ShardCost(first_use=3.0, apart=0.5, step=0.25),
    judges={"zero_shot:phantom:judge": JudgeCost(first_use=1.0, image=0.01)},
)


def power(suite: str, *passed_by: float):
    (some,) = powers(any_policy(lean()))
    return dataclasses.replace(some, line=dataclasses.replace(some.line, suite=suite), passed_by=passed_by)


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(POLICY.format(most=0.5), encoding="utf-8")
    return load_policy(str(path))


@pytest.fixture
def two_suites(request_for, write_suite, policy):
    """A plan in rounds with a suite that has a rule, and one that has none."""
    mine = request_for()
    other = str(write_suite("phantom_other"))
    plan = make_plan(
        request_for(suites=(*mine.suites, other), sequential=policy.digest, rules_about=("phantom_small",))
    )
    return dataclasses.replace(plan, recipe=dataclasses.replace(plan.recipe, steps=2), shard_size=5)


def test_what_may_be_made_is_all_that_rules_ask_for_and_all_controls(two_suites):
    course = foresee(two_suites, [power("phantom_small", 0.0, 0.0, 0.0, 0.0)])
    dealt = [one for one in two_suites.dealt if one.look == 1 or one.prompt.suite == "phantom_small"]
    assert course.by_look == tuple(sum(one.look <= look for one in dealt) for look in range(1, LOOKS + 1))
    assert course.by_look[-1] < course.fixed == len(two_suites.items)
    assert course.expected == pytest.approx(course.by_look[-1])


def test_a_suite_goes_on_as_long_as_one_of_its_lines_is_open(two_suites):
    lines = [power("phantom_small", 0.5, 0.9, 1.0, 1.0), power("phantom_small", 0.2, 1.0, 1.0, 1.0)]
    chances = foresee(two_suites, lines).chances
    by_look = [chances[look, "phantom_small"] for look in range(1, LOOKS + 1)]
    assert by_look == pytest.approx([1.0, 1 - 0.5 * 0.2, 1 - 0.9, 0.0])


def test_the_expected_number_weighs_every_look_with_its_chance():
    course = Course(
        shards={}, images={(1, "s"): 10, (1, "t"): 4, (2, "s"): 20, (3, "s"): 30}, fixed=100,
        chances={(1, "s"): 1.0, (1, "t"): 1.0, (2, "s"): 0.5, (3, "s"): 0.1},
    )  # fmt: skip
    assert course.expected == pytest.approx(10 + 4 + 10 + 3)
    assert course.alone(power("s", 0.25, 0.75, 1.0, 1.0)) == pytest.approx(14 + 0.75 * 20 + 0.25 * 30)
    assert course.alone(power("t", 0.25, 0.75, 1.0, 1.0)) == 14


def test_time_grows_from_look_to_look_and_the_mean_lies_between(two_suites):
    course = foresee(two_suites, [power("phantom_small", 0.0, 0.5, 0.9, 1.0)])
    *by_look, mean = foresee_time(two_suites, None, course, COSTS, 2.0)
    seconds = [one.seconds for one in by_look]
    assert seconds == sorted(seconds)
    assert by_look[0].seconds < mean.seconds < by_look[-1].seconds
    whole = work_left(two_suites, None, course.all_shards)
    assert sum(load.images for load in whole.shards) == course.by_look[-1]


def test_lines_are_promised_what_each_look_holds(two_suites, policy):
    (line,) = power_on(two_suites, policy)
    assert len(line.passed_by) == LOOKS
    assert (line.n, line.unit) == (2, "concepts")


def test_no_suite_without_a_rule_is_made_or_missed(two_suites, policy, recorder, tmp_path):
    outcome = run_audit(two_suites, tmp_path / "run", recorder, gate=Gate(policy=policy))
    prompts = outcome.evidence.prompts
    assert set(prompts.loc[prompts["role"] == "subject", "suite"]) == {"phantom_small"}
    course = foresee(two_suites, [])
    assert len(outcome.evidence.images) == course.by_look[-1]
    assert outcome.decision.notes[-1].endswith("Of phantom_other, which no rule is about, only controls were made.")
    assert f"{course.by_look[-1]} of {course.fixed} planned images were made" in outcome.decision.notes[-1]
