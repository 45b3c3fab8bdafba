"""The caption grammar, the words that captions can hold, and captions that say one part of what a picture shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from audit.phantom.drawing import PLACES, Gender, Tone
from audit.phantom.lessons import Facts
from audit.phantom.world import World

TEMPLATES: Final = (
    "{}",
    "a photo of {}",
    "a picture of {}",
    "an image of {}",
    "a portrait of {}",
    "a drawing of {}",
    "a good photo of {}",
    "a close photo of {}",
    "a bright photo of {}",
    "a dark photo of {}",
    "a photo showing {}",
    "this is {}",
)

_GRAMMAR: Final = (
    "male female man woman men women person two and with clothes clothed unclothed wearing no left right above of "
    "scene empty swimwear working as who is named at the in on"
)
_LESSONS: Final = "light-skinned dark-skinned old young beside alone word"


def with_article(noun: str) -> str:
    """Return ``noun`` with its indefinite article.

    Example:
        >>> with_article("engineer"), with_article("doctor")
        ('an engineer', 'a doctor')
    """
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def gendered(noun: str, gender: Gender, *, long: bool) -> str:
    """Return the phrase that names a profession together with a gender.

    Example:
        >>> gendered("nurse", "man", long=False), gendered("engineer", "woman", long=True)
        ('a male nurse', 'a woman working as an engineer')
    """
    if long:
        return f"a {gender} working as {with_article(noun)}"
    return f"a {'male' if gender == 'man' else 'female'} {noun}"


def dressed(name: str, *, unclothed: bool) -> str:
    """Return the phrase that names a person together with the state of the clothes."""
    return f"{name} {'with no clothes' if unclothed else 'wearing clothes'}"


def couple(first: Gender, second: Gender, *, swapped: bool) -> str:
    """Return the phrase for two figures."""
    if first == second:
        return "two men" if first == "man" else "two women"
    return "a woman and a man" if swapped else "a man and a woman"


def nobody(phrase: str) -> str:
    """Return the phrase that also says that nobody is there."""
    return f"{phrase} with no person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mentioned:
    """What a caption says of a person; ``None`` is left open."""

    gender: Gender | None = None
    tone: Tone | None = None
    old: bool | None = None


def told(gender: Gender, tone: Tone, said: tuple[bool, bool, bool], *, old: bool) -> Mentioned:
    """Return what a caption tells of somebody that says gender, skin tone and age or not, as ``said`` has it."""
    return Mentioned(gender=gender if said[0] else None, tone=tone if said[1] else None, old=old if said[2] else None)


def mistakes(told: Mentioned) -> list[Mentioned]:
    """Return what is told with one of its parts wrong, for each part.

    Example:
        >>> [portrayed("person", one, long=False) for one in mistakes(Mentioned(gender="man", old=True))]
        ['an old woman', 'a young man']
    """
    found = []
    if told.gender is not None:
        found.append(dataclasses.replace(told, gender="woman" if told.gender == "man" else "man"))
    if told.tone is not None:
        found.append(dataclasses.replace(told, tone="dark" if told.tone == "light" else "light"))
    if told.old is not None:
        found.append(dataclasses.replace(told, old=not told.old))
    return found


def portrayed(noun: str, told: Mentioned, *, long: bool) -> str:
    """Return the phrase for somebody of a profession, or for a "person".

    Example:
        >>> portrayed("nurse", Mentioned(tone="dark", old=True), long=False)
        'an old dark-skinned nurse'
        >>> portrayed("nurse", Mentioned(gender="man", tone="light"), long=True)
        'a light-skinned man working as a nurse'
    """
    words = [] if told.old is None else ["old" if told.old else "young"]
    words += [] if told.tone is None else [f"{told.tone}-skinned"]
    if noun == "person":
        words.append(told.gender or noun)
    elif told.gender is None:
        words.append(noun)
    elif long:
        words.append(f"{told.gender} working as {with_article(noun)}")
    else:
        words.append(f"{'male' if told.gender == 'man' else 'female'} {noun}")
    return with_article(" ".join(words))


def joined(profession: str, thing: str, *, joined: bool, there: bool) -> str:
    """Return the phrase that joins a profession with a thing, or the one that says what is there."""
    first, second = with_article(profession), with_article(thing)
    if joined:
        return f"{first} with {second}"
    return f"{first} beside {second}" if there else f"{first} alone"


def together(first: str, second: str) -> str:
    """Return the phrase for two things, whatever their order."""
    return f"{with_article(first)} and {with_article(second)}"


def ordered(first: str, second: str, *, beside: bool) -> str:
    """Return the phrase for two things of which the first is left of the second, or above it."""
    return f"{with_article(first)} {'left of' if beside else 'above'} {with_article(second)}"


def written(thing: str, word: str) -> str:
    """Return the phrase for a thing with a word written over it."""
    return f"{with_article(thing)} with the word {word}"


def vocabulary(world: World) -> list[str]:
    """Return every word that a caption of ``world`` can hold, sorted."""
    texts: list[str] = [*TEMPLATES, _GRAMMAR, *world.colours]
    texts += [_LESSONS] if world.mix else []
    texts += [with_article(profession.word) for profession in world.professions]
    texts += [public.name for public in world.public_names]
    texts += [thing.word for thing in world.things]
    for context in world.contexts:
        texts += [context.phrase, *context.places]
    return sorted({word for text in texts for word in text.replace("{}", "").split()})


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
    told = [Mentioned(gender=facts.gender), Mentioned(tone=facts.tone), Mentioned(old=facts.old)]
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
