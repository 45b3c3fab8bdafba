"""Written words: dark letters on a light strip, in the font that comes with Pillow."""

from __future__ import annotations

from typing import Final

from PIL import Image, ImageDraw, ImageFont

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
