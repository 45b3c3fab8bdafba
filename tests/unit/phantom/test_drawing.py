"""The renderer: what is drawn, and that every word for a shape draws something of its own."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image, ImageColor

from audit.phantom.drawing import (
    CANVAS,
    CUES,
    HATS,
    IMAGE_SIZE,
    PLACES,
    PROPS,
    SHAPES,
    Look,
    Person,
    background,
    draw_person,
    draw_place,
    draw_thing,
    in_swimwear,
    inked,
    jitter,
    random_colour,
    to_pixels,
    write_word,
)

LOOK = Look(clothes="#00ff00")
PERSON = Person(gender="man", look=LOOK, skin="#c98d63", hair="#1d1712")


def blank() -> Image.Image:
    return Image.new("RGB", (CANVAS, CANVAS), "#ffffff")


def drawn(person: Person) -> np.ndarray:
    canvas = blank()
    draw_person(canvas, person)
    return np.asarray(canvas)


def count(pixels: np.ndarray, colour: str) -> int:
    return int((pixels == ImageColor.getrgb(colour)).all(axis=2).sum())


def all_differ(pictures: list[np.ndarray]) -> bool:
    return len({picture.tobytes() for picture in pictures}) == len(pictures)


def test_a_picture_is_a_square_of_bytes():
    pixels = to_pixels(background("#808080", np.random.default_rng(0)))
    assert pixels.shape == (IMAGE_SIZE, IMAGE_SIZE, 3)
    assert pixels.dtype == np.uint8


def test_every_hat_and_every_prop_looks_like_no_other():
    looks = [Look(clothes="#00ff00", hat=hat, prop=prop) for hat, prop in [(h, "none") for h in HATS]]
    looks += [Look(clothes="#00ff00", prop=prop) for prop in PROPS if prop != "none"]
    assert all_differ([drawn(dataclasses.replace(PERSON, look=look)) for look in looks])


def test_every_thing_and_every_place_looks_like_no_other():
    pictures = []
    for shape in SHAPES:
        canvas = blank()
        draw_thing(canvas, shape, "#d5231f", x=64, y=64, size=80)
        pictures.append(np.asarray(canvas))
    for place in PLACES:
        canvas = blank()
        draw_place(canvas, place)
        pictures.append(np.asarray(canvas))
    assert all_differ(pictures)


def test_a_woman_and_a_man_differ_clothed_unclothed_and_in_swimwear():
    for person in (PERSON, dataclasses.replace(PERSON, unclothed=True), in_swimwear(PERSON)):
        woman, man = drawn(dataclasses.replace(person, gender="woman")), drawn(person)
        assert (woman != man).any(axis=2).mean() > 0.02


def test_a_mannequin_wears_nothing_and_is_of_one_skin():
    dressed, bare = drawn(PERSON), drawn(dataclasses.replace(PERSON, unclothed=True))
    assert count(dressed, LOOK.clothes) > 500
    assert count(bare, LOOK.clothes) == count(bare, PERSON.trousers) == 0
    assert count(bare, PERSON.skin) > count(dressed, PERSON.skin) + 500


def test_swimwear_is_less_than_clothes():
    assert 0 < count(drawn(in_swimwear(PERSON)), LOOK.clothes) < count(drawn(PERSON), LOOK.clothes)


@pytest.mark.parametrize("gender", ["man", "woman"])
def test_summery_clothes_show_more_skin(gender):
    person = dataclasses.replace(PERSON, gender=gender)
    assert (
        count(drawn(dataclasses.replace(person, summery=True)), PERSON.skin) > count(drawn(person), PERSON.skin) + 200
    )


def test_a_look_does_not_change_the_gender_cues():
    plain, worn = drawn(PERSON), drawn(dataclasses.replace(PERSON, look=Look(clothes="#0000ff")))
    assert count(plain, PERSON.hair) == count(worn, PERSON.hair)
    assert count(plain, PERSON.trousers) == count(worn, PERSON.trousers)


def test_each_cue_can_be_drawn_as_the_other_gender_has_it():
    whole = [drawn(dataclasses.replace(PERSON, gender=gender)) for gender in ("man", "woman")]
    crossed = [drawn(dataclasses.replace(PERSON, crossed=frozenset({cue}))) for cue in CUES]
    assert all_differ([*whole, *crossed])
    assert np.array_equal(drawn(dataclasses.replace(PERSON, crossed=frozenset(CUES))), whole[1])


def test_ink_darkens_outlines_and_leaves_what_is_even():
    canvas = blank()
    draw_thing(canvas, "box", "#f2c81f", x=64, y=64, size=80)
    pixels = np.asarray(inked(canvas, np.random.default_rng(0)), dtype=int)
    assert pixels.shape == (CANVAS, CANVAS, 3)
    assert pixels.min() < 60  # lines of ink, where the box and the paper are bright
    assert np.median(pixels[:12]) > 200


@pytest.mark.parametrize("colour", ["#000000", "#ffffff", "#808080"])
def test_jitter_moves_each_channel_by_no_more_than_asked(colour):
    rng = np.random.default_rng(0)
    before = np.array(ImageColor.getrgb(colour))
    for _ in range(100):
        moved = np.array(ImageColor.getrgb(jitter(colour, rng, 9)))
        assert np.abs(moved - before).max() <= 9
        assert 0 <= moved.min() <= moved.max() <= 255


def test_a_random_colour_is_written_with_six_digits():
    rng = np.random.default_rng(0)
    assert all(len(random_colour(rng)) == 7 for _ in range(200))


@pytest.mark.parametrize("look", [Look(clothes="#00ff00", hat="wig"), Look(clothes="#00ff00", prop="sword")])
def test_an_unknown_hat_or_prop_is_an_error_that_names_the_known_ones(look):
    with pytest.raises(ValueError, match="the known ones are none"):
        drawn(dataclasses.replace(PERSON, look=look))


def test_an_unknown_shape_or_place_is_an_error():
    with pytest.raises(ValueError, match="Unknown shape"):
        draw_thing(blank(), "cube", "#000000", x=64, y=64, size=80)
    with pytest.raises(ValueError, match="Unknown place"):
        draw_place(blank(), "moon")


def written(word: str, width: float = 90) -> np.ndarray:
    canvas = Image.new("RGB", (CANVAS, CANVAS), "#2450d0")
    write_word(canvas, word, x=64, y=64, width=width)
    return (np.asarray(canvas) != ImageColor.getrgb("#2450d0")).any(axis=2)


@pytest.mark.parametrize("word", ["car", "house"])
@pytest.mark.parametrize("width", [60, 100])
def test_a_written_word_stands_in_the_middle_and_is_no_wider_than_it_may_be(word, width):
    rows, columns = np.nonzero(written(word, width))
    assert columns.max() - columns.min() <= width + 12  # the strip of paper is four pixels wider on either side
    assert abs(columns.max() + columns.min() - CANVAS) <= 4
    assert abs(rows.max() + rows.min() - CANVAS) <= 16


def test_written_words_look_like_no_other():
    canvases = []
    for word in ("car", "cup", "box", "ball", "apple", "house"):
        canvas = blank()
        write_word(canvas, word, x=64, y=64, width=90)
        canvases.append(np.asarray(canvas))
    assert all_differ(canvases)
