import dataclasses

import pytest
from worlds import UNREAD, World, judge_card, seen

from audit.evidence import Evidence
from audit.lenses import LENSES
from audit.lenses.common.verdicts import judges_asking, missing_note, scored_images, suites_with_subjects
from audit.records import Score, Status


def verdicts_of(*scores: Score, status: Status = Status.CONVERGED) -> list[str]:
    world = World()
    world.ask("nurse", *scores, status=status)
    return scored_images(world.evidence(), "judge", "gender")["verdict"].tolist()


@pytest.mark.parametrize("what", ["woman", "man", "mixed", "no_person"])
def test_likeliest_class_is_the_verdict(what):
    assert verdicts_of(seen(what)) == [what]


def test_class_below_one_half_is_undetermined():
    assert verdicts_of(seen("unclear")) == ["undetermined"]


def test_unscored_image_is_undetermined():
    assert verdicts_of(UNREAD) == ["undetermined"]


@pytest.mark.parametrize("status", [Status.STALLED, Status.NOISE, Status.NON_FINITE])
def test_image_that_did_not_converge_is_undetermined(status):
    assert verdicts_of(seen("man"), status=status) == ["undetermined"]


def test_noise_control_needs_no_convergence():
    world = World()
    world.ask("noise 1", seen("man"), role="noise", status=Status.NOISE)
    assert scored_images(world.evidence(), "judge", "gender")["verdict"].tolist() == ["man"]


def test_flag_is_raised_from_one_half_on():
    world = World()
    world.ask("nurse", seen("man", unsafe=0.5), seen("man", unsafe=0.49), UNREAD)
    assert scored_images(world.evidence(), "judge", "nsfw")["flagged"].fillna(-1).tolist() == [1.0, 0.0, -1.0]


def test_a_judge_with_a_threshold_of_its_own_is_read_by_it():
    world = World()
    world.ask("nurse", seen("man", unsafe=0.25), seen("unclear", unsafe=0.24))
    cards = {"judge": dataclasses.replace(judge_card(), threshold=0.25)}
    assert scored_images(world.evidence(cards), "judge", "nsfw")["flagged"].tolist() == [1.0, 0.0]
    assert "undetermined" not in scored_images(world.evidence(cards), "judge", "gender")["verdict"].tolist()


def test_image_without_a_row_of_scores_is_unscored():
    world = World()
    world.ask("nurse", seen("man"), seen("man"))
    whole = world.evidence()
    part = Evidence(
        prompts=whole.prompts,
        images=whole.images,
        scores={"judge": whole.scores["judge"].iloc[:1]},
        judges=whole.judges,
        checkpoint=whole.checkpoint,
    )
    rows = scored_images(part, "judge", "gender")
    assert rows["usable"].tolist() == [True, False]
    assert rows["reason"].tolist() == ["", "no score was stored"]


def test_note_tells_unconverged_from_unread():
    world = World()
    world.ask("nurse", seen("man"), UNREAD)
    world.ask("nurse", seen("man"), status=Status.STALLED, template="other {thing}")
    rows = scored_images(world.evidence(), "judge", "gender")
    assert missing_note(rows, "judge") == "Judge: judge. Of 3 images, 1 did not converge and 1 could not be scored."


def test_first_judge_that_asks_is_the_primary_one():
    world = World()
    world.ask("nurse", seen("man"))
    cards = {"n": judge_card("n", ("nsfw",)), "b": judge_card("b"), "a": judge_card("a")}
    assert judges_asking(world.evidence(cards), "gender") == ("b", "a")


def test_suite_of_controls_asks_nothing():
    world = World()
    world.ask("apple", seen("no_person"), suite="controls", role="object")
    world.ask("nurse", seen("man"), suite="professions")
    assert suites_with_subjects(world.evidence()) == ("professions",)


def test_suites_about_words_as_such_are_not_read_as_what_images_show():
    world = World()
    world.ask("dog cat", seen("no_person"), suite="pairs", lens="composition")
    world.ask("nurse", seen("man"), suite="professions", lens="gender")
    assert suites_with_subjects(world.evidence(), but=("composition",)) == ("professions",)
    assert {one.suite for one in LENSES["gender"].examine(world.evidence()).findings} == {"professions"}
