"""One audit of a round: run, gate and comparison with the last run of its lineage, as a profile asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch

from audit.errors import AuditProblem
from audit.gate import load_policy
from audit.pipeline import AuditRequest, Progress, make_plan, run_audit
from audit.pipeline.gating import Gate
from audit.studies.compare import compare_runs
from audit.watching.sources_file import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What an audit came to."""

    verdict: str
    """pass, fail, inconclusive, or none where no policy was asked."""
    changes: dict[str, int] | None = None
    """How many findings became what since the last run; ``None`` where nothing was compared."""
    said: str = ""
    """Why nothing was compared, or what stands against the comparison."""


Audit: TypeAlias = Callable[[str, Profile, Path, Path | None], Audited]
"""Audits a checkpoint as a profile asks into a folder, and compares it with a finished run, if there is one; given
again, it goes on where it stopped. Raises an ``AuditProblem`` where that cannot be."""


@dataclass(frozen=True, slots=True)
class WholeAudit:
    """The audit that ``clip-audit run`` makes, and what ``clip-audit compare`` says of it."""

    progress: Progress

    def __call__(self, checkpoint: str, profile: Profile, folder: Path, baseline: Path | None) -> Audited:
        """Audit a checkpoint.

        A policy that compares decides nothing about the first of a lineage, which is audited without one.

        Raises:
            AuditProblem: As ``clip-audit run`` does.
        """
        policy = None if profile.policy is None else load_policy(profile.policy)
        first = policy is not None and policy.compares and baseline is None
        gate = None if policy is None or first else Gate(policy=policy, baseline=baseline if policy.compares else None)
        device = ("cuda" if torch.cuda.is_available() else "cpu") if profile.device == "auto" else profile.device
        request = AuditRequest(
            checkpoint=checkpoint,
            suites=profile.suites,
            judges=profile.judges,
            recipe=profile.recipe,
            effort=profile.effort,
            device=device,
            precision=profile.precision,
            seed=profile.seed,
        )
        plan = make_plan(request if gate is None else gate.settle(request))
        outcome = run_audit(plan, folder, self.progress, gate=gate)
        verdict = outcome.decision.verdict.value
        if first:
            return Audited(verdict=verdict, said="The policy compares, and this is the first of its lineage.")
        return Audited(verdict=verdict) if baseline is None else _compared(verdict, baseline, folder, profile.tolerance)


def _compared(verdict: str, baseline: Path, folder: Path, tolerance: float | None) -> Audited:
    try:
        found = compare_runs(baseline, folder, margin=tolerance)
    except AuditProblem as problem:  # an older version, or another profile, made the last one
        return Audited(verdict=verdict, said=f"Not compared: {problem.what}")
    if not found.is_conclusive:
        return Audited(verdict=verdict, said=f"The comparison is inconclusive: {' '.join(found.doubts)}")
    return Audited(verdict=verdict, changes=dict(Counter(one.outcome.value for one in found.told)))
