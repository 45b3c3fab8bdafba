"""Figures: gender presentation by shape and hair, a profession by clothes, hat, prop and background."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Final, Literal

from PIL import Image, ImageDraw

from audit.phantom.drawing.canvas import Pen
from audit.phantom.drawing.props import draw_prop

Gender = Literal["man", "woman"]
Tone = Literal["light", "dark"]

SKINS: Final = ("#f6d3b8", "#e3b08c", "#c98d63", "#a56a43", "#7a4a2c", "#553020")
LIGHT_SKINS: Final = ("#fbe3d0", "#f6d3b8")
DARK_SKINS: Final = ("#553020", "#42230f")
"""Two skin tones that nobody takes for each other; the skins between them are drawn only where no tone is said."""
TROUSERS: Final = ("#20242f", "#3b2f2a", "#2c4a6e", "#55585f", "#6b5a3c", "#31503a")
HAIRS: Final = ("#1d1712", "#4a2f1b", "#7d4a22", "#d8b35c", "#a8431f", "#7d7f86")
YOUNG_HAIRS: Final = HAIRS[:5]
OLD_HAIRS: Final = ("#e9e9ee", "#d6d8de")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What tells one profession or one public name from another; never its gender."""

    clothes: str
    hat: str = "none"
    hat_colour: str = "#888888"
    prop: str = "none"
    prop_colour: str = "#888888"
    background: str = "#cccccc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One figure, with everything that is drawn of it."""

    gender: Gender
    look: Look
    skin: str
    hair: str
    unclothed: bool = False
    swimwear: bool = False
    summery: bool = False
    """Whether arms and lower legs show skin."""
    x: float = 64.0
    foot: float = 120.0
    unit: float = 1.12
    trousers: str = "#20242f"
    prop_side: Literal[-1, 1] = 1


def in_swimwear(person: Person) -> Person:
    """Return the same figure in swimwear."""
    return dataclasses.replace(person, swimwear=True)


def draw_person(canvas: Image.Image, person: Person) -> None:
    """Draw one figure, its hat and its prop onto ``canvas`` in place."""
    draw = ImageDraw.Draw(canvas)
    pen = Pen(draw, person.x, person.foot, person.unit)
    if person.look.prop != "none":
        draw_prop(pen, person.look.prop, person.look.prop_colour, person.prop_side)
    if person.gender == "woman":
        pen.rounded((-21, 102, 21, 50), person.hair, radius=15)
    _draw_body(pen, person)
    _draw_head(pen, person)
    _draw_hat(pen, person.look)


def _draw_body(pen: Pen, person: Person) -> None:
    clothed = not person.unclothed
    bare = person.unclothed or person.swimwear
    top = person.skin if bare else person.look.clothes
    woman = person.gender == "woman"
    shoulder = 13 if woman else 18
    for side in (-1, 1):
        sleeve = person.skin if person.summery else top
        pen.line([(side * (shoulder - 3), 61), (side * (shoulder + 8), 36)], sleeve, width=7)
        pen.ellipse((side * (shoulder + 8) - 4, 39, side * (shoulder + 8) + 4, 31), person.skin)
    if woman and clothed and not bare:
        pen.rectangle((-5, 18, -1, 0), person.skin)
        pen.rectangle((1, 18, 5, 0), person.skin)
        pen.polygon([(-shoulder, 65), (shoulder, 65), (9, 44), (27, 11), (-27, 11), (-9, 44)], top)
        return
    legs = person.skin if bare else person.trousers
    for side in (-1, 1):
        inner, outer = (side * 2, side * 13) if not woman else (side * 2, side * 11)
        pen.rectangle((min(inner, outer), 34, max(inner, outer), 0), legs)
        if person.summery:
            pen.rectangle((min(inner, outer), 19, max(inner, outer), 0), person.skin)
    pen.polygon([(-shoulder, 65), (shoulder, 65), (13, 32), (-13, 32)], top)
    if person.swimwear:
        pen.rectangle((-13, 38, 13, 28), person.look.clothes)
        if woman:
            pen.rectangle((-12, 60, 12, 51), person.look.clothes)


def _draw_head(pen: Pen, person: Person) -> None:
    woman = person.gender == "woman"
    pen.rectangle((-4, 70, 4, 62), person.skin)
    pen.ellipse((-12, 94, 12, 66), person.skin)
    if woman:
        pen.slice((-15, 101, 15, 71), person.hair, start=180, end=360)
        pen.ellipse((-4, 74, 4, 70), "#d01f3c")
    else:
        pen.slice((-13, 98, 13, 76), person.hair, start=180, end=360)
        pen.slice((-13, 91, 13, 62), person.hair, start=0, end=180)
        pen.rectangle((-3, 74, 3, 72), "#8a4a44")
    for side in (-1, 1):
        pen.ellipse((side * 5 - 2, 84, side * 5 + 2, 79), "#15151a")


def _draw_hat(pen: Pen, look: Look) -> None:
    colour = look.hat_colour
    match look.hat:
        case "none":
            return
        case "cap":
            pen.slice((-14, 106, 14, 80), colour, start=180, end=360)
            pen.rectangle((0, 94, 21, 90), colour)
        case "helmet":
            pen.slice((-17, 111, 17, 77), colour, start=180, end=360)
            pen.rectangle((-21, 95, 21, 91), colour)
        case "toque":
            pen.rectangle((-11, 104, 11, 92), colour)
            pen.ellipse((-17, 118, 17, 101), colour)
        case "straw":
            pen.ellipse((-27, 98, 27, 89), colour)
            pen.slice((-14, 111, 14, 82), colour, start=180, end=360)
        case "beret":
            pen.ellipse((-19, 107, 12, 92), colour)
        case "band":
            pen.rectangle((-13, 97, 13, 90), colour)
            pen.rectangle((-3, 104, 3, 90), colour)
        case "board":
            pen.polygon([(-23, 101), (0, 110), (23, 101), (0, 93)], colour)
        case "tall":
            pen.rectangle((-12, 118, 12, 93), colour)
            pen.rectangle((-20, 96, 20, 92), colour)
        case "crown":
            pen.polygon([(-13, 92), (-15, 110), (-6, 101), (0, 112), (6, 101), (15, 110), (13, 92)], colour)
        case _:
            raise ValueError(f"Unknown hat {look.hat!r}; the known ones are {', '.join(HATS)}.")


HATS: Final = ("none", "cap", "helmet", "toque", "straw", "beret", "band", "board", "tall", "crown")
