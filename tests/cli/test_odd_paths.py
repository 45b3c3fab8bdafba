"""Names that lead to pipes, devices, loops, locked folders or nowhere: an answer at once, and never a traceback."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from audit.errors import EnvironmentProblem, ExitCode
from audit.opening import entries, kind_of, open_regular, os_problem, read_regular
from tests.kept_run import KEPT
from tests.system_faults import failing_at

LONG = "n" * 300


@pytest.fixture
def odd(tmp_path) -> dict[str, str]:
    """Names of things that are no files."""
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "loop.toml").symlink_to(tmp_path / "loop.toml")
    (tmp_path / "dangling.toml").symlink_to(tmp_path / "nothing")
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "device.toml").symlink_to("/dev/zero")
    named = {path.stem: str(path) for path in tmp_path.glob("*.toml")} | {
        path.stem: str(path) for path in [tmp_path / "loop.toml"]
    }
    return {
        **named,
        "long": f"{LONG}.toml",
        "home": "~nouser/x.toml",
        "zero": "a\0b.toml",
        "half": "a\udc80.toml",
        "below": f"{KEPT}/run.json/x.toml",
    }


KINDS = ["pipe", "loop", "dangling", "folder", "device", "long", "home", "zero", "half", "below"]
WORDS = {
    "policy": ("gate", KEPT, "--policy", None),
    "suite": ("suites", "check", None),
    "labels": ("gate", KEPT, "--policy", "phantom", "--labels", None),
    "world": ("phantom", "train", None, "--out", "x"),
    "run": ("report", None),
    "verify": ("verify", None),
    "compare": ("compare", None, KEPT),
    "checkpoint": ("plan", None, "--no-probe"),
    "history": ("history", None),
    "runs": ("runs", "list", None),
    "truth": ("phantom", "truth", None),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", WORDS)
def test_an_odd_name_is_answered_at_once(cli, odd, kind, command):
    said = cli(*(odd[kind] if word is None else word for word in WORDS[command]))
    if (command, kind) == ("runs", "folder"):
        assert said.code == ExitCode.OK  # an empty folder holds no run
        return
    assert said.code in {ExitCode.USAGE, ExitCode.REFUSED, ExitCode.ENVIRONMENT}, said
    assert said.complaint


FILES = {
    "policy": ("gate", KEPT, "--policy", None),
    "suite": ("suites", "check", None),
    "suite of a run": ("plan", "phantom:skewed", "--suite", None),
    "labels": ("gate", KEPT, "--policy", "phantom", "--labels", None),
    "world": ("phantom", "train", None, "--out", "x"),
    "preprocess": ("plan", "phantom:skewed", "--preprocess", None),
    "people": ("run", "phantom:skewed", "--own-images", "/", "--people", None),
    "sources": ("watch", None, "--once"),
    "document": ("card", KEPT, "--form", "document", "--document", None),
    "public key": ("verify", KEPT, "--signature", KEPT / "run.json", "--public-key", None),
}


@pytest.mark.parametrize("kind", ["dangling", "pipe", "folder", "device"])
@pytest.mark.parametrize("command", FILES)
def test_a_file_that_a_user_names_and_is_none_is_their_own_to_name_right(cli, odd, kind, command):
    name = odd[kind]
    if command == "preprocess":  # what does not end in .json is a tag
        name = str(Path(name).rename(Path(name).with_suffix(".json")))
    said = cli(*(name if word is None else word for word in FILES[command]))
    assert said.code == ExitCode.USAGE, said
    assert Path(name).name in said.complaint


@pytest.mark.parametrize("number", [errno.EACCES, errno.ELOOP, errno.EIO, errno.ESTALE, errno.EMFILE])
@pytest.mark.parametrize("command", WORDS)
def test_a_place_that_cannot_be_looked_at_is_the_environment_and_not_absent(cli, tmp_path, number, command):
    """As a folder of mode 0, which says nothing to root."""
    real = {"policy": tmp_path / "mine.toml", "labels": tmp_path / "labels.csv"}
    path = real.get(command, tmp_path / "thing.toml")
    path.write_text("", encoding="utf-8")
    words = [path if word is None else word for word in WORDS[command]]
    true = os.stat

    def locked(asked, *given, **more):
        if str(asked).startswith(str(path)):
            raise OSError(number, os.strerror(number), str(asked))
        return true(asked, *given, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "stat", locked)
        said = cli(*words)
    assert said.code in {ExitCode.ENVIRONMENT, ExitCode.USAGE}, said
    assert said.complaint


def test_a_folder_that_is_gone_is_said(program, tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    monkeypatch.setenv("PYTHONPATH", str(KEPT.parents[2]))
    gone.rmdir()
    said = program("doctor")
    assert said.code == ExitCode.ENVIRONMENT
    assert "current folder" in said.complaint


def test_a_pipe_for_a_shard_does_not_wait(cli, tmp_path):
    run = shutil.copytree(KEPT, tmp_path / "run")
    (run / "spec.json").unlink()
    os.mkfifo(run / "spec.json")
    assert cli("report", run).code == ExitCode.ENVIRONMENT


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/", "/proc/self/fd"])
def test_only_a_regular_file_is_opened(path):
    with pytest.raises(OSError, match="where a file is expected"):
        open_regular(Path(path))


def test_a_file_is_read_up_to_its_limit(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert read_regular(tmp_path / "a", most=5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes"):
        read_regular(tmp_path / "a", most=4)


@pytest.mark.parametrize("name", [LONG, "a\0b", "a\udc80", "x/y/z"])
def test_what_no_file_can_be_called_is_nothing(name):
    assert kind_of(Path(name)) == "nothing"
    assert entries(Path(name)) == ()


def test_a_folder_that_cannot_be_listed_is_not_empty(tmp_path):
    with failing_at(0, errno.EACCES), pytest.raises(EnvironmentProblem, match="Listing"):
        entries(tmp_path)


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EMFILE, errno.EROFS, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOMEM, 999]
)
def test_every_number_has_a_remedy(number):
    problem = os_problem(OSError(number, "said"), "Writing", "there")
    assert problem.what == "Writing there failed: said."
    assert len(problem.remedy) > 20
