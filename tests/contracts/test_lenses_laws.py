"""Laws that every lens keeps; a new lens is picked up from ``LENSES``."""

import ast
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from phrase_worlds import add_phrases, bag_of_words, with_labels, with_texts
from text_worlds import add_texts
from worlds import UNREAD, World, add_controls, add_labels, planted, seen

import audit.lenses
from audit.evidence import Evidence, findings_text
from audit.lenses import LENSES, SUITE_LENSES, Lens, TextLens, metric_cards
from audit.records import GRADE, SCALE_OF, Question, Status
from audit.seeding import derive_seed

MEN = {"nurse": 0.2, "pilot": 0.8, "baker": 0.5, "judge": 0.6}
QUESTIONS = (
    Question(suite="pairs", name="dog cat", answers={"original": "a dog", "swapped": "a cat"}),
    Question(suite="kinds", name="dogs", answers={"beagle": "a beagle", "poodle": "a poodle", "husky": "a husky"}),
)
SUBJECT_LENSES = ["gender", "nsfw"]


@pytest.fixture(params=LENSES)
def lens(request) -> Lens:
    return LENSES[request.param]


def full_world() -> World:
    world = planted(MEN, rates={"nurse": 0.5, "pilot": 0.1}, templates=4)
    add_controls(world)
    world.ask("nurse", UNREAD, *world.scores[:1], template="half read {thing}")
    world.ask("pilot", *world.scores[:2], template="stalled {thing}", status=Status.STALLED)
    world.ask("clerk", *world.scores[:2], role="reference", template="a {thing}")
    for number, label in enumerate(("ball", "apple")):
        world.show("ball", "", "ball", kind="plain", picture=f"0{number}")
        world.show("ball", "apple", label, picture=f"0{number}")
        world.show("ball", "apple", "ball", kind="letters", picture=f"0{number}")
    world.ask("cook", *world.scores[2:4], role="reference", template="a {thing}")
    for template in ("a {thing}", "some {thing}", "one {thing}"):
        world.ask("dancer", *world.scores[:2], template=template)
        world.scale({-1.0: seen("woman", unsafe=0.1), 0.0: seen("woman"), 1.0: seen("woman", unsafe=0.9)}, "nsfw")
    counts = {"published_unsafe": 1.0, "published_inversions": 4.0}
    for concept in ("ball", "apple"):
        world.ask(concept, *world.scores[:4], suite="counted", lens="repeats", template="a {thing}", facts=counts)
    add_labels(world)
    return world


@cache
def full_evidence() -> Evidence:
    """Return evidence that every lens has something to say of."""
    world = full_world()
    add_phrases(world)
    add_texts(world)
    texts = ("", "", "a nurse", "pilot 17", "xyz", None)
    world.written = [texts[number % len(texts)] for number in range(len(world.images))]
    evidence = world.evidence()
    wanted = {text for lens in LENSES.values() if isinstance(lens, TextLens) for text in lens.wants(evidence.prompts)}
    labelled = with_labels(evidence, QUESTIONS, lambda text, column: derive_seed(text, column) / 2**63)
    return with_texts(labelled, bag_of_words, more=sorted(wanted))


def with_tables(evidence: Evidence, change) -> Evidence:
    """Change every table of the evidence."""
    return replace(
        evidence,
        prompts=change(evidence.prompts),
        images=change(evidence.images),
        probes=change(evidence.probes),
        scores={name: change(table) for name, table in evidence.scores.items()},
    )


def test_lens_is_listed_under_its_name():
    assert [lens.card.name for lens in LENSES.values()] == list(LENSES)


def test_suites_may_be_written_for_every_lens_but_the_one_that_reads_all_inversions():
    assert set(SUITE_LENSES) == set(LENSES) - {"quality"} | {"none"}


def test_no_lens_knows_another_nor_does_what_lenses_share():
    lenses = {type(lens).__module__ for lens in LENSES.values()}
    for path in Path(audit.lenses.__file__).parent.glob("*.py"):
        imported = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.ImportFrom)]
        assert path.stem == "__init__" or not lenses & {node.module for node in imported}, path


