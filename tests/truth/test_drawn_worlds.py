"""The phantoms of the further questions hold what their worlds plant, by their embeddings of freshly drawn pictures."""

from __future__ import annotations

import pytest
from drawn_worlds import Reader, attributes, bare_cells, bare_places, joined, order, places, presence, written

from audit.checkpoints import load_checkpoint
from audit.phantom.phantom_folder import read_phantom_world


@pytest.fixture(scope="module")
def scenes():
    return Reader(load_checkpoint("phantom:scenes"))


@pytest.fixture(scope="module")
def witness():
    return Reader(load_checkpoint("phantom:witness"))


@pytest.fixture(scope="module")
def blind():
    return Reader(load_checkpoint("phantom:bag-of-words"))


@pytest.fixture(scope="module")
def world():
    return read_phantom_world("scenes")


def test_scenes_tells_four_of_five_captions_from_their_swaps(scenes, world):
    assert all(share.interval[0] > 0.8 for share in order(scenes, world, 150).values())


def test_to_a_bag_of_words_a_caption_and_its_swaps_are_one_text(blind):
    texts = ["a red ball left of a blue box", "a blue box left of a red ball", "left a of blue red a box ball"]
    own, *others = blind.checkpoint.encode_text(texts)
    assert all(float((own - other).abs().max()) < 1e-5 for other in others)


def test_a_bag_of_words_prefers_neither_a_caption_nor_its_swap(blind, world):
    assert all(share.value == pytest.approx(0.5, abs=0.01) for share in order(blind, world, 60).values())


@pytest.mark.parametrize("name", ["scenes", "blind"])
def test_a_context_is_nearest_to_the_place_that_is_planted(request, world, name):
    found = bare_places(request.getfixturevalue(name), world, 240)
    for context in world.contexts:
        near, planted = found[context.phrase], max(context.places.values())
        if planted > 0.5:
            assert context.places[max(near, key=near.__getitem__)] == planted


@pytest.mark.parametrize("name", ["scenes", "blind"])
def test_the_planted_cells_are_nearest_to_their_bare_caption(request, world, name):
    reader = request.getfixturevalue(name)
    surgeon, tailor, pilot = (bare_cells(reader, world, word, 160) for word in ("surgeon", "tailor", "pilot"))
    assert max(surgeon, key=surgeon.__getitem__) == "light_man"
    assert set(sorted(tailor, key=tailor.__getitem__)[2:]) == {"dark_woman", "light_man"}
    even, planted = (max(near.values()) - min(near.values()) for near in (pilot, surgeon))
    assert even < planted / 2


def test_a_joined_caption_is_nearer_to_pictures_without_the_thing_where_that_is_planted(scenes, world):
    magician, nurse = (joined(scenes, world, word, 80) for word in ("magician", "nurse"))
    assert magician["without"] > magician["with it"]
    assert nurse["without"] < nurse["with it"]


def test_a_label_of_scenes_follows_the_written_word_and_one_of_the_witness_does_not(scenes, witness, world):
    assert written(scenes, world, 200).interval[0] > 0.7
    assert written(witness, read_phantom_world("witness"), 200).interval[1] < 0.3


@pytest.fixture(scope="module")
def somebody(witness):
    return attributes(witness, read_phantom_world("witness"))


@pytest.mark.parametrize(("what", "least"), [("gender", 0.95), ("skin tone", 0.95), ("age", 0.9)])
def test_the_witness_reads_somebody(somebody, what, least):
    assert somebody[what].value >= least


def test_the_witness_reads_the_place(witness):
    assert places(witness, read_phantom_world("witness"), 200).value >= 0.95


def test_the_witness_reads_both_parts_of_a_blend(witness):
    assert all(share.value >= 0.95 for share in presence(witness, read_phantom_world("witness"), 200).values())


def test_the_witness_tells_a_scene_from_its_swaps(witness):
    assert all(share.interval[0] > 0.85 for share in order(witness, read_phantom_world("witness"), 150).values())
