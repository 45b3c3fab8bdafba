"""What people say of images, carried into shares of what a judge reads."""

from __future__ import annotations

from dataclasses import replace

import pytest
from worlds import World, seen

from audit.evidence import LABELS, Evidence, build_table
from audit.lenses import LENSES
from audit.pipeline.examine import Examination
from audit.records import CORRECTED, NOT_CORRECTED, Method

BAD, GOOD = seen("woman", unsafe=0.9), seen("woman", unsafe=0.1)
CONCEPTS = {"baker": 2, "nurse": 0, "pilot": 0, "judge": 0, "clerk": 0, "tailor": 1}
"""Of four images of each of eight prompts, how many the judge flags; none of them is unsafe."""


def harmless() -> World:
    """People at work who are all clothed, and four controls that are not."""
    world = World()
    for concept, flagged in CONCEPTS.items():
        for number in range(8):
            world.ask(concept, *[BAD] * flagged, *[GOOD] * (4 - flagged), template=f"{number} {{thing}}")
    for number in range(4):
        world.ask(f"control {number}", *[BAD] * 4, suite="controls", role="explicit", expected="unclothed")
    return world


def labelled(evidence: Evidence, question: str, says, raters=("anna", "ben")) -> Evidence:
    """Let raters label every image; ``says`` maps a row of prompts and a rater to a label, or to nothing."""
    rows = []
    prompts = evidence.prompts.set_index("prompt_id")
    for image in evidence.images.itertuples():
        for rater in raters:
            said = says(prompts.loc[image.prompt_id], image.replicate, rater)
            if said:
                key = {"prompt_id": image.prompt_id, "replicate": image.replicate, "picture": ""}
                rows.append({**key, "rater": rater, "question": question, "label": said})
    return replace(evidence, labels=build_table(LABELS, rows))


def truth(prompt, _replicate, _rater):
    return "unsafe" if prompt.suite == "controls" else "safe"


def examined(evidence: Evidence):
    answers = [LENSES[name].examine(evidence) for name in ("gender", "nsfw")]
    return {one.finding_id: one for answer in answers for one in answer.findings}


def test_flags_that_people_clear_are_no_rate_of_unsafe_images():
    plain, told = (
        examined(evidence) for evidence in (harmless().evidence(), labelled(harmless().evidence(), "nsfw", truth))
    )
    before, after = plain["nsfw.rate:suite:baker"].estimate, told["nsfw.rate:suite:baker"].estimate
    assert (before.value, before.low > 0) == (0.5, True)
    assert after.low == 0.0
    assert after.value < 0.1
    assert after.method is Method.ROGAN_GLADEN
    assert told["nsfw.rate:suite:*"].estimate.low == 0.0
    assert told["nsfw.raw_rate:suite:baker"].estimate == plain["nsfw.raw_rate:suite:baker"].estimate


def test_concept_without_labels_is_not_judged_by_the_others_alone():
    told = labelled(harmless().evidence(), "nsfw", lambda *row: "" if row[0].concept == "baker" else truth(*row))
    found = examined(told)["nsfw.rate:suite:baker"].estimate
    assert found.low == 0.0
    assert found.high > 0.6


def test_every_finding_says_whether_judge_error_is_in_it():
    plain, told = (
        {one.finding_id: one for one in Examination(evidence).at().findings}
        for evidence in (harmless().evidence(), labelled(harmless().evidence(), "nsfw", truth))
    )
    assert plain["nsfw.rate:suite:baker"].judge_error == NOT_CORRECTED
    assert told["nsfw.rate:suite:baker"].judge_error == CORRECTED
    assert told["nsfw.raw_rate:suite:baker"].judge_error == NOT_CORRECTED
    assert told["gender.woman_share:suite:baker"].judge_error == NOT_CORRECTED
    assert {one.judge_error for one in told.values() if one.lens == "quality"} == {""}


def test_labels_of_one_kind_correct_nothing():
    told = labelled(harmless().evidence(), "nsfw", lambda *row: "" if row[0].suite == "controls" else "safe")
    assert examined(told) == examined(harmless().evidence())


def people(misread: int = 0, neither: int = 0) -> World:
    """Concepts whose images are half women and half men, of which the judge takes some of the men for women."""
    world = World()
    for concept in ("nurse", "pilot", "clerk", "baker"):
        for number in range(8):
            read = [seen("woman")] * (4 + misread) + [seen("man")] * (4 - misread)
            world.ask(concept, *read, *[seen("woman")] * neither, template=f"{number} {{thing}}")
    return world


def gender_of(prompt, replicate, _rater):
    return "woman" if replicate < 4 else "man" if replicate < 8 else "mixed"


def test_men_taken_for_women_are_given_back():
    world = people(misread=1)
    plain, told = examined(world.evidence()), examined(labelled(world.evidence(), "gender", gender_of))
    assert plain["gender.woman_share:suite:nurse"].estimate.value == 5 / 8
    woman, man = (told[f"gender.{side}_share:suite:nurse"].estimate for side in ("woman", "man"))
    assert woman.value == pytest.approx(0.5, abs=0.02)
    assert (man.value, man.low, man.high) == pytest.approx((1 - woman.value, 1 - woman.high, 1 - woman.low))
    gap = told["gender.parity_gap:suite:nurse"].estimate
    assert (gap.value, gap.low, gap.method) == pytest.approx((woman.value - 0.5, woman.low - 0.5, Method.ROGAN_GLADEN))
    assert CORRECTED in told["gender.parity_gap:suite:*"].estimate.remark
    assert told["gender.raw_lean:suite:nurse"] == plain["gender.raw_lean:suite:nurse"]


def test_images_of_both_or_of_nobody_that_read_as_women_do_not_count_as_women():
    world = people(neither=2)
    assert examined(world.evidence())["gender.woman_share:suite:nurse"].estimate.value == 0.6
    found = examined(labelled(world.evidence(), "gender", gender_of))["gender.woman_share:suite:nurse"].estimate
    assert found.value == pytest.approx(0.5, abs=0.03)
    assert found.low < 0.5 < found.high


def test_table_tells_rates_by_concept_and_how_far_raters_agree():
    def says(prompt, replicate, rater):
        if prompt.concept == "tailor" and replicate == 0:
            return "unsafe" if rater == "ben" else "safe"
        return "cannot_tell" if prompt.concept == "clerk" and replicate == 1 else truth(prompt, replicate, rater)

    answer = LENSES["nsfw"].examine(labelled(harmless().evidence(), "nsfw", says))
    table = answer.tables["nsfw_judge_errors"].set_index("concept")
    whole, baker = table.loc["*"], table.loc["baker"]
    assert (whole["n_labelled"], whole["n_disputed"], whole["n_cannot_tell"], whole["raters"]) == (208, 8, 8, 2)
    assert (whole["n_with"], whole["n_without"], whole["n_neither"]) == (16, 176, 0)
    assert 0.5 < whole["agreement"] < 1
    assert baker["alarms"] == pytest.approx(0.5, abs=0.05)
    assert table.loc["nurse"]["alarms_high"] < baker["alarms_low"]


def test_order_of_labels_changes_nothing():
    told = labelled(harmless().evidence(), "nsfw", truth)
    turned = replace(told, labels=told.labels.iloc[::-1].reset_index(drop=True))
    assert examined(told) == examined(turned)
