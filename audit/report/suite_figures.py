"""Figures of one suite: what a judge saw per concept, how much is due to the wording, how well the images match."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from audit.lenses import CausesFigure
from audit.records import GENDER_CLASSES, Finding
from audit.report.figures import (
    COOL,
    INK,
    SETTINGS,
    draw_lines,
    drawing_names,
    fit,
    measure,
    plain_axes,
    save_svg,
    write,
)
from audit.report.findings import interval_of, is_measured, leaves_out_neutral, value_of
from audit.report.model import WHOLE_ROOM, DrawnFigure, Room
from audit.report.text import NO_INTERVAL, clean, count, quote, show_count, show_level, show_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH: Final = 432.0
_ROW: Final = 18.0
_TOP: Final = 22.0
_BOTTOM: Final = 4.0
_GAP: Final = 8.0
_WIDEST_LABEL: Final = 150.0
_WORDS: Final[Mapping[str, str]] = {
    "woman": "woman", "man": "man", "mixed": "mixed", "undetermined": "undeterm.", "no_person": "no person",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One cell: a share with the ends of its interval, ``None`` where it has none."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConceptOutcomes:
    """One row: the share of every perceived presentation, in the order of ``GENDER_CLASSES``, and what it rests on."""

    concept: str
    shares: tuple[Share, ...]
    n_images: int
    n_prompts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What the primary judge saw of one suite, concepts sorted from man to woman."""

    suite: str
    rows: tuple[ConceptOutcomes, ...]
    level: str

    @property
    def clear(self) -> int:
        """Number of concepts of which more than one half is shown to be read as a woman, or as a man."""
        return sum(1 for row in self.rows if any(_is_most(share) for share in row.shares[:2]))


def read_outcomes(table: pd.DataFrame | None, suite: str) -> Outcomes | None:
    """Read the outcomes of a suite; ``None`` where fewer than two concepts have any.

    Args:
        table: "gender_shares" of the gender lens; read are the rows of the judge whose findings are told.
        suite: Name of the suite.
    """
    if table is None or table.empty:
        return None
    told = table[table["primary"].astype(bool) & (table["suite"] == suite) & table["share"].notna()]
    rows = [_concept(str(concept), of) for concept, of in told.groupby("concept", sort=True)]
    if len(rows) < 2:
        return None
    return Outcomes(
        suite=suite,
        rows=tuple(sorted(rows, key=lambda row: (row.shares[0].value - row.shares[1].value, row.shares[0].value))),
        level=", ".join(sorted({show_level(float(level)) for level in told["level"].unique()})),
    )


def _concept(name: str, rows: pd.DataFrame) -> ConceptOutcomes:
    known = {str(row["presentation"]): _share(row) for row in rows.to_dict("records")}
    nothing = Share(value=0.0, low=None, high=None)
    return ConceptOutcomes(
        concept=name,
        shares=tuple(known.get(kind, nothing) for kind in GENDER_CLASSES),
        n_images=int(rows["n_images"].iloc[0]),
        n_prompts=int(rows["n_prompts"].iloc[0]),
    )


def _share(row: Mapping[Hashable, Any]) -> Share:
    ends = [float(row[column]) for column in ("share_low", "share_high")]
    low, high = (end if math.isfinite(end) else None for end in ends)
    return Share(value=float(row["share"]), low=low, high=high)


def outcome_map(outcomes: Outcomes, *, name: str, room: Room = WHOLE_ROOM) -> DrawnFigure:
    """Draw the shares as a heat map in which every cell has its number and, as a line at its foot, its interval.

    Args:
        outcomes: Of one suite.
        name: Of the figure.
        room: How many concepts are shown at most, at even steps.
    """
    total = len(outcomes.rows)
    shown = _at_even_steps(outcomes.rows, room.figure_rows)
    part = f" Shown are {len(shown)} of {total} concepts, at even steps." if len(shown) < total else ""
    return DrawnFigure(
        name=name,
        caption=(
            f"What the judge sees in the pictures of each concept of {quote(outcomes.suite)}, as shares, sorted from "
            f"man to woman; the darker, the larger. The line at the foot of a cell is its {outcomes.level} interval, "
            f"from 0 at the left edge of the cell to 1 at the right.{part}"
        ),
        equivalent=_told(outcomes),
        svg=_draw_map(shown, name),
    )


