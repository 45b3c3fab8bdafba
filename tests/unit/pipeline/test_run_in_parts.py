"""A run that several processes make, part by part, ends as one of a single process, though parts die or come twice."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from audit.errors import EnvironmentProblem, InconclusiveProblem, UsageProblem
from audit.evidence import read_division, read_run, what_lacks
from audit.evidence.folder_lock import lock_beginning, lock_part
from audit.evidence.parts import PARTS_NAME
from audit.pipeline import report_again
from audit.pipeline.one_part import run_part
from audit.records import Budget, Part
from tests import sudden_death

PARTS = 4

# One process that imports and loads everything once and forks a child for each part, so that four of them work at once.
SCRIPT = (
    Path(sudden_death.__file__).read_text(encoding="utf-8")
    + """
import dataclasses, os, signal, sys
from pathlib import Path
import matplotlib.backends.backend_svg, matplotlib.figure
import torch
torch.set_num_threads(1)
from audit.checkpoints import LoadOptions
from audit.inversion import find_recipe
from audit.pipeline import AuditRequest, Silence, conclude, make_plan, pilot, report_again, run_audit
from audit.pipeline.one_part import run_part
from audit.records import Part

climb, root = pilot._climb, Path(sys.argv[1])

def climb_and_say(plan, progress):
    with (root / "pilots").open("a") as file:
        file.write("one\\n")
    return climb(plan, progress)

pilot._climb = climb_and_say
pilot.paced_recipe = lambda name, effort: dataclasses.replace(find_recipe(name), steps=2)
conclude.render_pdf = lambda report: b""
conclude.draw_figures = lambda report: {}
checkpoint, suite = sys.argv[2:]
request = AuditRequest(
    checkpoint=checkpoint, suites=(suite,), effort="quick", options=LoadOptions(waive_sanity=True),
    recipe="auto",
)
plan = dataclasses.replace(make_plan(request), shard_size=5)

def begin(work, crash_at=""):
    child = os.fork()
    if child == 0:
        if crash_at:
            die_at(crash_at)
        try:
            work()
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    return child

def end(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def part(number, folder="divided"):
    return lambda: run_part(plan, Path(root, folder), Part(number=number, of=4), Silence())

def written(folder):
    return {path: path.stat().st_mtime_ns for path in Path(root, folder, "images").iterdir()}

assert end(begin(lambda: run_audit(plan, Path(root, "whole"), Silence()))) == 0
children = [begin(part(1), "table:before"), begin(part(2), "shard:after"), begin(part(3)), begin(part(4))]
assert [end(child) for child in children] == [-signal.SIGKILL, -signal.SIGKILL, 0, 0]
assert [end(child) for child in [begin(part(1)), begin(part(2))]] == [0, 0]
before = written("divided")
assert end(begin(part(3))) == 0
assert written("divided") == before
assert (root / "pilots").read_text() == "one\\n" * 2  # of the whole run, and of the part that began
assert end(begin(lambda: report_again(Path(root, "divided"), Silence()))) == 0
assert end(begin(part(3))) == 0
for number in range(1, 5):
    assert end(begin(part(number, f"apart-{number}"))) == 0
print(len(plan.shards))
"""
)
REPORTS = {"report.html", "summary.md", "junit.xml", "run.json", PARTS_NAME}


def contents(folder: Path) -> dict[str, bytes]:
    """Everything but the report, which carries its date, what holds the report's digest, locks and the division."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name not in REPORTS]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if not path.name.startswith(".")}


@pytest.fixture(scope="module")
def made(tmp_path_factory, request_for) -> Path:
    root, request = tmp_path_factory.mktemp("parts"), request_for()
    words = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SCRIPT]
    words += [str(root), request.checkpoint, *request.suites]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) > PARTS
    return root


@pytest.mark.slow
def test_four_parts_two_of_them_killed_and_one_given_twice_end_as_one_process_does(made):
    divided, whole = contents(made / "divided"), contents(made / "whole")
    assert sorted(divided) == sorted(whole)
    assert [name for name in whole if divided[name] != whole[name]] == []
    read_run(made / "divided", finished=True)


@pytest.mark.slow
def test_parts_that_were_made_in_folders_of_their_own_are_one_run_once_they_lie_in_one(made, recorder, monkeypatch):
    monkeypatch.setattr("audit.pipeline.conclude.render_pdf", lambda _: b"")
    monkeypatch.setattr("audit.pipeline.conclude.draw_figures", lambda _: {})
    for number in range(1, PARTS + 1):
        shutil.copytree(made / f"apart-{number}", made / "merged", dirs_exist_ok=True)
    report_again(made / "merged", recorder)
    assert contents(made / "merged") == contents(made / "whole")


