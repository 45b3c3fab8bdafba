"""A phantom on disk: an ordinary open_clip folder, with the world that it was trained on beside the weights."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from audit.checkpoints import export_folder, phantom_folder
from audit.errors import UsageProblem
from audit.packaged import WORLDS
from audit.phantom.suites import write_suites
from audit.phantom.training import MEAN, STD, Phantom
from audit.phantom.world import World, read_world

WORLD_FILE: Final = "world.json"
TRAINING_FILE: Final = "training.json"
SUITES_FOLDER: Final = "suites"


def save_phantom(phantom: Phantom, world: World, folder: Path) -> None:
    """Write weights, settings, tokenizer, world, suites and how it was trained into ``folder``."""
    export_folder(
        folder,
        model=phantom.model,
        model_cfg=phantom.model_cfg,
        preprocess_cfg={"mean": list(MEAN), "std": list(STD), "interpolation": "bilinear", "resize_mode": "squash"},
        tokenizer=phantom.tokenizer,
        lineage=[f"phantom world {world.name} {world.digest[:16]}"],
    )
    (folder / WORLD_FILE).write_text(world.model_dump_json(by_alias=True, indent=1) + "\n", encoding="utf-8")
    trained = {"final_loss": phantom.final_loss, "precision": phantom.precision, "torch": version("torch")}
    (folder / TRAINING_FILE).write_text(json.dumps(trained, indent=1) + "\n", encoding="utf-8")
    write_suites(world, folder / SUITES_FOLDER)


def read_phantom_world(name: str) -> World:
    """Return the world of a shipped phantom (``NAME`` or ``phantom:NAME``) or of a phantom's folder.

    Raises:
        UsageProblem: If there is no such phantom, or its folder holds no readable world.
    """
    folder = Path(name) if Path(name).is_dir() else phantom_folder(name.removeprefix("phantom:"))
    path = folder / WORLD_FILE
    try:
        return World.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError) as error:
        raise UsageProblem(
            f"{folder} holds no readable {WORLD_FILE}, so nothing is known to be planted in it.",
            remedy="Name a phantom that ships, or a folder that `clip-audit phantom train` wrote.",
        ) from error


def find_world(name: str) -> World:
    """Return the world in a TOML file, of a world that ships, or of a phantom.

    Raises:
        UsageProblem: If there is no such world, or it cannot be read.
    """
    if name.endswith(".toml"):
        return read_world(Path(name))
    plain = name.removeprefix("phantom:")
    if plain in {path.stem for path in WORLDS.glob("*.toml")}:
        return read_world(WORLDS / f"{plain}.toml")
    return read_phantom_world(name)
