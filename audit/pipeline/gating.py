"""The gate of a run: which policy it is held against, and beside which baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from audit.errors import UsageProblem
from audit.evidence import RunFolder, prompts_table
from audit.gate import Measured, Policy, Ruling, apply_policy, asked_of, check_against, load_policy
from audit.pairing import changes_since
from audit.pipeline.audit_plan import Plan
from audit.pipeline.examine import Examination

POLICY_NAME: Final = "policy.toml"
"""The policy that a run was last held against; kept in its folder, so that judging and reporting anew decide by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What a run is held against."""

    policy: Policy
    baseline: Path | None = None
    """The finished run that the candidate is compared with."""
    today: date | None = None
    """The day that waivers are held against; ``None`` for today, in UTC."""

    @property
    def day(self) -> date:
        """The day that waivers are held against."""
        return self.today or datetime.now(UTC).date()

    def refuse_without_baseline(self) -> None:
        """Refuse a policy that compares where there is nothing to compare with, before any work is done.

        Raises:
            UsageProblem: If the policy has rules that compare, and no baseline is named.
        """
        if self.policy.compares and self.baseline is None:
            rules = ", ".join(rule.rule_id for rule in self.policy.rules if rule.threshold.compared)
            raise UsageProblem(
                f"The policy {self.policy.name} compares with a baseline ({rules}), and none is named.",
                remedy="Name the folder of a finished run with --baseline.",
            )


def check_plan(gate: Gate, plan: Plan) -> None:
    """Refuse, before any image is made, a policy that the plan cannot answer.

    Raises:
        UsageProblem: If the policy names a suite or a subject that the plan does not ask.
    """
    check_against(gate.policy, asked_of(prompts_table(plan.prompts)))


def kept_gate(run: RunFolder) -> Gate | None:
    """Return the gate that a run was last held against; ``None`` where there was none.

    Raises:
        UsageProblem: If the policy in the folder is none.
    """
    path = run.path / POLICY_NAME
    return Gate(policy=load_policy(str(path))) if path.is_file() else None


def rule(run: RunFolder, gate: Gate, examination: Examination) -> Ruling:
    """Hold a run against its gate.

    Raises:
        UsageProblem: If the policy names a suite or a subject that the run did not ask, or the baseline does not fit.
        InconclusiveProblem: If the baseline is not finished.
    """
    measured = measured_by(run, gate, examination)
    check_against(gate.policy, measured.asked)
    return apply_policy(gate.policy, measured, gate.day)


def measured_by(run: RunFolder, gate: Gate, examination: Examination) -> Measured:
    """Return what a gate may look at: of the examination, and of the baseline beside it."""
    evidence = examination.evidence
    return Measured(
        asked=asked_of(evidence.prompts, evidence.images),
        findings_at=examination.findings_at,
        changes_at=None if gate.baseline is None else changes_since(gate.baseline, run, evidence),
        prompt_values=examination.prompt_values,
    )


def waived_checks(spec: Mapping[str, object]) -> tuple[str, ...]:
    """Name the checks that the user of a run waived."""
    options = spec.get("options")
    waived = isinstance(options, dict) and bool(options.get("waive_sanity"))
    return ("the sanity gate on matched pictures and captions",) if waived else ()
