"""Several runs over an axis, for people: rows of a table, a page of Markdown, and a figure of the values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from audit.lenses import CARDS
from audit.report.ci_files import escape
from audit.report.figures import COOL, GOLD, INK, PAPER, QUIET, SMALL, drawing_names, fit, plain_axes, save_svg
from audit.report.text import clean, show_interval, show_level, show_number, show_p, title_of
from audit.studies.compare.comparison_pages import comparison_pages, comparison_verdict
from audit.studies.compare.many_runs import ONE_TRAINING, ManyRuns, Trend, write_many
from audit.studies.compare.two_runs import write_comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST: Final = 12
"""Panels of the figure."""
_ACROSS: Final = 3
_PANEL: Final = (180.0, 118.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalePage:
    """All that the page says."""

    checkpoints: Sequence[str]
    """Names, in the order of the runs."""
    axis: str
    """What a slope is per: "run", or "doubling of training images"."""
    places: Sequence[float]
    labels: Sequence[str]
    """What stands at each place."""
    level: float
    sentences: Sequence[str]
    trends: Sequence[Trend]


def scale_page(found: ManyRuns) -> ScalePage:
    """Return what the page says of a comparison of many runs."""
    told = [f"{one.candidate.checkpoint.name} beside the first: {comparison_verdict(one)}" for one in found.comparisons]
    return ScalePage(
        checkpoints=[run.checkpoint.name for run in found.runs],
        axis=found.axis.name,
        places=found.axis.places,
        labels=found.axis.labels,
        level=found.level,
        sentences=[ONE_TRAINING, *told],
        trends=found.trends,
    )


def write_scale(folder: Path, found: ManyRuns) -> None:
    """Write the table over all runs, its page and its figure, and every comparison with the first run in ``pairs/``.

    Raises:
        UsageProblem: If a folder holds anything but such a comparison.
        EnvironmentProblem: If it cannot be written.
    """
    page = scale_page(found)
    write_many(folder, found, {"summary.md": render_scale(page), "scale.svg": draw_scale(page)})
    for number, one in enumerate(found.comparisons, start=2):
        write_comparison(folder / "pairs" / f"{number}-with-1", one, comparison_pages(one))


def scale_columns(page: ScalePage) -> tuple[str, ...]:
    """Return the headings of the table."""
    labels = (clean(label, longest=40) for label in page.labels)
    slope = f"slope per {clean(page.axis, longest=40)}"
    return ("suite", "measure", *labels, slope, "interval", "order (Spearman)", "p, corrected")


def scale_row(trend: Trend) -> tuple[str, ...]:
    """Return a trend under ``scale_columns``, every text cleaned."""
    return (
        clean(trend.suite, longest=40),
        clean(title_of(trend.metric), longest=60),
        *(f"{show_number(one.value)} ({show_interval(one)})" for one in trend.values),
        show_number(trend.slope.value, signed=True),
        show_interval(trend.slope, signed=True),
        show_number(trend.order, signed=True),
        show_p(trend.p_adjusted),
    )


def trend_sentence(page: ScalePage) -> str:
    """Say in how many measures something rises or falls for sure."""
    sure = [one for one in page.trends if is_sure(one, page.level)]
    up = sum(1 for one in sure if (one.slope.value or 0.0) > 0)
    return (
        f"Over {len(page.labels)} checkpoints, of {len(page.trends)} measures of whole suites {up} rise and "
        f"{len(sure) - up} fall with each {page.axis}, by intervals that leave out 0 and stand after correction."
    )


def is_sure(trend: Trend, level: float) -> bool:
    """Tell whether a trend leaves out 0 and stands after correction."""
    low, high = trend.slope.low, trend.slope.high
    if low is None or high is None or trend.p_adjusted is None:
        return False
    return not low <= 0 <= high and trend.p_adjusted <= 1 - level


def render_scale(page: ScalePage) -> str:
    """Write the table over all runs as GitHub-flavoured Markdown; every text from outside is escaped."""
    named = [f"{_text(label)}: {_text(name)}" for label, name in zip(page.labels, page.checkpoints, strict=True)]
    heads = [f"{show_level(page.level)} interval" if name == "interval" else name for name in scale_columns(page)]
    rows = ["| " + " | ".join(map(escape, scale_row(trend))) + " |" for trend in page.trends]
    table = [f"| {' | '.join(map(escape, heads))} |", "|" + " --- |" * len(heads), *rows] if rows else ["None."]
    return "\n".join(
        [
            "# Over checkpoints",
            "",
            f"**{_text(trend_sentence(page))}**",
            "",
            *(f"- {_text(sentence)}" for sentence in page.sentences),
            *(f"- {line}" for line in named),
            "",
            "![Values against the axis](scale.svg)",
            "",
            *table,
            "",
            "Every run is compared with the first in `pairs/`.",
            "",
        ]
    )


def draw_scale(page: ScalePage) -> str:
    """Draw the values of up to twelve trends against the axis, each with its interval.

    What has a place on its card (``MetricCard.trend_place``) comes first, then what is most sure.

    Returns:
        An ``<svg>`` element; equal pages give equal text.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    trends = sorted(page.trends, key=_urgency)[:_MOST]
    down = max(1, math.ceil(len(trends) / _ACROSS))
    width, height = _ACROSS * _PANEL[0], down * _PANEL[1]
    with drawing_names():
        canvas = FigureCanvasSVG(Figure(figsize=(width / 72, height / 72), facecolor=PAPER))
        for place, trend in enumerate(trends):
            column, row = place % _ACROSS, place // _ACROSS
            box = ((column + 0.2) / _ACROSS, 1 - (row + 0.78) / down, 0.72 / _ACROSS, 0.5 / down)
            _draw_panel(canvas.figure.add_axes(box), trend, page)
        return save_svg(canvas.figure, "scale")


