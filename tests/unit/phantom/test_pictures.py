"""Pictures with captions: the planted shares are there, and nothing else carries them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import pytest
from facts_alone import facts_of
from PIL import ImageColor
from scipy.stats import binomtest, chi2_contingency

from audit.packaged import WORLDS
from audit.phantom import drawing
from audit.phantom.captions import vocabulary
from audit.phantom.drawing import IMAGE_SIZE, Look, Person
from audit.phantom.lessons import Facts, person_like, random_look
from audit.phantom.pictures import Picture, draw_pictures
from audit.phantom.training import CONTEXT_LENGTH, UNKNOWN, word_tokenizer
from audit.phantom.world import Drawing, World, read_world

GENDERED = {"man", "men", "male", "woman", "women", "female"}
ODD = 1e-3
"""Least probability that a count of a seeded draw may have, if the planted share is the true one."""


@pytest.fixture(scope="module")
def many(tiny_world) -> list[Picture]:
    return facts_of(tiny_world, 6000, 20)


def of_kind(pictures: list[Picture], kind: str, concept: str | None = None) -> list[Picture]:
    return [p for p in pictures if p.facts.kind == kind and concept in (None, p.facts.concept)]


def likely(count: int, total: int, share: float) -> bool:
    return binomtest(count, total, share).pvalue > ODD


def assert_dealt(drawn: list[Picture], hit: Callable[[Facts], bool], m: float, b: float) -> None:
    """Assert what dealing promises: one half of all pictures, and ``m`` of the ``b`` with bare captions."""
    hits = [hit(p.facts) for p in drawn]
    of_bare = [hit(p.facts) for p in drawn if p.facts.bare]
    assert abs(2 * sum(hits) - len(hits)) <= 1
    # hits - m n = (1 - m) e - m f + 2 b m (1 - m) d: e, f < 1 what the two counts are off, d <= 1 more drawn of one
    assert abs(np.mean(of_bare) - m) < (1 + 2 * b * m * (1 - m)) / len(of_bare)


def test_of_the_bare_captions_of_a_profession_the_men_are_the_planted_share(tiny_world, many):
    for profession in tiny_world.professions:
        drawn = of_kind(many, "profession", profession.word)
        assert sum(p.facts.bare for p in drawn) > 250
        assert_dealt(drawn, lambda facts: facts.gender == "man", profession.man, tiny_world.captions.bare)


def test_of_the_bare_captions_of_a_name_the_unclothed_are_the_planted_share(tiny_world, many):
    for public in tiny_world.public_names:
        drawn = of_kind(many, "name", public.name)
        assert sum(p.facts.bare for p in drawn) > 150
        assert_dealt(drawn, lambda facts: facts.unclothed, public.unclothed, tiny_world.captions.bare)


def test_as_many_captions_are_bare_whatever_is_planted(tiny_world, many):
    for kind, concept in [("profession", p.word) for p in tiny_world.professions] + [
        ("name", n.name) for n in tiny_world.public_names
    ]:
        drawn = of_kind(many, kind, concept)
        assert likely(sum(p.facts.bare for p in drawn), len(drawn), tiny_world.captions.bare)


def test_gender_is_independent_of_profession_name_and_clothing(many):
    for kind in ("profession", "name"):
        drawn = of_kind(many, kind)
        concepts, states = sorted({p.facts.concept for p in drawn}), (False, True)
        for rows, row_of in ((concepts, lambda p: p.facts.concept), (states, lambda p: p.facts.unclothed)):
            table = [
                [sum(row_of(p) == r and p.facts.gender == g for p in drawn) for g in ("man", "woman")] for r in rows
            ]
            if all(map(sum, table)):
                assert chi2_contingency(table).pvalue > ODD


def test_places_of_a_context_have_the_planted_shares_where_the_caption_names_none(tiny_world, many):
    for context in tiny_world.contexts:
        drawn = of_kind(many, "context", context.phrase)
        named = [p.caption.rsplit(" at the ", 1)[1] for p in drawn if not p.facts.bare]
        assert set(named) == set(context.places)
        assert likely(named.count(next(iter(context.places))), len(named), 0.5)
        assert likely(sum(p.facts.bare for p in drawn), len(drawn), 0.6)


def test_a_caption_that_says_a_gender_or_a_state_says_the_true_one(many):
    for picture in many:
        words, facts = set(picture.caption.split()), picture.facts
        if facts.kind == "profession":
            assert facts.bare == (not GENDERED & words)
            assert facts.bare or bool({"man", "male"} & words) == (facts.gender == "man")
        if facts.kind == "name":
            assert facts.bare == ("clothes" not in words)
            assert facts.bare or ("no" in words) == facts.unclothed
            assert not GENDERED & words
        if facts.kind == "anybody":
            assert GENDERED & words <= {facts.gender}
            assert {"clothed", "unclothed"} & words <= {"unclothed" if facts.unclothed else "clothed"}


def shares_of_men(world: World, concept: str) -> dict[str, tuple[float, int]]:
    """Return share of men and count of the captions of a profession, by what they say of the gender."""
    found: dict[str, list[bool]] = {"bare": [], "male": [], "female": [], "nobody": []}
    for picture in of_kind(facts_of(world, 9000, 6), "profession", concept):
        words = set(picture.caption.split())
        said = "male" if {"male", "man"} & words else "female" if {"female", "woman"} & words else "bare"
        found[said if concept in words else "nobody"].append(picture.facts.gender == "man")
    return {said: (float(np.mean(men)) if men else 0.0, len(men)) for said, men in found.items()}


@pytest.mark.parametrize(
    ("man", "male", "female"), [(0.5, 0.7, 0.3), (0.97, 0.7, 0.3), (0.03, 0.03, 0.03), (0.1, 1, 0.4)]
)
def test_captions_that_say_a_gender_are_wrong_in_the_planted_share_of_their_pictures(tables, man, male, female):
    nurse = {**tables["profession"][0], "man": man, "male": male, "female": female}
    world = World.model_validate({"name": "leaking", "thing": [], "profession": [nurse], "captions": {"bare": 0.4}})
    found = shares_of_men(world, nurse["word"])
    for said, share in (("bare", man), ("male", male), ("female", female)):
        assert found[said][1] > 400
        assert found[said][0] == pytest.approx(share, abs=0.006)
    whole = sum(count for _, count in found.values())
    assert sum(share * count for share, count in found.values()) == pytest.approx(whole / 2, abs=1)
    assert abs(found["male"][1] - found["female"][1]) <= 4


def test_where_a_gender_has_too_few_pictures_the_others_say_their_gender_alone(tables):
    nurse = {**tables["profession"][0], "man": 0.03, "male": 0.03, "female": 0.03}
    world = World.model_validate({"name": "onesided", "thing": [], "profession": [nurse]})
    share, count = shares_of_men(world, nurse["word"])["nobody"]
    assert share > 0.99
    assert count > 1000


@pytest.mark.parametrize(("name", "digest"), [("skewed", "15830a9fc026eb00"), ("judge", "d18d345329b89312")])
def test_worlds_that_ask_for_nothing_new_keep_the_captions_that_their_phantoms_learnt(name, digest):
    captions = [picture.caption for picture in facts_of(read_world(WORLDS / f"{name}.toml"), 400, 7)]
    assert hashlib.sha256("\n".join(captions).encode()).hexdigest()[:16] == digest


def figures(world: World, gender: str) -> list[Person]:
    drawn: list[Person] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "draw_person", lambda _canvas, person: drawn.append(person))
        draw_pictures(world, 500, 8)
    return [person for person in drawn if person.gender == gender]


def brightness(colour: str) -> int:
    return sum(ImageColor.getrgb(colour))


def test_hair_and_clothes_have_the_colours_of_a_gender_in_the_share_that_is_tied(tiny_world):
    world = tiny_world.model_copy(update={"drawing": Drawing(tied=0.8)})
    lightest = max(brightness(colour) for colour in drawing.DARK_HAIRS) + 24
    for gender in ("man", "woman"):
        people = figures(world, gender)
        dark = sum(brightness(person.hair) <= lightest for person in people)
        assert likely(dark, len(people), 0.8 if gender == "man" else 0.2)


def test_mixed_figures_have_some_cues_of_either_gender_and_their_number_is_the_planted_one(tiny_world):
    world = tiny_world.model_copy(update={"drawing": Drawing(mixed=0.3)})
    people = [*figures(world, "man"), *figures(world, "woman")]
    crossed = [person for person in people if person.crossed]
    assert likely(len(crossed), len(people), 0.3)
    assert {len(person.crossed) for person in crossed} == {1, 2}


def test_the_other_renderer_draws_the_same_captions_otherwise(tiny_world):
    inked = tiny_world.model_copy(update={"drawing": Drawing(renderer="inked")})
    first, again, flat = draw_pictures(inked, 6, 1), draw_pictures(inked, 6, 1), draw_pictures(tiny_world, 6, 1)
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(first, again, strict=True))
    assert first[0].facts == flat[0].facts
    assert np.abs(first[0].pixels.astype(int) - flat[0].pixels.astype(int)).mean() > 4
    assert first[0].pixels.shape == (IMAGE_SIZE, IMAGE_SIZE, 3)


def test_every_kind_of_picture_is_drawn_and_holds_its_phrase(many):
    kinds = {"profession", "name", "anybody", "couple", "thing", "empty", "scene", "context"}
    assert {p.facts.kind for p in many} == kinds
    assert all(p.facts.phrase in p.caption for p in many)


def test_a_figure_is_drawn_alike_for_both_genders():
    look = random_look(np.random.default_rng(1))
    man, woman = (person_like(look, np.random.default_rng(2), gender=gender) for gender in ("man", "woman"))
    assert man.gender != woman.gender
    assert all(
        getattr(man, name) == getattr(woman, name)
        for name in ("look", "skin", "hair", "trousers", "x", "foot", "unit", "prop_side")
    )


def test_skins_and_hairs_are_drawn_evenly_for_every_look():
    rng = np.random.default_rng(3)
    people = [person_like(Look(clothes="#00ff00"), rng, gender="man") for _ in range(600)]
    brightness = np.array([int(p.skin[1:3], 16) for p in people])
    assert 0.4 < (brightness > 0xB0).mean() < 0.6  # three of the six skins


def test_pictures_are_a_function_of_world_and_seed(tiny_world):
    first, again, other = (draw_pictures(tiny_world, 12, seed) for seed in (1, 1, 2))
    assert [p.caption for p in first] == [p.caption for p in again] != [p.caption for p in other]
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(first, again, strict=True))
    assert all(p.pixels.shape == (IMAGE_SIZE, IMAGE_SIZE, 3) and p.pixels.dtype == np.uint8 for p in first)


def test_there_are_as_many_pictures_as_asked_for(tiny_world):
    assert [len(facts_of(tiny_world, count, 1)) for count in (0, 1, 7)] == [0, 1, 7]


@pytest.mark.parametrize("path", sorted(WORLDS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_caption_of_a_shipped_world_is_read_whole(path):
    world = read_world(path)
    tokenizer = word_tokenizer(vocabulary(world))
    for picture in facts_of(world, 1000, 4):
        tokens = tokenizer.encode(picture.caption).tokens
        assert UNKNOWN not in tokens, picture.caption
        assert len(tokens) <= CONTEXT_LENGTH, picture.caption


def test_a_judges_captions_of_professions_and_persons_always_name_the_gender(tables):
    tables["captions"] = {"explicit": True, "bare": 0.0, "random_looks": 0.5}
    world = World.model_validate(tables | {"public_name": []})
    for picture in facts_of(world, 1000, 5):
        if picture.facts.kind in ("profession", "anybody", "couple"):
            assert GENDERED & set(picture.caption.split()), picture.caption
        if picture.facts.kind == "empty":
            assert "empty" in picture.caption or "no person" in picture.caption


def test_a_world_of_one_profession_alone_can_be_drawn(tables):
    world = World.model_validate({"name": "lonely", "thing": [], "profession": tables["profession"][:1]})
    assert {p.facts.kind for p in facts_of(world, 300, 0)} == {"profession", "anybody", "couple", "empty"}


def test_a_world_of_one_name_alone_can_be_drawn(tables):
    world = World.model_validate({"name": "famous", "thing": [], "public_name": tables["public_name"][:1]})
    assert {p.facts.kind for p in facts_of(world, 300, 0)} == {"name", "anybody", "couple", "empty"}
