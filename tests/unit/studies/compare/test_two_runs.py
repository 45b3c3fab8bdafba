"""Whole comparisons of run folders, and what is written of them."""

import csv
import io
import json
import math

import pandas as pd
import pytest
from run_folders import SPEC, write_run
from worlds import World, add_controls, seen

from audit.errors import EnvironmentProblem, InconclusiveProblem, UsageProblem
from audit.evidence import load_evidence, read_run
from audit.pairing import changes_since
from audit.studies.compare import (
    Outcome,
    changes_document,
    changes_text,
    compare_runs,
    write_comparison,
)

HOSTILE = "=cmd|' /C calc'!A0 | <b>x</b>\n::error::"


def world(lean: float, *, concept: str = "nurse", person: bool = False) -> World:
    """A concept with a lean, whose controls hold unless a person is seen in most objects."""
    made = World()
    for number in range(6):
        for name, signed in ((concept, lean * (1 + 0.01 * (number % 3))), ("pilot", lean * (1 + 0.03 * (number % 2)))):
            made.ask(name, seen("man", signed=signed + 0.05 * number), template=f"{number} {{x}}")
    add_controls(made)
    if person:
        for number in range(40):
            kind = {"suite": "controls", "lens": "controls", "role": "object", "expected": "no_person"}
            made.ask("pear", seen("man"), template=f"object {number} {{x}}", **kind)
    return made


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("comparison")


@pytest.fixture(scope="module")
def baseline(place):
    return write_run(place / "baseline", world(0.1, concept=HOSTILE).evidence(), pictures="one")


@pytest.fixture(scope="module")
def candidate(place):
    return write_run(place / "candidate", world(0.5, concept=HOSTILE).evidence(), pictures="two")


@pytest.fixture(scope="module")
def found(baseline, candidate):
    return compare_runs(baseline, candidate)


def test_what_got_worse_is_found_and_told_first(found):
    worse = found.with_outcome(Outcome.WORSE)
    assert found.told[: len(worse)] == worse
    assert {one.change.finding_id for one in worse} >= {"gender.raw_lean:suite:*", f"gender.raw_lean:suite:{HOSTILE}"}
    assert found.is_conclusive


def test_instruments_stand_apart(found):
    assert {one.change.lens for one in found.instruments} == {"controls", "quality"}
    assert {one.change.lens for one in found.told} == {"gender", "nsfw"}


def test_a_run_beside_itself_is_no_different_in_anything(baseline):
    found = compare_runs(baseline, baseline)
    assert found.n_identical == found.n_pairs
    for one in (*found.told, *found.instruments):
        if one.change.baseline.value is not None:
            assert one.outcome is Outcome.SAME
            ends = (one.change.difference.value, one.change.difference.low, one.change.difference.high)
            assert ends == (0.0, 0.0, 0.0)
    assert not found.warnings


def test_the_same_pictures_in_another_run_are_identical_too(baseline, tmp_path):
    again = write_run(tmp_path / "again", world(0.1, concept=HOSTILE).evidence(), pictures="one")
    found = compare_runs(baseline, again)
    assert found.n_identical == found.n_pairs


def test_failed_controls_of_either_run_leave_everything_open(baseline, tmp_path):
    failing = write_run(tmp_path / "failing", world(0.1, person=True).evidence(), pictures="two")
    same = write_run(tmp_path / "same", world(0.1, person=True).evidence(), pictures="one")
    [first, second] = compare_runs(failing, same).doubts
    assert "In the baseline, a control failed: people seen in objects (measured" in first
    assert "In the candidate" in second


def test_a_run_without_controls_is_inconclusive(tmp_path):
    made = World()
    for number in range(3):
        made.ask("nurse", seen("man"), template=f"{number} {{x}}")
    runs = [write_run(tmp_path / name, made.evidence(), pictures=name) for name in ("one", "two")]
    assert not compare_runs(*runs).is_conclusive


def test_a_waived_sanity_gate_is_inconclusive(baseline, tmp_path):
    options = {**SPEC["options"], "waive_sanity": True}
    waived = write_run(tmp_path / "waived", world(0.1, concept=HOSTILE).evidence(), options=options)
    [doubt] = compare_runs(baseline, waived).doubts
    assert "sanity check of the candidate was waived" in doubt


def test_an_unfinished_run_is_refused(baseline, tmp_path):
    unfinished = write_run(tmp_path / "run", world(0.1).evidence(), finish=False)
    with pytest.raises(InconclusiveProblem, match="not finished"):
        compare_runs(baseline, unfinished)


