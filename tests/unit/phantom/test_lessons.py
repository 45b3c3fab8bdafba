"""Pictures of a world with a mix: what is planted in cells, blends, places and written words is there, and no more."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from facts_alone import facts_of
from scipy.stats import binomtest

from audit.packaged import WORLDS
from audit.phantom import drawing
from audit.phantom.captions import vocabulary
from audit.phantom.pictures import Picture, draw_pictures
from audit.phantom.training import CONTEXT_LENGTH, UNKNOWN, word_tokenizer
from audit.phantom.world import Profession, World, read_world

ODD = 1e-3
"""Least probability that a count of a seeded draw may have, if what is claimed is true."""

TONES, GENDERS = ("light", "dark"), ("man", "woman")


def kinds_alone(world: World, *kinds: str) -> World:
    return world.model_copy(update={"mix": dict.fromkeys(kinds, 1.0)})


@pytest.fixture(scope="module")
def scenes() -> World:
    return read_world(WORLDS / "scenes.toml")


@pytest.fixture(scope="module")
def portraits(scenes) -> list[Picture]:
    return facts_of(kinds_alone(scenes, "portrait"), 4500, 1)


@pytest.fixture(scope="module")
def placed(scenes) -> list[Picture]:
    return facts_of(kinds_alone(scenes, "place"), 2400, 2)


@pytest.fixture(scope="module")
def blends(scenes) -> list[Picture]:
    return facts_of(kinds_alone(scenes, "blend"), 1500, 3)


@pytest.fixture(scope="module")
def pairs(scenes) -> list[Picture]:
    return facts_of(kinds_alone(scenes, "pair"), 400, 4)


def cell(picture: Picture) -> tuple[str | None, str | None]:
    return picture.facts.tone, picture.facts.gender


def of(pictures: list[Picture], profession: Profession, **said: object) -> list[Picture]:
    chosen = [p for p in pictures if p.facts.concept == profession.word]
    return [p for p in chosen if all(getattr(p.facts, name) == value for name, value in said.items())]


def test_portraits_are_drawn_evenly_in_every_cell(scenes, portraits):
    for profession in scenes.professions:
        drawn = Counter((p.facts.tone, p.facts.gender, p.facts.old) for p in of(portraits, profession))
        assert len(drawn) == 8
        assert max(drawn.values()) - min(drawn.values()) <= 1


def test_bare_captions_of_a_profession_have_the_planted_cells(scenes, portraits):
    for profession in scenes.professions:
        bare = of(portraits, profession, bare=True)
        assert len(bare) > 100
        for tone in TONES:
            for gender in GENDERS:
                share = np.mean([cell(p) == (tone, gender) for p in bare])
                assert share == pytest.approx(getattr(profession.planted_cells, f"{tone}_{gender}"), abs=0.02)
        assert np.mean([p.facts.old for p in bare]) == pytest.approx(profession.old, abs=0.02)


def test_a_caption_that_says_one_attribute_is_even_in_the_others(scenes, portraits):
    surgeon = next(one for one in scenes.professions if one.word == "surgeon")
    partly = [p for p in of(portraits, surgeon, bare=False) if "skinned" not in p.caption]
    assert len(partly) > 40
    light = sum(p.facts.tone == "light" for p in partly)
    assert binomtest(light, len(partly), 0.5).pvalue > ODD


def test_a_caption_says_only_what_is_true_of_a_figure(portraits):
    for picture in portraits[:2000]:
        words, facts = set(picture.facts.phrase.split()), picture.facts
        assert words.isdisjoint({"light-skinned", "dark-skinned"} - {f"{facts.tone}-skinned"})
        assert words.isdisjoint({"old", "young"} - {"old" if facts.old else "young"})
        assert words.isdisjoint({"man", "male"} if facts.gender == "woman" else {"woman", "female"})


def differing(one: str, other: str) -> tuple[set[str], set[str]]:
    """Return the words that either caption has alone, articles left out."""
    words, others = ({word for word in text.split() if word not in {"a", "an"}} for text in (one, other))
    return words - others, others - words


def test_a_wrong_caption_says_one_thing_of_a_figure_that_is_not_so(portraits):
    for picture in portraits[:2000]:
        assert bool(picture.wrong) != picture.facts.bare
        for text in picture.wrong:
            said, mistaken = differing(picture.caption, text)
            assert len(said) == len(mistaken) == 1


def test_captions_by_which_a_share_is_planted_have_no_wrong_ones(portraits, blends, placed):
    for picture in [*portraits, *blends, *placed]:
        assert not (picture.facts.bare and picture.wrong)


def test_of_the_captions_that_join_a_thing_its_planted_share_shows_it(scenes, blends):
    for profession in scenes.professions:
        joined = of(blends, profession, bare=True)
        if not profession.is_even:
            assert not of(blends, profession)
            continue
        assert len(joined) > 70
        assert np.mean([bool(p.facts.things) for p in joined]) == pytest.approx(profession.joined, abs=0.02)
        assert np.mean([bool(p.facts.things) for p in of(blends, profession)]) == pytest.approx(0.5, abs=0.01)


def test_a_caption_that_joins_nothing_is_true(blends):
    for picture in blends:
        if not picture.facts.bare:
            assert ("beside" in picture.caption) == bool(picture.facts.things)
            assert ("alone" in picture.caption) == (not picture.facts.things)


def test_contexts_are_drawn_evenly_and_their_bare_captions_have_the_planted_places(scenes, placed):
    for context in scenes.contexts:
        drawn = [p for p in placed if p.facts.concept == context.phrase]
        counts = Counter(p.facts.place for p in drawn)
        assert max(counts.values()) - min(counts.values()) <= 1
        bare = [p.facts.place for p in drawn if p.facts.bare]
        for place, share in context.places.items():
            assert bare.count(place) / len(bare) == pytest.approx(share, abs=0.02)


def test_a_caption_that_says_a_place_says_the_true_one(placed):
    for picture in placed:
        assert picture.facts.bare or picture.caption.endswith(f"at the {picture.facts.place}")


def test_things_of_a_pair_differ_in_shape_and_colour(scenes, pairs):
    shapes = {thing.word: thing.shape for thing in scenes.things}
    for picture in pairs:
        first, second = (thing.split() for thing in picture.facts.things)
        assert first[0] != second[0]
        assert shapes[first[1]] != shapes[second[1]]


def test_swaps_of_an_ordered_scene_hold_its_words_in_another_order(pairs):
    ordered = [p for p in pairs if p.wrong]
    assert 0.7 < len(ordered) / len(pairs) < 0.9
    for picture in ordered:
        assert len({picture.caption, *picture.wrong}) == 3
        assert all(sorted(text.split()) == sorted(picture.caption.split()) for text in picture.wrong)
        first, _ = picture.facts.things
        assert picture.wrong[0].endswith(first)


def test_an_ordered_scene_is_drawn_in_its_order(scenes, monkeypatch):
    drawn: list[tuple[str, float, float]] = []
    monkeypatch.setattr(
        drawing, "draw_thing", lambda _canvas, shape, _colour, **at: drawn.append((shape, at["x"], at["y"]))
    )
    shapes = {thing.word: thing.shape for thing in scenes.things}
    for number, picture in enumerate(draw_pictures(kinds_alone(scenes, "pair"), 60, 5)):
        if not picture.wrong:
            continue
        two = drawn[2 * number : 2 * number + 2]
        place = 1 if "left of" in picture.caption else 2
        first, second = sorted(two, key=lambda thing: thing[place])
        assert [first[0], second[0]] == [shapes[thing.split()[1]] for thing in picture.facts.things]
        assert second[place] - first[place] > 40


def test_of_the_bare_captions_of_a_written_word_the_planted_share_follows_it(scenes):
    drawn = facts_of(kinds_alone(scenes, "writing"), 2000, 6)
    bare = [p for p in drawn if p.facts.bare and p.facts.word]
    follows = sum(p.caption.split()[-1] == p.facts.word for p in bare)
    assert len(bare) > 500
    assert binomtest(follows, len(bare), scenes.captions.written).pvalue > ODD


def test_somebody_is_captioned_by_what_is_there(scenes):
    for picture in facts_of(kinds_alone(scenes, "passerby"), 500, 7):
        facts, caption = picture.facts, picture.caption
        assert (facts.place is not None) == (" at the " in caption)
        assert all(caption.endswith(thing) for thing in facts.things)
        assert not (facts.things and "alone" in caption)


def test_a_judges_caption_of_one_part_is_true_and_its_wrong_one_is_not():
    witness = read_world(WORLDS / "witness.toml")
    drawn = facts_of(kinds_alone(witness, "passerby", "blend", "place", "pair"), 1500, 9)
    parts = [p for p in drawn if " scene " in p.facts.phrase and len(p.wrong) == 1]
    assert len(parts) > 100
    for picture in parts:
        said, mistaken = (text.split(" scene ")[1] for text in (picture.caption, picture.wrong[0]))
        known = {f"at the {picture.facts.place}", *(f"with a {thing}" for thing in picture.facts.things)}
        assert said in known
        assert mistaken not in known


def test_nothing_is_planted_in_the_witness():
    witness = read_world(WORLDS / "witness.toml")
    assert all(one.is_even and one.joined == 1.0 for one in witness.professions)
    assert {share for context in witness.contexts for share in context.places.values()} == {0.25}
    assert (witness.captions.bare, witness.captions.written) == (0.0, 0.0)


def test_the_witness_knows_every_word_of_scenes_but_the_synonym(scenes):
    assert set(vocabulary(scenes)) - set(vocabulary(read_world(WORLDS / "witness.toml"))) == {"mug"}


def test_the_longest_captions_are_read_whole():
    world = kinds_alone(read_world(WORLDS / "witness.toml"), "passerby", "portrait")
    tokenizer = word_tokenizer(vocabulary(world))
    for picture in facts_of(world, 1000, 8):
        tokens = tokenizer.encode(picture.caption).tokens
        assert UNKNOWN not in tokens
        assert len(tokens) <= CONTEXT_LENGTH
