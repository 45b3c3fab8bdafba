"""What a policy can tell on a plan: its power, and where a run in rounds will end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from audit.evidence import RunFolder, load_evidence, prompts_table, read_run
from audit.gate import LinePower, PlannedLook, Policy, Seen, asked_of, check_against, power_of_policy
from audit.gate.policy import WHOLE
from audit.pipeline.audit_plan import LOOKS, Plan
from audit.pipeline.examine import Examination
from audit.pipeline.forecast import Costs, Forecast, predict, work_left
from audit.records import Finding


def power_on(plan: Plan, policy: Policy, like: Path | None = None) -> tuple[LinePower, ...]:
    """Return what every line of a policy can tell on the images of a plan, at any look where it goes in rounds.

    Args:
        plan: The plan.
        policy: The policy.
        like: A finished run whose units lie apart as those of the plan will; ``None`` assumes how far.

    Raises:
        UsageProblem: If the policy names what the plan does not ask, or ``like`` is no run.
        InconclusiveProblem: If the run is not finished.
        EnvironmentProblem: If it is damaged.
    """
    prompts = prompts_table(plan.prompts)
    images = pd.DataFrame({"prompt_id": [item.prompt.prompt_id for item in plan.items]})
    asked = asked_of(prompts, images)
    check_against(policy, asked)
    looks = planned_looks_of(plan, prompts) if plan.request.sequential else ()
    seen = None if like is None else seen_in(like)
    return power_of_policy(policy, asked, units_of(prompts), seen, looks=looks)


def planned_looks_of(plan: Plan, prompts: pd.DataFrame) -> tuple[PlannedLook, ...]:
    """Return what a plan in rounds has asked by each look, if every suite goes on.

    Args:
        plan: The plan.
        prompts: Its table ``PROMPTS``.
    """
    dealt = pd.DataFrame(
        {"prompt_id": [one.prompt.prompt_id for one in plan.dealt], "look": [one.look for one in plan.dealt]}
    )
    planned = []
    for look in range(1, LOOKS + 1):
        images = dealt[dealt["look"] <= look]
        there = prompts[prompts["prompt_id"].isin(images["prompt_id"])]
        planned.append(PlannedLook(asked=asked_of(there, images), units=units_of(there)))
    return tuple(planned)


def seen_in(folder: Path) -> Seen:
    """Read what a finished run says of spreads.

    Raises:
        UsageProblem: If ``folder`` is no run.
        InconclusiveProblem: If the run is not finished.
        EnvironmentProblem: If it is damaged.
    """
    evidence = load_evidence(read_run(folder, finished=True))
    findings: tuple[Finding, ...] = Examination(evidence).findings_at(0.95)
    return Seen(name=str(folder), findings={one.finding_id: one for one in findings}, units=units_of(evidence.prompts))


def units_of(prompts: pd.DataFrame) -> dict[tuple[str, str], int]:
    """Return the number of units of every subject: prompts of a concept, concepts of a suite or of a group of it."""
    units: dict[tuple[str, str], int] = {}
    subjects = prompts[prompts["role"] == "subject"]
    for suite, rows in subjects.groupby("suite", sort=True):
        units[str(suite), "*"] = int(rows["concept"].nunique())
        units |= {(str(suite), str(concept)): len(its) for concept, its in rows.groupby("concept", sort=True)}
        groups = rows[rows["group"] != ""].groupby("group", sort=True)
        units |= {(str(suite), f"group:{group}"): int(its["concept"].nunique()) for group, its in groups}
    return units


Part = tuple[int, str]
"""A look and a suite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The parts of a run in rounds that may be made."""

    shards: Mapping[Part, tuple[str, ...]]
    images: Mapping[Part, int]
    chances: Mapping[Part, float]
    """Chance that each is made, if the truth of every line lies well inside, and lines are decided independently."""
    fixed: int
    """Images of a run of fixed size."""

    @property
    def by_look(self) -> tuple[int, ...]:
        """Images made by each look, if every suite goes on."""
        return tuple(sum(count for (at, _), count in self.images.items() if at <= look) for look in range(1, LOOKS + 1))

    def shards_by(self, look: int) -> frozenset[str]:
        """Return the shards that are made by a look, if every suite goes on."""
        return frozenset(name for (at, _), names in self.shards.items() if at <= look for name in names)

    @property
    def all_shards(self) -> frozenset[str]:
        """All that may be made."""
        return self.shards_by(LOOKS)

    @property
    def expected(self) -> float:
        """Mean number of images, if the truth of every line lies well inside."""
        return sum(count * self.chances[part] for part, count in self.images.items())

    def alone(self, power: LinePower) -> float:
        """Return the mean number of images if the truth of one line lies well inside and no other is open."""
        suite = power.line.suite
        return sum(
            count * (1.0 if at == 1 else (1 - power.passed_by[at - 2]) if suite in {of, WHOLE} else 0.0)
            for (at, of), count in self.images.items()
        )


def foresee(plan: Plan, powers: Sequence[LinePower]) -> Course:
    """Return what a plan in rounds may make, and how likely.

    Args:
        plan: A plan in rounds.
        powers: Of every line of the policy that ends it.
    """
    about = plan.request.rules_about
    shards = {part: names for part, names in plan.rounds.items() if part[0] == 1 or not about or part[1] in about}
    return Course(
        shards=shards,
        images={part: sum(len(plan.shards[name]) for name in names) for part, names in shards.items()},
        chances={part: _chance(*part, powers) for part in shards},
        fixed=len(plan.items),
    )


def foresee_time(
    plan: Plan, run: RunFolder | None, course: Course, costs: Costs, loading: float
) -> tuple[Forecast, ...]:
    """Return the time that is left by each look, if every suite goes on; and last, the mean as in ``expected``.

    Args:
        plan: A plan in rounds.
        run: What was begun of it; ``None`` where nothing was.
        course: Of the plan.
        costs: From :func:`audit.pipeline.forecast.probe`.
        loading: Seconds that making the plan took.

    Raises:
        EnvironmentProblem: If a shard of the earlier run is damaged.
    """
    by_look = [
        predict(work_left(plan, run, course.shards_by(look)), costs, loading=loading) for look in range(1, LOOKS + 1)
    ]
    parts = [
        (chance, predict(work_left(plan, run, course.shards[part]), costs, loading=0.0))
        for part, chance in course.chances.items()
    ]
    expected = replace(
        by_look[0],
        inverting=sum(chance * found.inverting for chance, found in parts),
        judging=sum(chance * found.judging for chance, found in parts),
    )
    return *by_look, expected


def _chance(look: int, suite: str, powers: Sequence[LinePower]) -> float:
    """Return the chance that a look is made of a suite: that one of its lines is open after the look before."""
    if look == 1:
        return 1.0
    passed = [power.passed_by[look - 2] for power in powers if power.line.suite in {suite, WHOLE}]
    return 1 - math.prod(passed)
