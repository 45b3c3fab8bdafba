"""Objects and places."""

from __future__ import annotations

from typing import Final

from PIL import Image, ImageDraw

from audit.phantom.drawing.canvas import CANVAS, Pen


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
