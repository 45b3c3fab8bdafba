"""A small truth on photographs: two networks that took no part in it read in inversions what was planted in texts.

The world is none that ships: its shares are dealt anew, and its text tower is trained for a sixth of the steps. Every
clearly planted word is inverted once, by the recipe `fast`; docs/photographs.md has tables of more. Without the
packages of the extra `photo` these tests are skipped, and say so.
"""

from __future__ import annotations

import numpy as np
import pytest
from photographs import CLEAR, JUDGES, between, logits, make, own_checkpoint, planted_looks

from audit.checkpoints.photo_towers import PHOTO_NETWORKS, load_photo_network, photo_weights
from audit.errors import EnvironmentProblem
from audit.packaged import PHOTO_WORLDS
from audit.phantom.photographs import dealt_world, read_photo_world, read_photo_world_of

try:
    for network in PHOTO_NETWORKS:
        photo_weights(network)
except EnvironmentProblem as missing:
    pytest.skip(f"The extra `photo` is not installed: {missing.what}", allow_module_level=True)

DEALT = 7
STEPS = 150
LEAST_MEAN = 2.5
"""Of the readings towards the planted side. Measured: 4.9 and 4.7 over the 18 words, least 2.4 and 1.9."""
MOST_WRONG = 2


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
