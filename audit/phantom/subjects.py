"""What all painters share: facts about a picture, the dealing of captions, and figures drawn at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from audit.phantom import drawing
from audit.phantom.drawing import Gender, Look, Person, Tone


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