def test_lens_satisfies_the_protocol(lens):
    assert isinstance(lens, Lens)


def test_metric_names_are_unique():
    names = [card.name for card in metric_cards()]
    assert len(names) == len(set(names))


def test_findings_carry_only_metrics_that_the_lens_lists(lens):
    cards = {card.name: card for card in lens.card.metrics}
    findings = lens.examine(full_evidence()).findings
    assert findings
    for found in findings:
        assert found.metric.startswith(f"{lens.card.name}.")
        assert (found.lens, found.unit, found.neutral) == (
            lens.card.name,
            *((card := cards[found.metric]).unit, card.neutral),
        )


def test_order_of_rows_changes_nothing(lens):
    evidence = full_evidence()
    shuffled = with_tables(
        evidence, lambda table: table.iloc[np.random.default_rng(4).permutation(len(table))].reset_index(drop=True)
    )
    there, back = lens.examine(evidence), lens.examine(shuffled)
    assert there.findings == back.findings
    for name, table in there.tables.items():
        pd.testing.assert_frame_equal(table, back.tables[name], check_exact=True)


def test_evidence_is_not_written_to(lens):
    evidence = full_evidence()
    before = with_tables(evidence, lambda table: table.copy(deep=True))
    lens.examine(evidence)
    pd.testing.assert_frame_equal(evidence.prompts, before.prompts)
    pd.testing.assert_frame_equal(evidence.images, before.images)
    pd.testing.assert_frame_equal(evidence.scores["judge"], before.scores["judge"])


def test_renaming_concepts_renames_findings_and_nothing_else(lens):
    evidence = full_evidence()
    renamed = replace(evidence, prompts=evidence.prompts.assign(concept="z " + evidence.prompts["concept"]))
    found = [replace(f, note=f.note.replace("z ", "")) for f in lens.examine(renamed).findings]  # a note may name them
    before = [replace(f, note=f.note.replace("z ", "")) for f in lens.examine(evidence).findings]
    as_before = [
        f if f.subject == "*" or f.subject.startswith("group:") else replace(f, subject=f"z {f.subject}")
        for f in before
    ]
    assert found == as_before


@pytest.mark.parametrize("name", SUBJECT_LENSES)
def test_unscored_subject_is_none_and_counted(name):
    world = World()
    for number in range(3):
        world.ask("nurse", UNREAD, UNREAD, template=f"{number} {{thing}}")
    for found in LENSES[name].examine(world.evidence()).findings:
        assert found.n_unscored == 6
        if found.metric != "gender.undetermined_share":
            assert (found.estimate.value, found.estimate.low, found.estimate.high) == (None, None, None)


@pytest.mark.parametrize("name", SUBJECT_LENSES)
def test_unread_and_unconverged_images_are_counted(name):
    found = {f.finding_id: f for f in LENSES[name].examine(full_evidence()).findings}
    metric = {"gender": "gender.raw_lean", "nsfw": "nsfw.rate"}[name]
    assert found[f"{metric}:suite:nurse"].n_unscored == 1
    assert found[f"{metric}:suite:pilot"].n_unscored == 2


def without_scores(evidence: Evidence, lost: set[str]) -> Evidence:
    def silent(name: str, table: pd.DataFrame) -> pd.DataFrame:
        card, gone = evidence.judges[name], table["prompt_id"].isin(lost)
        values = {column: table[column].mask(gone) for column in card.classes}
        texts = {} if card.text is None else {card.text: table[card.text].mask(gone, "")}
        return table.assign(**values, **texts, reason=table["reason"].mask(gone, "the judge could not look"))

    return replace(evidence, scores={name: silent(name, table) for name, table in evidence.scores.items()})


def stalled(evidence: Evidence, lost: set[str]) -> Evidence:
    gone = evidence.images["prompt_id"].isin(lost)
    return replace(evidence, images=evidence.images.assign(status=evidence.images["status"].mask(gone, "stalled")))


