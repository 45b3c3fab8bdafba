"""How wide a label of a figure is, in the font that figures are drawn in, and how to cut it to its room."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

FONT: Final = "DejaVu Sans"
SIZE: Final = 9.0
"""Of a label, in points."""


def measure(text: str) -> float:
    """Width of a label in points."""
    return sum(map(_advance, text))


def fit(text: str, width: float) -> str:
    """Cut a label to a width, with an ellipsis where something was cut.

    Args:
        text: The label.
        width: Room for it, in points, at the size of a label.
    """
    if measure(text) <= width:
        return text
    used = _advance("…")
    for place, character in enumerate(text):
        used += _advance(character)
        if used > width:
            return text[:place].rstrip() + "…"
    return text


@lru_cache(maxsize=4096)
def _advance(character: str) -> float:
    """Width of a character in points; one that the font lacks counts as a full square."""
    from matplotlib.font_manager import FontProperties, findfont, get_font
    from matplotlib.ft2font import LoadFlags

    font = get_font(findfont(FontProperties(family=FONT)))
    if ord(character) not in font.get_charmap():
        return 1.2 * SIZE
    font.set_size(SIZE, 72)
    return float(font.load_char(ord(character), flags=LoadFlags.NO_HINTING).linearHoriAdvance) / 65536
