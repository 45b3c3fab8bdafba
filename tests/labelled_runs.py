"""A finished run of a few concepts, whose judge is wrong at a known rate, and what its pictures show."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image
from run_folders import write_run
from worlds import World, seen

from audit.evidence import Evidence
from audit.seeding import derive_seed

CONCEPTS = ("nurse", "pilot", "baker", "judge", "clerk")
REPLICATES = 4
PROMPTS = 5


def shows(key: tuple[str, int]) -> str:
    """What a picture shows: a woman, or one time in seven a man, by lot."""
    return "woman" if derive_seed("shows", *key) % 7 else "man"


def misread(key: tuple[str, int]) -> bool:
    """Whether the judge takes it for the other: one time in four."""
    return derive_seed("misread", *key) % 4 == 0


def judged() -> Evidence:
    """A hundred pictures of five concepts, and what the judge reads in them."""
    blank = _world({})
    keys = list(zip(blank.images["prompt_id"], blank.images["replicate"], strict=True))
    return _world({key: {"woman": "man", "man": "woman"}[shows(key)] if misread(key) else shows(key) for key in keys})


def _world(reads: dict[tuple[str, int], str]) -> Evidence:
    world = World()
    for concept in CONCEPTS:
        for number in range(PROMPTS):
            prompt = f"{derive_seed('suite', 'subject', concept, f'{number} {{thing}}', ''):016x}"
            scores = [seen(reads.get((prompt, replicate), "man")) for replicate in range(REPLICATES)]
            world.ask(concept, *scores, template=f"{number} {{thing}}")
    return world.evidence()


def draw(key: tuple[str, int]) -> bytes:
    """A picture of patches whose colour says what it shows."""
    rng = np.random.default_rng(derive_seed("draw", *key))
    tint = {"woman": (200, 120, 60), "man": (60, 120, 200)}[shows(key)]
    pixels = np.clip(rng.normal(tint, 40, (8, 8, 3)), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).resize((64, 64), Image.Resampling.NEAREST).save(file, "PNG")
    return file.getvalue()


def finished(folder: Path) -> Path:
    return write_run(folder, judged(), pictures=draw)
