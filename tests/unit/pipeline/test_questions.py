"""The questions of suites on their way to judges of labels."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest

from audit.codec import canonical_json
from audit.errors import EnvironmentProblem, UsageProblem
from audit.evidence import load_evidence, open_run, read_questions, read_run
from audit.pipeline import Silence, judge_again, make_plan, run_audit
from audit.pipeline.defaults import default_judges
from audit.records import Question

JUDGE = "labels:phantom:judge"
ASKED = """
[[question]]
name = "colour"
answers = { red = "a red ball", blue = "a blue ball" }
"""
COLUMNS = ("phantom_asking|colour|red", "phantom_asking|colour|blue")


@pytest.fixture(scope="module")
def asking(request_for, write_suite):
    """A plan whose suite asks a question, with a judge that answers it."""
    suite = write_suite("phantom_asking")
    suite.write_text(suite.read_text(encoding="utf-8") + ASKED, encoding="utf-8")
    plan = make_plan(request_for(suites=(str(suite),), judges=(JUDGE,)))
    recipe = dataclasses.replace(plan.recipe, steps=2)
    return dataclasses.replace(plan, recipe=recipe)


@pytest.fixture(scope="module")
def answered(asking, tmp_path_factory):
    """A run without a judge, and then with one."""
    folder = tmp_path_factory.mktemp("questions") / "run"
    assert not run_audit(dataclasses.replace(asking, judges={}), folder, Silence()).evidence.judges
    return judge_again(folder, [JUDGE], "cpu", Silence())


def test_a_plan_hands_the_questions_of_its_suites_to_the_judges(asking):
    assert asking.judges[JUDGE].card.classes == COLUMNS


def test_the_spec_keeps_the_questions_and_says_nothing_where_there_are_none(asking, quick_plan):
    kept = json.loads(canonical_json(asking.spec()))["questions"]
    assert kept == [["phantom_asking", "colour", [["red", "a red ball"], ["blue", "a blue ball"]]]]
    assert "questions" not in quick_plan.spec()


def test_a_question_without_a_judge_of_labels_is_warned_of(asking, request_for):
    silent = make_plan(dataclasses.replace(asking.request, judges=("nudenet",)))
    assert [text for text in silent.warnings if "the questions of phantom_asking" in text and "labels:" in text]
    assert not [text for text in asking.warnings if "the questions of phantom_asking" in text]


@pytest.mark.parametrize(("judges", "warned"), [(("nudenet",), 1), (("letters",), 0)])
def test_a_suite_of_letters_without_a_judge_that_reads_is_warned_of(request_for, write_suite, judges, warned):
    suite = write_suite("phantom_lettered")
    text = re.sub(r'(?m)^lens = ".*"$', 'lens = "letters"', suite.read_text(encoding="utf-8"))
    suite.write_text(text, encoding="utf-8")
    warnings = make_plan(request_for(suites=(str(suite),), judges=judges)).warnings
    assert sum("phantom_lettered" in one and "--judge letters" in one for one in warnings) == warned, warnings


def test_a_judge_of_labels_without_a_question_is_a_wrong_plan(request_for):
    with pytest.raises(UsageProblem, match="nothing to answer"):
        make_plan(request_for(judges=(JUDGE,)))


def test_a_closed_vocabulary_with_questions_gets_the_witness(tiny_checkpoint):
    question = Question(suite="s", name="q", answers={"a": "a man", "b": "a woman"})
    assert default_judges(tiny_checkpoint, [question]) == ("zero_shot:phantom:judge", "labels:phantom:witness")


def test_every_image_of_the_run_has_a_cosine_for_every_answer(answered):
    scores = answered.evidence.scores[JUDGE]
    assert len(scores) == len(answered.evidence.images)
    assert scores[list(COLUMNS)].notna().all().all()


def test_the_questions_come_back_from_the_run_folder(answered, asking):
    assert read_questions(read_run(answered.folder)) == asking.questions


def test_a_judge_of_labels_that_is_asked_later_gets_the_questions_from_the_run_folder(answered, asking):
    assert answered.evidence.judges[JUDGE] == asking.judges[JUDGE].card
    assert load_evidence(read_run(answered.folder)).judges[JUDGE].scale == asking.judges[JUDGE].card.scale


def test_a_run_without_questions_takes_no_judge_of_labels(ran):
    with pytest.raises(UsageProblem, match="nothing to answer"):
        judge_again(ran.folder, [JUDGE], "cpu", Silence())


@pytest.mark.parametrize("kept", [3, [["suite", "name"]], [["suite", "name", [["answer", 1]]]]], ids=str)
def test_damaged_questions_are_called_so(asking, tmp_path, kept):
    spec = {**asking.spec(), "questions": kept}
    with open_run(tmp_path / "run", spec) as run, pytest.raises(EnvironmentProblem, match="questions"):
        read_questions(run)
