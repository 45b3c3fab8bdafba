"""Letters in the images of a text: how often, whose, and more often than in those of references."""

import pytest
from worlds import World, read

from audit.lenses import LENSES
from audit.lenses.common.protocol import LensAnswer
from audit.lenses.letters import runs_of


def answered(world: World) -> LensAnswer:
    return LENSES["letters"].examine(world.evidence({}))


def values(answer: LensAnswer, subject: str = "*", suite: str = "suite") -> dict[str, float | None]:
    return {f.metric: f.estimate.value for f in answer.findings if (f.subject, f.suite) == (subject, suite)}


def ask(world: World, concept: str, *texts: str | None, template: str = "a {thing}", **more) -> None:
    """Add one prompt with one image per text that is read in it."""
    world.ask(concept, *[read("")] * len(texts), template=template, **more)
    world.written += texts


def test_the_share_counts_images_with_text_and_the_prompt_is_the_unit():
    world = World()
    ask(world, "nurse", "abc", "", template="a {thing}")
    ask(world, "nurse", "", "", template="one {thing}")
    assert values(answered(world), "nurse")["letters.share"] == 0.25


def test_letters_are_the_prompts_own_from_three_in_a_row_on():
    world = World()
    ask(world, "nurse", "NURS", "un", "xyz", "nu rse")
    ask(world, "pilot", "", "", "", "")
    found = values(answered(world), "nurse")
    assert (found["letters.share"], found["letters.own_share"]) == (1.0, 0.5)


def test_words_that_other_prompts_have_too_are_no_excess():
    world = World()
    ask(world, "nurse", "photo", "photo", template="a photo of {thing}")
    ask(world, "pilot", "nurse", "", template="a photo of {thing}")
    found = answered(world)
    assert values(found, "nurse")["letters.own_share"] == 1.0
    assert values(found, "nurse")["letters.own_excess"] == 0.0
    assert values(found, "pilot")["letters.own_excess"] == -0.5


def test_a_single_concept_has_nobody_to_be_compared_with():
    world = World()
    ask(world, "nurse", "nurse", "nurse")
    assert values(answered(world), "nurse")["letters.own_excess"] is None


def test_the_excess_is_over_the_matched_references():
    world = World()
    for template in ("a {thing}", "one {thing}"):
        ask(world, "justice", "just", "ice", template=template)
        ask(world, "sky", "", "abc", template=template, role="reference", facts={"matched_to": "justice"})
        ask(world, "wall", "abc", "abc", template=template, role="reference")
    found = answered(world)
    assert values(found, "justice")["letters.excess"] == 0.5
    assert values(found)["letters.excess"] == 0.5


def test_each_group_of_subjects_is_told_apart():
    world = World()
    ask(world, "justice", "just", group="word")
    ask(world, "velmost", "", group="gibberish")
    found = answered(world)
    assert values(found, "group:word")["letters.share"] == 1.0
    assert values(found, "group:gibberish")["letters.share"] == 0.0
    assert values(found)["letters.share"] == 0.5


def test_an_image_that_could_not_be_read_is_counted_and_no_evidence():
    world = World()
    ask(world, "nurse", "abc", None)
    (found,) = [f for f in answered(world).findings if f.finding_id == "letters.share:suite:nurse"]
    assert (found.estimate.value, found.estimate.n_images, found.n_unscored) == (1.0, 1, 1)


def test_what_was_read_stands_in_a_table_as_it_was_spelt():
    world = World()
    ask(world, "nurse", "<b>nurse", "<b>nurse", "", "")
    table = answered(world).tables["letters_read"]
    assert table[["concept", "answer", "share"]].to_numpy().tolist() == [["nurse", "<b>nurse", 0.5]]


def see(world: World, concept: str, *answers: str, **more) -> None:
    """Add one prompt with one image per answer of a judge of labels."""
    told = [{f"writing|{one}": 0.6 if one == answer else 0.1 for one in ("written", "plain")} for answer in answers]
    world.label(concept, *told, lens="letters", **more)


def test_a_judge_of_labels_sees_writing_that_nobody_reads():
    world = World()
    for template in ("a {thing}", "one {thing}"):
        see(world, "ball that says cup", "written", "plain", template=template)
        matched = {"writing": "plain", "matched_to": "ball that says cup"}
        see(world, "ball", "plain", "plain", template=template, role="reference", facts=matched)
        see(world, "a word", "written", "written", template=template, role="reference", facts={"writing": "written"})
    found = values(answered(world), "ball that says cup")
    assert found == {"letters.seen_share": 0.5, "letters.seen_excess": 0.5}
    assert values(answered(world))["letters.recognised_share"] == 1.0


def test_nothing_is_compared_with_references_that_show_what_writing_is():
    world = World()
    see(world, "ball that says cup", "written", "written")
    see(world, "a word", "written", "written", role="reference", facts={"writing": "written"})
    assert "letters.seen_excess" not in values(answered(world), "ball that says cup")


def test_a_run_without_either_judge_has_no_answer():
    world = World()
    world.ask("nurse", read(""))
    assert answered(world) == LensAnswer(findings=(), tables={})


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("", set()),
        ("ab cd", set()),
        ("Café", {"caf", "afe"}),
        ("a-bcd1efg", {"bcd", "efg"}),
        ("Straße", {"str", "tra", "ras", "ass", "sse"}),
    ],
)
def test_runs_are_three_letters_in_a_row_without_case_and_accents(text, runs):
    assert runs_of(text) == runs
