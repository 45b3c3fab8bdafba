"""The pictures of the first page in a terminal that draws pictures (sixel or kitty's protocol), at the end of a run."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual_image.renderable import SixelImage, TGPImage

    from audit.pipeline import Outcome
    from audit.report.model import Picture

_CELLS: Final = 18
"""Columns of a picture and of the words below it."""
_GAP: Final = 2


def strip_lines(outcome: Outcome, width: int) -> list[RenderableType]:
    """Return the pictures of both ends of the main figure, with what the judge reads below each.

    Args:
        outcome: What the run came to; of its pictures none is read where the terminal draws none.
        width: Columns of the terminal.

    Returns:
        What a console prints, one below the other; nothing where the terminal draws no pictures, the extra
        ``terminal`` is not installed, or there is no room or no picture that may be shown.
    """
    if width < 3 * (_CELLS + _GAP) or (draw := _find_protocol()) is None:
        return []
    from audit.evidence import read_pictures, read_run
    from audit.report.findings import only_compared
    from audit.report.first_page import make_strip

    run = read_run(outcome.folder)
    references = only_compared(outcome.evidence.prompts)
    strip = make_strip(outcome.findings, outcome.evidence, references, lambda keys: read_pictures(run, keys))
    if strip is None:
        return []
    threes = [strip.pictures[first : first + 3] for first in range(0, len(strip.pictures), 3)]
    fitting = width // (3 * (_CELLS + _GAP))
    rows = [threes[first : first + fitting] for first in range(0, len(threes), fitting)]
    return [line for row in rows for line in _row([picture for three in row for picture in three], draw)]


def _row(pictures: Sequence[Picture], draw: type[SixelImage | TGPImage]) -> list[RenderableType]:
    from PIL import Image
    from rich.text import Text

    from audit.cli.talk import clean

    opened = [Image.open(io.BytesIO(picture.jpeg)).convert("RGB") for picture in pictures]
    side = max(image.width for image in opened)
    step = side * (_CELLS + _GAP) // _CELLS
    sheet = Image.new("RGBA", (step * len(opened), max(image.height for image in opened)))
    for place, image in enumerate(opened):
        sheet.paste(image, (place * step, 0))
    words = [
        "".join(f"{clean(text)[:_CELLS]:<{_CELLS + _GAP}}" for text in texts).rstrip()
        for texts in ([one.label for one in pictures], [one.detail for one in pictures])
    ]
    return [
        draw(sheet, width=len(opened) * (_CELLS + _GAP), height="auto"),
        *(Text(line, no_wrap=True) for line in words),
    ]


def _find_protocol() -> type[SixelImage | TGPImage] | None:
    """Return what draws pictures on this terminal, by its own answer; so it is one at both ends, in the foreground."""
    if os.environ.get("TERM", "dumb") == "dumb" or not (_is_watched(sys.__stdin__) and _is_watched(sys.__stdout__)):
        return None
    try:
        from textual_image.renderable import Image, SixelImage, TGPImage
    except ImportError:
        return None
    return Image if issubclass(Image, (SixelImage, TGPImage)) else None


def _is_watched(stream: object) -> bool:
    """Tell whether a stream is a terminal that this process may ask; one in the background would be stopped for it."""
    try:
        number = stream.fileno()  # type: ignore[attr-defined]
        return os.isatty(number) and os.tcgetpgrp(number) == os.getpgrp()
    except (AttributeError, OSError, ValueError):
        return False
