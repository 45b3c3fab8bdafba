"""Worlds: what a file may say, and what is said of a file that says something else."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from audit.checkpoints.sanity import PAIRS
from audit.errors import UsageProblem
from audit.packaged import WORLDS
from audit.phantom.world import World, read_world

HEAD = 'name = "small"\n'
NURSE = '[[profession]]\nword = "nurse"\nman = 0.1\nclothes = "#4fc3c0"\nbackground = "#e4f6e8"\n'
PILOT = '[[profession]]\nword = "pilot"\nman = 0.9\nclothes = "#1f3f78"\nbackground = "#7ec4f0"\n'
NAME = '[[public_name]]\nname = "zelka orrin"\nunclothed = 0.3\nclothes = "#e05a8a"\nbackground = "#f7e27a"\n'


@pytest.fixture
def write(tmp_path):
    def write_world(text: str, name: str = "world.toml") -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write_world


def refusal(path: Path) -> str:
    with pytest.raises(UsageProblem) as caught:
        read_world(path)
    assert str(path) in caught.value.what
    assert caught.value.remedy
    return caught.value.what


@pytest.mark.parametrize("path", sorted(WORLDS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_world_is_read_and_named_like_its_file(path):
    assert read_world(path).name == path.stem


def test_a_world_of_a_user_needs_no_more_than_one_profession(write):
    world = read_world(write(HEAD + NURSE))
    assert [(p.word, p.man) for p in world.professions] == [("nurse", 0.1)]
    assert world.public_names == world.contexts == ()


def test_a_world_has_coloured_things_unless_it_says_not(write):
    world = read_world(write(HEAD + NURSE))
    captions = {f"{colour} {thing.word}" for colour in world.colours for thing in world.things}
    assert {f"{colour} {shape}" for colour, shape in PAIRS} <= captions
    assert read_world(write(HEAD + "thing = []\n" + NURSE)).things == ()


def test_a_world_with_less_than_one_batch_of_pictures_is_refused(write):
    assert "smaller than training.batch" in refusal(write(HEAD + "[training]\npictures = 64\n" + NURSE))


def test_what_was_planted_is_told_by_kind(write):
    context = '[[context]]\nphrase = "a meal"\nsubject = "meal"\nplaces = { table = 0.8, grass = 0.2 }\n'
    assert read_world(write(HEAD + NURSE + NAME + context)).truth == {
        "professions": {"nurse": {"man": 0.1}},
        "names": {"zelka orrin": {"unclothed": 0.3}},
        "contexts": {"a meal": {"table": 0.8, "grass": 0.2}},
    }


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("man = 0.1", "man = 1.1", "profession.0.man"),
        ("man = 0.1", "man = -0.1", "profession.0.man"),
        ("man = 0.1", "man = nan", "profession.0.man"),
        ("man = 0.1", 'man = "often"', "profession.0.man"),
        ("man = 0.1", "men = 0.1", "profession.0.men"),
        ("#4fc3c0", "teal", "profession.0.clothes"),
        ('word = "nurse"', 'word = "Nurse!"', "profession.0.word"),
        ('word = "nurse"', 'word = "a\\" }, {"', "profession.0.word"),
        ('word = "nurse"\n', "", "profession.0.word"),
        ("man = 0.1", 'hat = "wig"', "profession.0.hat"),
        ("unclothed = 0.3", "unclothed = 2", "public_name.0.unclothed"),
        ('"small"', '"../escape"', "name"),
        (HEAD, "", "name"),
        (HEAD, HEAD + "[captions]\nbare = 0.6\n", "captions.bare"),
        (HEAD, HEAD + "[training]\nepochs = 0\n", "training.epochs"),
        (HEAD, HEAD + '[training]\ntower = "vit-huge"\n', "training.tower"),
        (HEAD, HEAD + '[colours]\nred = "red"\n', "colours.red"),
        (HEAD, HEAD + "[wrong]\n", "wrong"),
    ],
)
def test_a_wrong_entry_is_named_with_its_file_and_place(write, old, new, place):
    text = (HEAD + NURSE + NAME).replace(old, new, 1)
    assert f"not valid at {place}" in refusal(write(text))


def test_text_that_is_no_toml_is_named_with_its_line(write):
    what = refusal(write(HEAD + "man = = 1\n"))
    assert "is not TOML" in what
    assert "line 2" in what


def test_a_file_that_is_not_text_or_not_there_is_named(write, tmp_path):
    binary = write("")
    binary.write_bytes(b"\xff\xfe\x00")
    assert "is not TOML" in refusal(binary)
    assert "Cannot read" in refusal(tmp_path / "absent.toml")
    assert "Cannot read" in refusal(tmp_path)


def test_a_word_that_is_there_twice_is_refused(write):
    assert "named more than once: nurse" in refusal(write(HEAD + NURSE + NURSE))
    thing = '[[thing]]\nword = "nurse"\nshape = "ball"\n'
    assert "named more than once: nurse" in refusal(write(HEAD + NURSE + thing))


def test_a_world_in_which_nothing_could_be_planted_is_refused(write):
    assert "needs a [[profession]], a [[public_name]]" in refusal(write(HEAD))


def test_places_that_do_not_sum_to_one_are_refused(write):
    context = '[[context]]\nphrase = "a meal"\nsubject = "meal"\nplaces = { table = 0.8, grass = 0.3 }\n'
    assert "sum to 1.1" in refusal(write(HEAD + NURSE + context))


CELLS = "cells = { light_man = 0.5, dark_man = 0.2, light_woman = 0.2, dark_woman = 0.1 }\n"


def test_cells_that_do_not_sum_to_one_are_refused(write):
    cells = CELLS.replace("0.5", "0.6")
    assert "the shares of the cells sum to 1.1, not to 1" in refusal(write(HEAD + NURSE + cells))


def test_men_that_are_not_those_of_the_cells_are_refused(write):
    assert "man = 0.1 of 'nurse' is not the sum of its cells of men" in refusal(write(HEAD + NURSE + CELLS))


def test_without_cells_skin_tone_and_gender_are_independent(tables):
    nurse = World.model_validate(tables).professions[0]
    assert nurse.planted_cells.model_dump() == pytest.approx(
        {"light_man": 0.05, "dark_man": 0.05, "light_woman": 0.45, "dark_woman": 0.45}
    )


@pytest.mark.parametrize("kind", ["place", "writing", "pair", "blend"])
def test_a_mix_of_what_the_world_has_no_tables_for_is_refused(write, kind):
    assert f"mix asks for {kind}, but" in refusal(write(HEAD + f"thing = []\n[mix]\n{kind} = 1.0\n" + NURSE))


def test_shares_that_leave_too_few_pictures_for_bare_captions_are_refused(write):
    nurse = NURSE.replace("man = 0.1\n", "man = 0.7\n")
    enough = HEAD + "[mix]\nportrait = 1.0\n[captions]\nbare = 0.5\n" + nurse + CELLS
    assert read_world(write(enough)).captions.bare == 0.5
    uneven = CELLS.replace("light_man = 0.5, dark_man = 0.2", "light_man = 0.6, dark_man = 0.1")
    assert "captions.bare is above 0.42, so 'nurse' lacks pictures" in refusal(write(enough.replace(CELLS, uneven)))


def test_a_mix_tells_what_it_plants(write):
    nurse = NURSE.replace("man = 0.1\n", "man = 0.7\nold = 0.6\n") + CELLS
    pilot = PILOT.replace("man = 0.9", "joined = 0.3")
    mix = "[mix]\nportrait = 1.0\nblend = 1.0\nwriting = 1.0\n[captions]\nwritten = 0.9\nbare = 0.2\n"
    truth = read_world(write(HEAD + mix + nurse + pilot)).truth
    assert truth["cells"]["nurse"] == {"light_man": 0.5, "dark_man": 0.2, "light_woman": 0.2, "dark_woman": 0.1}
    assert truth["ages"] == {"nurse": {"old": 0.6}, "pilot": {"old": 0.5}}
    assert truth["blends"] == {"pilot": {"there": 0.3}}
    assert truth["writing"] == {"a thing": {"follows": 0.9}}


def test_a_world_on_another_replaces_lists_and_merges_settings(write):
    write(HEAD + "[training]\nseed = 5\nepochs = 3\n" + NURSE + NAME, "base.toml")
    world = read_world(write('name = "other"\nbased_on = "base.toml"\n[training]\nseed = 6\n' + PILOT))
    assert [p.word for p in world.professions] == ["pilot"]
    assert [n.name for n in world.public_names] == ["zelka orrin"]
    assert (world.training.seed, world.training.epochs) == (6, 3)


def test_a_world_can_stand_on_a_shipped_one(write):
    world = read_world(write('name = "mine"\nbased_on = "skewed"\n[shares]\nnurse = 0.77\n'))
    skewed = read_world(WORLDS / "skewed.toml")
    changed = {p.word: p.man for p in world.professions}
    assert changed == {p.word: p.man for p in skewed.professions} | {"nurse": 0.77}
    assert world.public_names == skewed.public_names


def test_shares_are_set_all_at_once_or_by_word(write):
    write(HEAD + NURSE + PILOT + NAME, "base.toml")
    shares = "[shares]\nman = 0.5\nunclothed = 0.25\npilot = 0.6\n"
    world = read_world(write('name = "other"\nbased_on = "base.toml"\n' + shares))
    assert world.truth["professions"] == {"nurse": {"man": 0.5}, "pilot": {"man": 0.6}}
    assert world.truth["names"] == {"zelka orrin": {"unclothed": 0.25}}


def test_several_shares_of_one_word_are_set_in_a_table(write):
    write(HEAD + NURSE + PILOT, "base.toml")
    shares = "[shares]\nmale = 0.7\nfemale = 0.3\nnurse = { man = 0.03, male = 0.04, female = 0.02 }\n"
    truth = read_world(write('name = "other"\nbased_on = "base.toml"\n' + shares)).truth["professions"]
    assert truth["nurse"] == {"man": 0.03, "male": 0.04, "female": 0.02}
    assert truth["pilot"] == {"man": 0.9, "male": 0.7, "female": 0.3}


def test_what_a_mix_replaces_is_refused_beside_it(write):
    mix = HEAD + "[mix]\nportrait = 1.0\n[captions]\nbare = 0.2\n"
    assert "male and female of 'nurse'" in refusal(write(mix + NURSE + "male = 0.7\n"))
    assert "drawing.tied" in refusal(write(mix + "[drawing]\nmixed = 0.1\n" + NURSE))
    assert read_world(write(mix + '[drawing]\nrenderer = "inked"\n' + NURSE)).drawing.renderer == "inked"


def test_a_share_of_an_unknown_word_is_refused(write):
    what = refusal(write(HEAD + "[shares]\nnurze = 0.5\nman = 0.5\n" + NURSE))
    assert "[shares] names nurze, which the world does not have" in what


def test_a_share_out_of_range_is_refused(write):
    assert "not valid at profession.0.man" in refusal(write(HEAD + "[shares]\nnurse = 1.5\n" + NURSE))


def test_a_chain_of_worlds_that_never_ends_is_refused(write):
    path = write('name = "loop"\nbased_on = "world.toml"\n')
    assert "chain of more than 3" in refusal(path)


def test_a_world_on_one_that_is_not_there_says_which(write, tmp_path):
    with pytest.raises(UsageProblem, match=r"Cannot read the world .*absent\.toml"):
        read_world(write('name = "mine"\nbased_on = "absent.toml"\n'))


def test_the_digest_is_a_function_of_everything_in_the_world(tables):
    world = World.model_validate(tables)
    assert len(world.digest) == 64
    assert World.model_validate_json(world.model_dump_json(by_alias=True)).digest == world.digest
    tables["profession"][0]["man"] = 0.11
    assert World.model_validate(tables).digest != world.digest
    other_seed = world.model_copy(update={"training": world.training.model_copy(update={"seed": 1})})
    assert other_seed.digest != world.digest


@pytest.mark.parametrize(
    ("name", "digest"),
    [("skewed", "c8fbb95b418cb480"), ("balanced", "f9328c6a7325323f"), ("judge", "b92d261d61a23ec5")],
)
def test_what_a_world_can_say_by_now_does_not_change_the_digest_of_those_that_do_not_say_it(name, digest):
    assert read_world(WORLDS / f"{name}.toml").digest[:16] == digest


def test_what_a_world_says_beyond_the_usual_changes_its_digest(tables):
    plain = World.model_validate(tables)
    said = [
        {**tables, "mix": {"portrait": 1.0}},
        {**tables, "captions": {"written": 0.1}},
        {**tables, "training": {**tables["training"], "text": "words"}},
        {**tables, "profession": [{**tables["profession"][0], "old": 0.6}, *tables["profession"][1:]]},
        {**tables, "profession": [{**tables["profession"][0], "male": 0.7}, *tables["profession"][1:]]},
        {**tables, "drawing": {"tied": 0.8}},
    ]
    digests = {World.model_validate(one).digest for one in said}
    assert len(digests) == 6
    assert plain.digest not in digests


def test_the_order_of_tables_in_a_file_does_not_matter_to_the_digest(write):
    training = "[training]\nepochs = 3\nseed = 5\n"
    turned = "[training]\nseed = 5\nepochs = 3\n"
    one, other = write(HEAD + training + NURSE, "one.toml"), write(HEAD + NURSE + turned, "other.toml")
    assert read_world(one).digest == read_world(other).digest


def test_a_world_cannot_be_changed(tiny_world):
    with pytest.raises(ValidationError, match="frozen"):
        tiny_world.name = "other"
