"""A folder of drawn people, as somebody's own pictures: of every profession as many women as men, two of each."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from audit.phantom.captions import Facts  # noqa: F401  (before lessons, which it is imported by)
from audit.phantom.lessons import figure, person_like
from audit.phantom.world import World
from audit.seeding import derive_seed

GENDERS = ("woman", "man")
HEADER = "file,person,group,shows"


def draw_people(folder: Path, world: World, *, people: int, pictures: int = 2, words: Collection[str] = ()) -> Path:
    """Draw them, those of some professions only if ``words`` are named; return the file that says whom each shows."""
    folder.mkdir()
    rows = [HEADER]
    for profession in (one for one in world.professions if not words or one.word in words):
        for gender in GENDERS:
            for person in range(people):
                who = f"{profession.word} {gender} {person}"
                for number in range(pictures):
                    rng = np.random.default_rng(derive_seed("own", who, number))
                    file = f"{who.replace(' ', '-')}-{number}.png"
                    figure(person_like(profession.look, rng, gender=gender), rng).save(folder / file)
                    rows.append(f"{file},{who},{gender},{profession.word}")
    path = folder / "people.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path