def _at_even_steps(rows: Sequence[ConceptOutcomes], most: int) -> Sequence[ConceptOutcomes]:
    """Return at most so many rows, the first and the last among them."""
    if len(rows) <= most:
        return rows
    return [rows[round(place * (len(rows) - 1) / (most - 1))] for place in range(most)]


def _interval(share: Share) -> str:
    if share.low is None or share.high is None:
        return NO_INTERVAL
    return f"{show_number(share.low)} to {show_number(share.high)}"


def _told(outcomes: Outcomes) -> str:
    """Say the means, who stands at either end, and how wide the intervals are."""
    total = len(outcomes.rows)
    means = [
        f"{kind.replace('_', ' ')} {show_number(sum(row.shares[place].value for row in outcomes.rows) / total)}"
        for place, kind in enumerate(GENDER_CLASSES)
    ]
    ends = [
        f"{quote(row.concept, longest=40)} (woman {_said(row.shares[0])}, man {_said(row.shares[1])})"
        for row in (outcomes.rows[0], outcomes.rows[-1])
    ]
    return (
        f"Shares by perceived gender presentation, mean over {count(total, 'concept')}: {', '.join(means)}. From "
        f"{ends[0]} to {ends[1]}. Of {outcomes.clear} the {outcomes.level} interval of woman or of man lies "
        "above one half."
    )


def _said(share: Share) -> str:
    return f"{show_number(share.value)}, {_interval(share)}" if share.low is not None else show_number(share.value)


def _is_most(share: Share) -> bool:
    return share.low is not None and share.low > 0.5


def _draw_map(shown: Sequence[ConceptOutcomes], name: str) -> str:
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    labels = [fit(clean(row.concept, longest=80), _WIDEST_LABEL) for row in shown]
    height, left = _TOP + _ROW * len(labels) + _BOTTOM, max(map(measure, labels)) + 2 * _GAP
    with drawing_names():
        canvas = FigureCanvasSVG(Figure(figsize=(_WIDTH / 72, height / 72)))
        canvas.figure.patch.set_visible(False)
        box = (left / _WIDTH, _BOTTOM / height, 1 - (left + _GAP) / _WIDTH, _ROW * len(labels) / height)
        axes = canvas.figure.add_axes(box)
        axes.set_xlim(0, len(GENDER_CLASSES))
        axes.set_ylim(len(labels), 0)
        axes.axis("off")
        for row, label in enumerate(labels):
            write(axes, label, row + 0.46, across=0, side="right")
            for column, share in enumerate(shown[row].shares):
                _shade(axes, (column, row), share.value)
        for column, kind in enumerate(GENDER_CLASSES):
            write(axes, _WORDS[kind], -0.5, across=_middle(column), side="center")
        _draw_intervals(axes, shown)
        return save_svg(canvas.figure, name)


def _draw_intervals(axes: Axes, shown: Sequence[ConceptOutcomes]) -> None:
    """Draw every interval at the foot of its cell: where it lies and how long it is can be read without colour."""
    cells = [
        (row + 0.88, (_across(column, share.low), _across(column, share.high)))
        for row, concept in enumerate(shown)
        for column, share in enumerate(concept.shares)
        if share.low is not None and share.high is not None
    ]
    if cells:
        draw_lines(axes, *zip(*cells, strict=True), colour=INK, width=1.1, zorder=4)


def _across(column: int, share: float) -> float:
    """Place of a share within the breadth of its cell."""
    return column + 0.04 + 0.92 * share


def _middle(column: int) -> float:
    """Place of the middle of a cell, as a part of the breadth of the map."""
    return (column + 0.5) / len(GENDER_CLASSES)


