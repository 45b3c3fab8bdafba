"""The canvas of the drawn world: sizes, colours, backgrounds and a pen in figure units."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw

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