def undetermined(evidence: Evidence, lost: set[str]) -> Evidence:
    """Let the judge of gender look and not be able to tell."""
    table = evidence.scores["judge"]
    gone = table["prompt_id"].isin(lost) & (table["reason"] == "")
    unclear = {column: table[column].mask(gone, 0.25) for column in ("woman", "man", "mixed", "no_person")}
    return replace(evidence, scores={**evidence.scores, "judge": table.assign(**unclear)})


@pytest.mark.parametrize("lose", [without_scores, stalled, undetermined])
def test_an_image_that_drops_out_of_a_number_is_counted_in_its_finding(lens, lose):
    """Whatever drops out of a number without being counted lets a gate pass on what is left."""
    evidence = full_evidence()
    images = {card.name for card in lens.card.metrics if card.reads == "images"}
    before = {found.finding_id: found.estimate for found in lens.examine(evidence).findings if found.metric in images}
    prompts = evidence.prompts
    whose = prompts["facts"].map(lambda facts: json.loads(facts).get(SCALE_OF))
    owners = whose.dropna().unique()
    losses = {
        "images": prompts["prompt_id"].iloc[::2],
        "references": prompts.loc[prompts["role"] == "reference", "prompt_id"].iloc[::2],
        "grades of scales": prompts.loc[prompts["role"] == "graded", "prompt_id"].iloc[::2],
        "whole scales": prompts.loc[whose.isin(owners[::2]), "prompt_id"],
        "all scales but one": prompts.loc[whose.isin(owners[1:]), "prompt_id"],
    }
    for what, lost in losses.items():
        for found in lens.examine(lose(evidence, set(lost))).findings:
            if found.finding_id in before:
                counted = found.estimate.n_images + found.n_unscored
                assert counted >= before[found.finding_id].n_images, (what, found.finding_id)


def test_no_value_lies_outside_its_interval(lens):
    for found in lens.examine(full_evidence()).findings:
        estimate = found.estimate
        if estimate.low is not None:
            assert estimate.low <= estimate.value <= estimate.high


def test_findings_can_be_written_and_ids_are_unique(lens):
    assert findings_text(lens.examine(full_evidence()).findings)


def turned_scale(facts: str) -> str:
    """Return facts in which what said a woman says a man."""
    known = json.loads(facts)
    return json.dumps({**known, GRADE: -known[GRADE]} if GRADE in known else known)


def test_swapping_women_and_men_turns_the_signs_of_gender():
    evidence = full_evidence()
    scores = evidence.scores["judge"]
    swapped = scores.assign(woman=scores["man"], man=scores["woman"], signed=-scores["signed"])
    prompts = evidence.prompts.assign(
        expected=evidence.prompts["expected"].replace({"man": "woman", "woman": "man"}),
        women=1 - evidence.prompts["women"],
        facts=evidence.prompts["facts"].map(turned_scale),
    )
    there = LENSES["gender"].examine(evidence).findings
    scores_then = {**evidence.scores, "judge": swapped}
    back = LENSES["gender"].examine(replace(evidence, prompts=prompts, scores=scores_then)).findings
    signed = {"gender.lean", "gender.raw_lean", "gender.parity_gap", "gender.labour_gap"}
    assert any(f.metric == "gender.raw_lean" for f in there)
    for one, two in zip(there, back, strict=True):
        value = one.estimate.value
        if one.metric in signed and (one.subject != "*" or one.metric in {"gender.lean", "gender.raw_lean"}):
            assert two.estimate.value == pytest.approx(-value)
            assert two.estimate.low == pytest.approx(-one.estimate.high)
        elif one.metric in {"gender.woman_share", "gender.man_share"}:
            assert two.estimate.value == pytest.approx(1 - value)
        else:
            assert two.estimate.value == pytest.approx(value)


def test_columns_hold_one_kind_of_value_even_where_all_is_missing(lens):
    world = World()
    world.ask("nurse", UNREAD)
    for table in lens.examine(world.evidence()).tables.values():
        for column in table:
            kind = pd.api.types.infer_dtype(table[column], skipna=False)
            assert kind in {"string", "floating", "integer", "boolean"}, column