def _shade(axes: Axes, place: tuple[int, int], share: float) -> None:
    """Shade a cell by its share, and write the number into it: no colour has to be told from another."""
    from matplotlib.patches import Rectangle

    column, row = place
    shade = Rectangle((column + 0.04, row + 0.06), 0.92, 0.86, facecolor=COOL, alpha=0.06 + 0.4 * share, linewidth=0)
    axes.add_patch(shade)
    write(axes, show_number(share), row + 0.44, across=_middle(column), side="center")


_HEIGHT: Final = 86.0


def variance_by_cause(
    words: CausesFigure, table: pd.DataFrame | None, findings: Sequence[Finding], suite: str, *, name: str
) -> DrawnFigure | None:
    """Draw the share of the variance of a judge's readings that is due to one cause, beside those of others.

    Args:
        words: Which cause has a finding, and what the others are called.
        table: That of the lens which has the shares of the other causes.
        findings: All findings; that of the suite gives the share of the cause, its interval and n.
        suite: Name of the suite.
        name: Of the figure.

    Returns:
        The figure, or ``None`` where the share was not measured, or may be nothing.
    """
    found = next((f for f in findings if f.metric == words.metric and f.suite == suite and is_measured(f)), None)
    if found is None or table is None or not leaves_out_neutral(found):
        return None
    rows = table[table["suite"] == suite].to_dict("records")
    others = {
        word: float(row[column])
        for row in rows[:1]
        for column, word in words.others.items()
        if math.isfinite(row[column])
    }
    return DrawnFigure(
        name=name,
        caption=(
            f"Share of the variance of the judge's readings of {quote(suite)} by what it is due to. Line: the "
            f"{show_level(found.estimate.level)} interval of the share of {words.cause}; the others are estimates "
            f"without one. {words.rest}"
        ),
        equivalent=_told_of_cause(words.cause, found, others),
        svg=_draw(words.cause, found, others, name),
    )


def _told_of_cause(cause: str, found: Finding, others: Mapping[str, float]) -> str:
    interval = interval_of(found)
    said = interval if interval == NO_INTERVAL else f"{show_level(found.estimate.level)} interval {interval}"
    beside = "".join(f", {show_number(share)} to {word}" for word, share in others.items())
    return (
        f"Of the variance of the judge's readings, a share of {value_of(found)} ({said}) is due to {cause}"
        f"{beside}; {show_count(found.estimate)}."
    )


def _draw(cause: str, found: Finding, others: Mapping[str, float], name: str) -> str:
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    value, low, high = found.estimate.value or 0.0, found.estimate.low, found.estimate.high
    shares = {cause: value, **others}
    with rc_context(SETTINGS):
        canvas = FigureCanvasSVG(Figure(figsize=(_WIDTH / 72, _HEIGHT / 72)))
        canvas.figure.patch.set_visible(False)
        axes = canvas.figure.add_axes((0.17, 0.24, 0.54, 0.74))
        plain_axes(axes, "bottom")
        places = range(len(shares))
        axes.barh(places, list(shares.values()), height=0.55, color=COOL, alpha=0.45, linewidth=0)
        if low is not None and high is not None:
            axes.plot([low, high], [0, 0], color=INK, linewidth=1.6, marker="|", markersize=7, clip_on=False)
        axes.set_xlim(0, 1)
        axes.set_ylim(len(shares) - 0.4, -0.6)
        axes.set_yticks([])
        ticks = [0.0, 0.25, 0.5, 0.75, 1.0]
        axes.set_xticks(ticks, labels=[show_number(tick) for tick in ticks])
        for place, (word, share) in zip(places, shares.items(), strict=True):
            behind = f" ({interval_of(found)})" if place == 0 else ""
            write(axes, word, place, across=0, side="right")
            write(axes, f"{show_number(share)}{behind}", place, across=1, side="left")
        return save_svg(canvas.figure, name)
