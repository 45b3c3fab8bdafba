"""End to end on the shipped phantoms: the bounds of ``bounds.py``, whose room ``docs/precision.md`` shows.

docs/accuracy.md claims what ``make truth`` measures on these and on others.
"""

from __future__ import annotations

import shutil

import pytest
from bounds import BALANCED, CHANGES, SKEWED

from audit.__main__ import main as clip_audit
from audit.errors import ExitCode
from audit.studies.compare import Outcome, compare_runs

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("claim", SKEWED)
def test_what_is_planted_in_skewed_is_found(skewed, claim):
    assert SKEWED[claim](skewed).room >= 0


@pytest.mark.parametrize("claim", BALANCED)
def test_where_nothing_is_planted_little_is_found(balanced, claim):
    assert BALANCED[claim](balanced).room >= 0


@pytest.mark.parametrize("claim", CHANGES)
def test_from_balanced_to_skewed_the_changes_are_those_that_were_planted(changes, claim):
    assert CHANGES[claim](changes).room >= 0


def test_a_run_leaves_every_file_that_it_promises(skewed):
    names = {path.relative_to(skewed.folder).as_posix() for path in skewed.folder.rglob("*") if path.is_file()}
    promised = {
        "spec.json", "run.json", "findings.json", "decision.json", "report.html", "report.pdf", "summary.md",
        "junit.xml",
        "tables/prompts.parquet", "tables/images.csv", "tables/gender_concepts.csv", "tables/nsfw_concepts.parquet",
    }  # fmt: skip
    assert promised <= names


def test_a_checkpoint_beside_itself_differs_in_nothing(skewed):
    found = compare_runs(skewed.folder, skewed.folder)
    changes = [one.change for one in (*found.told, *found.instruments)]
    assert len(changes) == len(skewed.findings)
    assert {(c.difference.value, c.difference.low, c.difference.high) for c in changes} == {(0.0, 0.0, 0.0)}
    assert {one.outcome for one in found.told} == {Outcome.SAME}


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("damaged", ["images", "scores", "spec.json", "run.json"])
def test_a_damaged_run_is_no_pass(balanced, tmp_path, damaged):
    run = shutil.copytree(balanced.folder, tmp_path / "run")
    flip_a_byte(next(path for path in [run / damaged, *sorted((run / damaged).rglob("*"))] if path.is_file()))
    code = clip_audit(["gate", str(run), "--policy", "phantom", "--out", str(tmp_path / "decision")])
    assert code == ExitCode.ENVIRONMENT
    assert not (tmp_path / "decision" / "decision.json").exists()
