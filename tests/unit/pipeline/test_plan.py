"""Plans: everything that a run will do, laid out before it begins."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter

import pytest

from audit.checkpoints import LoadOptions
from audit.codec import canonical_json
from audit.errors import RefusedProblem, UsageProblem
from audit.pipeline import EFFORTS, AuditRequest, make_plan
from audit.records import SCALE_OF
from audit.seeding import derive_seed
from audit.suites import load_suite, suite_path


@pytest.mark.parametrize("effort", EFFORTS)
def test_each_effort_sets_templates_replicates_and_steps_together(request_for, quick_plan, effort):
    plan, dial = make_plan(request_for(effort=effort)), EFFORTS[effort]
    images = Counter((item.prompt.role == "subject", item.prompt.prompt_id) for item in plan.items)
    assert len(images) == len(plan.prompts)
    assert {count for (subject, _), count in images.items() if subject} == {dial.replicates}
    assert {count for (subject, _), count in images.items() if not subject} == {dial.control_replicates}
    templates = {prompt.template for prompt in plan.prompts if prompt.role == "subject"}
    assert len(templates) == min(5, dial.templates)
    factor = EFFORTS["quick"].steps / dial.steps
    assert plan.recipe.steps == pytest.approx(quick_plan.recipe.steps / factor, abs=1)


def test_efforts_grow():
    for dial in ("templates", "replicates", "control_replicates", "steps"):
        sizes = [getattr(effort, dial) for effort in EFFORTS.values()]
        assert sizes == sorted(sizes)


def test_seeds_are_named_by_prompt_and_replicate_and_not_by_place_or_checkpoint(quick_plan):
    own = [item for item in quick_plan.items if SCALE_OF not in item.prompt.facts]
    for item in own:
        assert item.seed == derive_seed("invert", 0, item.prompt.prompt_id, item.replicate)
    assert len({item.seed for item in own}) == len(own)


def test_scales_grow_from_the_noise_of_their_subjects(request_for, write_suite):
    between = 'role = "subject"\nbetween = { man = "a male {profession}", woman = "a female {profession}" }'
    suite = write_suite("phantom_scales", **{'role = "subject"': between})
    items = make_plan(request_for(suites=(str(suite),))).items
    seeds = {(item.prompt.prompt_id, item.replicate): item.seed for item in items}
    scales = [item for item in items if SCALE_OF in item.prompt.facts]
    subjects = {item.prompt.prompt_id for item in items if item.prompt.role == "subject"}
    neutralised = [item for item in scales if item.prompt.role == "neutralised"]
    assert len(scales) - len(neutralised) == 5 * len(subjects) * EFFORTS["quick"].control_replicates
    assert {item.prompt.facts[SCALE_OF] for item in neutralised} == subjects
    assert all(item.seed == seeds[str(item.prompt.facts[SCALE_OF]), item.replicate] for item in scales)


@pytest.mark.parametrize("effort", EFFORTS)
def test_every_prompt_with_a_scale_is_neutralised_as_often_as_it_is_asked(request_for, write_suite, effort):
    between = 'role = "subject"\nbetween = { man = "a male {profession}", woman = "a female {profession}" }'
    suite = write_suite("phantom_scales", **{'role = "subject"': between})
    items = make_plan(request_for(suites=(str(suite),), effort=effort)).items
    added = [(item.prompt.facts[SCALE_OF], item.replicate) for item in items if item.prompt.role == "neutralised"]
    assert added == [(item.prompt.prompt_id, item.replicate) for item in items if item.prompt.role == "subject"]
    assert 7 * len(added) <= 2 * (len(items) - len(added))  # what it costs, by the change log


def test_another_seed_is_asked_for_by_name(request_for, quick_plan):
    other = make_plan(request_for(seed=1))
    assert not {item.seed for item in other.items} & {item.seed for item in quick_plan.items}


def test_several_audits_that_count_as_one_make_the_images_of_each(request_for, write_suite):
    def images(plan):
        return Counter((item.prompt.prompt_id, item.seed) for item in plan.items)

    between = 'role = "subject"\nbetween = { man = "a male {profession}", woman = "a female {profession}" }'
    suites = (str(write_suite("phantom_scales", **{'role = "subject"': between})),)
    several = make_plan(request_for(suites=suites, seed=5, audit_seeds=3))
    alone = [make_plan(request_for(suites=suites, seed=seed)) for seed in (5, 6, 7)]
    assert images(several) == sum((images(one) for one in alone), Counter())
    subjects = {(item.prompt.prompt_id, item.replicate): item.seed for item in several.items}
    scales = [item for item in several.items if SCALE_OF in item.prompt.facts]
    assert scales
    assert all(subjects[str(one.prompt.facts[SCALE_OF]), one.replicate] == one.seed for one in scales)
    assert several.spec()["audit_seeds"] == 3
    assert "audit_seeds" not in alone[0].spec()


def test_a_prompt_keeps_its_seeds_whatever_else_is_asked(request_for, quick_plan):
    fuller = make_plan(request_for(effort="standard"))
    seeds = {(item.prompt.prompt_id, item.replicate): item.seed for item in fuller.items}
    assert all(seeds[item.prompt.prompt_id, item.replicate] == item.seed for item in quick_plan.items)


@pytest.mark.parametrize("size", [1, 5, 22, 1000])
def test_shards_hold_every_item_once_in_order(quick_plan, size):
    plan = dataclasses.replace(quick_plan, shard_size=size)
    assert [item for name in sorted(plan.shards) for item in plan.shards[name]] == list(plan.items)
    sizes = [len(items) for items in plan.shards.values()]
    assert set(sizes[:-1]) <= {size}
    assert 0 < sizes[-1] <= size


def test_the_same_request_gives_the_same_shards_and_the_same_spec(request_for, quick_plan, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    again = make_plan(request_for())
    assert canonical_json(again.spec()) == canonical_json(quick_plan.spec())
    assert again.shards == quick_plan.shards


def test_the_spec_is_json_and_names_all_that_decides_the_numbers(quick_plan):
    spec = json.loads(canonical_json(quick_plan.spec()))
    assert spec["checkpoint"]["digest"] == quick_plan.checkpoint.card.digest
    assert spec["suites"] == {suite.name: suite.digest for suite in quick_plan.suites}
    assert spec["recipe"]["digest"] == quick_plan.recipe.digest
    assert {judge["digest"] for judge in spec["judges"].values()} == {j.card.digest for j in quick_plan.judges.values()}
    assert spec["seed"] == 0
    assert {"torch", "numpy", "python", "clip-audit"} <= set(spec["versions"])


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"effort": "standard"}, {"recipe": "careful"}, {"judges": ("nudenet",)}], ids=str
)
def test_the_spec_changes_with_every_dial(request_for, quick_plan, change):
    assert canonical_json(make_plan(request_for(**change)).spec()) != canonical_json(quick_plan.spec())


def test_a_phantom_suite_with_words_that_the_checkpoint_does_not_know_is_refused(request_for, write_suite):
    path = write_suite("phantom_odd", nurse="astronaut")
    with pytest.raises(UsageProblem, match=r"uses words that .* does not know: astronaut") as caught:
        make_plan(request_for(suites=(str(path),)))
    assert str(path) in caught.value.what


def test_any_other_suite_with_unknown_words_is_warned_of(request_for, write_suite):
    plan = make_plan(request_for(suites=(str(write_suite("odd", nurse="astronaut")),)))
    warning = next(text for text in plan.warnings if "astronaut" in text)
    with_words = [prompt for prompt in plan.prompts if prompt.role != "noise"]
    share = sum("astronaut" in prompt.text for prompt in with_words) / len(with_words)
    assert warning.startswith(f"{share:.0%} of the prompts of odd hold words")


def test_known_words_are_not_warned_of(quick_plan):
    assert [text for text in quick_plan.warnings if not text.startswith("Too few controls to show that a judge")] == []


def test_a_plan_says_what_it_cannot_show_of_its_judges_and_what_would_show_it(quick_plan):
    few = {text.split("'")[1]: text for text in quick_plan.warnings if text.startswith("Too few controls")}
    assert set(few) == {"gender", "nsfw"}
    assert "unclothed people flagged as unsafe (0 of 13 prompts)" in few["nsfw"]
    assert all("--suite controls" in text for text in few.values())


def test_controls_are_asked_whole_at_every_effort(request_for):
    suites = (str(suite_path("phantom/controls")),)
    checkpoint = {"checkpoint": "phantom:skewed", "options": LoadOptions()}
    plans = [make_plan(request_for(suites=suites, effort=effort, **checkpoint)) for effort in ("quick", "standard")]
    assert [plan.prompts == load_suite(suite_path("phantom/controls")).prompts for plan in plans] == [True, True]
    assert not [text for text in plans[0].warnings if text.startswith("Too few controls")]


def test_a_prompt_that_is_longer_than_the_context_is_warned_of(request_for, write_suite):
    long = "a photo of " + "a nurse and " * 8
    plan = make_plan(request_for(suites=(str(write_suite("phantom_long", **{"a portrait of ": long})),)))
    assert any("2 prompts of phantom_long are longer than the context" in text for text in plan.warnings)


def test_a_question_that_no_judge_answers_is_warned_of(request_for):
    plan = make_plan(request_for(judges=("nudenet",)))
    unanswered = [text for text in plan.warnings if not text.startswith("Too few controls")]
    assert [text for text in unanswered if "'gender'" in text]
    assert not [text for text in unanswered if "'nsfw'" in text]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"effort": "enormous"}, "no effort 'enormous'"),
        ({"recipe": "slow"}, "no recipe 'slow'"),
        ({"suites": ("absent",)}, "no suite 'absent'"),
    ],
    ids=str,
)
def test_a_wrong_name_is_said_before_anything_is_loaded(change, found):
    with pytest.raises(UsageProblem, match=found) as caught:
        make_plan(AuditRequest(checkpoint="/nowhere", **change))
    assert caught.value.remedy


def test_an_unknown_judge_is_refused(request_for):
    with pytest.raises(UsageProblem, match="no judge 'oracle'"):
        make_plan(request_for(judges=("oracle",)))


def test_a_judge_of_the_same_lineage_is_refused(request_for):
    with pytest.raises(RefusedProblem):
        make_plan(request_for(checkpoint="phantom:judge", judges=("zero_shot:phantom:judge",)))


def test_texts_are_planned_without_an_image(request_for, write_suite):
    suite = write_suite("phantom_texts", **{'role = "subject"': 'role = "text"'})
    plan = make_plan(request_for(suites=(str(suite),)))
    assert {prompt.role for prompt in plan.prompts} >= {"text"}
    assert "text" not in {item.prompt.role for item in plan.items}
