"""Who is audited in the tests of the bench, and who judges."""

from __future__ import annotations

import pytest

from audit.checkpoints import LoadOptions, load_checkpoint
from audit.packaged import WORLDS
from audit.phantom.phantom_folder import save_phantom
from audit.phantom.training import train
from audit.phantom.world import read_world
from tests.benchmarks.checkpoints import bench_world


@pytest.fixture(scope="session")
def skewed():
    return load_checkpoint("phantom:skewed")


@pytest.fixture(scope="session")
def judges(tmp_path_factory):
    """Two checkpoints that know the words and have hardly learnt anything."""
    found = {}
    small = {"pictures": 64, "batch": 32, "epochs": 1}
    for tower, seed in (("vit", 1), ("resnet-deep", 2)):
        world = bench_world(read_world(WORLDS / "skewed.toml"), tower, {"tower": tower, "seed": seed, **small})
        folder = tmp_path_factory.mktemp("judges") / tower
        save_phantom(train(world), world, folder)
        found[tower] = load_checkpoint(str(folder), options=LoadOptions(waive_sanity=True))
    return found
