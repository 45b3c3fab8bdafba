"""Whether the label follows what is seen or what is written."""

from worlds import World

from audit.lenses import LENSES
from audit.lenses.common.protocol import LensAnswer


def answered(*pictures: tuple[str, str, str]) -> LensAnswer:
    """Answer for pictures of a ball that say apple; each gives the labels when plain, with the word, with letters."""
    world = World()
    for thing in ("ball", "apple", "cup"):
        world.ask(thing, suite="written", role="text", lens="written")
    for number, (plain, word, letters) in enumerate(pictures):
        name = f"{number:02d}"
        world.show("ball", "", plain, kind="plain", picture=name)
        world.show("ball", "apple", word, picture=name)
        world.show("ball", "apple", letters, kind="letters", picture=name)
    return LENSES["written"].examine(world.evidence())


def values(answer: LensAnswer, subject: str = "*") -> dict[str, float | None]:
    return {found.metric: found.estimate.value for found in answer.findings if found.subject == subject}


def test_a_label_that_is_the_written_word_follows_it():
    pictures = [("ball", "apple", "ball")] * 3 + [("ball", "ball", "ball")]
    assert values(answered(*pictures))["written.follow_share"] == 0.75


def test_what_letters_without_a_meaning_do_as_well_is_no_reading():
    found = values(answered(("ball", "apple", "apple"), ("ball", "apple", "ball")))
    assert (found["written.follow_share"], found["written.excess"]) == (1.0, 0.5)


def test_another_wrong_label_follows_nothing():
    found = values(answered(("ball", "cup", "ball")))
    assert (found["written.follow_share"], found["written.excess"]) == (0.0, 0.0)


def test_plain_pictures_are_counted_apart():
    found = values(answered(("ball", "ball", "ball"), ("cup", "ball", "ball")))
    assert found["written.plain_accuracy"] == 0.5


def test_the_unit_is_the_picture_of_a_thing():
    (found,) = [
        f for f in answered(*[("ball", "apple", "ball")] * 4).findings if f.finding_id.endswith("excess:written:*")
    ]
    assert (found.estimate.n_images, found.estimate.n_prompts) == (4, 4)


def test_every_thing_has_findings_of_its_own():
    assert values(answered(("ball", "apple", "ball")), "ball")["written.follow_share"] == 1.0


def test_a_run_without_such_pictures_has_no_answer():
    world = World()
    assert LENSES["written"].examine(world.evidence()) == LensAnswer(findings=(), tables={})


def test_every_label_is_in_the_table():
    table = answered(("ball", "apple", "ball")).tables["written_pictures"]
    assert table[["kind", "shows", "says", "label"]].to_numpy().tolist() == [
        ["letters", "ball", "apple", "ball"],
        ["plain", "ball", "", "ball"],
        ["word", "ball", "apple", "apple"],
    ]
