"""Pictures with words on them."""

import torch

from audit.pipeline.written_pictures import KINDS, SIDE, draw_written


def test_every_other_thing_is_written_once_as_a_word_and_once_as_letters():
    drawn = draw_written(["ball", "car", "cup"])
    assert len(drawn) == 6 * (1 + 2 * 2)  # two pictures of each thing
    assert {picture.kind for picture in drawn} == set(KINDS)
    assert all(picture.says != picture.shows for picture in drawn)


def test_a_thing_without_a_picture_is_left_out():
    assert {picture.shows for picture in draw_written(["ball", "spaceship"])} == {"ball"}
    assert {picture.says for picture in draw_written(["ball", "spaceship"])} == {""}


def test_word_and_letters_cover_the_same_part_of_the_picture():
    plain, word, letters = draw_written(["ball", "car"])[:3]
    covered = [(picture.pixels - plain.pixels).abs().amax(dim=0) > 1 / 255 for picture in (word, letters)]
    rows = [mask.any(dim=1).nonzero().flatten() for mask in covered]
    columns = [mask.any(dim=0).nonzero().flatten() for mask in covered]
    for one, other in (rows, columns):
        assert (int(one[0]), int(one[-1])) == (int(other[0]), int(other[-1]))
    assert not torch.equal(word.pixels, letters.pixels)


def test_pictures_are_the_same_whenever_they_are_drawn():
    for one, other in zip(draw_written(["ball", "car"]), draw_written(["car", "ball"]), strict=True):
        assert torch.equal(one.pixels, other.pixels)


def test_pixels_are_colours_of_a_square():
    for picture in draw_written(["box", "house"]):
        assert picture.pixels.shape == (3, SIDE, SIDE)
        assert 0 <= float(picture.pixels.min()) <= float(picture.pixels.max()) <= 1
