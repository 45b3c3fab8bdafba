"""A run that is killed anywhere and given again ends in the same tables as one that nobody disturbed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import sudden_death

POINTS = (
    "table:before",
    "shard:before",
    "findings.json:before",
    "run.json:before",
)
EVERY_SHARD = "shard:after"

# One process that imports and loads everything once and forks a child for each run. PDF and figures take seconds
# and are no tables, so they are left out.
SCRIPT = (
    Path(sudden_death.__file__).read_text(encoding="utf-8")
    + """
import dataclasses, os, signal, sys
from pathlib import Path
import matplotlib.backends.backend_svg, matplotlib.figure
import torch
torch.set_num_threads(1)
from audit.checkpoints import LoadOptions
from audit.pipeline import AuditRequest, Silence, conclude, make_plan, run_audit

conclude.render_pdf = lambda report: b""
conclude.draw_figures = lambda report: {}
root, checkpoint, suite, every_shard, *points = sys.argv[1:]
request = AuditRequest(checkpoint=checkpoint, suites=(suite,), effort="quick", options=LoadOptions(waive_sanity=True))
plan = make_plan(request)
plan = dataclasses.replace(plan, recipe=dataclasses.replace(plan.recipe, steps=2), shard_size=9)

def in_child(folder, crash_at):
    child = os.fork()
    if child == 0:
        if crash_at:
            die_at(crash_at)
        try:
            run_audit(plan, folder, Silence())
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

assert in_child(Path(root, "undisturbed"), "") == 0
for point in points:
    folder = Path(root, point.replace(":", "_"))
    assert in_child(folder, point) == -signal.SIGKILL, point
    assert not (folder / "run.json").exists(), point
    assert in_child(folder, "") == 0, point
folder, ends = Path(root, every_shard.replace(":", "_")), []
while not ends or ends[-1] == -signal.SIGKILL:
    ends.append(in_child(folder, every_shard))
assert ends == [-signal.SIGKILL] * (1 + 2 * len(plan.shards)) + [0], ends  # the texts; images and scores
"""
)


def contents(folder: Path) -> dict[str, bytes]:
    """Return everything but the report, which carries its date, and what holds the report's digest."""
    reports = {"report.html", "summary.md", "junit.xml", "run.json"}
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name not in reports]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def killed(tmp_path_factory, request_for) -> Path:
    root, request = tmp_path_factory.mktemp("killed"), request_for()
    words = [str(root), request.checkpoint, *request.suites, EVERY_SHARD, *POINTS]
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SCRIPT, *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return root


@pytest.mark.slow
@pytest.mark.parametrize("point", [*POINTS, EVERY_SHARD])
def test_killed_and_given_again_gives_the_same_bytes(killed, point):
    disturbed, undisturbed = contents(killed / point.replace(":", "_")), contents(killed / "undisturbed")
    assert sorted(disturbed) == sorted(undisturbed)
    assert [name for name in undisturbed if disturbed[name] != undisturbed[name]] == []


def test_the_undisturbed_run_has_tables_in_both_forms(killed):
    tables = {path.name for path in (killed / "undisturbed" / "tables").iterdir()}
    assert {"prompts.parquet", "prompts.csv", "images.parquet", "images.csv", "gender_concepts.csv"} <= tables
