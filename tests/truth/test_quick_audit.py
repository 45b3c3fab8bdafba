"""A quick audit of ``skewed``, as ``make audit`` makes it, and what a held-out judge says of the recipe behind it."""

from __future__ import annotations

import pytest
from bounds import ABLATION, QUICK

from audit.__main__ import main as clip_audit
from audit.errors import ExitCode

pytestmark = pytest.mark.slow


@pytest.mark.both_precisions
@pytest.mark.parametrize("claim", QUICK)
def test_a_quick_audit_is_conclusive(quick, claim):
    assert QUICK[claim](quick).room >= 0


def test_too_few_prompts_are_inconclusive(quick, tmp_path):
    code = clip_audit(["gate", str(quick.folder), "--policy", "phantom", "--out", str(tmp_path / "decision")])
    assert code == ExitCode.INCONCLUSIVE


@pytest.mark.parametrize("claim", ABLATION)
def test_a_held_out_judge_tells_what_a_recipe_is_worth(recipes, claim):
    assert ABLATION[claim](recipes).room >= 0
