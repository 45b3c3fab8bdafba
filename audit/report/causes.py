"""How much of what a judge reads is due to what: a figure of a bar for each cause, per suite."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd

from audit.lenses import CausesFigure
from audit.records import Finding
from audit.report.figures import COOL, INK, SETTINGS, plain_axes, save_svg, write
from audit.report.findings import interval_of, is_measured, value_of
from audit.report.model import DrawnFigure
from audit.report.text import NO_INTERVAL, quote, show_count, show_level, show_number

_WIDTH: Final = 432.0
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
        The figure, or ``None`` where the share was not measured.
    """
    found = next((f for f in findings if f.metric == words.metric and f.suite == suite and is_measured(f)), None)
    if found is None or table is None:
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
        equivalent=_told(words.cause, found, others),
        svg=_draw(words.cause, found, others, name),
    )


def _told(cause: str, found: Finding, others: Mapping[str, float]) -> str:
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
