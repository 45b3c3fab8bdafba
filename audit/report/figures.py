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
_WIDTH = 432.0
_WIDEST_LABEL = 170.0
_GAP = 8.0
_NUMBERS = 46.0
_ROW = 15.0
_TOP = 20.0
_AXIS = 18.0
_DIRECTIONS = 16.0
_SIZE = 9.0
SMALL: Final = 8.0
SETTINGS: Final[dict[RcKeyType, object]] = {
    "svg.hashsalt": "clip-audit",
    "svg.fonttype": "none",
    "font.family": FONT,
    "font.size": _SIZE,
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
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    bottom = _AXIS + (_DIRECTIONS if figure.sides else 0)
    height = _TOP + _ROW * len(figure.rows) + bottom
    labels = [fit(row.label, _WIDEST_LABEL) for row in figure.rows]
    left = max(map(measure, labels)) + 2 * _GAP
    with rc_context(SETTINGS), warnings.catch_warnings():
        # Names may hold any character; the reader's own fonts draw those that matplotlib's font lacks.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font", category=UserWarning)
        canvas = FigureCanvasSVG(Figure(figsize=(_WIDTH / 72, height / 72)))
        box = (left / _WIDTH, bottom / height, 1 - (left + _NUMBERS) / _WIDTH, 1 - (_TOP + bottom) / height)
        axes = canvas.figure.add_axes(box)
        canvas.figure.patch.set_visible(False)
        _draw_frame(axes, figure)
        for place, (row, label) in enumerate(zip(figure.rows, labels, strict=True), start=1):
            _draw_row(axes, figure, row, float(len(figure.rows) - place))
            _write(axes, label, float(len(figure.rows) - place), side="right")
            _write(axes, show_number(row.value, signed=figure.signed), float(len(figure.rows) - place), side="left")
        return save_svg(canvas.figure, figure.name)


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


def _draw_row(axes: Axes, figure: ForestFigure, row: ForestRow, place: float) -> None:
    colour = WARM if figure.warm else COOL
    low, high = figure.span
    left, right = (row.value if end is None else min(max(end, low), high) for end in (row.low, row.high))
    value = min(max(row.value, low), high)
    unknown = row.low is None or row.high is None
    apart = figure.neutral is not None and not unknown and not left <= figure.neutral <= right
    open_mark = figure.neutral is not None and not figure.warm and not apart
    axes.axhline(place, color=RULE, linewidth=0.5, zorder=0)
    if row.reference is not None:
        # Taller than a mark, so that neither hides the other where they meet.
        axes.plot(row.reference, place, marker="|", markersize=10.5, color=GOLD, markeredgewidth=2.2, zorder=2)
    axes.plot(
        [left, right], [place, place], color=colour, linewidth=1.7, solid_capstyle="butt", zorder=3, clip_on=False
    )
    axes.plot(
        value, place, marker="s" if row.matched else "o", markersize=5.4, color=PAPER if open_mark else colour,
        markeredgecolor=colour, markeredgewidth=1.3, zorder=4, clip_on=False,
    )  # fmt: skip


def _write(axes: Axes, text: str, place: float, *, side: Literal["left", "right"]) -> None:
    """Write a label before the axis (flush right) or a number behind it (flush left)."""
    before = side == "right"
    axes.annotate(
        text,
        (0 if before else 1, place),
        xycoords=("axes fraction", "data"),
        xytext=(-_GAP if before else _GAP, 0),
        textcoords="offset points",
        ha=side,
        va="center_baseline",
        color=INK,
        parse_math=False,
        annotation_clip=False,
    )


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
        return 1.2 * _SIZE
    font.set_size(_SIZE, 72)
    return float(font.load_char(ord(character), flags=LoadFlags.NO_HINTING).linearHoriAdvance) / 65536


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
