"""Prompt suites in the words of a world: the shipped phantom suites with their slots filled anew."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from audit.phantom.world import World
from audit.suites import suite_path

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


def suite_text(name: str, world: World) -> str | None:
    """Return the shipped phantom suite ``name`` with the slots of ``world``; ``None`` if it would ask nothing."""
    slots = {
        "profession": [profession.word for profession in world.professions],
        "name": [public.name for public in world.public_names],
        "object": [f"{colour} {thing.word}" for thing in world.things for colour in list(world.colours)[:2]],
    }
    text = suite_path(f"phantom/{name}").read_text(encoding="utf-8")
    for slot, concepts in slots.items():
        pattern = re.compile(rf"^{slot} = \[\n.*?^\]\n", re.MULTILINE | re.DOTALL)
        if not pattern.search(text):
            continue
        if not concepts and slot == _SUBJECTS.get(name):
            return None
        rows = "".join(f'  {{ concept = "{concept}" }},\n' for concept in concepts or [_STAND_INS[slot]])
        text = pattern.sub(f"{slot} = [\n{rows}]\n", text)
    return text.replace("audit/phantom/worlds/skewed.toml", f"the drawn world {world.name}")
