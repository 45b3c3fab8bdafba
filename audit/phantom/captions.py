"""The caption grammar, and the words that a world's captions can hold."""

from __future__ import annotations

from typing import Final

from audit.phantom.drawing import Gender
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


def vocabulary(world: World) -> list[str]:
    """Return every word that a caption of ``world`` can hold, sorted."""
    texts: list[str] = [*TEMPLATES, _GRAMMAR, *world.colours]
    texts += [with_article(profession.word) for profession in world.professions]
    texts += [public.name for public in world.public_names]
    texts += [thing.word for thing in world.things]
    for context in world.contexts:
        texts += [context.phrase, *context.places]
    return sorted({word for text in texts for word in text.replace("{}", "").split()})
