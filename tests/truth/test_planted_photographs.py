"""A small truth on photographs: two networks that took no part in it read in inversions what was planted in texts.

The world is none that ships: its shares are dealt anew, and its text tower is trained for a third of the steps. Every
clearly planted word is inverted once, by the recipe `fast`; docs/photographs.md has tables of more. Without the
packages of the extra `photo` these tests are skipped, and say so.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from photographs import CLEAR, JUDGES, between, lean_with_margin, logits, make, own_checkpoint, planted_looks

from audit.checkpoints.photo_towers import PHOTO_NETWORKS, load_photo_network, photo_weights
from audit.errors import EnvironmentProblem
from audit.judges import load_judge
from audit.packaged import PHOTO_WORLDS
from audit.phantom.photographs import dealt_world, read_photo_world, read_photo_world_of
from audit.pipeline.execute import decode_png

try:
    for network in PHOTO_NETWORKS:
        photo_weights(network)
except EnvironmentProblem as missing:
    pytest.skip(f"The extra `photo` is not installed: {missing.what}", allow_module_level=True)

DEALT = 7
STEPS = 300
LEAST_MEAN = 2.5
"""Of the readings towards the planted side. Measured: 3.9 and 3.9 over the 18 words, one of them on the wrong side."""
MOST_WRONG = 2
LEAST_SIGNED = 0.1
"""Of what the judge of a run reads in professions, towards the planted side. Measured: 0.13, least 0.04."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("photographs")


@pytest.fixture(scope="module")
def checkpoint(folder):
    world = dealt_world(read_photo_world(PHOTO_WORLDS / "photo.toml"), DEALT)
    return str(own_checkpoint(world, STEPS, folder))


@pytest.fixture(scope="module")
def world(checkpoint):
    return read_photo_world_of(checkpoint)


@pytest.fixture(scope="module")
def looks(world):
    return [look for look in planted_looks(world, "fast") if not CLEAR[0] < look.planted < CLEAR[1]]


@pytest.fixture(scope="module")
def pictures(checkpoint, looks, folder):
    """The folder of the inversions of all words."""
    make(looks, checkpoint, folder / "looks", batch=4)
    return folder / "looks"


@pytest.mark.parametrize("judge", JUDGES)
def test_a_network_that_took_no_part_reads_what_was_planted(judge, world, looks, pictures):
    read = logits(load_photo_network(judge), PHOTO_NETWORKS[judge].side, looks, pictures)
    towards = []
    for group in world.groups:
        rows = [number for number, look in enumerate(looks) if look.name in group.shares]
        readings = between(read[rows], world, group.sides)
        towards += [
            reading if looks[row].planted > 0.5 else -reading for row, reading in zip(rows, readings, strict=True)
        ]
    assert len(towards) == 18
    assert {look.planted > 0.5 for look in looks} == {True, False}
    assert sum(reading <= 0 for reading in towards) <= MOST_WRONG
    assert np.mean(towards) >= LEAST_MEAN


@pytest.fixture(scope="module")
def reader(folder):
    """The judge that a run of such a checkpoint asks, trained for a third of its steps."""
    return load_judge(f"zero_shot:{own_checkpoint(read_photo_world(PHOTO_WORLDS / 'photo-judge.toml'), STEPS, folder)}")


def pixels(looks, pictures):
    return torch.stack([decode_png(look.file(pictures).read_bytes()) for look in looks])


def test_the_judge_of_a_run_reads_it_too(world, looks, pictures, reader):
    professions = world.group("professions")
    asked = [look for look in looks if look.name in professions.shares]
    read = [score.values["signed"] for score in reader.score(pixels(asked, pictures))]
    towards = [value if look.planted > 0.5 else -value for look, value in zip(asked, read, strict=True)]
    assert sum(value <= 0 for value in towards) <= 1
    assert np.mean(towards) >= LEAST_SIGNED


def test_the_judge_of_a_run_sees_nobody_in_pets_and_places(world, looks, pictures, reader):
    nobody = [word for kind in ("pets", "places") for word in world.group(kind).shares]
    asked = [look for look in looks if look.name in nobody]
    read = [score.values for score in reader.score(pixels(asked, pictures))]
    seen = [max(("woman", "man", "mixed", "no_person"), key=values.get) for values in read]
    assert seen.count("no_person") >= len(seen) - 1


def test_a_lean_is_the_place_of_a_word_between_the_words_that_say_its_sides():
    first, second = np.array([4.0, 6.0, 5.0, 3.0]), np.array([-2.0, 0.0, -1.0, -3.0])
    assert lean_with_margin(first, first, second) == pytest.approx((1.0, 0.0))
    assert lean_with_margin((first + second) / 2, first, second) == pytest.approx((0.0, 0.0))
    noisy = (first + second) / 2 + np.array([3.0, -3.0, 3.0, -3.0])
    lean, margin = lean_with_margin(noisy, first, second)
    assert lean == pytest.approx(0.0)
    assert margin == pytest.approx(3.182 * np.sqrt(12.0) / 2 / 3, rel=1e-3)  # t of 3, standard error over half a scale