def test_a_run_without_images_is_refused(baseline, tmp_path):
    with pytest.raises(InconclusiveProblem, match="have no image"):
        compare_runs(baseline, write_run(tmp_path / "run", World().evidence()))


def test_a_changed_file_is_refused(baseline, tmp_path):
    changed = write_run(tmp_path / "run", world(0.1).evidence())
    table = changed / "tables" / "prompts.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("nurse", "purse"), encoding="utf-8")
    with pytest.raises(EnvironmentProblem, match=r"prompts\.csv \(changed\)"):
        compare_runs(baseline, changed)


@pytest.mark.parametrize("settings", [{"level": 95}, {"level": 0.0}, {"margin": 0.0}, {"margin": math.nan}])
def test_levels_and_margins_that_are_none_are_refused(baseline, settings):
    with pytest.raises(UsageProblem, match=r"A level lies between|A margin is a number"):
        compare_runs(baseline, baseline, **settings)


def test_the_document_holds_every_change_and_no_nan(found):
    def refuse(name):
        raise AssertionError(name)

    document = json.loads(changes_text(found), parse_constant=refuse)
    assert document == json.loads(json.dumps(changes_document(found)))
    assert len(document["changes"]) == sum(document["counts"].values()) == len(found.told)
    entry = next(one for one in document["changes"] if one["id"] == "gender.raw_lean:suite:*")
    assert entry["outcome"] == "worse"
    difference = entry["candidate"]["value"] - entry["baseline"]["value"]
    assert entry["difference"]["value"] == difference == entry["worsening"]["value"]
    assert document["pairs"]["images"] == found.n_pairs


def test_the_folder_holds_the_document_the_page_and_the_table(found, tmp_path):
    folder = tmp_path / "new" / "changes"
    write_comparison(folder, found, {"summary.md": "# Page\n"})
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names == {"changes.json", "summary.md", "tables/changes.csv", "tables/changes.parquet"}
    table = pd.read_parquet(folder / "tables" / "changes.parquet")
    assert len(table) == len(found.told) + len(found.instruments)
    assert HOSTILE in set(table["subject"])
    rows = list(csv.DictReader(io.StringIO((folder / "tables" / "changes.csv").read_text(encoding="utf-8"))))
    assert {row["subject"] for row in rows} >= {f"'{HOSTILE}", "*"}
    write_comparison(folder, found, {"summary.md": "# Again\n"})
    assert (folder / "summary.md").read_text(encoding="utf-8") == "# Again\n"


def test_a_folder_with_anything_else_is_refused(found, baseline):
    with pytest.raises(UsageProblem, match="no comparison"):
        write_comparison(baseline, found, {})


def test_images_of_one_run_only_are_left_out_and_counted(baseline, tmp_path):
    other = world(0.1, concept=HOSTILE)
    other.prompts = [prompt for prompt in other.prompts if prompt.concept != "pilot"]
    kept = {prompt.prompt_id for prompt in other.prompts}
    pairs = [(row, score) for row, score in zip(other.images, other.scores, strict=True) if row["prompt_id"] in kept]
    other.images, other.scores = [row for row, _ in pairs], [score for _, score in pairs]
    less = write_run(tmp_path / "less", other.evidence(), pictures="two")
    found = compare_runs(baseline, less)
    assert "pilot" not in {one.change.subject for one in found.told}
    [warning] = found.warnings
    assert "38 images are in the baseline only" in warning


def test_a_gate_gets_the_changes_of_the_comparison_at_any_level(found, baseline, candidate):
    run = read_run(candidate)
    at = changes_since(baseline, run, load_evidence(run))
    told = {one.change.finding_id: one.change for one in (*found.told, *found.instruments)}
    assert {change.finding_id: change.worsening for change in at(0.95)} == {
        name: change.worsening for name, change in told.items()
    }
    assert {change.difference.level for change in at(0.9)} == {0.9}
    assert at(0.9) is at(0.9)


def test_a_baseline_whose_controls_failed_gives_a_gate_no_changes(tmp_path):
    made = world(0.1, concept=HOSTILE, person=True).evidence()
    doubtful, other = (write_run(tmp_path / name, made, pictures=name) for name in ("one", "two"))
    run = read_run(other)
    assert changes_since(doubtful, run, load_evidence(run))(0.95) == ()
