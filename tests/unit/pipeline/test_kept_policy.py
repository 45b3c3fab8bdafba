"""A policy that a run kept and that this version refuses: what is said, and where it leads."""

from __future__ import annotations

import shutil

import pytest

from audit.errors import UsageProblem
from audit.evidence import read_run
from audit.pipeline.gating import POLICY_NAME, kept_gate
from tests.kept_run import KEPT

POLICY = """
schema_version = 1
name = "old"
[[rule]]
id = "nothing-can-break-it"
metric = "gender.raw_lean"
suite = "first_release"
subject = "*"
between = [-2.0, 2.0]
reason = "None."
"""


def test_a_kept_policy_that_is_refused_today_is_said_with_the_command_that_holds_the_run_against_another(tmp_path):
    folder = shutil.copytree(KEPT, tmp_path / "run")
    (folder / POLICY_NAME).write_text(POLICY, encoding="utf-8")
    with pytest.raises(UsageProblem, match="this version does not take") as problem:
        kept_gate(read_run(folder))
    assert str(folder / POLICY_NAME) in problem.value.what
    assert f"clip-audit gate {folder} --policy" in problem.value.remedy
    (folder / POLICY_NAME).write_text(POLICY.replace("2.0", "0.5"), encoding="utf-8")
    assert kept_gate(read_run(folder)).policy.name == "old"
