"""A calibration for people: its numbers in words, its figures, and the files that it is kept in."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from audit.evidence.files import write_atomically
from audit.phantom.planted import CLEAR_MAN, CLEAR_WOMAN
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
    measure,
    plain_axes,
    save_svg,
)
from audit.report.method import FIGURE_FILES, TEXTS
from audit.report.text import NOT_MEASURED, NOTHING, count, show_level, show_number
from audit.stats import ClusterEstimate
from audit.studies.calibrate import Calibration, Kind, KindResult, SmallestGap, calibration_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS: Final = ("asked", "metric", "measured", "interval", "n", "how")
_SOUND: Final = frozenset({"none", "pass"})
"""Verdicts of an audit whose controls hold; the second is that of versions that gave one without a policy."""
_NOT_REACHED: Final = "not reached"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One number of a calibration, as text; in the order of ``COLUMNS``."""

    asked: str
    metric: str
    measured: str
    interval: str
    n: str
    how: str

    @property
    def cells(self) -> tuple[str, ...]:
        """All of it."""
        return (self.asked, self.metric, self.measured, self.interval, self.n, self.how)


def calibration_lines(calibration: Calibration) -> tuple[Line, ...]:
    """Return every number of a calibration but the curves, question by question, both kinds beside each other."""
    pairs = zip(_lines(calibration.lean), _lines(calibration.rate), strict=True)
    return tuple(line for pair in pairs for line in pair)


def calibration_sentences(calibration: Calibration) -> tuple[str, ...]:
    """Say what a calibration rests on, and what has to be known to read it."""
    origins = Counter(world.origin for world in calibration.worlds)
    worlds = ", ".join(
        f"{count(origins[origin], 'world')} {origin}" for origin in ("drawn", "taken") if origins[origin]
    )
    images = sum(world.images for world in calibration.worlds)
    unsure = sorted(world.label for world in calibration.worlds if world.verdict not in _SOUND)
    unmeasured = calibration.lean.n_unmeasured + calibration.rate.n_unmeasured
    return (
        (
            f"{worlds}, seed {calibration.seed}, effort {calibration.effort}, {count(images, 'image')}; intervals of "
            f"{show_level(calibration.level)}."
        ),
        (
            f"Clearly planted are shares of men up to {CLEAR_WOMAN:g} or from {CLEAR_MAN:g}, and rates from "
            f"{CLEAR_MAN:g}. A gap is the distance of a planted share from one half, or of a planted rate from 0."
        ),
        (
            "Concepts of one world share a training: intervals take them for as many trials as the spread between "
            "worlds allows, and where all worlds agree a world for one trial, so that few worlds give a wide one."
        ),
        (
            "The interval of a rate leaves out 0 as soon as one image is flagged, so found and false alarm mean no "
            "more than that for rates."
        ),
        (
            f"Concepts without a value or an interval: {unmeasured}. Worlds whose controls failed: "
            f"{', '.join(unsure) if unsure else 'none'}; their findings count all the same."
        ),
    )


def calibration_summary(calibration: Calibration) -> str:
    """Return the numbers of a calibration as Markdown, with the command that made it."""
    lines = [line.cells for line in calibration_lines(calibration)]
    told = " ".join(calibration_sentences(calibration))
    return "\n".join([f"Made by `{calibration.command}`. {told}", "", *_table(COLUMNS, lines)])


def calibration_page(calibration: Calibration) -> str:
    """Return the numbers and the curves of a calibration as one page of Markdown."""
    return "\n".join(
        [
            "# Calibration",
            "",
            calibration_summary(calibration),
            "",
            "![Dose against response](dose_response.svg)",
            "",
            "![Detection](detection.svg)",
            *(line for result in (calibration.lean, calibration.rate) for line in _curves(result)),
            "",
        ]
    )


def _lines(result: KindResult) -> Iterator[Line]:
    ranks, metric = result.ranks, result.metric
    spread = (
        f"; from {show_number(ranks.smallest)} to {show_number(ranks.largest)}" if ranks.smallest is not None else ""
    )
    yield _line(
        "order of planted and measured (Spearman, mean of worlds)", metric, ranks.mean, more=spread, of="worlds"
    )
    yield _line("clearly planted: found on its side", metric, result.sensitivity)
    yield _line("clearly planted: found on the other side", metric, result.reversals)
    yield _line("nothing planted: false alarms (0.05 expected)", metric, result.false_alarms)
    yield _line(
        "nothing planted: worlds with a finding that stays significant", metric, result.alarmed_worlds, of="worlds"
    )
    yield _gap_line(result.smallest_gap, metric)
    yield _line("nothing planted: intervals that hold 0", metric, result.balanced_coverage)
    yield _line(
        "planted: intervals that hold the average response of the other worlds",
        metric,
        result.dosed_coverage,
        more="; includes how worlds differ, which no interval over prompts claims to hold",
    )


