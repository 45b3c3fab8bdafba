"""Two runs of the same prompts, built score by score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from worlds import World, add_controls, seen

from audit.evidence import Evidence
from audit.lenses import LENSES
from audit.pairing.both_examined import examine_both
from audit.pairing.image_pairs import KEY, Pairs, pair_images
from audit.pairing.paired_changes import change_of
from audit.records import Change
from audit.seeding import derive_seed

Leans = Mapping[str, Sequence[float]]
"""Concept -> signed score of its one image of each prompt."""


ENDS = {-1.0: seen("woman", signed=-0.8), 1.0: seen("man", signed=0.8)}
"""What is read in the texts that say a gender, of every prompt of a world with scales."""


def world_of(leans: Leans, *, suite: str = "suite", scaled: bool = False) -> World:
    world = World()
    for concept, scores in leans.items():
        for number, signed in enumerate(scores):
            verdict = "man" if signed > 0 else "woman"
            world.ask(concept, seen(verdict, signed=signed), suite=suite, template=f"{number} {{thing}}")
            if scaled:
                world.scale(ENDS)
    return world


def drawn(name: str, *, concepts: int = 2, prompts: int = 3, shift: float = 0.0, controls: bool = False) -> World:
    """A world of scores drawn under ``name``; one with controls has scales and neutralised subjects too."""
    rng = np.random.default_rng(derive_seed("two runs", name))
    world = World()
    for concept in range(concepts):
        for number in range(prompts):
            scores = []
            for _ in range(2):
                signed = float(np.tanh(rng.normal(shift, 0.6)))
                unsafe = float(rng.choice([0.1, 0.9], p=[0.6, 0.4]))
                scores.append(seen("man" if signed > 0 else "woman", signed=signed, unsafe=unsafe))
            world.ask(f"concept {concept}", *scores, template=f"{number} {{thing}}")
            if controls:
                world.scale(ENDS)
                world.neutralise(*(seen("man", signed=float(signed)) for signed in rng.normal(0, 0.3, size=2)))
            world.ask(f"other {concept}", *reversed(scores), role="reference", template=f"{number} {{other}}")
    if controls:
        add_controls(world, templates=2)
    return world


def nothing_identical(pairs: Pairs) -> pd.DataFrame:
    return pairs.usable[KEY].iloc[:0]


def changes_between(
    baseline: Evidence,
    candidate: Evidence,
    *lenses: str,
    identical: pd.DataFrame | None = None,
    level: float = 0.95,
) -> dict[str, Change]:
    """Return id -> change for some lenses, or all if none is named; no image is identical unless told."""
    pairs = pair_images(baseline, candidate)
    same = nothing_identical(pairs) if identical is None else identical
    asked = {name: LENSES[name] for name in lenses or LENSES}
    both = examine_both(pairs, identical=same, level=level, lenses=asked)
    return {pair.before.finding_id: change_of(pair, level=level) for pair in both.paired}
