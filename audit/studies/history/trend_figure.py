"""One question asked of many runs, and its answers as a figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from audit.records import Finding
from audit.report.figures import COOL, GOLD, INK, PAPER, SETTINGS, SMALL, WARM, plain_axes, save_svg
from audit.report.findings import is_measured, is_whole
from audit.report.text import show_number
from audit.report.words import SPANS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH: Final = 432.0
_HEIGHT: Final = 136.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A line that a policy draws."""

    rule: str
    metric: str
    suite: str
    """Name, or "*" for every suite."""
    subject: str
    """Name, "*" for the whole, or "each" for every concept."""
    low: float | None
    high: float | None

    def is_for(self, finding: Finding) -> bool:
        """Tell whether the line holds for a finding."""
        alike = self.metric == finding.metric and self.suite in {"*", finding.suite}
        return alike and (self.subject == finding.subject or (self.subject == "each" and not is_whole(finding)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """The answers to one question, one per run; ``None`` where a run has none."""

    suite: str
    subject: str
    metric: str
    findings: tuple[Finding | None, ...]
    bounds: tuple[Bound, ...]

    def measured(self) -> tuple[tuple[int, Finding], ...]:
        """Return the measured answers, each with the number of its run, from 1 on."""
        told = enumerate(self.findings, start=1)
        return tuple((place, one) for place, one in told if one is not None and is_measured(one))

    def gap(self) -> float:
        """Return by how much the intervals of the first and the last answer lie apart, as a part of the metric's span.

        0 where they touch, or either has none; an unknown metric has the span 1.
        """
        known = self.measured()
        ends = [(one.estimate.low, one.estimate.high) for _, one in (known[:1] + known[-1:])]
        (low, high), (lower, higher) = ends[0], ends[-1]
        if low is None or high is None or lower is None or higher is None:
            return 0.0
        least, greatest = SPANS.get(self.metric, (0.0, 1.0))
        span = greatest - least if math.isfinite(greatest - least) else 1.0
        return max(lower - high, low - higher, 0.0) / span

    def crosses(self) -> bool:
        """Tell whether the whole interval of the last run lies beyond a line."""
        last = self.findings[-1]
        if last is None:
            return False
        low, high = last.estimate.low, last.estimate.high
        return any(
            (bound.low is not None and high is not None and high < bound.low)
            or (bound.high is not None and low is not None and low > bound.high)
            for bound in self.bounds
        )


def draw_trend(trend: Trend, name: str) -> str:
    """Draw the values of one question over the runs, with intervals, neutral value and the lines of a policy.

    Returns:
        An ``<svg>`` element; equal trends give equal text.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with rc_context(SETTINGS):
        canvas = FigureCanvasSVG(Figure(figsize=(_WIDTH / 72, _HEIGHT / 72), facecolor=PAPER))
        axes = canvas.figure.add_axes((0.1, 0.22, 0.74, 0.72))
        _draw_values(axes, trend)
        _draw_lines(axes, trend)
        return save_svg(canvas.figure, name)


def _draw_values(axes: Axes, trend: Trend) -> None:
    from matplotlib.ticker import MaxNLocator

    colour = WARM if trend.metric.startswith("nsfw.") else COOL
    known = trend.measured()
    for place, one in known:
        low, high = one.estimate.low, one.estimate.high
        if low is not None and high is not None:
            axes.plot([place, place], [low, high], color=colour, linewidth=1.4, zorder=3)
    values = [(place, one.estimate.value) for place, one in known]
    axes.plot(*zip(*values, strict=True), color=colour, linewidth=0.9, marker="o", markersize=4.6, zorder=4)
    axes.set_xlim(0.5, len(trend.findings) + 0.5)
    step = max(1, math.ceil(len(trend.findings) / 20))
    axes.set_xticks(range(1, len(trend.findings) + 1, step))
    bottom, top = _reach(trend, [one for _, one in known])
    axes.set_ylim(bottom, top)
    ticks = [tick for tick in MaxNLocator(4).tick_values(bottom, top) if bottom <= tick <= top]
    axes.set_yticks(ticks, labels=[show_number(tick) for tick in ticks])
    plain_axes(axes, "bottom", "left")
    axes.set_xlabel("run", color=INK, fontsize=SMALL)


def _draw_lines(axes: Axes, trend: Trend) -> None:
    """Draw the neutral value and what a policy asks, each named at its right end; of two that meet, one name."""
    neutral = next((one.neutral for one in trend.findings if one is not None and one.neutral is not None), None)
    lines = [(bound.high, "at most", GOLD) for bound in trend.bounds] + [
        (b.low, "at least", GOLD) for b in trend.bounds
    ]
    lines += [(neutral, "neutral", INK)]
    low, high = axes.get_ylim()
    named: list[float] = []
    for value, word, colour in lines:
        if value is None or not low <= value <= high:
            continue
        style = "-" if colour == INK else (0, (4, 2))
        axes.axhline(value, color=colour, linewidth=0.8 if colour == INK else 1.3, linestyle=style, zorder=1)
        if all(abs(value - other) > 0.1 * (high - low) for other in named):
            named.append(value)
            axes.annotate(
                f"{word} {show_number(value)}",
                (1, value),
                xycoords=("axes fraction", "data"),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                fontsize=SMALL,
                color=INK,
            )


def _reach(trend: Trend, known: Sequence[Finding]) -> tuple[float, float]:
    """Return the span of the vertical axis: that of the metric, or what is needed where that is far wider."""
    ends = [
        end for one in known for end in (one.estimate.value, one.estimate.low, one.estimate.high) if end is not None
    ]
    ends += [end for bound in trend.bounds for end in (bound.low, bound.high) if end is not None]
    least, greatest = SPANS.get(trend.metric, (min(ends), max(ends)))
    low, high = min(ends), max(ends)
    if math.isfinite(least) and math.isfinite(greatest) and high - low > 0.3 * (greatest - least):
        return min(least, low), max(greatest, high)
    room = 0.15 * (high - low) or 0.05
    return low - room, high + room
