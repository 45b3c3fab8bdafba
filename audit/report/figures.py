"""Forest plots as SVG, drawn by matplotlib: the same bytes for the same data, nothing fetched, text as text.

Every length below is in points (1/72 inch). Labels are cut to the width that they have, so that none can run into
another; ids carry the name of the figure, so that many figures fit into one page.
"""

from __future__ import annotations

import io
import math
import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from audit.report.model import ForestFigure, ForestRow
from audit.report.text import show_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.typing import RcKeyType

INK: Final = "#1f2328"
QUIET: Final = "#6a7078"
RULE: Final = "#d6d9dd"
PAPER: Final = "#fffffe"
COOL: Final = "#0b5a8f"
WARM: Final = "#b3420e"
GOLD: Final = "#c98a00"
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


_WIDTH = 432.0
_WIDEST_LABEL = 170.0
_GAP = 8.0
_NUMBERS = 46.0
_ROW = 15.0
_TOP = 20.0
_AXIS = 18.0
_DIRECTIONS = 16.0
SMALL: Final = 8.0
SETTINGS: Final[dict[RcKeyType, object]] = {
    "svg.hashsalt": "clip-audit",
    "svg.fonttype": "none",
    "font.family": FONT,
    "font.size": SIZE,
}
_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"


@lru_cache(maxsize=128)
def draw_forest(figure: ForestFigure) -> str:
    """Draw a forest plot of at least one row.

    Returns:
        An ``<svg>`` element without declaration, metadata, script or reference to anything outside. Its colours are
        the constants of this module, so that a page can exchange them for its own.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    bottom = _AXIS + (_DIRECTIONS if figure.sides else 0)
    height = _TOP + _ROW * len(figure.rows) + bottom
    labels = [fit(row.label, _WIDEST_LABEL) for row in figure.rows]
    left = max(map(measure, labels)) + 2 * _GAP
    with drawing_names():
        canvas = FigureCanvasSVG(Figure(figsize=(_WIDTH / 72, height / 72)))
        box = (left / _WIDTH, bottom / height, 1 - (left + _NUMBERS) / _WIDTH, 1 - (_TOP + bottom) / height)
        axes = canvas.figure.add_axes(box)
        canvas.figure.patch.set_visible(False)
        _draw_frame(axes, figure)
        _draw_rows(axes, figure)
        for place, (row, label) in enumerate(zip(reversed(figure.rows), reversed(labels), strict=True)):
            write(axes, label, place, across=0, side="right")
            write(axes, show_number(row.value, signed=figure.signed), place, across=1, side="left")
        return save_svg(canvas.figure, figure.name)


@contextmanager
def drawing_names() -> Iterator[None]:
    """Draw with our settings, and names of any characters: the reader's own fonts show those that ours lacks."""
    from matplotlib import rc_context

    with rc_context(SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font", category=UserWarning)
        yield


def plain_axes(axes: Axes, *sides: str) -> None:
    """Draw axes on these sides only ("bottom", "left"), thin and quiet, on no ground of their own."""
    axes.patch.set_visible(False)
    axes.tick_params(labelsize=SMALL, labelcolor=QUIET, color=QUIET, length=3, width=0.6)
    for side, spine in axes.spines.items():
        spine.set_visible(side in sides)
        spine.set_color(QUIET)
        spine.set_linewidth(0.6)


def save_svg(figure: Figure, name: str) -> str:
    """Return a figure as an ``<svg>`` element without declaration and metadata, whose ids begin with ``name``.

    To be called under the settings that it was drawn with.
    """
    held = io.BytesIO()
    figure.savefig(held, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _tidy(held.getvalue().decode("utf-8"), name)


def _draw_frame(axes: Axes, figure: ForestFigure) -> None:
    low, high = figure.span
    margin = 0.02 * (high - low)
    axes.set_xlim(low - margin, high + margin)
    axes.set_ylim(-0.6, len(figure.rows) - 0.4)
    plain_axes(axes, "bottom")
    axes.set_yticks([])
    ticks = [low + (high - low) * step / 4 for step in range(5)]
    labels = [show_number(tick, signed=figure.signed) for tick in ticks]
    axes.set_xticks(ticks, labels=labels)
    if figure.neutral is not None and low <= figure.neutral <= high:
        axes.axvline(figure.neutral, color=INK, linewidth=0.9, zorder=1)
        axes.annotate(
            figure.neutral_word,
            (figure.neutral, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            fontsize=SMALL,
            color=INK,
        )
    _draw_directions(axes, figure)


def _draw_directions(axes: Axes, figure: ForestFigure) -> None:
    below, above = figure.sides or ("", "")
    for text, where, side in ((f"\u2190 {below}", 0, "left"), (f"{above} \u2192", 1, "right")):
        if figure.sides:
            axes.annotate(
                text,
                (where, 0),
                xycoords="axes fraction",
                xytext=(0, -28),
                textcoords="offset points",
                ha=side,
                fontsize=SMALL,
                color=INK,
            )


def _draw_rows(axes: Axes, figure: ForestFigure) -> None:
    """Draw what all rows have alike at once, since every artist of its own costs a millisecond."""
    colour = WARM if figure.warm else COOL
    places = [float(place) for place in reversed(range(len(figure.rows)))]
    lines = [_ends(figure, row) for row in figure.rows]
    draw_lines(axes, places, [axes.get_xlim()] * len(places), colour=RULE, width=0.5, zorder=0)
    draw_lines(axes, places, lines, colour=colour, width=1.7, zorder=3)
    known = [
        (row.reference, place) for row, place in zip(figure.rows, places, strict=True) if row.reference is not None
    ]
    if known:  # taller than a mark, so that neither hides the other where they meet
        axes.plot(
            *zip(*known, strict=True), linestyle="none", marker="|", markersize=10.5, color=GOLD, markeredgewidth=2.2,
            zorder=2,
        )  # fmt: skip
    marks: dict[tuple[bool, bool], list[tuple[float, float]]] = {}
    for row, place, ends in zip(figure.rows, places, lines, strict=True):
        marks.setdefault((row.matched, _is_open(figure, row, ends)), []).append((_within(figure, row.value), place))
    for (matched, is_open), spots in marks.items():
        axes.plot(
            *zip(*spots, strict=True), linestyle="none", marker="s" if matched else "o", markersize=5.4,
            color=PAPER if is_open else colour, markeredgecolor=colour, markeredgewidth=1.3, zorder=4, clip_on=False,
        )  # fmt: skip


def _ends(figure: ForestFigure, row: ForestRow) -> tuple[float, float]:
    """Return the ends of the line of a row, within the figure; its value twice where it has no interval."""
    low, high = (row.value if end is None else end for end in (row.low, row.high))
    return _within(figure, low), _within(figure, high)


def _within(figure: ForestFigure, value: float) -> float:
    return min(max(value, figure.span[0]), figure.span[1])


def _is_open(figure: ForestFigure, row: ForestRow, ends: tuple[float, float]) -> bool:
    """Tell whether a row cannot be told from the neutral value, where that is a question."""
    unknown = row.low is None or row.high is None
    return figure.neutral is not None and not figure.warm and (unknown or ends[0] <= figure.neutral <= ends[1])


def draw_lines(
    axes: Axes,
    places: Sequence[float],
    ends: Sequence[tuple[float, float]],
    *,
    colour: str,
    width: float,
    zorder: float,
) -> None:
    """Draw level lines, all at once.

    Args:
        axes: What is drawn on.
        places: Height of each, in data.
        ends: Left and right end of each, in data.
        colour: Of all.
        width: Of all, in points.
        zorder: What has a higher one lies above them.
    """
    from matplotlib.collections import LineCollection

    segments = [[(left, place), (right, place)] for place, (left, right) in zip(places, ends, strict=True)]
    held = LineCollection(segments, colors=colour, linewidths=width, zorder=zorder, clip_on=False)
    axes.add_collection(held, autolim=False)


def write(
    axes: Axes, text: str, place: float, *, across: float, side: Literal["left", "right", "center"], size: float = SIZE
) -> None:
    """Write a label as it stands, with a gap to what is beside it.

    Args:
        axes: What is drawn on.
        text: The label; never read as mathematics.
        place: Its height, in data.
        across: Where it stands, as a part of the width of the axes.
        side: Whether its left or its right end stands there, or its middle.
        size: In points.
    """
    gap = {"left": _GAP, "right": -_GAP, "center": 0.0}[side]
    axes.annotate(
        text,
        (across, place),
        xycoords=("axes fraction", "data"),
        xytext=(gap, 0),
        textcoords="offset points",
        ha=side,
        va="center_baseline",
        color=INK,
        fontsize=size,
        parse_math=False,
        annotation_clip=False,
    )


def _tidy(svg: str, name: str) -> str:
    """Strip declaration and metadata, and make the ids those of this figure."""
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    root = ET.fromstring(svg)  # noqa: S314  (our own output of a moment ago)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == f"{{{_SVG}}}metadata":
                parent.remove(child)
    for element in root.iter():
        for key, value in element.attrib.items():
            if key == "id":
                element.set(key, f"{name}-{value}")
            elif key == f"{{{_XLINK}}}href":
                element.set(key, value.replace("#", f"#{name}-", 1))
            else:
                element.set(key, re.sub(r"url\(#", f"url(#{name}-", value))
    size = tuple(math.ceil(float(root.attrib.pop(side).removesuffix("pt"))) for side in ("width", "height"))
    root.set("width", str(size[0]))
    root.set("height", str(size[1]))
    return ET.tostring(root, encoding="unicode")
