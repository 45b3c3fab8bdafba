"""Ablations of the tiny phantom: which rows there are, what is kept, and what is refused."""

import dataclasses
import json

import pandas as pd
import pytest

from audit.errors import UsageProblem
from audit.inversion import RECIPES
from audit.pipeline import Silence
from audit.studies.ablate.ablating import (
    HELD_OUT,
    OTHER_SEED,
    UNCHANGED,
    ablation_document,
    ablation_plan,
    ablation_table,
    run_ablation,
    write_ablation,
)

BRIEF = dataclasses.replace(RECIPES["fast"], name="fast", steps=2)


@pytest.fixture(scope="module")
def two_steps():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RECIPES, "fast", BRIEF)
        patch.setattr("audit.inversion.image_quality._CONVERGED_FROM", -1e9)  # as for every test of this folder
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("ablations") / "ablation"


@pytest.fixture(scope="module")
def ablation(two_steps, request_for, folder):
    return run_ablation(request_for(), ("noise", "l1"), folder, Silence())


def test_there_is_a_row_for_every_change_that_changes_anything(ablation):
    names = [row.line.name for row in ablation.rows]
    assert names == [
        UNCHANGED, OTHER_SEED, "noise-off", "noise-weak", "noise-strong", "l1-weak", "l1-strong",
    ]  # fmt: skip
    assert ablation.without_effect == ("l1-off",)


def test_only_prompts_whose_text_names_their_concept_are_inverted(two_steps, request_for):
    plan = ablation_plan(request_for())
    assert {prompt.role for prompt in plan.prompts} == {"subject", "explicit", "object"}


def test_a_phantom_gets_a_judge_that_was_held_out(ablation):
    assert ablation.judges == ("zero_shot:phantom:judge", HELD_OUT)


def test_the_unchanged_recipe_is_the_one_that_the_others_differ_from(ablation):
    first, *others = ablation.rows
    assert {one.difference for one in first.line.found.measures.values()} == {None}
    assert all(row.line.found.measures["own_cosine"].difference is not None for row in others)
    assert all("agreement" in row.line.found.measures for row in others)


def test_given_again_nothing_is_inverted(two_steps, request_for, folder, ablation):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}
    again = run_ablation(request_for(), ("noise", "l1"), folder, Silence())
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")} == before
    assert ablation_document(again) == ablation_document(ablation)


def test_a_row_that_was_cut_short_is_finished(two_steps, request_for, folder, ablation):
    row = folder / "rows" / "noise-off"
    (row / "run.json").unlink()
    shard = next((row / "images").glob("*.parquet"))
    shard.unlink()
    again = run_ablation(request_for(), ("noise", "l1"), folder, Silence())
    assert shard.is_file()
    assert ablation_document(again) == ablation_document(ablation)


def test_everything_is_written(ablation, folder):
    files = write_ablation(ablation, folder)
    assert all(path.is_file() for path in files)
    stored = json.loads((folder / "ablation.json").read_text(encoding="utf-8"))
    assert stored == json.loads(json.dumps(ablation_document(ablation)))
    table = pd.read_parquet(folder / "tables" / "ablation.parquet")
    assert table["name"].tolist() == [row.line.name for row in ablation.rows]
    assert table.columns.tolist() == ablation_table(ablation).columns.tolist()
    assert (folder / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_names_every_recipe_and_runs_nothing(ablation, folder):
    write_ablation(ablation, folder)
    page = (folder / "ablation.html").read_text(encoding="utf-8")
    assert all(row.line.name in page for row in ablation.rows)
    assert "<script" not in page
    assert "Changes without effect on it: l1-off." in page


def test_a_part_that_no_recipe_has_is_refused(request_for, tmp_path):
    with pytest.raises(UsageProblem, match="no part 'blur'"):
        run_ablation(request_for(), ("blur",), tmp_path / "out", Silence())


def test_a_checkpoint_that_can_spell_needs_a_held_out_judge_by_name(request_for, monkeypatch):
    monkeypatch.setattr("audit.studies.ablate.ablating.has_closed_vocabulary", lambda _: False)
    with pytest.raises(UsageProblem, match="No held-out judge"):
        ablation_plan(request_for())
