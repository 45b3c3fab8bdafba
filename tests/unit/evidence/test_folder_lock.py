"""Two drivers never both write into a folder, whatever somebody deletes there; with real processes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from audit.errors import EnvironmentProblem
from audit.evidence import continue_run, open_run

DRIVER = """
import sys
from pathlib import Path
from audit.errors import EnvironmentProblem
from audit.evidence import continue_run
if sys.argv[3] == "files alone":
    from audit.evidence import folder_lock
    folder_lock._locked_folder = lambda path: None
try:
    with continue_run(Path(sys.argv[1])) as run:
        print("in", flush=True)
        for line in sys.stdin:
            run.write_text(f"{sys.argv[2]}.txt", line)
            print("wrote", flush=True)
except EnvironmentProblem as problem:
    print("refused:", problem.what, flush=True)
"""


class Driver:
    """A process that has the run, and writes a file whenever it is told to."""

    def __init__(self, path, name, locks="both"):
        self.process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, str(path), name, locks],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def says(self):
        return self.process.stdout.readline()

    def write(self):
        self.process.stdin.write("x\n")
        self.process.stdin.flush()
        return self.says()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with self.process:
            self.process.stdin.close()


def test_a_lock_file_deleted_by_hand_lets_nobody_in_and_the_first_goes_on(run):
    run.close()
    with Driver(run.path, "first") as first:
        assert first.says() == "in\n"
        for _ in range(2):
            (run.path / ".lock").unlink()
            with Driver(run.path, "second") as second:
                assert "Another clip-audit process" in second.says()
            assert first.write() == "wrote\n"
    with Driver(run.path, "third") as third:
        assert third.says() == "in\n"


def test_where_a_drive_locks_no_folders_the_first_stops_before_it_writes_beside_a_second(run):
    run.close()
    with Driver(run.path, "first", "files alone") as first:
        assert first.says() == "in\n"
        assert first.write() == "wrote\n"
        (run.path / ".lock").unlink()
        with Driver(run.path, "second", "files alone") as second:
            assert second.says() == "in\n"
            before = (run.path / "first.txt").stat().st_mtime_ns
            assert "unlocked by somebody" in first.write()
            assert second.write() == "wrote\n"
    assert (run.path / "first.txt").stat().st_mtime_ns == before


def test_a_folder_that_was_deleted_and_made_again_is_the_second_drivers(run, spec):
    with Driver(run.path, "other") as other:
        assert "Another clip-audit process" in other.says()
    shutil.rmtree(run.path)
    with open_run(run.path, spec) as second:
        with pytest.raises(EnvironmentProblem, match="deleted, moved or unlocked"):
            run.write_text("first.txt", "x")
        second.write_text("second.txt", "x")
        assert not (run.path / "first.txt").exists()


def test_a_killed_driver_leaves_nothing_locked(run):
    run.close()
    first = Driver(run.path, "first")
    assert first.says() == "in\n"
    first.process.kill()
    first.process.wait()
    first.process.stdin.close()
    first.process.stdout.close()
    with continue_run(run.path):
        pass


def test_a_refused_driver_keeps_no_handle(run):
    before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    for _ in range(3):
        with pytest.raises(EnvironmentProblem, match="Another clip-audit process"):
            continue_run(run.path)
    after = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    assert after == before
