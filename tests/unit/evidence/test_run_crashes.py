"""A run that is killed anywhere and begun again ends in the same bytes as one that nobody disturbed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import sudden_death

POINTS = (
    "spec.json:before",
    "spec.json:after",
    "table:before",
    "csv:after",
    "shard:before",
    "shard:after",
    "findings.json:before",
    "run.json:before",
    "run.json:after",
)

# One process that forks a child for each point, so that pandas is imported once.
SCRIPT = (
    Path(sudden_death.__file__).read_text(encoding="utf-8")
    + """
import os, signal, sys
from pathlib import Path
import pandas as pd
from audit.evidence import open_run

def work(folder):
    with open_run(folder, {"schema_version": 1, "recipe": {"steps": 4}}) as run:
        if run.is_finished:
            return
        run.write_tables({"prompts": pd.DataFrame({"prompt_id": ["aa", "=b"]})})
        for name in ("0000", "0001", "0002"):
            if not run.has_shard("images", name):
                run.write_shard("images", name, pd.DataFrame({"prompt_id": [name], "png": [name.encode() * 99]}))
        run.write_tables({"images": run.read_shards("images", ["prompt_id"])})
        run.write_text("findings.json", "{}")
        run.finish()

def in_child(folder, crash_at):
    child = os.fork()
    if child == 0:
        if crash_at:
            die_at(crash_at)
        try:
            work(folder)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

root = Path(sys.argv[1])
assert in_child(root / "undisturbed", "") == 0
for point in sys.argv[2:]:
    folder = root / point.replace(":", "_")
    assert in_child(folder, point) == -signal.SIGKILL, point
    assert in_child(folder, point) in (0, -signal.SIGKILL), point
    assert in_child(folder, "") == 0, point
"""
)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("killed")
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SCRIPT, str(root), *POINTS],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return root


@pytest.mark.parametrize("point", POINTS)
def test_killed_and_begun_again_gives_the_same_bytes(killed, point):
    assert contents(killed / point.replace(":", "_")) == contents(killed / "undisturbed")
