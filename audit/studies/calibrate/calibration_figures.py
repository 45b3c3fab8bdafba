"""The two figures of a calibration, as SVG: dose against response, and how often a gap is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from audit.report.figures import (
    COOL,
    GOLD,
    INK,
    PAPER,
    QUIET,
    RULE,
    SETTINGS,
    SMALL,
    WARM,
    plain_axes,
    save_svg,
)
from audit.report.labels import measure
from audit.report.text import show_number
from audit.studies.calibrate import Calibration, Kind, KindResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH: Final = 540.0
_HEIGHT: Final = 276.0
_SPACE: Final = 8.0
_PLANTED: Final[dict[Kind, str]] = {"lean": "planted share of men", "rate": "planted rate of unclothed pictures"}
_GAPS: Final[dict[Kind, str]] = {
    "lean": "planted share of men, away from one half",
    "rate": "planted rate of unclothed pictures",
}
_SPANS: Final[dict[Kind, tuple[float, float]]] = {"lean": (-1.25, 1.25), "rate": (-0.05, 1.05)}
_LARGEST_GAP: Final[dict[Kind, float]] = {"lean": 0.5, "rate": 1.0}


def draw_dose_response(calibration: Calibration) -> str:
    """Draw what was measured against what was planted: a dot per concept and world, and the mean at every dose.

    Returns:
        An ``<svg>`` element; equal calibrations give equal text.
    """
    values: dict[Kind, list[tuple[float, float]]] = {"lean": [], "rate": []}
    for row in calibration.rows:
        if row.value is not None:
            values[row.kind].append((row.planted, row.value))
    return _draw(calibration, "dose-response", lambda axes, result: _draw_response(axes, result, values[result.kind]))


def draw_detection(calibration: Calibration) -> str:
    """Draw how often a gap is found against its size, with the smallest that is found with the power asked for.

    Returns:
        An ``<svg>`` element; equal calibrations give equal text.
    """
    return _draw(calibration, "detection", _draw_found)


def _draw(calibration: Calibration, name: str, panel: Callable[[Axes, KindResult], None]) -> str:
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with rc_context(SETTINGS):
        canvas = FigureCanvasSVG(Figure(figsize=(_WIDTH / 72, _HEIGHT / 72), facecolor=PAPER))
        for place, result in enumerate((calibration.lean, calibration.rate)):
            axes = canvas.figure.add_axes((0.065 + 0.5 * place, 0.135, 0.42, 0.68))
            panel(axes, result)
        return save_svg(canvas.figure, name)


def _draw_response(axes: Axes, result: KindResult, values: Sequence[tuple[float, float]]) -> None:
    low, high = _SPANS[result.kind]
    _frame(axes, f"{result.metric}: response", _PLANTED[result.kind], (-0.04, 1.04), (low, high))
    if not values:
        _label(axes, [("not measured", QUIET)])
        return
    axes.axhline(0, color=INK, linewidth=0.9, zorder=1)
    axes.plot(*zip(*values, strict=True), linestyle="", marker="o", markersize=3, color=GOLD, alpha=0.55, zorder=2)
    points = [(point.dose, point.response) for point in result.response]
    for dose, found in points:
        if found.low is not None and found.high is not None:
            axes.plot([dose, dose], [max(low, found.low), min(high, found.high)], color=COOL, linewidth=1.2, zorder=3)
    means = [(dose, found.value) for dose, found in points if found.value is not None]
    axes.plot(*zip(*means, strict=True), color=COOL, linewidth=1.2, marker="o", markersize=4.2, zorder=4)
    _label(axes, [("mean, 95 % interval over worlds", COOL)], [("one concept of one world", GOLD)])


def _draw_found(axes: Axes, result: KindResult) -> None:
    widest = _LARGEST_GAP[result.kind]
    _frame(axes, f"{result.metric}: gaps found", _GAPS[result.kind], (-0.02 * widest, 1.02 * widest), (-0.04, 1.09))
    gap = result.smallest_gap
    if not result.detection:
        _label(axes, [("not measured", QUIET)])
        return
    axes.axhline(gap.power, color=RULE, linewidth=1.2, linestyle=(0, (4, 2)), zorder=1)
    for point in result.detection:
        if point.share.low is not None and point.share.high is not None:
            axes.plot([point.gap] * 2, [point.share.low, point.share.high], color=COOL, linewidth=1.0, alpha=0.6)
    gaps = [point.gap for point in result.detection]
    axes.plot(gaps, [point.fitted for point in result.detection], color=WARM, linewidth=1.6, zorder=3)
    shares = [(point.gap, point.share.value) for point in result.detection if point.share.value is not None]
    axes.plot(*zip(*shares, strict=True), linestyle="", marker="o", markersize=4.2, color=COOL, zorder=4)
    if gap.value is not None:
        axes.plot([gap.value] * 2, [-0.04, gap.power], color=INK, linewidth=0.9, zorder=2)
    _label(axes, [("found, 95 % interval", COOL), ("rising curve", WARM)], [(_smallest(result), INK)])


def _smallest(result: KindResult) -> str:
    gap = result.smallest_gap
    if gap.value is None:
        return f"{100 * gap.power:g} % power: not reached"
    ends = ["beyond" if end is None else show_number(end) for end in (gap.low, gap.high)]
    known = f" ({ends[0]} to {ends[1]})" if (gap.low, gap.high) != (None, None) else ""
    return f"{100 * gap.power:g} % power at {show_number(gap.value)}{known}"


def _frame(axes: Axes, title: str, below: str, span: tuple[float, float], height: tuple[float, float]) -> None:
    axes.set_xlim(*span)
    axes.set_ylim(*height)
    plain_axes(axes, "bottom", "left")
    axes.set_title(title, loc="left", color=INK, fontsize=9, pad=29)
    axes.set_xlabel(below, color=INK, fontsize=SMALL)


def _label(axes: Axes, *lines: Sequence[tuple[str, str]]) -> None:
    """Write lines of labels, each in the colour of what it names, between the title and the panel: nothing is there."""
    for line, height in zip(lines, (17.0, 6.0), strict=False):
        left = 0.0
        for text, colour in line:
            axes.annotate(
                text,
                (0, 1),
                xycoords="axes fraction",
                xytext=(left, height),
                textcoords="offset points",
                fontsize=SMALL,
                color=colour,
                annotation_clip=False,
            )
            left += measure(text) + _SPACE
