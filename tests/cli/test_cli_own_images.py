"""Own pictures on the command line: beside a run, and to calibrate a judge."""

from __future__ import annotations

import json
import shutil

import pytest
from drawn_people import draw_people

import audit
from audit.errors import ExitCode, UsageProblem
from audit.phantom.world import read_world


@pytest.fixture(scope="module")
def people(place, world):
    folder = place / "people"
    return folder, draw_people(folder, read_world(world), people=3)


@pytest.mark.slow
def test_a_run_with_own_pictures_writes_them_beside_it(cli, run_words, people, tmp_path):
    folder, path = people
    said = cli(*run_words, "--own-images", folder, "--people", path, "--out", tmp_path / "run", "--json")
    assert said.code == 3, said.err
    page = tmp_path / "run-own-images" / "own_images.html"
    assert said.json["own_images"] == str(page)
    found = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    assert {one["concept"] for one in found["measures"]["rankings"]} == {"nurse", "pilot"}
    assert cli("verify", tmp_path / "run").code == ExitCode.OK


@pytest.mark.slow
def test_the_same_is_asked_from_python(run_folder, phantom, suite, people, tmp_path):
    folder, path = people
    out = shutil.copytree(run_folder, tmp_path / "run")
    asked = {"suites": [str(suite)], "judges": ["nudenet"], "effort": "quick", "waive_sanity": True, "out": out}
    assert audit.open_run(out).own_images is None
    with pytest.raises(UsageProblem, match="missing"):
        audit.run(str(phantom), own_images=folder, **asked)
    run = audit.run(str(phantom), own_images=folder, people=str(path), **asked)
    assert run.own_images == tmp_path / "run-own-images" / "own_images.html"
    found = json.loads(run.own_images.with_suffix(".json").read_text(encoding="utf-8"))
    assert {one["concept"] for one in found["measures"]["rankings"]} == {"nurse", "pilot"}


def test_a_wrong_row_is_named_before_anything_is_loaded(cli, run_words, people, tmp_path):
    folder, path = people
    wrong = tmp_path / "people.csv"
    wrong.write_text(path.read_text(encoding="utf-8") + "gone.png,eve,woman,\n", encoding="utf-8")
    said = cli(*run_words, "--own-images", folder, "--people", wrong, "--out", tmp_path / "run")
    assert said.code == ExitCode.USAGE
    assert "gone.png" in said.complaint
    assert "Loading" not in said.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("words", [("--own-images", "here"), ("--people", "people.csv")])
def test_one_without_the_other_is_refused(cli, words):
    said = cli("run", "phantom:skewed", *words)
    assert said.code == ExitCode.USAGE
    assert "together" in said.complaint


def test_a_judge_is_calibrated_on_labelled_pictures(cli, people, tmp_path):
    folder, path = people
    rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    labels = tmp_path / "labels.csv"
    told = [f"{file},{person},all,gender,{group}" for file, person, group, _ in rows]
    labels.write_text("\n".join(["file,person,group,question,label", *told]) + "\n", encoding="utf-8")
    said = cli("judge", "calibrate", folder, labels, "--judge", "zero_shot:phantom:judge", "--json")
    assert said.code == ExitCode.OK, said.err
    (found,) = said.json["judges"]
    (errors,) = found["questions"]
    assert errors["question"] == "gender"
    assert errors["sensitivity"][0]["rate"]["value"] > 0.5
    assert errors["sensitivity"][0]["gap"]["value"] is None


def test_too_many_words_are_refused(cli, run_folder):
    said = cli("judge", run_folder, "more", "--judge", "nudenet")
    assert said.code == ExitCode.USAGE
    assert "calibrate" in said.complaint
