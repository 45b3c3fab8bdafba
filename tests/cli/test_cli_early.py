"""What is wrong with a name is said before anything heavy is loaded, and with the flag to mend it."""

import os
import resource
import subprocess
import sys

import pytest

from audit.early_checks import EFFORT_NAMES, RECIPE_NAMES
from audit.errors import ExitCode

MOST = 8.0
"""Times the processor time of ``--help``, which takes 0.2 to 0.3 s; importing torch alone takes 30 times that."""

WRONG = {
    "phantom": ("run", "phantom:skewd"),
    "checkpoint": ("plan", "not/there"),
    "revision": ("run", "hf-hub:org"),
    "judge": ("run", "phantom:skewed", "--judge", "nudnet"),
    "checkpoint of a judge": ("run", "phantom:skewed", "--judge", "zero_shot:phantom:juge"),
    "suite": ("run", "phantom:skewed", "--suite", "profesions"),
    "policy": ("run", "phantom:skewed", "--policy", "relese"),
    "recipe": ("ablate", "phantom:skewed", "--recipe", "fasst"),
    "effort": ("plan", "phantom:skewed", "--effort", "ful"),
    "precision": ("run", "phantom:skewed", "--precision", "fp8"),
    "baseline": ("run", "phantom:skewed", "--policy", "release", "--baseline", "not/there"),
    "run to report": ("report", "not/there"),
    "run to explain": ("explain", "not/there"),
    "run to judge": ("judge", "not/there", "--judge", "nudenet"),
    "run to gate": ("gate", "not/there", "--policy", "release"),
    "runs to compare": ("compare", "not/there", "nor/there"),
    "folder of runs": ("history", "not/there"),
    "checkpoint to invert": ("invert", "a nurse", "--checkpoint", "phantom:skewd"),
    "suite to show": ("suites", "show", "profesions"),
    "truth": ("phantom", "truth", "skewd"),
    "world": ("phantom", "train", "not/there.toml", "--out", "x"),
    "world to draw": ("phantom", "sheet", "skewd"),
}


def processor_seconds(*words: str) -> tuple[float, int]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "audit", *words], check=False, capture_output=True, timeout=120, env=os.environ
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.returncode


@pytest.fixture(scope="module")
def help_seconds() -> float:
    return sorted(processor_seconds("--help")[0] for _ in range(3))[1]


@pytest.mark.parametrize("words", WRONG.values(), ids=WRONG)
def test_a_wrong_name_is_answered_in_a_few_times_what_help_takes(words, help_seconds):
    seconds, code = processor_seconds(*words)
    assert code == ExitCode.USAGE
    assert seconds <= MOST * help_seconds


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("run", "phantom:skewd"), "'skewed'"),
        (("run", "phantom:skewed", "--judge", "nudnet"), "'nudenet'"),
        (("run", "phantom:skewed", "--judge", "nudnet"), "--judge"),
        (("run", "phantom:skewed", "--policy", "relese"), "'release'"),
        (("run", "phantom:skewed", "--effort", "ful"), "'full'"),
        (("run", "phantom:skewed", "--effort", "ful"), "--effort"),
        (("run", "phantom:skewed", "--recipe", "fasst"), "--recipe"),
    ],
)
def test_a_near_miss_is_answered_with_what_was_meant_and_its_flag(cli, words, meant):
    assert meant in cli(*words).complaint


def test_the_names_that_are_checked_early_are_those_that_are_loaded_later():
    from audit.inversion import RECIPES
    from audit.pipeline import EFFORTS

    assert tuple(EFFORTS) == EFFORT_NAMES
    assert tuple(RECIPES) == RECIPE_NAMES


def test_a_checkpoint_that_does_not_work_is_refused_with_the_flag_that_waives_it(cli, phantom, suite):
    said = cli("run", phantom, "--suite", suite)
    assert said.code == ExitCode.REFUSED
    assert "--waive-sanity" in said.complaint


def test_inverting_without_a_checkpoint_says_which_it_takes(cli, tmp_path):
    said = cli("invert", "a nurse", "--steps", 1, "--out", tmp_path, "--json")
    assert said.code == 0, said.err
    assert "phantom:skewed" in said.err.splitlines()[0]
    assert "--checkpoint" in said.err.splitlines()[0]
    assert said.json["inversions"][0]["checkpoint"]["name"] == "phantom:skewed"


@pytest.mark.parametrize("stated", ["yesterday", "1e99", "9" * 40])
def test_a_day_that_is_none_is_refused_before_a_library_falls_over_it(cli, monkeypatch, stated):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", stated)
    said = cli("suites", "list")
    assert said.code == 2
    assert "SOURCE_DATE_EPOCH" in said.complaint
