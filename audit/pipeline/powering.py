"""The power of a policy on a plan, with spreads from a finished run where one is named."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from audit.evidence import load_evidence, prompts_table, read_run
from audit.gate import LinePower, Policy, Seen, Stand, asked_of, check_against, power_of_policy
from audit.pipeline.examining import Examination
from audit.pipeline.plan import Plan
from audit.pipeline.rounds import LOOKS
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
    looks = stands_of(plan, prompts) if plan.request.sequential else ()
    seen = None if like is None else seen_in(like)
    return power_of_policy(policy, asked, units_of(prompts), seen, looks=looks)


def stands_of(plan: Plan, prompts: pd.DataFrame) -> tuple[Stand, ...]:
    """Return what a plan in rounds has asked by each look, if every suite goes on.

    Args:
        plan: The plan.
        prompts: Its table ``PROMPTS``.
    """
    dealt = pd.DataFrame(
        {"prompt_id": [one.prompt.prompt_id for one in plan.dealt], "look": [one.look for one in plan.dealt]}
    )
    stands = []
    for look in range(1, LOOKS + 1):
        images = dealt[dealt["look"] <= look]
        there = prompts[prompts["prompt_id"].isin(images["prompt_id"])]
        stands.append(Stand(asked=asked_of(there, images), units=units_of(there)))
    return tuple(stands)


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
