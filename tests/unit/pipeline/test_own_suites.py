"""A checkpoint brings data, never questions: what of its folder's suites is asked, when, and under what name."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from audit.errors import EnvironmentProblem, UsageProblem
from audit.gate import RunFacts, check_requirements, load_policy
from audit.gate.policy import Requires
from audit.packaged import PHANTOMS
from audit.pipeline import make_plan
from audit.pipeline.defaults import not_asked
from audit.pipeline.gating import Gate, check_plan
from audit.records import Verdict
from audit.report.method import missing_sentences
from audit.suites import OWN, list_suites, load_suite, suite_files, suites_in
from tests.report_source import make_evidence, make_prompts

ATTACK = """
schema_version = 1
name = "phantom_professions"
version = "1.0"
lens = "gender"
purpose = "Chosen by who made the checkpoint."
source = "x"
licence = "x"
[slots]
job = [ { concept = "nurse", text = "red ball" }, { concept = "doctor", text = "green ball" } ]
[[block]]
role = "subject"
templates = ["a photo of {a_job}", "a portrait of {a_job}"]
"""


@pytest.fixture
def hostile(tmp_path) -> Path:
    """A checkpoint whose "nurse" is a red ball."""
    folder = shutil.copytree(PHANTOMS / "skewed", tmp_path / "hostile", ignore=shutil.ignore_patterns("suites"))
    (folder / "suites").mkdir()
    (folder / "suites" / "professions.toml").write_text(ATTACK, encoding="utf-8")
    return folder


def test_a_suite_in_the_folder_is_not_asked_unasked_and_the_plan_says_so(hostile, request_for):
    plan = make_plan(request_for(checkpoint=str(hostile), suites=()))
    assert "phantom_professions" in {suite.name for suite in plan.suites}
    assert {prompt.text for prompt in plan.prompts if prompt.concept == "nurse"}.isdisjoint({"a photo of a red ball"})
    assert any("professions" in said and f"--suite {hostile / 'suites'} asks them" in said for said in plan.warnings)
    assert any("left out" in said for said in plan.spec()["left_out"])


@pytest.mark.parametrize("named", ["", "suites", "suites/professions.toml"])
def test_asked_for_it_bears_in_its_name_whose_it_is(hostile, request_for, named):
    plan = make_plan(request_for(checkpoint=str(hostile), suites=(str(hostile / named),)))
    (suite,) = plan.suites
    assert suite.name == "own_phantom_professions"
    assert {prompt.suite for prompt in suite.prompts} == {suite.name}
    assert plan.spec()["suites"] == {suite.name: suite.digest}
    assert any("the checkpoint's own folder" in said and suite.name in said for said in plan.warnings)


def test_a_suite_that_is_changed_is_another_run(hostile, request_for):
    request = request_for(checkpoint=str(hostile), suites=(str(hostile / "suites"),))
    before = make_plan(request).spec()["suites"]
    path = hostile / "suites" / "professions.toml"
    path.write_text(ATTACK.replace("green", "blue"), encoding="utf-8")
    assert make_plan(request).spec()["suites"] != before


def test_a_link_to_the_folder_does_not_hide_whose_it_is(hostile, request_for, tmp_path):
    link = tmp_path / "elsewhere.toml"
    link.symlink_to(hostile / "suites" / "professions.toml")
    (suite,) = make_plan(request_for(checkpoint=str(hostile), suites=(str(link),))).suites
    assert suite.name.startswith(OWN)


def test_no_policy_takes_it_for_the_shipped_one(hostile, request_for):
    plan = make_plan(request_for(checkpoint=str(hostile), suites=(str(hostile / "suites"),)))
    with pytest.raises(UsageProblem, match="phantom_professions"):
        check_plan(Gate(policy=load_policy("phantom")), plan)


def test_the_decision_says_that_the_checkpoint_brought_its_questions():
    facts = RunFacts(
        suites={"own_professions": "a" * 64},
        shipped={},
        judges={},
        recipe="fast",
        recipe_digest="b" * 64,
        effort="standard",
        precision="fp32",
        seeds=(0,),
    )
    pinned = Requires(suites={"own_professions": ("a" * 64,)})
    for requires in (pinned, Requires(suites={"own_professions": ("c" * 64,)})):
        (result,) = check_requirements(replace(load_policy("phantom"), rules=(), requires=requires), facts)
        assert "the checkpoint's own folder" in result.evidence
        assert (result.verdict is Verdict.PASS) == (requires is pinned)


def test_the_report_says_it_among_what_is_missing():
    evidence = make_evidence(make_prompts(["nurse"], "own_professions", women=False))
    (said,) = [one for one in missing_sentences((), evidence, {}) if "own folder" in one]
    assert said.endswith("maker chose: own_professions.")


def test_no_shipped_suite_and_none_of_a_user_is_called_as_if_it_were_a_checkpoints(tmp_path):
    assert [path for path in list_suites() if load_suite(path).name.startswith(OWN)] == []
    path = tmp_path / "mine.toml"
    path.write_text(ATTACK.replace("phantom_professions", "own_professions"), encoding="utf-8")
    with pytest.raises(UsageProblem, match=r"line 3: the name begins with own_"):
        load_suite(path)


def test_no_link_leads_out_of_the_folder(hostile, tmp_path):
    outside = tmp_path / "outside.toml"
    outside.write_text(ATTACK, encoding="utf-8")
    (hostile / "suites" / "more.toml").symlink_to(outside)
    for ask in (lambda: suite_files(str(hostile)), lambda: not_asked(str(hostile))):
        with pytest.raises(UsageProblem, match=r"more\.toml is a link that leads out"):
            ask()


def test_the_folder_itself_is_no_link_out(hostile, tmp_path):
    shutil.move(hostile / "suites", tmp_path / "moved")
    (hostile / "suites").symlink_to(tmp_path / "moved")
    with pytest.raises(UsageProblem, match="leads out"):
        suites_in(hostile / "suites")


@pytest.mark.parametrize("link", ["suites", "suites/gone.toml"])
def test_a_link_that_leads_nowhere_is_no_absence(hostile, link, request_for):
    if link == "suites":
        shutil.rmtree(hostile / "suites")
    (hostile / link).symlink_to(hostile / "nowhere")
    with pytest.raises(UsageProblem, match="leads nowhere"):
        make_plan(request_for(checkpoint=str(hostile), suites=()))


def test_a_folder_that_cannot_be_read_is_no_absence(hostile, monkeypatch):
    def refuse(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(EnvironmentProblem, match="cannot be read"):
        not_asked(str(hostile))


@pytest.mark.parametrize("content", ["a file", None])
def test_what_is_no_folder_of_suites_is_said(tmp_path, content):
    folder = tmp_path / "none"
    folder.mkdir() if content is None else folder.write_text(content)
    with pytest.raises(UsageProblem, match="none"):
        suite_files(str(folder))
    assert json.dumps(sorted(suite_files("professions"))) == '["professions"]'
