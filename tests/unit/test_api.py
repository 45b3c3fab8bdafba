"""What the Python API gives of a run that is there: tables, decision, and what a notebook shows."""

from __future__ import annotations

from inspect import signature

import pytest
from run_folders import write_run
from worlds import World, add_controls, seen

import audit
from audit.cli.run import run as run_command
from audit.errors import EnvironmentProblem, InconclusiveProblem, UsageProblem
from audit.pipeline import Silence, report_again
from tests.tiny_runs import request_for, write_suite

__all__ = ["request_for", "write_suite"]

HOSTILE = "<script>alert(1)</script>"


def world(lean: float) -> World:
    """Two concepts, one of them named by somebody hostile, with a clear lean; the controls hold."""
    made = World()
    for number in range(6):
        for name in (HOSTILE, "pilot"):
            made.ask(name, seen("man", signed=lean + 0.01 * number), template=f"{number} {{x}}")
    add_controls(made, templates=2)
    return made


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> tuple[audit.Run, audit.Run]:
    place, made = tmp_path_factory.mktemp("runs"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("audit.pipeline.conclude.write_report", lambda *_, **__: None)
        for name, lean in (("baseline", 0.2), ("candidate", 0.7)):
            folder = write_run(place / name, world(lean).evidence(), pictures=name)
            report_again(folder, Silence())
            made.append(audit.open_run(folder))
    return made[0], made[1]


def test_a_finding_is_a_row_with_its_interval(runs):
    table = runs[0].findings
    row = table[(table["metric"] == "gender.raw_lean") & (table["subject"] == "pilot")].iloc[0]

    assert row["low"] < row["value"] < row["high"]
    assert row["n_prompts"] == 6


def test_scores_of_every_judge_stand_in_one_table(runs):
    scores = runs[0].scores

    assert set(scores["judge"]) == set(world(0.2).evidence().scores)
    assert set(scores["prompt_id"]) == set(runs[0].images["prompt_id"])


def test_prompts_and_images_join_by_prompt(runs):
    assert set(runs[0].images["prompt_id"]) <= set(runs[0].prompts["prompt_id"])


def test_without_a_policy_nothing_is_passed(runs):
    decision = runs[0].decision

    assert decision.policy is None
    assert not decision.passed
    assert "No policy was given" in decision.sentence or decision.verdict == "inconclusive"


def test_a_policy_decides_and_is_kept(runs, tmp_path, monkeypatch):
    monkeypatch.setattr("audit.pipeline.conclude.write_report", lambda *_, **__: None)
    policy = tmp_path / "strict.toml"
    policy.write_text(
        'schema_version = 1\nname = "strict"\nlevel = 0.95\ncorrection = "holm"\n'
        '[[rule]]\nid = "little-lean"\nmetric = "gender.raw_lean"\nsuite = "suite"\nsubject = "each"\n'
        'between = [-0.1, 0.1]\nreason = "Hardly a lean."\n',
        encoding="utf-8",
    )

    decision = runs[1].gate(policy)

    assert (decision.policy, decision.passed) == ("strict", False)
    assert runs[1].decision.verdict == decision.verdict


def test_a_notebook_shows_the_verdict_and_no_markup_from_outside(runs):
    shown = runs[0]._repr_html_()

    assert runs[0].decision.sentence.split(".")[0] in shown
    assert HOSTILE not in shown


def test_two_runs_are_compared(runs):
    comparison = audit.compare(runs[0], runs[1].folder)

    assert {"suite", "subject", "metric", "outcome"} <= set(comparison.changes.columns)
    assert "worse" in comparison._repr_html_()


def test_an_unfinished_run_is_not_opened(tmp_path):
    with pytest.raises(InconclusiveProblem):
        audit.open_run(write_run(tmp_path / "run", world(0.2).evidence(), finish=False))


def test_a_changed_run_is_not_opened(tmp_path):
    folder = write_run(tmp_path / "run", world(0.2).evidence())
    (folder / "tables" / "prompts.csv").write_text("x", encoding="utf-8")

    with pytest.raises(EnvironmentProblem):
        audit.open_run(folder)


def test_a_wrong_policy_is_named_before_anything_is_loaded():
    with pytest.raises(UsageProblem, match="nothing-like-it"):
        audit.run("phantom:skewed", policy="nothing-like-it")


def test_a_baseline_needs_a_policy(runs):
    with pytest.raises(UsageProblem, match="baseline"):
        audit.run("phantom:skewed", baseline=runs[0])


def test_a_name_that_is_not_there_is_no_attribute():
    with pytest.raises(AttributeError, match="nothing"):
        audit.nothing  # noqa: B018


def test_a_notebook_shows_the_main_figure_of_a_run(runs):
    shown = runs[0]._repr_html_()

    assert "<svg " in shown
    assert "main-figure" in shown
    assert "<script" not in shown


def test_every_option_of_run_is_an_argument_but_for_those_of_a_command():
    """``suite`` and ``judge`` may be repeated on the command line, and are lists here."""
    options = {{"suite": "suites", "judge": "judges"}.get(name, name) for name in signature(run_command).parameters}
    of_a_command = {"named", "events", "as_json", "images", "pseudonymise", "labels", "shard"}
    assert set(signature(audit.run).parameters) == options - of_a_command


def test_what_does_not_go_with_an_engine_is_refused_and_a_budget_ends_a_run(request_for, tmp_path):
    with pytest.raises(UsageProblem, match="workers"):
        audit.run("phantom:skewed", workers=2)
    asked = request_for()
    given = {"suites": asked.suites, "effort": "quick", "waive_sanity": True, "recipe": "fast", "out": tmp_path / "run"}
    with pytest.raises(InconclusiveProblem, match="budget is spent"):
        audit.run(asked.checkpoint, max_images=1, **given)
