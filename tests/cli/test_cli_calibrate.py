"""``clip-audit phantom calibrate``: two tiny worlds from drawing to figures, and again from what is there."""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ET

import pytest

from audit.errors import ExitCode
from audit.phantom.planted import balanced_world, dosed_world
from audit.phantom.world import read_world

FILES = ["appendix.json", "calibration.json", "calibration.md", "detection.svg", "dose_response.svg"]


@pytest.fixture(scope="module")
def base(place):
    path = place / "one.toml"
    path.write_text(
        'name = "one"\n[training]\npictures = 64\nepochs = 1\nbatch = 16\n[[profession]]\nword = "nurse"\n'
        'clothes = "#4fc3c0"\nbackground = "#e4f6e8"\n',
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="module")
def words(base):
    return ("phantom", "calibrate", "--world", base, "--worlds", 1, "--balanced", 1, "--effort", "quick",
            "--device", "cpu", "--waive-sanity")  # fmt: skip


@pytest.fixture(scope="module")
def first(cli, words, place):
    return cli(*words, "--out", place / "calibration", "--json")


@pytest.fixture
def done(first, place, tmp_path):
    """A copy of the finished calibration."""
    assert first.code == ExitCode.INCONCLUSIVE, first.err
    return shutil.copytree(place / "calibration", tmp_path / "calibration")


def stamps(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


@pytest.mark.slow
def test_two_worlds_are_drawn_trained_audited_and_measured(first, place, base):
    assert first.code == ExitCode.INCONCLUSIVE, first.err
    told = first.json
    worlds = [draw(read_world(base), seed=0, number=1) for draw in (dosed_world, balanced_world)]
    assert [world["digest"] for world in told["worlds"]] == [world.digest for world in worlds]
    assert [(row["world"], row["planted"]) for row in told["rows"]] == [("dosed-0-01", 0.05), ("balanced-0-01", 0.5)]
    assert (told["lean"]["n_dosed"], told["lean"]["n_balanced"]) == (1, 1)
    assert "leaving one world out needs" in told["lean"]["dosed_coverage"]["method"]
    assert "--worlds 1 --balanced 1 --effort quick --seed 0" in told["command"]
    assert "training dosed-0-01 (steps): 4 of 4" in first.err


@pytest.mark.slow
def test_a_phantom_that_learnt_nothing_measures_nothing_and_that_is_inconclusive(first):
    assert first.code == ExitCode.INCONCLUSIVE
    assert [row["value"] for row in first.json["rows"]] == [None, None]
    assert first.json["lean"]["sensitivity"]["value"] is None
    assert "Nothing was measured" in first.err


@pytest.mark.slow
def test_everything_is_kept_as_files(first, place):
    folder = place / "calibration"
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == FILES
    assert json.loads((folder / "calibration.json").read_text(encoding="utf-8"))["rows"] == first.json["rows"]
    assert first.json["command"] in (folder / "calibration.md").read_text(encoding="utf-8")
    for name in ("detection.svg", "dose_response.svg"):
        assert ET.parse(folder / name).getroot().tag.endswith("svg")  # noqa: S314  (our own)


@pytest.mark.slow
def test_given_again_nothing_is_trained_nor_audited(cli, words, done, first):
    before = stamps(done / "worlds") | stamps(done / "audits")
    again = cli(*words, "--out", done)
    assert again.code == ExitCode.INCONCLUSIVE, again.err
    assert "training" not in again.err
    assert "inverting" not in again.err
    assert stamps(done / "worlds") | stamps(done / "audits") == before
    assert "Written: " in again.out
    told = json.loads((done / "calibration.json").read_text(encoding="utf-8"))
    assert told == {key: value for key, value in first.json.items() if key != "files"}


@pytest.mark.slow
def test_an_audit_that_was_cut_short_is_finished_and_no_other_touched(cli, words, done):
    (cut,) = (done / "audits").glob("dosed-*")
    (cut / "run.json").unlink()
    (whole,) = (done / "audits").glob("balanced-*")
    before = stamps(done / "worlds") | stamps(whole)
    again = cli(*words, "--out", done)
    assert again.code == ExitCode.INCONCLUSIVE, again.err
    assert "training" not in again.err
    assert (cut / "run.json").is_file()
    assert stamps(done / "worlds") | stamps(whole) == before


@pytest.mark.slow
def test_another_world_in_the_place_of_one_is_refused(cli, words, done):
    (dosed,), (balanced,) = (done / "worlds").glob("dosed-*"), (done / "worlds").glob("balanced-*")
    shutil.copy(balanced / "world.json", dosed / "world.json")
    again = cli(*words, "--out", done)
    assert again.code == ExitCode.USAGE
    assert "holds another world than dosed-0-01" in again.complaint


@pytest.mark.slow
def test_a_trained_phantom_is_taken_as_it_is_with_the_audit_that_is_there(cli, done):
    (dosed,) = (done / "worlds").glob("dosed-*")
    said = cli("phantom", "calibrate", "--take", dosed, "--effort", "quick", "--device", "cpu", "--waive-sanity",
               "--out", done, "--json")  # fmt: skip
    assert said.code == ExitCode.INCONCLUSIVE, said.err
    assert [(world["label"], world["origin"]) for world in said.json["worlds"]] == [("dosed-0-01", "taken")]
    assert "training" not in said.err
    assert "inverting" not in said.err
    assert said.json["command"].startswith("clip-audit phantom calibrate --take ")


def test_a_file_is_no_folder_for_a_calibration(cli, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    said = cli("phantom", "calibrate", "--take", "skewed", "--out", tmp_path / "file")
    assert said.code == ExitCode.USAGE
    assert "is a file" in said.complaint


def test_a_phantom_that_fails_the_sanity_gate_is_refused(cli, phantom):
    assert cli("phantom", "calibrate", "--take", phantom, "--effort", "quick").code == ExitCode.REFUSED
