"""A report that is killed at a random call into the operating system and given again ends as one that nobody disturbed.

Ten kills belong to the suite; ``CLIP_AUDIT_KILLS=100 pytest tests/unit/pipeline/test_random_kills.py`` makes the
hundred of docs/faults.md.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
KILLS = int(os.environ.get("CLIP_AUDIT_KILLS", "10"))

# One process that imports everything once and forks a child for each kill. PDF and figures take seconds and are written
# as every other file is, so short texts stand for them, and a few lenses for all.
SCRIPT = """
import os, shutil, signal, sys
from pathlib import Path
import numpy as np
from audit.lenses import CONTROLS, LENSES
from audit.pipeline import Silence, conclude, examine, report_again
from audit.evidence import read_run

conclude.render_pdf = lambda report: b"pdf"
conclude.draw_figures = lambda report: {"a.svg": b"<svg/>"}
examine.LENSES = {name: LENSES[name] for name in {CONTROLS, *list(LENSES)[:3]}}
CALLS = ("open", "replace", "rename", "unlink", "mkdir", "fsync", "close", "listdir")
kept, root, kills = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])

def in_child(folder, die_after=None, tell=None):
    child = os.fork()
    if child == 0:
        made = 0

        def counted(true):
            def call(*given, **more):
                nonlocal made
                made += 1
                if made == die_after:
                    os.kill(os.getpid(), signal.SIGKILL)
                return true(*given, **more)
            return call

        for name in CALLS:
            setattr(os, name, counted(getattr(os, name)))
        try:
            report_again(folder, Silence())
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        if tell is not None:
            tell.write_text(str(made))
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

whole = shutil.copytree(kept, root / "whole")
assert in_child(whole) == 0
start = shutil.copytree(whole, root / "start")
assert in_child(whole, tell=root / "made") == 0
made = int((root / "made").read_text())
spots = np.random.default_rng(20).choice(np.arange(1, made + 1), size=min(kills, made), replace=False)

def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}

expected = contents(whole)
for spot in spots:
    folder = shutil.copytree(start, root / str(spot))
    assert in_child(folder, int(spot)) == -signal.SIGKILL, spot
    assert in_child(folder) == 0, spot
    found = contents(folder)
    assert sorted(found) == sorted(expected), spot
    assert [name for name in expected if found[name] != expected[name]] == [], spot
    read_run(folder, finished=True)
    shutil.rmtree(folder)
print(len(spots), made)
"""


@pytest.mark.slow
def test_killed_anywhere_and_given_again_every_byte_is_as_undisturbed(tmp_path):
    kept = ROOT / "tests" / "data" / "first_release_run"
    words = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SCRIPT, str(kept), str(tmp_path), str(KILLS)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout.split()[0]) == KILLS
