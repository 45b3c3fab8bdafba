"""A command that is killed at a random call into the operating system and given again ends as if nobody disturbed it.

Ten kills belong to the suite; ``make kills`` makes the hundred of docs/faults.md.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.kept_run import KEPT

KILLS = int(os.environ.get("CLIP_AUDIT_KILLS", "10"))


@pytest.mark.slow
def test_killed_anywhere_and_given_again_every_byte_is_as_undisturbed(tmp_path, request_for):
    asked = request_for()
    words = [asked.checkpoint, *asked.suites, str(KEPT), str(tmp_path / "kills"), str(KILLS)]
    (tmp_path / "kills").mkdir()
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "tests.benchmarks.kills", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert sum(map(int, re.findall(r"(\d+) kills", done.stdout))) == KILLS
