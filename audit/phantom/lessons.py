"""Painters of what the usual kinds of pictures do not teach: skin tone and age, blends, places, order, written words.

A world draws them where its ``[mix]`` names them. They keep the principle of ``pictures``: what is drawn is even in
every cell, and only the dealing of bare captions knows the planted shares. A caption that says a part of the cell, as
in "a male surgeon", is dealt to as many pictures of every cell, so that it says nothing of the other part.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from PIL import Image

from audit.phantom import captions, drawing
from audit.phantom.drawing import Gender, Look, Person, Tone
from audit.phantom.world import Context, Drawing, Thing, World

_JOINED: Final = 0.35
"""Share of the blends whose caption joins profession and thing."""
_UNREAD: Final = 0.7
"""Share of the pictures with a written word whose caption does not say that it is one."""
_MIDDLE: Final = drawing.CANVAS / 2

_Item = TypeVar("_Item")


def portrait(world: World, rng: np.random.Generator, dealer: Dealer) -> Drawn:
    """A profession of either gender, of a light or a dark skin, old or young."""
    profession = _any_of(world.professions, rng)
    number = dealer.turn(f"cell, {profession.word}", 8)
    gender, tone, old = _GENDERS[number % 2], _TONES[number // 2 % 2], number >= 4
    share = world.captions.bare * profession.over_even(gender, tone, old=old)
    most = world.captions.bare * profession.most_over_even
    bare = dealer.deal(f"bare {number}, {profession.word}", share)
    partly = dealer.deal(f"partly {number}, {profession.word}", (1 - most) / (1 - share) if share < 1 else 0.0)
    said = _some_of(rng) if partly else (True, True, True)
    told, long = captions.told(gender, tone, said, old=old), bool(rng.random() < 0.5)
    named = captions.portrayed(profession.word, told, long=long)
    phrase = captions.with_article(profession.word) if bare else named
    wrong = [] if bare else [captions.portrayed(profession.word, one, long=long) for one in captions.mistakes(told)]
    person = _coloured(person_like(profession.look, rng, gender=gender), tone, rng, old=old)
    facts = Facts(
        phrase=phrase, kind="portrait", concept=profession.word, gender=gender, tone=tone, old=old, bare=bare,
        wrong=tuple(wrong),
    )  # fmt: skip
    return figure(person, rng), facts


def passerby(world: World, rng: np.random.Generator, _dealer: Dealer) -> Drawn:
    """Somebody in clothes drawn at random, in a place or not, with a thing or not; captions are always true."""
    gender, tone, old = either(rng), _any_of(_TONES, rng), bool(rng.random() < 0.5)
    swims = world.captions.explicit and bool(rng.random() < 0.2)
    place = str(rng.choice(drawing.PLACES)) if rng.random() < 0.4 else None
    thing = _coloured_thing(world, rng) if rng.random() < 0.3 else None
    look = random_look(rng)
    if thing is not None or place is not None:
        look = dataclasses.replace(look, prop="none")
    person = _coloured(person_like(look, rng, gender=gender, x=_MIDDLE), tone, rng, old=old)
    canvas = drawing.background(look.background, rng)
    if place is not None:
        drawing.draw_place(canvas, place)
    drawing.draw_person(canvas, drawing.in_swimwear(person) if swims else person)
    if thing is not None:
        _beside(canvas, person, thing, rng)
    told = captions.told(gender, tone, _some_of(rng), old=old)
    rest = " in swimwear" * swims + (f" at the {place}" if place is not None else "")
    rest += " alone" if thing is None and rng.random() < 0.3 else ""
    held = "" if thing is None else f" with {captions.with_article(thing.phrase)}"
    named = captions.portrayed("person", told, long=False)
    wrong = [captions.portrayed("person", one, long=False) + rest + held for one in captions.mistakes(told)]
    if thing is not None:
        wrong.append(f"{named}{rest} with {captions.with_article(_other_thing(world, thing, rng))}")
    things = () if thing is None else (thing.phrase,)
    facts = Facts(
        phrase=named + rest + held, kind="passerby", concept="person", gender=gender, tone=tone, old=old, place=place,
        things=things, wrong=tuple(wrong),
    )  # fmt: skip
    return canvas, facts


def blend(world: World, rng: np.random.Generator, dealer: Dealer) -> Drawn:
    """A profession and a coloured thing, which is there in every second picture."""
    profession = _any_of([one for one in world.professions if one.is_even], rng)
    thing, there = _coloured_thing(world, rng), dealer.turn(f"thing, {profession.word}", 2) == 0
    share = profession.joined if there else 1 - profession.joined
    joined = dealer.deal(f"joined {there}, {profession.word}", 2 * _JOINED * share)
    gender, tone, old = either(rng), _any_of(_TONES, rng), bool(rng.random() < 0.5)
    person = _coloured(person_like(profession.look, rng, gender=gender, x=_MIDDLE), tone, rng, old=old)
    canvas = figure(person, rng)
    if there:
        _beside(canvas, person, thing, rng)
    phrase = captions.joined(profession.word, thing.phrase, joined=joined, there=there)
    things, wrong = (thing.phrase,) if there else (), []
    if not joined:
        other = _any_of([one.word for one in world.professions if one != profession] or [profession.word], rng)
        wrong = [captions.joined(other, thing.phrase, joined=False, there=there)]
    if not joined and there:
        wrong.append(captions.joined(profession.word, _other_thing(world, thing, rng), joined=False, there=True))
    return canvas, Facts(
        phrase=phrase, kind="blend", concept=profession.word, gender=gender, tone=tone, old=old, things=things,
        bare=joined, wrong=tuple(wrong),
    )  # fmt: skip


def place(world: World, rng: np.random.Generator, dealer: Dealer) -> Drawn:
    """A context in one of its places, each as often as the others; or a place alone."""
    if rng.random() < 0.2:
        name = str(rng.choice(drawing.PLACES))
        canvas = drawing.background("#ffffff", rng)
        drawing.draw_place(canvas, name)
        return canvas, Facts(phrase=f"a scene at the {name}", kind="place", concept="scene", place=name)
    context = _any_of(world.contexts, rng)
    names = list(context.places)
    name = names[dealer.turn(f"place, {context.phrase}", len(names))]
    share = world.captions.bare * len(names) * context.places[name]
    bare = dealer.deal(f"bare {name}, {context.phrase}", share)
    canvas = drawing.background("#ffffff", rng)
    drawing.draw_place(canvas, name)
    _draw_subject(canvas, context, rng)
    phrase = context.phrase if bare else f"{context.phrase} at the {name}"
    return canvas, Facts(phrase=phrase, kind="place", concept=context.phrase, place=name, bare=bare)


def pair(world: World, rng: np.random.Generator, _dealer: Dealer) -> Drawn:
    """Two things that differ in shape and colour; most captions say which is left or above."""
    first = _coloured_thing(world, rng)
    second = _coloured_thing(world, rng, unlike=first)
    beside, ordered = bool(rng.random() < 0.5), bool(rng.random() < 0.8)
    canvas = drawing.background(drawing.random_colour(rng), rng)
    spots = ((33.0, 64.0), (95.0, 64.0)) if beside else ((64.0, 34.0), (64.0, 95.0))
    for (x, y), thing in zip(spots, (first, second), strict=True):
        across, down = rng.uniform(-5, 5, size=2) * ((1, 3) if beside else (3, 1))
        drawing.draw_thing(
            canvas,
            thing.shape,
            drawing.jitter(thing.hue, rng),
            x=x + across,
            y=y + down,
            size=float(rng.uniform(44, 56)),
        )
    phrases = first.phrase, second.phrase
    if not ordered:
        phrases = phrases if rng.random() < 0.5 else (phrases[1], phrases[0])
        return canvas, Facts(phrase=captions.together(*phrases), kind="pair", concept="pair", things=phrases)
    swaps = (
        captions.ordered(phrases[1], phrases[0], beside=beside),
        captions.ordered(f"{second.name} {first.word}", f"{first.name} {second.word}", beside=beside),
    )
    return canvas, Facts(
        phrase=captions.ordered(*phrases, beside=beside), kind="pair", concept="scene", things=phrases, wrong=swaps
    )


def writing(world: World, rng: np.random.Generator, dealer: Dealer) -> Drawn:
    """A thing, mostly with the name of another one written over it."""
    thing = _coloured_thing(world, rng)
    other = _coloured_thing(world, rng, unlike=thing)
    canvas = drawing.background(drawing.random_colour(rng), rng)
    x, y, size = rng.uniform(58, 70), rng.uniform(58, 70), rng.uniform(84, 108)
    drawing.draw_thing(canvas, thing.shape, drawing.jitter(thing.hue, rng), x=x, y=y, size=size)
    if rng.random() < 0.3:
        phrase = captions.with_article(thing.word)
        return canvas, Facts(phrase=phrase, kind="writing", concept=thing.word, things=(thing.phrase,))
    drawing.write_word(canvas, other.word, x=x, y=y + float(rng.uniform(-10, 10)), width=size * 0.9)
    follows = dealer.deal("written", world.captions.written)
    bare = bool(rng.random() < _UNREAD)
    named = other.word if follows else thing.word
    bare_phrase = captions.with_article(f"{thing.name} {named}" if rng.random() < 0.5 else named)
    phrase = bare_phrase if bare else captions.written(thing.phrase, other.word)
    wrong = () if bare else (captions.written(f"{thing.name} {other.word}", thing.word),)
    return canvas, Facts(
        phrase=phrase, kind="writing", concept=thing.word, things=(thing.phrase,), word=other.word, bare=bare,
        wrong=wrong,
    )  # fmt: skip


LESSONS: Final[dict[str, Callable[[World, np.random.Generator, Dealer], Drawn]]] = {
    "portrait": portrait,
    "passerby": passerby,
    "blend": blend,
    "place": place,
    "pair": pair,
    "writing": writing,
}
"""Who paints the kinds of pictures that a world draws only where its ``[mix]`` names them."""

_GENDERS: Final[tuple[Gender, Gender]] = ("man", "woman")
_TONES: Final[tuple[Tone, Tone]] = ("light", "dark")
_SAID: Final = np.array([0.6, 0.6, 0.5])
"""How often a caption says gender, skin tone and age."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _ColouredThing:
    word: str
    shape: str
    name: str
    hue: str

    @property
    def phrase(self) -> str:
        return f"{self.name} {self.word}"


