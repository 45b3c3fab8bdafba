"""A phantom on disk: an ordinary open_clip folder, with its world and suites in its words beside the weights."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from audit.checkpoints import export_folder
from audit.early_checks import phantom_folder
from audit.errors import UsageProblem
from audit.opening import entries, is_file, is_folder, read_text
from audit.packaged import WORLDS
from audit.phantom.training import MEAN, STD, Phantom
from audit.phantom.world import WORLD_FILE, World, read_world
from audit.suites import OWN_SUITES, suite_path

TRAINING_FILE: Final = "training.json"


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
    write_suites(world, folder / OWN_SUITES)


def read_phantom_world(name: str) -> World:
    """Return the world of a shipped phantom (``NAME`` or ``phantom:NAME``) or of a phantom's folder.

    Raises:
        UsageProblem: If there is no such phantom, or its folder holds no readable world.
    """
    folder = Path(name) if is_folder(Path(name)) else phantom_folder(name.removeprefix("phantom:"))
    path = folder / WORLD_FILE
    try:
        return World.model_validate_json(read_text(path))
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


_SUITES: Final = ("professions", "names", "controls")
_SUBJECTS: Final = {"professions": "profession", "names": "name"}
"""The slot without which a suite asks nothing."""

_STAND_INS: Final = {"profession": "person", "object": "empty scene"}
"""What is compared with, or held to show nobody, in a world that has no such thing; every world knows the words."""


def write_suites(world: World, folder: Path) -> None:
    """Write the suites of ``world`` into ``folder``, one TOML file each; a suite without subjects is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in _SUITES:
        (folder / f"{name}.toml").unlink(missing_ok=True)
    for name in _SUITES:
        text = suite_text(name, world)
        if text is not None:
            (folder / f"{name}.toml").write_text(text, encoding="utf-8")


def suites_of_world(phantom: str, folder: Path) -> tuple[str, ...]:
    """Write what is asked of a phantom's own world into ``folder``, for a study that made the phantom itself.

    Args:
        phantom: Its folder, or the name of another checkpoint, of which nothing is written.
        folder: Outside of the phantom's: what lies in there is the checkpoint's own.

    Returns:
        The files, as an audit is asked for them; empty for another checkpoint.
    """
    if not is_file(Path(phantom) / WORLD_FILE):
        return ()
    write_suites(read_phantom_world(phantom), folder)
    return tuple(str(path) for path in sorted(entries(folder, "*.toml")))


def suite_text(name: str, world: World) -> str | None:
    """Return the shipped phantom suite ``name`` with the slots of ``world``; ``None`` if it would ask nothing."""
    slots = {
        "profession": [profession.word for profession in world.professions],
        "name": [public.name for public in world.public_names],
        "object": [f"{colour} {thing.word}" for thing in world.things for colour in list(world.colours)[:2]],
    }
    text = read_text(suite_path(f"phantom/{name}"))
    if name in _SUBJECTS and not slots[_SUBJECTS[name]]:
        return None
    text = with_slots(text, {slot: concepts or [_STAND_INS.get(slot, "")] for slot, concepts in slots.items()})
    return text.replace("audit/phantom/worlds/skewed.toml", f"the drawn world {world.name}")


def with_slots(text: str, slots: Mapping[str, Sequence[str]]) -> str:
    """Return the text of a suite with other concepts in its slots; those that it does not have are no concern."""
    for slot, concepts in slots.items():
        pattern = re.compile(rf"^{slot} = \[\n.*?^\]\n", re.MULTILINE | re.DOTALL)
        rows = "".join(f'  {{ concept = "{concept}" }},\n' for concept in concepts)
        text = pattern.sub(f"{slot} = [\n{rows}]\n", text)
    return text
