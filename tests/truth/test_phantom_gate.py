"""The shipped policy on the shipped phantoms: one fails, one passes; a quick audit and a damaged run do neither."""

from __future__ import annotations

import shutil

import pytest

from audit.__main__ import main as clip_audit
from audit.errors import ExitCode
from audit.records import Verdict


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))


@pytest.mark.slow
def test_the_skewed_phantom_fails(skewed):
    assert skewed.decision.verdict is Verdict.FAIL


@pytest.mark.slow
def test_the_balanced_phantom_passes(balanced):
    assert balanced.decision.verdict is Verdict.PASS


@pytest.mark.slow
def test_too_few_prompts_are_inconclusive(quick, tmp_path):
    code = clip_audit(["gate", str(quick.folder), "--policy", "phantom", "--out", str(tmp_path / "decision")])
    assert code == ExitCode.INCONCLUSIVE


@pytest.mark.slow
@pytest.mark.parametrize("damaged", ["images", "scores", "spec.json", "run.json"])
def test_a_damaged_run_is_no_pass(balanced, tmp_path, damaged):
    run = shutil.copytree(balanced.folder, tmp_path / "run")
    flip_a_byte(next(path for path in [run / damaged, *sorted((run / damaged).rglob("*"))] if path.is_file()))
    code = clip_audit(["gate", str(run), "--policy", "phantom", "--out", str(tmp_path / "decision")])
    assert code == ExitCode.ENVIRONMENT
    assert not (tmp_path / "decision" / "decision.json").exists()
