"""The renderer of the drawn world: flat shapes, one picture in about a millisecond.

Gender presentation is drawn by hair, beard, lips, shoulders, and a skirt or trousers; a profession by the
colour of the clothes, a hat, a prop and the background. The two sets share no shape and no colour, so that
a picture's profession says nothing of its gender. A mannequin is a figure in one skin colour without
anatomical detail: the harmless stand-in for unsafe content.
"""

from __future__ import annotations

import dataclasses
import io
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFilter, ImageFont

CANVAS: Final = 128
IMAGE_SIZE: Final = CANVAS // 2

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

Point = tuple[float, float]


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = ImageColor.getrgb(colour)[:3]
    return red, green, blue


def jitter(colour: str, rng: np.random.Generator, amount: int = 14) -> str:
    """Return ``colour`` (#rrggbb) with each channel moved by at most ``amount`` of 255."""
    moved = np.clip(np.array(_rgb(colour)) + rng.integers(-amount, amount + 1, size=3), 0, 255)
    return "#{:02x}{:02x}{:02x}".format(*moved.tolist())


def random_colour(rng: np.random.Generator) -> str:
    """Return a uniform draw from the colour cube as #rrggbb."""
    return "#{:02x}{:02x}{:02x}".format(*rng.integers(0, 256, size=3).tolist())


def shaded(colour: str, *, dark: bool) -> str:
    """Return ``colour`` moved by 40 % towards black or white."""
    moved = 0.6 * np.array(_rgb(colour)) + (0.0 if dark else 0.4 * 255)
    return "#{:02x}{:02x}{:02x}".format(*moved.astype(int).tolist())


def background(colour: str, rng: np.random.Generator) -> Image.Image:
    """Return a canvas with a vertical gradient around ``colour``, tilted at random, and a little grain."""
    base = np.array(_rgb(colour), dtype=np.float32)
    ramp = np.linspace(-1.0, 1.0, CANVAS, dtype=np.float32) * rng.uniform(-28, 28)
    pixels = base + ramp[:, None, None] + rng.normal(0, 5, (CANVAS, CANVAS, 1)).astype(np.float32)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def to_pixels(canvas: Image.Image) -> NDArray[np.uint8]:
    """Return the picture as uint8, shape (IMAGE_SIZE, IMAGE_SIZE, 3), box-averaged from the canvas."""
    return np.asarray(canvas.reduce(2), dtype=np.uint8)


