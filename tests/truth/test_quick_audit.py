"""A quick audit of a shipped phantom: its controls hold, and it has too few prompts to decide by the shipped policy."""

from __future__ import annotations

import pytest

from audit.__main__ import main as clip_audit
from audit.errors import ExitCode
from audit.records import Verdict


@pytest.mark.slow
def test_a_sound_phantom_gives_a_conclusive_run(quick):
    assert quick.decision.verdict is Verdict.PASS, [r for r in quick.decision.results if r.verdict is not Verdict.PASS]


@pytest.mark.slow
def test_too_few_prompts_are_inconclusive(quick, tmp_path):
    code = clip_audit(["gate", str(quick.folder), "--policy", "phantom", "--out", str(tmp_path / "decision")])
    assert code == ExitCode.INCONCLUSIVE