def _urgency(trend: Trend) -> tuple[int, float, str]:
    card = CARDS.get(trend.metric)
    first = len(CARDS) if card is None or card.trend_place is None else card.trend_place
    sure = 2.0 if trend.p_adjusted is None or card is None else trend.p_adjusted
    return first, sure, trend.finding_id


def _draw_panel(axes: Axes, trend: Trend, page: ScalePage) -> None:
    sure = is_sure(trend, page.level)
    plain_axes(axes, "bottom", "left")
    title = fit(clean(title_of(trend.metric), longest=60), _PANEL[0] * 0.9)
    axes.set_title(title, loc="left", color=INK, fontsize=SMALL, pad=12, parse_math=False)
    axes.annotate(
        fit(clean(trend.suite, longest=40), _PANEL[0] * 0.8),
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 3),
        textcoords="offset points",
        fontsize=SMALL - 1,
        color=QUIET,
        parse_math=False,
        annotation_clip=False,
    )
    margin = 0.05 * (max(page.places) - min(page.places))
    axes.set_xlim(min(page.places) - margin, max(page.places) + margin)
    labels = [fit(clean(label, longest=40), 40.0) for label in page.labels]
    axes.set_xticks(list(page.places), labels=labels, parse_math=False)
    axes.tick_params(labelsize=SMALL - 1)
    points = [(place, one.value) for place, one in zip(page.places, trend.values, strict=True) if one.value is not None]
    for place, one in zip(page.places, trend.values, strict=True):
        if one.low is not None and one.high is not None:
            axes.plot([place, place], [one.low, one.high], color=COOL, linewidth=1.2)
    axes.plot(
        [place for place, _ in points],
        [value for _, value in points],
        color=COOL if sure else GOLD,
        linewidth=1.2,
        marker="o",
        markersize=4,
        markerfacecolor=COOL if sure else PAPER,
        markeredgecolor=COOL,
    )


def _text(text: str) -> str:
    return escape(clean(text))
