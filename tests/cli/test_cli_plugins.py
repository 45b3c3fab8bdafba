"""Judges and lenses of other packages: an example that pip installs, and others that are broken, beside each other."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from audit.evidence import read_run
from audit.evidence.specs import read_spec
from audit.pipeline.conclude import decide_again
from tests.tiny_runs import Recorder

EXAMPLE = Path(__file__).resolve().parents[1] / "data" / "plugin_example"
FAILING = """
from dataclasses import replace
from clip_audit_warmth.warmth_lens import LENS as OTHER
class Failing:
    card = replace(OTHER.card, name="failing", metrics=(replace(OTHER.card.metrics[0], name="failing.mean"),))
    def examine(self, evidence, *, level=0.95):
        raise ZeroDivisionError("no prompts\\n::error::of mine")
LENS = Failing()
"""
BROKEN = """[clip_audit.judges]
away = nowhere_at_all:KIND
nsfw = failing_lens:LENS
wrong = failing_lens:LENS
[clip_audit.lenses]
gender = clip_audit_warmth.warmth_lens:LENS
other = clip_audit_warmth.warmth_lens:LENS
failing = failing_lens:LENS
Bad-Name = failing_lens:LENS
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder with the example as pip installs it, and with a package of nothing but mistakes."""
    source = shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("source") / "example")
    site = tmp_path_factory.mktemp("site")
    words = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--no-compile", "--target", site, source)
    pip = [sys.executable, "-m", "pip", "install", *map(str, words)]
    done = subprocess.run(pip, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (site / "failing_lens.py").write_text(FAILING, encoding="utf-8")
    papers = site / "mistakes-0.1.dist-info"
    papers.mkdir()
    (papers / "METADATA").write_text("Metadata-Version: 2.1\nName: mistakes\nVersion: 0.1\n", encoding="utf-8")
    (papers / "entry_points.txt").write_text(BROKEN, encoding="utf-8")
    return site


def asked(site: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "audit", *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(site), "GITHUB_ACTIONS": "true"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture(scope="module")
def run(site, phantom, suite, tmp_path_factory) -> Path:
    """A run with the judge and the lens of the example."""
    out = tmp_path_factory.mktemp("runs") / "run"
    words = ("--suite", suite, "--judge", "warmth", "--recipe", "fast", "--effort", "quick", "--waive-sanity")
    done = asked(site, "run", phantom, *words, "--out", out)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    return out


def test_a_lens_that_a_notebook_imports_first_is_as_good_as_any(site):
    code = """
from clip_audit_warmth.warmth_lens import LENS
from audit.lenses import LENSES, PLUGINS
assert "warmth" in LENSES, PLUGINS.problems
import clip_audit_warmth.warmth_lens as again
assert again.LENS is LENS
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr


def test_a_run_scores_by_the_judge_and_finds_by_the_lens(run):
    findings = json.loads((run / "findings.json").read_text(encoding="utf-8"))["findings"]
    assert {one["subject"] for one in findings if one["metric"] == "warmth.mean"} == {"nurse", "pilot"}
    assert set(pd.read_csv(run / "tables" / "warmth_concepts.csv")["concept"]) == {"nurse", "pilot"}
    (scores,) = (run / "tables").glob("scores_warmth*.csv")
    assert pd.read_csv(scores)["warmth"].between(-1, 1).all()


def test_the_spec_names_the_distribution_and_version_of_both(run):
    spec = read_spec(run)
    assert spec["judges"]["warmth"]["origin"] == "clip-audit-warmth 1.2"
    assert spec["lenses"] == {"failing": "mistakes 0.1", "warmth": "clip-audit-warmth 1.2"}


def test_a_lens_that_fails_is_a_note_of_one_line_and_the_others_answer(run):
    notes = json.loads((run / "decision.json").read_text(encoding="utf-8"))["notes"]
    (note,) = [one for one in notes if "'failing' of mistakes 0.1" in one]
    assert "ZeroDivisionError" in note


def test_without_its_package_a_run_says_what_it_lacks(run):
    outcome = decide_again(read_run(run), Recorder())
    assert "The lens warmth of clip-audit-warmth 1.2, which the run" in " ".join(outcome.decision.notes)
    assert not [one for one in outcome.findings if one.lens == "warmth"]


def test_metrics_are_listed_with_where_they_come_from_and_a_broken_one_is_a_warning(site):
    answer = json.loads(asked(site, "suites", "metrics", "--json").stdout)
    origins = {one["name"]: one["origin"] for one in answer["metrics"]}
    assert origins["warmth.mean"] == "clip-audit-warmth 1.2"
    assert origins["gender.woman_share"] is None
    assert {name for name, origin in origins.items() if origin == "mistakes 0.1"} == {"failing.mean"}
    for name, why in (
        ("gender", "clip-audit itself has this name"),
        ("other", "warmth"),
        ("Bad-Name", "small letters"),
    ):
        (said,) = [one for one in answer["warnings"] if f"{name!r} of mistakes 0.1" in one]
        assert why in said
        assert "pip uninstall mistakes" in said


def test_a_judge_that_is_broken_stops_only_who_names_it(site, run):
    for name, why in (("away", "nowhere_at_all"), ("wrong", "JudgeKind is expected")):
        done = asked(site, "judge", run, "--judge", name)
        assert done.returncode == 5
        assert why in done.stderr
        assert len([line for line in done.stderr.splitlines() if line.startswith("Error: ")]) == 1


def test_a_wrong_name_is_answered_with_those_that_are_installed(site, run):
    done = asked(site, "judge", run, "--judge", "warmt")
    assert done.returncode == 2
    assert "Did you mean 'warmth'?" in done.stderr


def test_doctor_lists_what_is_installed_and_what_is_broken(site):
    code = (
        "import json; from dataclasses import asdict; from audit.cli.doctor import _plugins;"
        "print(json.dumps([asdict(one) for one in _plugins()]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(site)}, capture_output=True, check=True
    )
    found = {one["name"]: (one["state"], one["found"]) for one in json.loads(done.stdout)}
    assert found["judge warmth"] == ("ok", "warmth, of clip-audit-warmth 1.2")
    assert found["lens warmth"] == ("ok", "warmth.mean, of clip-audit-warmth 1.2")
    assert {name for name, (state, _) in found.items() if state == "broken"} == {
        *("judge away", "judge nsfw", "judge wrong", "lens gender", "lens other", "lens Bad-Name")
    }