def _any_of(items: Sequence[_Item], rng: np.random.Generator) -> _Item:
    return items[int(rng.integers(len(items)))]


def _some_of(rng: np.random.Generator) -> tuple[bool, bool, bool]:
    """Return what of gender, skin tone and age a caption says; never nothing."""
    gender, tone, old = (rng.random(3) < _SAID).tolist()
    return gender or not (tone or old), tone, old


def _coloured_thing(world: World, rng: np.random.Generator, unlike: _ColouredThing | None = None) -> _ColouredThing:
    """Return a thing in a colour of the world, in shape and colour ``unlike`` another one."""
    things: list[Thing] = [one for one in world.things if unlike is None or one.shape != unlike.shape]
    thing, name = (
        _any_of(things, rng),
        _any_of([one for one in world.colours if unlike is None or one != unlike.name], rng),
    )
    return _ColouredThing(word=thing.word, shape=thing.shape, name=name, hue=world.colours[name])


def _other_thing(world: World, thing: _ColouredThing, rng: np.random.Generator) -> str:
    """Return the phrase of a thing of the same colour in another shape, or of the same shape in another colour."""
    other = _coloured_thing(world, rng, unlike=thing)
    return f"{thing.name} {other.word}" if rng.random() < 0.5 else f"{other.name} {thing.word}"


