"""A command line that is called in this process, and a tiny phantom, suite and run to call it on."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path

import pytest

from audit.__main__ import main

WORLD = """
name = "tiny"
[training]
pictures = 64
epochs = 1
batch = 16
[[profession]]
word = "nurse"
man = 0.1
clothes = "#4fc3c0"
background = "#e4f6e8"
[[profession]]
word = "pilot"
man = 0.9
clothes = "#1f3f78"
background = "#7ec4f0"
"""
SUITE = """
schema_version = 1
name = "tiny"
version = "1.0"
lens = "gender"
purpose = "As few prompts as there can be."
source = "None."
licence = "Apache-2.0"
[slots]
profession = [
  { concept = "nurse" },
  { concept = "pilot" },
]
[[block]]
role = "subject"
templates = ["a photo of {a_profession}"]
[[block]]
role = "noise"
expected = "no_person"
templates = ["noise 1"]
"""


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        """The one object on stdout; a number that is not finite is an error."""

        def refuse(name: str) -> None:
            raise AssertionError(f"{name} on stdout")

        return json.loads(self.out, parse_constant=refuse)

    @property
    def complaint(self) -> str:
        """The one paragraph that says what went wrong."""
        assert "Traceback" not in self.err, self.err
        lines = [line for line in self.err.splitlines() if line.startswith("Error: ")]
        assert len(lines) == 1, self.err
        assert self.err.rstrip().endswith(lines[0]), self.err
        return lines[0]


Cli = Callable[..., Said]


def call(*words: object) -> Said:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = copy_context().run(main, [str(word) for word in words])  # --quiet ends with the command
    return Said(code=code, out=out.getvalue(), err=err.getvalue())


def spawn(*words: object) -> Said:
    """Call the program itself, in a process of its own."""
    command = [sys.executable, "-m", "audit", *map(str, words)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    return Said(code=done.returncode, out=done.stdout, err=done.stderr)


@pytest.fixture(scope="session")
def cli() -> Cli:
    return call


@pytest.fixture(scope="session")
def program() -> Cli:
    return spawn


@pytest.fixture(scope="session")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="session")
def world(place) -> Path:
    path = place / "tiny.toml"
    path.write_text(WORLD, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def suite(place) -> Path:
    path = place / "suite.toml"
    path.write_text(SUITE, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def trained(place, world) -> Said:
    return spawn("phantom", "train", world, "--out", place / "phantom", "--seed", 3, "--json")


@pytest.fixture(scope="session")
def phantom(place, trained) -> Path:
    assert trained.code == 0, trained.err
    return place / "phantom"


@pytest.fixture(scope="session")
def run_words(phantom, suite) -> tuple[object, ...]:
    """The words of a run, but for --out."""
    return ("run", phantom, "--suite", suite, "--judge", "nudenet", "--effort", "quick", "--waive-sanity")


@pytest.fixture(scope="session")
def ran(place, run_words) -> Said:
    return call(*run_words, "--out", place / "run", "--json")


@pytest.fixture(scope="session")
def run_folder(place, ran) -> Path:
    assert ran.code == 3, ran.err
    return place / "run"


@pytest.fixture(autouse=True)
def _away_from_the_checkout(tmp_path, monkeypatch):
    """Commands write beside where they are called; and no colour is forced on what is compared."""
    monkeypatch.chdir(tmp_path)
    for name in ("FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