class Pen:
    """Draws in units of a hundredth of the figure's height: x from its middle, y up from its feet."""

    def __init__(self, draw: ImageDraw.ImageDraw, x: float, foot: float, unit: float) -> None:
        self.draw = draw
        self.x = x
        self.foot = foot
        self.unit = unit

    def box(self, box: Box) -> Box:
        """Return a box (left, top, right, bottom) in pixels."""
        left, top, right, bottom = box
        return (*self.point(left, top), *self.point(right, bottom))

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Return a point in pixels."""
        return self.x + x * self.unit, self.foot - y * self.unit

    def rectangle(self, box: Box, colour: str) -> None:
        """Fill a box."""
        self.draw.rectangle(self.box(box), fill=colour)

    def rounded(self, box: Box, colour: str, *, radius: float) -> None:
        """Fill a box with round corners."""
        self.draw.rounded_rectangle(self.box(box), radius=radius * self.unit, fill=colour)

    def ellipse(self, box: Box, colour: str) -> None:
        """Fill the ellipse inside a box."""
        self.draw.ellipse(self.box(box), fill=colour)

    def polygon(self, points: list[Point], colour: str) -> None:
        """Fill a polygon."""
        self.draw.polygon([self.point(x, y) for x, y in points], fill=colour)

    def line(self, points: list[Point], colour: str, *, width: float) -> None:
        """Draw a line of ``width`` units."""
        self.draw.line([self.point(x, y) for x, y in points], fill=colour, width=max(1, round(width * self.unit)))

    def slice(self, box: Box, colour: str, *, start: int, end: int) -> None:
        """Fill the part of an ellipse between two angles in degrees, clockwise from the right."""
        self.draw.pieslice(self.box(box), start, end, fill=colour)


def draw_prop(pen: Pen, prop: str, colour: str, side: int) -> None:
    """Draw the thing that stands beside the figure, in a box of 22 by 34 units."""
    middle = side * 41.0

    def at(x: float, y: float) -> tuple[float, float]:
        return middle + x, y

    def box(left: float, top: float, right: float, bottom: float) -> Box:
        return middle + left, top, middle + right, bottom

    match prop:
        case "none":
            return
        case "cross":
            pen.rectangle(box(-4, 58, 4, 34), colour)
            pen.rectangle(box(-12, 50, 12, 42), colour)
        case "disc":
            pen.ellipse(box(-12, 58, 12, 34), colour)
        case "ring":
            pen.ellipse(box(-13, 58, 13, 32), colour)
            pen.ellipse(box(-6, 51, 6, 39), "#e8e8e8")
        case "flame":
            pen.polygon([at(-12, 2), at(-13, 22), at(-6, 16), at(0, 44), at(6, 16), at(13, 24), at(12, 2)], colour)
            pen.polygon([at(-6, 2), at(0, 24), at(6, 2)], "#ffe45c")
        case "sheaf":
            for x in (-9, -3, 3, 9):
                pen.line([at(x, 2), at(x * 1.3, 46)], colour, width=3)
        case "books":
            for index, x in enumerate((-12, -4, 4)):
                pen.rectangle(box(x, 36 + 4 * index, x + 7, 4), colour)
        case "tower":
            pen.polygon([at(-10, 2), at(0, 52), at(10, 2)], colour)
        case "plate":
            pen.rectangle(box(-14, 66, 14, 44), colour)
        case "hammer":
            pen.rectangle(box(-3, 48, 3, 8), "#7a5230")
            pen.rectangle(box(-11, 60, 11, 46), colour)
        case "bush":
            pen.rectangle(box(-2, 18, 2, 2), "#7a5230")
            pen.ellipse(box(-13, 44, 13, 14), colour)
        case "star":
            upper = [at(0, 64), at(4, 52), at(14, 52), at(6, 44), at(9, 32)]
            lower = [at(0, 39), at(-9, 32), at(-6, 44), at(-14, 52), at(-4, 52)]
            pen.polygon([*upper, *lower], colour)
        case "arrow":
            pen.polygon([at(-14, 44), at(6, 56), at(6, 32)], colour)
            pen.rectangle(box(4, 48, 14, 40), colour)
        case "bars":
            for x in (-12, -3, 6):
                pen.rectangle(box(x, 60, x + 5, 30), colour)
        case "diamond":
            pen.polygon([at(0, 62), at(12, 46), at(0, 30), at(-12, 46)], colour)
        case _:
            raise ValueError(f"Unknown prop {prop!r}; the known ones are {', '.join(PROPS)}.")


PROPS: Final = (
    "none", "cross", "disc", "ring", "flame", "sheaf", "books", "tower", "plate", "hammer", "bush", "star",
    "arrow", "bars", "diamond",
)  # fmt: skip


Gender = Literal["man", "woman"]
Tone = Literal["light", "dark"]

SKINS: Final = ("#f6d3b8", "#e3b08c", "#c98d63", "#a56a43", "#7a4a2c", "#553020")
LIGHT_SKINS: Final = ("#fbe3d0", "#f6d3b8")
DARK_SKINS: Final = ("#553020", "#42230f")
"""Two skin tones that nobody takes for each other; the skins between them are drawn only where no tone is said."""
TROUSERS: Final = ("#20242f", "#3b2f2a", "#2c4a6e", "#55585f", "#6b5a3c", "#31503a")
HAIRS: Final = ("#1d1712", "#4a2f1b", "#7d4a22", "#d8b35c", "#a8431f", "#7d7f86")
DARK_HAIRS: Final = HAIRS[:3]
LIGHT_HAIRS: Final = HAIRS[3:]
YOUNG_HAIRS: Final = HAIRS[:5]
OLD_HAIRS: Final = ("#e9e9ee", "#d6d8de")


CUES: Final = ("hair", "face", "body")
"""By which a gender is seen: length of the hair; beard or lips; shoulders, and a skirt or trousers."""


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
    crossed: frozenset[str] = frozenset()
    """Of ``CUES``, those that are drawn as the other gender has them."""

    def looks_a_woman(self, cue: str) -> bool:
        """Whether a cue is drawn as that of a woman."""
        return (self.gender == "woman") != (cue in self.crossed)


def in_swimwear(person: Person) -> Person:
    """Return the same figure in swimwear."""
    return dataclasses.replace(person, swimwear=True)


def draw_person(canvas: Image.Image, person: Person) -> None:
    """Draw one figure, its hat and its prop onto ``canvas`` in place."""
    draw = ImageDraw.Draw(canvas)
    pen = Pen(draw, person.x, person.foot, person.unit)
    if person.look.prop != "none":
        draw_prop(pen, person.look.prop, person.look.prop_colour, person.prop_side)
    if person.looks_a_woman("hair"):
        pen.rounded((-21, 102, 21, 50), person.hair, radius=15)
    _draw_body(pen, person)
    _draw_head(pen, person)
    _draw_hat(pen, person.look)


def _draw_body(pen: Pen, person: Person) -> None:
    clothed = not person.unclothed
    bare = person.unclothed or person.swimwear
    top = person.skin if bare else person.look.clothes
    woman = person.looks_a_woman("body")
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
    pen.rectangle((-4, 70, 4, 62), person.skin)
    pen.ellipse((-12, 94, 12, 66), person.skin)
    if person.looks_a_woman("hair"):
        pen.slice((-15, 101, 15, 71), person.hair, start=180, end=360)
    else:
        pen.slice((-13, 98, 13, 76), person.hair, start=180, end=360)
    if person.looks_a_woman("face"):
        pen.ellipse((-4, 74, 4, 70), "#d01f3c")
    else:
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


def draw_thing(canvas: Image.Image, shape: str, colour: str, *, x: float, y: float, size: float) -> None:
    """Draw an object with its middle at (x, y) and about ``size`` pixels across, in place.

    Raises:
        ValueError: If ``shape`` is not one of ``SHAPES``.
    """
    draw = ImageDraw.Draw(canvas)
    half = size / 2
    pen = Pen(draw, x, y, half / 50)
    dark = "#26262b"
    match shape:
        case "ball":
            pen.ellipse((-50, 50, 50, -50), colour)
            pen.ellipse((-30, 36, -8, 14), "#ffffff")
        case "apple":
            pen.ellipse((-48, 34, 48, -50), colour)
            pen.line([(0, 30), (8, 56)], "#5b3b1e", width=8)
            pen.ellipse((8, 56, 34, 40), "#3f9a3a")
        case "box":
            pen.rectangle((-46, 46, 46, -46), colour)
            pen.line([(-46, 46), (46, -46)], dark, width=6)
        case "car":
            pen.rectangle((-50, 8, 50, -24), colour)
            pen.polygon([(-30, 8), (-18, 34), (20, 34), (34, 8)], colour)
            for wheel in (-28, 28):
                pen.ellipse((wheel - 13, -12, wheel + 13, -38), dark)
        case "house":
            pen.rectangle((-40, 12, 40, -46), colour)
            pen.polygon([(-50, 12), (0, 52), (50, 12)], "#8d4632")
            pen.rectangle((-9, -14, 9, -46), dark)
        case "cup":
            pen.polygon([(-34, 40), (34, 40), (24, -44), (-24, -44)], colour)
            pen.line([(30, 24), (50, 14), (28, -18)], colour, width=9)
        case "meal":
            pen.ellipse((-50, 22, 50, -22), "#f4f4f4")
            pen.ellipse((-30, 26, 4, -8), colour)
            pen.ellipse((0, 22, 30, -8), "#c9502e")
        case _:
            raise ValueError(f"Unknown shape {shape!r}; the known ones are {', '.join(SHAPES)}.")


SHAPES: Final = ("ball", "apple", "box", "car", "house", "cup", "meal")


def draw_place(canvas: Image.Image, place: str) -> None:
    """Draw the ground of a context over the lower part of ``canvas``, in place.

    Raises:
        ValueError: If ``place`` is not one of ``PLACES``.
    """
    draw = ImageDraw.Draw(canvas)
    match place:
        case "beach":
            draw.rectangle((0, 0, CANVAS, 50), fill="#8fd0f2")
            draw.rectangle((0, 50, CANVAS, 82), fill="#2f7fc2")
            draw.rectangle((0, 82, CANVAS, CANVAS), fill="#f0dc9c")
        case "street":
            draw.rectangle((0, 0, CANVAS, 84), fill="#b9a79c")
            draw.rectangle((0, 84, CANVAS, CANVAS), fill="#4b4b50")
            for x in (6, 54, 102):
                draw.rectangle((x, 104, x + 22, 109), fill="#f2f2f2")
        case "table":
            draw.rectangle((0, 0, CANVAS, 66), fill="#e9dcc8")
            draw.rectangle((0, 66, CANVAS, 92), fill="#8a5a33")
            for x in (12, 106):
                draw.rectangle((x, 92, x + 10, CANVAS), fill="#6b4426")
        case "grass":
            draw.rectangle((0, 0, CANVAS, 58), fill="#bfe3f5")
            draw.rectangle((0, 58, CANVAS, CANVAS), fill="#5aa845")
        case _:
            raise ValueError(f"Unknown place {place!r}; the known ones are {', '.join(PLACES)}.")


PLACES: Final = ("beach", "street", "table", "grass")


_LETTERS: Final = "#101014"
_STRIP: Final = "#f6f6f2"
_TALLEST: Final = 46.0
"""Font size of short words in pixels of the canvas; longer ones are as wide as they may be."""


def write_word(canvas: Image.Image, word: str, *, x: float, y: float, width: float) -> None:
    """Write ``word`` with its middle at (x, y), at most ``width`` pixels across, on a strip of paper, in place."""
    draw = ImageDraw.Draw(canvas)
    size = min(_TALLEST, 20.0 * width / ImageFont.load_default(20).getlength(word))
    font = ImageFont.load_default(size)
    left, top, right, bottom = draw.textbbox((x, y), word, font=font, anchor="mm")
    draw.rectangle((left - 4, top - 4, right + 4, bottom + 4), fill=_STRIP)
    draw.text((x, y), word, font=font, anchor="mm", fill=_LETTERS)


RENDERERS: Final = ("flat", "inked")

_INK: Final = 0.3
"""What is left of a colour under an outline."""
_EDGE: Final = 26
"""Least step of a channel, of 255, that is outlined; a background's grain stays below it."""


