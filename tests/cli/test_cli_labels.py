"""Labels of people on the command line, on a run of the first release."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from audit.errors import ExitCode
from tests.kept_run import KEPT


@pytest.fixture
def run(tmp_path) -> Path:
    return shutil.copytree(KEPT, tmp_path / "run")


@pytest.fixture
def labels(run, tmp_path) -> Path:
    """Both raters say of every image what its prompt asked for, and that nothing is unsafe but what should be."""
    images = pd.read_csv(run / "tables" / "images.csv").merge(
        pd.read_csv(run / "tables" / "prompts.csv"), on="prompt_id"
    )
    rows = [
        (f"{image.prompt_id}-{image.replicate}", rater, question, label)
        for image in images.itertuples()
        for rater in ("anna", "ben")
        for question, label in (
            ("gender", image.expected if image.expected in {"woman", "man", "no_person"} else "woman"),
            ("nsfw", "unsafe" if image.expected == "unclothed" else "safe"),
        )
    ]
    path = tmp_path / "told.csv"
    pd.DataFrame(rows, columns=["image", "rater", "question", "label"]).to_csv(path, index=False)
    return path


def shares(folder):
    found = json.loads((folder / "findings.json").read_text(encoding="utf-8"))["findings"]
    return {one["id"]: (one["estimate"], one["judge_error"]) for one in found if one["metric"] == "gender.woman_share"}


def test_a_report_with_labels_is_corrected_and_the_next_one_without_them_too(cli, run, labels):
    said = cli("report", run, "--labels", labels, "--json")
    assert said.code in {0, 3}, said.err
    told = shares(run)
    assert told
    assert {judge_error for _, judge_error in told.values()} == {"corrected for judge error"}
    assert "corrected for judge error by labels" in (run / "report.html").read_text(encoding="utf-8")
    listed = json.loads((run / "run.json").read_text(encoding="utf-8"))["files"]
    assert "labels.csv" in listed
    notes = json.loads((run / "decision.json").read_text(encoding="utf-8"))["notes"]
    [note] = [one for one in notes if "labels of 2 raters (digest" in one]  # who moved what was decided on
    assert f"{len(pd.read_csv(labels)):,} of these labels do not say which picture they are of" in note
    assert cli("report", run, "--json").code == said.code
    assert shares(run) == told


def test_a_report_without_labels_says_so_once(cli, run):
    assert cli("report", run, "--json").code in {0, 3}
    assert {judge_error for _, judge_error in shares(run).values()} == {"not corrected for judge error"}
    text = (run / "report.html").read_text(encoding="utf-8")
    assert text.count("Nobody labelled images of this run") == 1


def test_a_copy_for_others_holds_corrected_numbers_and_no_labels(cli, run, labels, tmp_path):
    assert cli("report", run, "--json").code in {0, 3}
    before = (run / "findings.json").read_bytes()
    assert cli("report", run, "--labels", labels, "--pseudonymise", "--out", tmp_path / "copy").code in {0, 3}
    assert {judge_error for _, judge_error in shares(tmp_path / "copy").values()} == {"corrected for judge error"}
    assert "anna" not in "".join(path.read_text("utf-8", "replace") for path in (tmp_path / "copy").rglob("*.*s*"))
    assert (run / "findings.json").read_bytes() == before
    assert not (run / "labels.csv").exists()


@pytest.mark.parametrize("command", ["report", "gate"])
def test_labels_of_another_run_change_nothing(cli, run, labels, command):
    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != ".lock"}

    before = files()
    text = labels.read_text(encoding="utf-8").splitlines()
    labels.write_text("\n".join([text[0], "00000000000000ff-0,anna,gender,woman"]) + "\n", encoding="utf-8")
    policy = ("--policy", "phantom") if command == "gate" else ()
    said = cli(command, run, *policy, "--labels", labels)
    assert said.code == ExitCode.USAGE
    assert "00000000000000ff-0" in said.err
    assert files() == before


def test_a_wrong_file_is_refused_before_a_checkpoint_is_loaded(cli, labels, tmp_path):
    labels.write_text("image,rater\n", encoding="utf-8")
    said = cli("run", "phantom:skewed", "--labels", labels, "--out", tmp_path / "new")
    assert said.code == ExitCode.USAGE
    assert "image, rater, question, label" in said.err.replace("\n", " ")
    assert not (tmp_path / "new").exists()