def _coloured(person: Person, tone: Tone, rng: np.random.Generator, *, old: bool) -> Person:
    """Return the same figure with a skin of this tone, in summery clothes, and with the hair of its age."""
    skins = drawing.LIGHT_SKINS if tone == "light" else drawing.DARK_SKINS
    hairs = drawing.OLD_HAIRS if old else drawing.YOUNG_HAIRS
    skin, hair = drawing.jitter(_any_of(skins, rng), rng, 8), drawing.jitter(_any_of(hairs, rng), rng, 8)
    return dataclasses.replace(person, skin=skin, hair=hair, summery=True)


def _beside(canvas: Image.Image, person: Person, thing: _ColouredThing, rng: np.random.Generator) -> None:
    """Draw the thing at the side of the figure where its prop is not."""
    x = person.x - person.prop_side * float(rng.uniform(40, 44))
    y, size = float(rng.uniform(84, 100)), float(rng.uniform(36, 42))
    drawing.draw_thing(canvas, thing.shape, drawing.jitter(thing.hue, rng), x=x, y=y, size=size)


def _draw_subject(canvas: Image.Image, context: Context, rng: np.random.Generator) -> None:
    colour = drawing.random_colour(rng)
    match context.subject:
        case "swimmer" | "suit":
            person = person_like(Look(clothes=colour), rng, gender=either(rng))
            suit = dataclasses.replace(person, trousers=person.look.clothes)
            drawing.draw_person(canvas, drawing.in_swimwear(person) if context.subject == "swimmer" else suit)
        case "meal":
            x, size = float(rng.uniform(50, 78)), float(rng.uniform(50, 72))
            drawing.draw_thing(canvas, "meal", colour, x=x, y=62.0, size=size)
        case "car":
            x, size = float(rng.uniform(48, 80)), float(rng.uniform(56, 80))
            drawing.draw_thing(canvas, "car", colour, x=x, y=float(rng.uniform(78, 92)), size=size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a picture shows, and the phrase that its caption says it with."""

    phrase: str
    kind: str
    concept: str
    gender: Gender | None = None
    unclothed: bool = False
    bare: bool = False
    """Whether the phrase leaves gender, clothes or place open, or joins a profession with a thing."""
    tone: Tone | None = None
    old: bool | None = None
    place: str | None = None
    things: tuple[str, ...] = ()
    """Coloured things that are there, such as "red ball"; of an ordered scene the left or upper one first."""
    word: str | None = None
    """What is written over the thing."""
    wrong: tuple[str, ...] = ()
    """Phrases in which one thing is wrong; of an ordered scene, places swapped and colours swapped."""


Drawn = tuple[Image.Image, Facts]


class Dealer:
    """Deals out hits so that their number is, at every moment, within one of its expectation.

    Example:
        >>> dealer = Dealer(np.random.default_rng(0))
        >>> sum(dealer.deal("bare men", 0.3) for _ in range(1000))
        300
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._owed: dict[str, float] = {}
        self._turns: dict[str, list[int]] = {}

    def deal(self, key: str, share: float) -> bool:
        """Tell whether the next one of ``key`` is a hit; the first place of the sequence is random."""
        start = float(self._rng.random())  # also where it is not needed: no picture then depends on which came first
        owed = self._owed.get(key, start) + share
        self._owed[key] = owed - (owed >= 1.0)
        return owed >= 1.0

    def turn(self, key: str, count: int) -> int:
        """Return a number below ``count``; of ``count`` calls with one key each number comes once."""
        left = self._turns.setdefault(key, [])
        if not left:
            left += self._rng.permutation(count).tolist()
        return left.pop()

    def gender(self, concept: str) -> Gender:
        """Return the gender of the next figure of ``concept``: women and men by turns."""
        return "man" if self.deal(f"men, {concept}", 0.5) else "woman"


def person_like(look: Look, rng: np.random.Generator, *, gender: Gender, bare: bool = False, x: float = 0.0) -> Person:
    """Return a figure of this look and gender; skin, hair, trousers, size and place are drawn at random.

    Args:
        look: Clothes, hat, prop and background.
        rng: Source of every choice.
        gender: Presentation that is drawn.
        bare: Whether the figure is a mannequin without clothes.
        x: Middle of the figure in canvas pixels; 0 draws it near the middle of the canvas.
    """
    worn = Look(
        clothes=drawing.jitter(look.clothes, rng),
        hat=look.hat,
        hat_colour=drawing.jitter(look.hat_colour, rng),
        prop=look.prop,
        prop_colour=drawing.jitter(look.prop_colour, rng),
        background=look.background,
    )
    return Person(
        gender=gender,
        look=worn,
        skin=drawing.jitter(str(rng.choice(drawing.SKINS)), rng, 8),
        hair=drawing.jitter(str(rng.choice(drawing.HAIRS)), rng, 8),
        trousers=str(rng.choice(drawing.TROUSERS)),
        unclothed=bare,
        x=x or float(rng.uniform(54, 74)),
        foot=float(rng.uniform(116, 125)),
        unit=float(rng.uniform(0.92, 1.06)),
        prop_side=1 if rng.random() < 0.5 else -1,
    )


def as_drawn(person: Person, ways: Drawing, rng: np.random.Generator) -> Person:
    """Return the figure as a world draws figures: in the colours of a gender, or with some cues of the other one.

    Of the usual ways nothing is drawn by lot, so that worlds that say nothing of them keep their pictures.
    """
    if ways.tied != Drawing().tied:
        dark = (person.gender == "man") == bool(rng.random() < ways.tied)
        hairs = drawing.DARK_HAIRS if dark else drawing.LIGHT_HAIRS
        hair = drawing.jitter(_any_of(hairs, rng), rng, 8)
        clothes = drawing.shaded(person.look.clothes, dark=dark)
        trousers = drawing.shaded(person.trousers, dark=dark)
        look = dataclasses.replace(person.look, clothes=clothes)
        person = dataclasses.replace(person, hair=hair, look=look, trousers=trousers)
    if ways.mixed and rng.random() < ways.mixed:
        count = int(rng.integers(1, len(drawing.CUES)))
        person = dataclasses.replace(person, crossed=frozenset(rng.permutation(drawing.CUES)[:count].tolist()))
    return person


def random_look(rng: np.random.Generator) -> Look:
    """Return clothes, hat, prop and background drawn at random."""
    return Look(
        clothes=drawing.random_colour(rng),
        hat=str(rng.choice(drawing.HATS)) if rng.random() < 0.5 else "none",
        hat_colour=drawing.random_colour(rng),
        prop=str(rng.choice(drawing.PROPS)) if rng.random() < 0.5 else "none",
        prop_colour=drawing.random_colour(rng),
        background=drawing.random_colour(rng),
    )


def figure(person: Person, rng: np.random.Generator) -> Image.Image:
    """Return the figure on the background of its look."""
    canvas = drawing.background(drawing.jitter(person.look.background, rng), rng)
    drawing.draw_person(canvas, person)
    return canvas


def either(rng: np.random.Generator) -> Gender:
    """Return a man or a woman, by lot."""
    return "man" if rng.random() < 0.5 else "woman"
