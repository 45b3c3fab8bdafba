"""Captions that say one part of what a picture shows, whatever else is there: what a judge is asked by."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

import numpy as np

from audit.phantom.captions import Told, mistakes, portrayed, with_article
from audit.phantom.drawing import PLACES
from audit.phantom.subjects import Facts
from audit.phantom.world import World

_SHARE: Final = 0.4
_OF_PAIRS: Final = 0.15
"""Share of the captions that say one part alone; of pairs fewer, whose order is to be learnt."""


def part_of(world: World, facts: Facts, rng: np.random.Generator) -> Facts:
    """Return ``facts``, in some cases with a phrase for one part of them and with what would be wrong in its place."""
    if rng.random() >= (_OF_PAIRS if facts.kind == "pair" else _SHARE):
        return facts
    parts = [*_of_person(facts), *_of_thing(world, facts, rng)]
    if facts.place is not None:
        others = [name for name in PLACES if name != facts.place]
        parts.append((f"a scene at the {facts.place}", f"a scene at the {_any_of(others, rng)}"))
    if facts.kind in ("portrait", "blend"):
        others = [one.word for one in world.professions if one.word != facts.concept] or ["person"]
        parts.append((with_article(facts.concept), with_article(_any_of(others, rng))))
    if not parts:
        return facts
    phrase, wrong = parts[int(rng.integers(len(parts)))]
    return dataclasses.replace(facts, phrase=phrase, wrong=(wrong,))


def _of_person(facts: Facts) -> list[tuple[str, str]]:
    """Return pairs of a true and a wrong phrase for gender, skin tone and age."""
    told = [Told(gender=facts.gender), Told(tone=facts.tone), Told(old=facts.old)]
    wrong = [(one, mistakes(one)) for one in told]
    return [
        (portrayed("person", one, long=False), portrayed("person", other[0], long=False))
        for one, other in wrong
        if other
    ]


def _of_thing(world: World, facts: Facts, rng: np.random.Generator) -> list[tuple[str, str]]:
    every = [f"{colour} {thing.word}" for colour in world.colours for thing in world.things]
    other = _any_of([one for one in every if one not in facts.things], rng)
    person = facts.kind in ("passerby", "blend")
    if not facts.things:
        return [("a person alone", f"a person with {with_article(other)}")] * person
    thing = _any_of(facts.things, rng)
    near = [one for one in every if one not in facts.things and set(one.split()) & set(thing.split())]
    found = [(f"a scene with {with_article(thing)}", f"a scene with {with_article(_any_of(near, rng))}")]
    return found + [(f"a person with {with_article(thing)}", "a person alone")] * person


def _any_of(items: Sequence[str], rng: np.random.Generator) -> str:
    return items[int(rng.integers(len(items)))]
