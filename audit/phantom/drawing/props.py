"""Props: the thing that stands beside a figure and belongs to its profession or name."""

from __future__ import annotations

from typing import Final

from audit.phantom.drawing.canvas import Box, Pen


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