def a_part(number: int, of: int = 2) -> Part:
    return Part(number=number, of=of)


@pytest.fixture(scope="module")
def begun(plan, tmp_path_factory) -> Path:
    """The second of two parts of a run, whole."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    run_part(plan, folder, a_part(2), _Quiet())
    return folder


class _Quiet:
    def begin(self, stage, total, done=0):
        pass

    def advance(self, count):
        pass

    def say(self, text):
        pass

    def happened(self, event, **facts):
        pass


def test_a_part_makes_its_own_shards_and_says_what_is_missing(begun, plan, recorder):
    names = list(plan.shards)
    again = run_part(plan, begun, a_part(2), recorder)
    assert (again.shards, again.made) == (tuple(names[1::2]), ())
    assert [(lack.part.number, lack.shards, lack.texts) for lack in again.lacks] == [(1, tuple(names[0::2]), True)]
    planned = dict(recorder.events)["planned"]
    assert (planned["part"], planned["parts"], planned["shards"]) == (2, 2, len(names[1::2]))


def test_nothing_is_concluded_before_all_parts_are_there(begun, recorder):
    with pytest.raises(InconclusiveProblem, match=r"part 1 lacks all of its shards .* and texts and prompts") as found:
        report_again(begun, recorder)
    assert "--shard" in found.value.remedy


def test_other_parts_or_settings_than_those_that_it_was_begun_with_are_refused(begun, plan, recorder):
    with pytest.raises(UsageProblem, match="begun in 2 parts, and 3 are asked for") as found:
        run_part(plan, begun, a_part(1, of=3), recorder)
    assert "--shard I/2" in found.value.remedy
    other = dataclasses.replace(plan, recipe=dataclasses.replace(plan.recipe, steps=3))
    with pytest.raises(UsageProblem, match=r"recipe\.steps"):
        run_part(other, begun, a_part(1), recorder)
    assert read_division(begun).parts == 2


def test_a_part_that_is_at_work_is_not_made_twice_and_nothing_is_concluded_beside_it(begun, plan, recorder):
    held = lock_part(begun, 2)
    try:
        with pytest.raises(EnvironmentProblem, match="working on part 2"):
            run_part(plan, begun, a_part(2), recorder)
        with pytest.raises(EnvironmentProblem, match="working on part 2"):
            report_again(begun, recorder)
    finally:
        held.release()


def test_a_part_waits_for_one_that_begins_and_refuses_beside_a_process_that_makes_all(
    begun, plan, recorder, tmp_path, monkeypatch
):
    held = lock_beginning(begun)
    naps = []

    def nap(seconds):
        naps.append(seconds)
        held.release()

    monkeypatch.setattr("audit.evidence.parts.time.sleep", nap)
    assert run_part(plan, begun, a_part(2), recorder).made == ()
    assert len(naps) == 1
    assert any("waiting" in said for said in recorder.said)
    alone = shutil.copytree(begun, tmp_path / "alone")
    (alone / PARTS_NAME).unlink()
    held = lock_beginning(alone)
    monkeypatch.setattr("audit.evidence.parts.time.sleep", naps.append)
    with pytest.raises(EnvironmentProblem, match="Another clip-audit process is working"):
        run_part(plan, alone, a_part(2), recorder)
    held.release()


def test_a_part_ends_at_its_budget_and_goes_on_with_a_larger_one(plan, recorder, tmp_path):
    size = len(next(iter(plan.shards.values())))
    with pytest.raises(InconclusiveProblem, match="budget is spent"):
        run_part(plan, tmp_path / "run", a_part(2), recorder, budget=Budget(images=size))
    with_more = run_part(plan, tmp_path / "run", a_part(2), recorder, budget=Budget(images=1000))
    assert len(with_more.made) == len(with_more.shards) - 1


def test_a_part_of_a_run_with_fewer_shards_than_parts_has_nothing_to_make(plan, recorder, tmp_path):
    made = run_part(plan, tmp_path / "run", a_part(900, of=1000), recorder)
    assert made.shards == made.made == ()
    with read_run(tmp_path / "run") as run:
        assert len(what_lacks(run)) == len(plan.shards)


def test_a_part_that_none_can_be_is_refused():
    for number, of in ((0, 4), (5, 4), (1, 20_000)):
        with pytest.raises(UsageProblem, match="--shard I/N"):
            a_part(number, of)