def inked(canvas: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return the picture by the other renderer: outlines that waver, ink, hatching, grained paper, and JPEG.

    Every shape is the same one drawn otherwise, so that captions stay true. Outlines are moved by a smooth field of
    some 3 of 128 pixels and drawn dark; the fill is hatched in one direction; the paper has a coarse grain; JPEG of
    quality 30 to 70 leaves its blocks.
    """
    pixels = np.asarray(canvas, dtype=np.float32)
    rows, columns = np.mgrid[0:CANVAS, 0:CANVAS].astype(np.float32)
    field = [_smooth(rng.normal(0, 1, (6, 6)), 6.0) for _ in range(2)]
    where = np.stack([np.clip(rows + field[0], 0, CANVAS - 1), np.clip(columns + field[1], 0, CANVAS - 1)])
    pixels = pixels[where[0].round().astype(int), where[1].round().astype(int)]
    even = np.asarray(Image.fromarray(pixels.astype(np.uint8)).filter(ImageFilter.MedianFilter(3)), dtype=np.int16)
    steps = np.zeros((CANVAS, CANVAS), dtype=np.int16)
    steps[:-1] = np.abs(np.diff(even, axis=0)).max(axis=2)
    steps[:, :-1] = np.maximum(steps[:, :-1], np.abs(np.diff(even, axis=1)).max(axis=2))
    slant, gap = rng.uniform(-1.5, 1.5), rng.uniform(5, 9)
    hatched = ((columns + slant * rows) % gap < 1.6)[:, :, None]
    pixels = np.where(hatched, pixels * 0.86, pixels)
    pixels = np.where((steps > _EDGE)[:, :, None], pixels * _INK, pixels)
    pixels *= 1 + _smooth(rng.normal(0, 1, (32, 32)), 0.07)[:, :, None]
    store = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(store, "JPEG", quality=int(rng.integers(30, 71)))
    return Image.open(store).convert("RGB")


def _smooth(coarse: NDArray[np.float64], size: float) -> NDArray[np.float32]:
    """Return a coarse field, times ``size``, interpolated to the canvas."""
    image = Image.fromarray((coarse * size / 2).astype(np.float32))
    return np.asarray(image.resize((CANVAS, CANVAS), Image.Resampling.BICUBIC), dtype=np.float32)
