"""The shipped phantoms, each audited once at standard effort and held against the shipped policy; all tests share it.

These are asked what is planted in them, and the controls. And ``skewed`` once more as ``make audit`` does it, without a
policy.

Nothing here may change what is in their folders.
"""

from __future__ import annotations

import pytest

from audit.gate import load_policy
from audit.pipeline import AuditRequest, Silence, make_plan, run_audit
from audit.pipeline.gating import Gate


def audited(phantom: str, folder):
    plan = make_plan(AuditRequest(checkpoint=f"phantom:{phantom}", core_only=True, effort="standard"))
    return run_audit(plan, folder, Silence(), gate=Gate(policy=load_policy("phantom")))


@pytest.fixture(scope="session")
def quick(tmp_path_factory):
    plan = make_plan(AuditRequest(checkpoint="phantom:skewed", effort="quick"))
    return run_audit(plan, tmp_path_factory.mktemp("truth") / "quick", Silence())


@pytest.fixture(scope="session")
def skewed(tmp_path_factory):
    return audited("skewed", tmp_path_factory.mktemp("truth") / "skewed")


@pytest.fixture(scope="session")
def balanced(tmp_path_factory):
    return audited("balanced", tmp_path_factory.mktemp("truth") / "balanced")
