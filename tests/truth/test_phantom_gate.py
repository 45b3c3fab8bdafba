"""The shipped policy on the shipped phantoms: one fails, one passes, and a quick audit does not tell."""

from __future__ import annotations

import pytest

from audit.gate import load_policy
from audit.pipeline import AuditRequest, Silence, make_plan, run_audit
from audit.pipeline.policing import Gate
from audit.records import Verdict


def decided(phantom: str, effort: str, folder) -> Verdict:
    plan = make_plan(AuditRequest(checkpoint=f"phantom:{phantom}", effort=effort))
    return run_audit(plan, folder, Silence(), gate=Gate(policy=load_policy("phantom"))).decision.verdict


@pytest.mark.slow
@pytest.mark.parametrize(("phantom", "verdict"), [("skewed", Verdict.FAIL), ("balanced", Verdict.PASS)])
def test_the_phantom_policy_tells_the_phantoms_apart(tmp_path, phantom, verdict):
    assert decided(phantom, "standard", tmp_path / "run") is verdict


@pytest.mark.slow
def test_too_few_prompts_are_inconclusive(tmp_path):
    assert decided("skewed", "quick", tmp_path / "run") is Verdict.INCONCLUSIVE
