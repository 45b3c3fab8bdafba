"""Whatever call into the operating system fails, with whatever number: no 1 that is no verdict, and no traceback."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audit.records import Decision, Verdict
from tests.kept_run import KEPT, POLICY
from tests.system_faults import failing_at

NUMBERS = [
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EDQUOT),
    *(errno.ENAMETOOLONG, errno.ELOOP, errno.ESTALE, errno.EIO, errno.EPERM, errno.EBUSY, errno.ENOENT, errno.EAGAIN),
]
COMMANDS: dict[str, tuple[int, Callable[[Path], tuple[object, ...]]]] = {
    # how often it is disturbed, and its words; those that take longest least often
    "suites list": (40, lambda _: ("suites", "list", "--json")),
    "runs list": (30, lambda place: ("runs", "list", place / "runs", "--json")),
    "pin": (30, lambda place: ("gate", place / "runs/run", "--pin", "--json")),
    "verify": (30, lambda place: ("verify", place / "runs/run", "--json")),
    "plan": (20, lambda _: ("plan", "phantom:skewed", "--no-probe", "--suite", "no/such", "--json")),
    "history": (12, lambda place: ("history", place / "runs", "--out", place / "out", "--json")),
    "export": (12, lambda place: ("history", place / "runs", "--export", place / "out.csv", "--json")),
    "card": (10, lambda place: ("card", place / "runs/run", "--out", place / "out", "--json")),
    "gate": (
        8,
        lambda place: ("gate", place / "runs/run", "--policy", place / "mine.toml", "--out", place / "out", "--json"),
    ),
    "compare": (6, lambda place: ("compare", place / "runs/run", place / "runs/run", "--json")),
    "report": (3, lambda place: ("report", place / "runs/run", "--out", place / "out", "--json")),
}


@pytest.fixture
def place(tmp_path) -> Path:
    for name in ("run", "same-again"):  # a history needs two
        shutil.copytree(KEPT, tmp_path / "runs" / name)
    (tmp_path / "mine.toml").write_text(POLICY, encoding="utf-8")
    return tmp_path


def clear(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@pytest.fixture
def failing_verdict(monkeypatch) -> None:
    """Let every gate fail, so that 1 is the right answer where it is given."""
    decision = Decision(verdict=Verdict.FAIL, results=())
    monkeypatch.setattr("audit.pipeline.conclude.decide", lambda *_, **__: decision)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_fault_of_the_system_never_leaves_as_a_failed_gate(cli, place, failing_verdict, name):
    times, make = COMMANDS[name]
    words = make(place)
    cli(*words)  # what is imported once is imported now
    clear(place / "out")
    with failing_at(None, 0) as calls:
        undisturbed = cli(*words)
    assert calls.names
    assert undisturbed.code in {0, 1, 2, 3}, undisturbed.err
    rng = np.random.default_rng(sum(name.encode()))
    before = {path: path.read_bytes() for path in (place / "runs").rglob("*") if path.is_file()}
    for _ in range(times):
        clear(place / "out")
        number = int(rng.choice(NUMBERS))
        spot = int(rng.integers(len(calls.names)))
        with failing_at(spot, number):
            said = cli(*words)
        told = (calls.names[spot], errno.errorcode[number], said)
        assert "Traceback" not in said.err, told
        assert said.code in {0, 1, 2, 3, 4, 5}, told
        if said.code == 1:
            assert undisturbed.code == 1, told
            assert json.loads(said.out)["verdict"] == "fail", told
    assert all(path.read_bytes() == content for path, content in before.items())


def test_at_least_150_faults_are_tried():
    assert sum(times for times, _ in COMMANDS.values()) >= 150


PROGRAM = [sys.executable, "-m", "clip_audit"]


def test_a_shell_that_completes_a_word_gets_its_answer_and_nothing_else():
    asked = {"_CLIP_AUDIT_COMPLETE": "complete_bash", "COMP_WORDS": "clip-audit ver", "COMP_CWORD": "1"}
    done = subprocess.run(PROGRAM, capture_output=True, text=True, check=False, env={**os.environ, **asked})
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["verify"], "")


@pytest.mark.parametrize("words", [["suites", "list", "--json"], ["suites", "list"], ["--help"], ["nix", "--json"]])
def test_a_full_stdout_is_the_environment_and_no_verdict(words):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*PROGRAM, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == (2 if "nix" in words else 5), done.stderr
    assert "Traceback" not in done.stderr


def test_a_program_without_streams_ends_as_it_would_with_them():
    done = subprocess.run(["sh", "-c", '"$@" <&- >&- 2>&-', "sh", *PROGRAM, "suites", "list"], check=False)
    assert done.returncode == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_ends_a_command_in_order(number, code):
    program = (
        "import signal, sys\n"
        # whoever started the tests may ignore them, as nohup and a shell's background do
        f"signal.signal({int(number)}, signal.default_int_handler if {int(number)} == 2 else signal.SIG_DFL)\n"
        "import audit.__main__ as m, audit.cli.command_line as c\n"
        "def wait(words):\n"
        "    import time; print('ready', flush=True); time.sleep(60)\n"
        "c._invoked = wait\n"
        "sys.exit(m.main(['suites', 'list']))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.1)
        child.send_signal(number)
        _, told = child.communicate(timeout=30)
    assert child.returncode == code, told
    assert "Traceback" not in told


@pytest.mark.parametrize("broken", ["raise OSError(24, 'Too many open files')", "raise ImportError('x')", "1 / 0"])
def test_a_package_that_cannot_be_loaded_does_not_leave_as_1(tmp_path, broken):
    package = tmp_path / "audit" / "cli"
    package.mkdir(parents=True)
    root = Path(__file__).resolve().parents[2]
    shutil.copy(root / "clip_audit.py", tmp_path)
    for name in ("__init__.py", "__main__.py"):
        shutil.copy(root / "audit" / name, tmp_path / "audit")
    (package / "__init__.py").write_text(broken, encoding="utf-8")
    done = subprocess.run(
        [*PROGRAM, "suites", "list"], cwd=tmp_path, capture_output=True, text=True, check=False, env={"PATH": "/bin"}
    )
    assert done.returncode == (70 if "0" in broken else 5), done.stderr
    assert "Traceback" not in done.stderr