def _line(asked: str, metric: str, found: ClusterEstimate, *, more: str = "", of: str = "concepts") -> Line:
    if found.value is None:
        return Line(asked=asked, metric=metric, measured=NOT_MEASURED, interval=NOTHING, n="0", how=found.method_text)
    return Line(
        asked=asked,
        metric=metric,
        measured=show_number(found.value),
        interval=_interval(found),
        n=count(found.n_clusters, "world") if of == "worlds" else _of_worlds(found.n, found.n_clusters),
        how=f"{found.method_text}{more}",
    )


def _gap_line(gap: SmallestGap, metric: str) -> Line:
    ends = [_NOT_REACHED if end is None else show_number(end) for end in (gap.low, gap.high)]
    known = (gap.low, gap.high) != (None, None)
    nothing = _NOT_REACHED if gap.n else NOT_MEASURED
    return Line(
        asked=f"smallest gap found with {100 * gap.power:g} % power",
        metric=metric,
        measured=nothing if gap.value is None else show_number(gap.value),
        interval=" to ".join(ends) if known else NOTHING,
        n=_of_worlds(gap.n, gap.n_worlds) if gap.n else "0",
        how=gap.method,
    )


def _interval(found: ClusterEstimate) -> str:
    if found.low is None or found.high is None:
        return NOTHING
    return f"{show_number(found.low)} to {show_number(found.high)}"


def _of_worlds(concepts: int, worlds: int) -> str:
    return f"{count(concepts, 'concept')} of {count(worlds, 'world')}"


def _curves(result: KindResult) -> Iterator[str]:
    yield from ("", f"## {result.metric}: dose and response", "")
    points = [(point.dose, point.response) for point in result.response]
    rows = [(show_number(dose), *_point(found)) for dose, found in points]
    yield from _table(("planted", "mean response", "interval", "n"), rows)
    yield from ("", f"## {result.metric}: gap and detection", "")
    found = [(show_number(p.gap), *_point(p.share), show_number(p.fitted)) for p in result.detection]
    yield from _table(("gap", "found", "interval", "n", "rising curve"), found)


def _point(found: ClusterEstimate) -> tuple[str, str, str]:
    return show_number(found.value), _interval(found), _of_worlds(found.n, found.n_clusters)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return ["Nothing was measured."]
    return [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}", *(f"| {' | '.join(row)} |" for row in rows)]


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


def write_calibration(calibration: Calibration, out: Path) -> tuple[Path, ...]:
    """Write everything that a calibration is told by into ``out``, which is there, and return the files.

    Raises:
        EnvironmentProblem: If a file cannot be written.
    """
    texts = {
        "calibration.json": calibration_text(calibration),
        "calibration.md": calibration_page(calibration),
        **appendix_files(calibration),
    }
    for name, text in texts.items():
        write_atomically(out / name, text.encode("utf-8"))
    return tuple(out / name for name in texts)


def appendix_files(calibration: Calibration) -> dict[str, str]:
    """Return the files that the appendix is made from: name and text."""
    texts = {
        "command": calibration.command,
        "sentences": list(calibration_sentences(calibration)),
        "lines": [list(line.cells) for line in calibration_lines(calibration)],
        "equivalents": {
            "dose-response": " ".join(_responses(result) for result in (calibration.lean, calibration.rate)),
            "detection": " ".join(_gaps(result) for result in (calibration.lean, calibration.rate)),
        },
    }
    return {
        TEXTS: json.dumps(texts, ensure_ascii=False, indent=1) + "\n",
        FIGURE_FILES["dose-response"]: draw_dose_response(calibration),
        FIGURE_FILES["detection"]: draw_detection(calibration),
    }


def _responses(result: KindResult) -> str:
    points = [(point.dose, point.response.value) for point in result.response]
    return f"{result.metric}, mean over worlds by what was planted: {_told(points)}."


def _gaps(result: KindResult) -> str:
    points = [(point.gap, point.share.value) for point in result.detection]
    return f"{result.metric}, share found by planted gap: {_told(points)}."


def _told(points: Sequence[tuple[float, float | None]]) -> str:
    known = [f"{show_number(value)} at {show_number(place)}" for place, value in points if value is not None]
    return ", ".join(known) or NOT_MEASURED
