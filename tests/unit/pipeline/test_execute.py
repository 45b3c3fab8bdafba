"""The stages of a run, each of which continues what is there."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch

from audit.errors import EnvironmentProblem, InconclusiveProblem, UsageProblem
from audit.evidence import continue_run, read_pictures, read_run
from audit.inversion import Inverter
from audit.pipeline import EFFORTS, Progress, Silence, judge_again, make_plan, report_again, run_audit
from audit.pipeline.execute import _images_of_each, decode_png, encode_png
from audit.records import Verdict

QUICK = EFFORTS["quick"]
N_IMAGES = 2 * min(5, QUICK.templates) * QUICK.replicates + (2 + 2 + 1 + 1) * QUICK.control_replicates
FILES = (
    "spec.json",
    "findings.json",
    "decision.json",
    "report.html",
    "explore.html",
    "report.pdf",
    "summary.pdf",
    "summary.md",
    "junit.xml",
    "run.json",
)


def tables_of(folder: Path) -> dict[str, bytes]:
    kinds = ("tables", "images", "scores")
    paths = sorted(path for kind in kinds for path in (folder / kind).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths} | {
        name: (folder / name).read_bytes() for name in ("spec.json", "findings.json", "decision.json")
    }


@pytest.fixture
def copy(ran, tmp_path) -> Path:
    return shutil.copytree(ran.folder, tmp_path / "copy")


@pytest.fixture
def no_inversion(monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("an image was made")

    monkeypatch.setattr(Inverter, "make", refuse)


def test_a_run_leaves_everything_and_is_finished(ran):
    assert [name for name in FILES if not (ran.folder / name).is_file()] == []
    assert list((ran.folder / "figures").glob("*.svg"))
    with_tables = {path.name for path in (ran.folder / "tables").iterdir()}
    assert {"prompts.parquet", "prompts.csv", "images.parquet", "images.csv", "controls.csv"} <= with_tables
    run = read_run(ran.folder, finished=True)
    run.verify()


def test_every_item_of_the_plan_has_one_image_and_one_score(ran, plan):
    planned = [(item.prompt.prompt_id, item.replicate) for item in plan.items]
    assert len(planned) == N_IMAGES
    for table in (ran.evidence.images, *ran.evidence.scores.values()):
        assert sorted(zip(table["prompt_id"], table["replicate"], strict=True)) == sorted(planned)
    assert ran.evidence.images["seed"].tolist() == [item.seed for item in plan.items]


def test_a_noise_image_took_no_steps_and_every_other_took_those_of_the_recipe(ran):
    rows = ran.evidence.images.merge(ran.evidence.prompts[["prompt_id", "role"]], on="prompt_id")
    assert set(rows.loc[rows["role"] == "noise", "steps"]) == {0}
    assert set(rows.loc[rows["role"] != "noise", "steps"]) == {2}


def test_pictures_are_stored_without_loss(ran, plan):
    keys = [(item.prompt.prompt_id, item.replicate) for item in plan.items]
    for png in read_pictures(read_run(ran.folder), keys).values():
        pixels = decode_png(png)
        assert pixels.shape == (3, 64, 64)
        assert encode_png(pixels) == png


def test_a_picture_survives_its_png():
    pixels = torch.randint(0, 256, (3, 7, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(decode_png(encode_png(pixels)), pixels)


def test_findings_on_disk_are_those_of_the_outcome(ran):
    stored = json.loads((ran.folder / "findings.json").read_text(encoding="utf-8"))
    assert stored["schema_version"] == 1
    assert [one["id"] for one in stored["findings"]] == [finding.finding_id for finding in ran.findings]
    assert {"gender.raw_lean", "quality.own_cosine"} <= {finding.metric for finding in ran.findings}


def test_a_run_with_its_sanity_gate_waived_never_passes(ran):
    assert ran.decision.verdict is Verdict.INCONCLUSIVE
    assert "waived" in {result.rule for result in ran.decision.results}


def test_progress_is_told_stage_by_stage_and_to_the_end(ran_with):
    _, recorder = ran_with
    judging = "judging by zero_shot:phantom:judge"
    assert [stage for stage, _, _ in recorder.stages] == [
        "reading texts",
        "inverting",
        judging,
        "examining",
        "reporting",
    ]
    assert recorder.stages[1] == ("inverting", N_IMAGES, 0)
    assert all(recorder.done[stage] == total for stage, total, _ in recorder.stages)


def test_silence_hears_everything():
    silence = Silence()
    assert isinstance(silence, Progress)
    silence.begin("inverting", 3)
    silence.advance(1)
    silence.say("something")


def test_warnings_of_the_plan_are_said_first(plan, copy, recorder, no_inversion):
    run_audit(dataclasses.replace(plan, warnings=("Mind the step.",)), copy, recorder)
    assert recorder.said[0] == "Mind the step."


def test_concepts_whose_texts_are_hardly_told_from_others_are_named_before_anything_is_inverted(
    plan, copy, recorder, no_inversion, monkeypatch
):
    monkeypatch.setattr("audit.inversion.image_quality._CONVERGED_FROM", 1e9)
    run_audit(plan, copy, recorder)
    asked = {prompt.concept for prompt in plan.prompts if prompt.role != "noise"}
    told = [text for text in recorder.said if "cannot converge" in text]
    assert len(told) == 1
    assert told[0].startswith(f"For {len(asked)} of {len(asked)} concepts (")
    assert any(concept in told[0] for concept in asked)


def test_nothing_is_said_of_texts_that_are_told_apart(ran_with):
    assert not any("cannot converge" in text for text in ran_with[1].said)


def test_a_finished_run_given_again_only_reports_again(plan, copy, recorder, no_inversion):
    before = tables_of(copy)
    outcome = run_audit(plan, copy, recorder)
    assert tables_of(copy) == before
    assert any("is finished" in text for text in recorder.said)
    assert recorder.stages[1] == ("inverting", N_IMAGES, N_IMAGES)
    assert outcome.folder == copy
    read_run(copy, finished=True).verify()


def test_only_what_is_missing_is_made_and_comes_out_the_same(plan, copy, recorder):
    before = tables_of(copy)
    (copy / "run.json").unlink()
    (copy / "images" / "00002.parquet").unlink()
    next((copy / "scores").rglob("00001.parquet")).unlink()
    run_audit(plan, copy, recorder)
    assert tables_of(copy) == before
    assert [done for _, _, done in recorder.stages[1:3]] == [N_IMAGES - 5, len(plan.shards) - 1]


def test_another_plan_is_refused_in_the_same_folder_and_says_what_differs(plan, copy, recorder):
    before = tables_of(copy)
    other = dataclasses.replace(plan, request=dataclasses.replace(plan.request, seed=1))
    with pytest.raises(UsageProblem, match="seed"):
        run_audit(other, copy, recorder)
    assert tables_of(copy) == before
    assert (copy / "run.json").is_file()


def test_the_same_checkpoint_by_another_path_goes_on_with_the_run(plan, request_for, copy, recorder):
    before = tables_of(copy)
    (copy / "run.json").unlink()
    (copy / "images" / "00002.parquet").unlink()
    folder = Path(plan.request.checkpoint)
    elsewhere = make_plan(request_for(checkpoint=f"{folder.parent}/./{folder.name}/"))
    assert elsewhere.checkpoint.card.name != plan.checkpoint.card.name
    run_audit(dataclasses.replace(elsewhere, recipe=plan.recipe, shard_size=plan.shard_size), copy, recorder)
    assert tables_of(copy) == before


def test_a_second_driver_is_refused_while_the_first_one_works(plan, copy, recorder):
    with continue_run(copy):
        for drive in (
            lambda: run_audit(plan, copy, recorder),
            lambda: judge_again(copy, ["nudenet"], "cpu", recorder),
            lambda: report_again(copy, recorder),
        ):
            with pytest.raises(EnvironmentProblem, match="Another clip-audit process"):
                drive()
    report_again(copy, recorder)


def test_another_judge_looks_at_the_stored_images(copy, recorder, no_inversion):
    images = {name: data for name, data in tables_of(copy).items() if name.startswith("images/")}
    outcome = judge_again(copy, ["nudenet"], "cpu", recorder)
    assert list(outcome.evidence.scores) == ["zero_shot:phantom:judge", "nudenet"]
    assert len(outcome.evidence.scores["nudenet"]) == N_IMAGES
    assert {name: data for name, data in tables_of(copy).items() if name.startswith("images/")} == images
    read_run(copy, finished=True).verify()
    again = judge_again(copy, ["nudenet"], "cpu", recorder)
    pd.testing.assert_frame_equal(again.evidence.scores["nudenet"], outcome.evidence.scores["nudenet"])


def test_judging_again_without_a_judge_is_refused(copy, recorder):
    with pytest.raises(UsageProblem, match="No judge is named"):
        judge_again(copy, [], "cpu", recorder)


def test_a_judge_that_cannot_be_loaded_leaves_a_finished_run_finished(copy, recorder):
    with pytest.raises(UsageProblem, match="no judge 'oracle'"):
        judge_again(copy, ["oracle"], "cpu", recorder)
    read_run(copy, finished=True).verify()


def test_a_report_is_made_again_from_what_is_stored(copy, recorder, no_inversion):
    before = tables_of(copy)
    for name in ("report.html", "run.json"):
        (copy / name).unlink()
    shutil.rmtree(copy / "figures")
    outcome = report_again(copy, recorder)
    assert tables_of(copy) == before
    assert (copy / "report.html").is_file()
    assert list((copy / "figures").glob("*.svg"))
    assert len(outcome.findings) > 10
    read_run(copy, finished=True).verify()


@pytest.mark.parametrize("missing", ["images/00001.parquet", "scores/*/00001.parquet"])
def test_an_unfinished_run_is_not_reported_on(copy, recorder, missing):
    (copy / "run.json").unlink()
    next(copy.glob(missing)).unlink()
    with pytest.raises(InconclusiveProblem, match="not finished"):
        report_again(copy, recorder)


def test_what_is_no_run_is_refused(tmp_path, recorder):
    for drive in (
        lambda: judge_again(tmp_path, ["nudenet"], "cpu", recorder),
        lambda: report_again(tmp_path, recorder),
    ):
        with pytest.raises(UsageProblem, match="not a run folder"):
            drive()
    assert list(tmp_path.iterdir()) == []


def test_the_same_plan_in_another_folder_gives_the_same_tables(plan, ran, recorder, tmp_path, monkeypatch):
    monkeypatch.setattr("audit.pipeline.conclude.write_report", lambda *_, **__: None)
    run_audit(plan, tmp_path / "other", recorder)
    first, other = tables_of(ran.folder), tables_of(tmp_path / "other")
    assert {name for name in first if name not in other} == {
        name for name in first if name.startswith("tables/scores_")
    }
    assert all(first[name] == data for name, data in other.items())


@pytest.mark.parametrize(("effort", "images"), [({}, 2), ({"neutralised": 4}, 1)], ids=["now", "of an earlier version"])
def test_a_neutralised_prompt_has_as_many_images_as_its_effort_made_then(effort, images):
    roles = ["subject", "neutralised", "graded", "object"]
    prompts = pd.DataFrame({"role": roles, "facts": ["{}", "{}", "{}", '{"inversions": 7.0}']}, index=list("abcd"))
    found = _images_of_each(prompts, {"replicates": 2, "control_replicates": 1, **effort})
    assert found.to_dict() == {"a": 2, "b": images, "c": 1, "d": 7}


@pytest.mark.parametrize("again", [report_again, lambda run, silence: judge_again(run, ["nudenet"], "cpu", silence)])
def test_a_run_that_lacks_one_of_several_images_of_a_prompt_is_not_concluded(ran, tmp_path, again):
    copy = shutil.copytree(ran.folder, tmp_path / "copy")
    for name in ("run.json", "decision.json"):
        (copy / name).unlink()
    subjects = ran.evidence.prompts.loc[ran.evidence.prompts["role"] == "subject", "prompt_id"]
    with continue_run(copy) as run:
        kinds = ["images", *(f"scores/{judge}" for judge in ran.evidence.judges)]
        for kind in kinds:
            for name in run.shard_names(kind):
                table = run.read_shard(kind, name)
                last = (table["prompt_id"] == subjects.iloc[-1]) & (table["replicate"] > 0)
                run.write_shard(kind, name, table[~last])
    with pytest.raises(InconclusiveProblem, match=r"1 of its prompts have fewer images"):
        again(copy, Silence())
    assert not (copy / "run.json").exists()
