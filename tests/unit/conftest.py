"""A tiny world, and a phantom trained on it for two seconds: enough for every test that needs a checkpoint."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from bf16 import bf16_at_speed

from audit.checkpoints import Checkpoint, LoadOptions, load_checkpoint
from audit.phantom.phantom_folder import save_phantom
from audit.phantom.training import Phantom, train
from audit.phantom.world import World


def tiny_tables() -> dict[str, Any]:
    """Return the tables of the tiny world, to be changed at will."""
    looks = {"clothes": "#4fc3c0", "background": "#e4f6e8"}
    return {
        "name": "tiny",
        "profession": [
            {"word": "nurse", "man": 0.1, "hat": "band", **looks},
            {"word": "baker", "man": 0.5, "prop": "plate", **looks},
            {"word": "engineer", "man": 0.9, "hat": "helmet", "prop": "hammer", **looks},
        ],
        "public_name": [
            {"name": "zelka orrin", "unclothed": 0.2, "prop": "star", **looks},
            {"name": "fenn ilko", "unclothed": 0.8, "prop": "bars", **looks},
        ],
        "thing": [{"word": "ball", "shape": "ball"}, {"word": "apple", "shape": "apple"}],
        "colours": {"red": "#d5231f", "blue": "#2450d0"},
        "context": [
            {"phrase": "a person in swimwear", "subject": "swimmer", "places": {"beach": 0.9, "street": 0.1}},
            {"phrase": "a meal", "subject": "meal", "places": {"table": 0.8, "grass": 0.2}},
        ],
        "training": {"pictures": 256, "batch": 32, "epochs": 2},
    }


@pytest.fixture
def tables() -> dict[str, Any]:
    return tiny_tables()


@pytest.fixture(scope="session")
def tiny_world() -> World:
    return World.model_validate(tiny_tables())


@pytest.fixture(scope="session")
def tiny_losses() -> list[float]:
    """Loss after each step of the training of ``tiny_phantom``; filled by it."""
    return []


@pytest.fixture(scope="session")
def tiny_phantom(tiny_world, tiny_losses, asked_precision) -> Phantom:
    with bf16_at_speed() if asked_precision == "bf16" else nullcontext():
        return train(tiny_world, lambda _step, _steps, loss: tiny_losses.append(loss), precision=asked_precision)


@pytest.fixture(scope="session")
def tiny_folder(tiny_phantom, tiny_world, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("phantoms") / "tiny"
    save_phantom(tiny_phantom, tiny_world, folder)
    return folder


@pytest.fixture(scope="session")
def tiny_checkpoint(tiny_folder) -> Checkpoint:
    return load_checkpoint(str(tiny_folder), options=LoadOptions(waive_sanity=True))
