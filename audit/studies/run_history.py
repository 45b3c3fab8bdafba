"""How findings moved over many runs: runs in a row as their folders keep them, and the paper on them.

Runs that were made otherwise than the last one are left out, and named.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

from audit.codec import SCHEMA_VERSION, record_document
from audit.errors import AuditProblem, InconclusiveProblem, UsageProblem
from audit.evidence import FINDINGS_NAME, RunFolder, read_checkpoint_card, read_findings, read_run
from audit.evidence.files import disk_problems
from audit.evidence.specs import SPEC_NAME
from audit.lenses import CARDS, INSTRUMENTS
from audit.opening import entries, is_file
from audit.pairing.image_pairs import refuse_unlike
from audit.records import CheckpointCard, Estimate, Finding
from audit.report.figures import COOL, GOLD, INK, PAPER, SETTINGS, SMALL, WARM, plain_axes, save_svg
from audit.report.findings import interval_of, is_measured, is_whole, value_of
from audit.report.model import Cell, Column, DrawnFigure, Paper, PaperSection, Table
from audit.report.text import NO_INTERVAL, clean, count, quote, show_level, show_number, title_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from audit.lenses import MetricCard


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """One run of a history."""

    folder: str
    """Name of its folder."""
    checkpoint: CheckpointCard
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Runs in the order of their folders' names, numbers in them by their size."""

    runs: tuple[PastRun, ...]
    left_out: tuple[str, ...]
    """Which folders are no part of it, and why."""


def read_history(folder: Path) -> History:
    """Read all finished runs that lie in a folder.

    Runs are held against the last one, and those that differ from it in more than their checkpoint are left out.

    Args:
        folder: Its folders are looked into, and theirs are not.

    Raises:
        UsageProblem: If no finished run is there.
        InconclusiveProblem: If there is one, and no other that was made like it.
        EnvironmentProblem: If the folder cannot be listed.
    """
    with disk_problems("Listing", folder):
        found = sorted((one for one in entries(folder) if is_file(one / SPEC_NAME)), key=_by_number)
    runs: list[RunFolder] = []
    left_out: list[str] = []
    for path in found:
        try:
            runs.append(read_run(path, finished=True))
        except AuditProblem as problem:
            left_out.append(f"{path.name}: {problem.what}")
    kept = [] if not runs else [run for run in runs if _is_like(run, runs[-1], left_out)]
    if not kept:
        raise UsageProblem(
            f"No finished run lies in {folder}.", remedy="Name the folder that holds the folders of the runs."
        )
    if len(kept) == 1:
        others = "" if not left_out else f"; left out: {left_out[0]} ({len(left_out)} in all)"
        raise InconclusiveProblem(
            f"A history needs two finished runs, and {folder} holds one, {kept[0].path.name}{others}",
            remedy="Audit another checkpoint, or the next one, with the same settings into another folder there.",
        )
    return History(runs=tuple(map(_past, kept)), left_out=tuple(left_out))


def _is_like(run: RunFolder, last: RunFolder, left_out: list[str]) -> bool:
    if not is_file(run.path / FINDINGS_NAME):
        left_out.append(f"{run.path.name}: it has no {FINDINGS_NAME}.")
        return False
    try:
        refuse_unlike(last, run)
    except UsageProblem as problem:
        left_out.append(f"{run.path.name}: {problem.what}")
        return False
    return True


def _past(run: RunFolder) -> PastRun:
    findings = read_findings(run.path / FINDINGS_NAME)
    return PastRun(folder=run.path.name, checkpoint=read_checkpoint_card(run), findings=findings)


def _by_number(path: Path) -> list[tuple[int, str]]:
    """Order "step-9" before "step-10"."""
    parts = re.findall(r"\d+|\D+", path.name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


MOST_TRENDS: Final = 60
"""Trends of a paper; all of them are in history.json."""


def trends(moments: Sequence[PastRun], bounds: Sequence[Bound] = ()) -> tuple[Trend, ...]:
    """Return the trends of a history: of suites as a whole, and of every concept that a policy bounds.

    Args:
        moments: The runs, in their order.
        bounds: What a policy asks.
    """
    by_id = [{one.finding_id: one for one in moment.findings} for moment in moments]
    first: dict[str, Finding] = {}
    for moment in moments:
        for one in moment.findings:
            if one.lens not in INSTRUMENTS and (is_whole(one) or any(bound.is_for(one) for bound in bounds)):
                first.setdefault(one.finding_id, one)
    order = {metric: place for place, metric in enumerate(CARDS)}
    ranked = sorted(first.values(), key=lambda one: (not is_whole(one), order.get(one.metric, len(order))))
    return tuple(
        Trend(
            suite=one.suite,
            subject=one.subject,
            metric=one.metric,
            findings=tuple(known.get(one.finding_id) for known in by_id),
            bounds=tuple(bound for bound in bounds if bound.is_for(one)),
        )
        for one in ranked
    )


def history_paper(
    moments: Sequence[PastRun], told: Sequence[Trend], *, left_out: Sequence[str], policy: str, created: str
) -> Paper:
    """Return a history as a paper.

    Args:
        moments: The runs, in their order.
        told: Their trends.
        left_out: Which runs are no part of it, and why.
        policy: Name of the policy whose lines are drawn; empty where there is none.
        created: ISO date.
    """
    measured = [trend for trend in told if trend.measured()]
    runs, last = count(len(moments), "run"), moments[-1]
    beyond = f" Shown are the first {MOST_TRENDS} of {len(measured)}." if len(measured) > MOST_TRENDS else ""
    out = PaperSection(name="left-out", title="Left out", sentences=tuple(map(clean, left_out)))
    return Paper(
        title=f"History of {runs}",
        heading=f"History of {runs}",
        created=clean(created, longest=40),
        summary=("Runs of the same suites, recipe, effort, seed and judges, in the order of their folders' names.",),
        verdict_word=f"{count(len(measured), 'trend')} over {runs}",
        tone="unasked",
        verdict=(
            _crossed(measured, policy),
            _moved(measured),
            _outcomes(measured),
            f"The last run is {quote(last.folder)}, of {quote(last.checkpoint.name)}.{beyond}",
            "A trend is what was seen. Whether two checkpoints differ, a comparison in pairs says: clip-audit compare.",
        ),
        sections=(
            PaperSection(name="runs", title="Runs", tables=(_runs_table(moments),)),
            *(_section(trend, place) for place, trend in enumerate(measured[:MOST_TRENDS], start=1)),
            *((out,) if out.sentences else ()),
        ),
    )


def _crossed(measured: Sequence[Trend], policy: str) -> str:
    """Say which answers of the last run lie beyond a line of the policy as a whole."""
    if not policy:
        return "No policy was named, so no line is drawn."
    lined = [trend for trend in measured if trend.bounds]
    beyond = [trend for trend in lined if trend.crosses()]
    first = next(((trend, one) for trend in beyond if (one := trend.findings[-1]) is not None), None)
    named = "" if first is None else f": {_about(first[0])}, {_with_interval(first[1])}"
    return (
        f"Beyond a line of the policy {quote(policy)} in the last run, with the whole interval: {len(beyond)} of "
        f"{count(len(lined), 'trend')}{named}."
    )


def _moved(measured: Sequence[Trend]) -> str:
    """Say how many answers moved so far that the intervals of the ends lie apart, and which moved farthest."""
    moved = sorted((trend for trend in measured if trend.gap() > 0), key=lambda trend: -trend.gap())
    if not moved:
        return "In no trend do the intervals of the first and the last measured run lie apart."
    known = moved[0].measured()
    (first, before), (last, after) = known[0], known[-1]
    return (
        f"Moved so far that the intervals of the first and the last measured run lie apart: {len(moved)} of "
        f"{count(len(measured), 'trend')}; farthest {_about(moved[0])}, from {_with_interval(before)} in run {first} "
        f"to {_with_interval(after)} in run {last}."
    )


def _outcomes(measured: Sequence[Trend]) -> str:
    told = [trend.outcome() for trend in measured]
    return f"From the first to the last measured run: {', '.join(f'{told.count(word)} {word}' for word in OUTCOMES)}."


def _about(trend: Trend) -> str:
    whom = "the whole" if trend.subject == "*" else quote(trend.subject)
    return f"{clean(title_of(trend.metric))} of {whom} in {quote(trend.suite)}"


def _runs_table(moments: Sequence[PastRun]) -> Table:
    rows = tuple(
        (
            Cell(text=f"{place}"),
            Cell(text=clean(one.folder, longest=80)),
            Cell(text=clean(one.checkpoint.name, longest=80), detail=clean(one.checkpoint.digest, longest=20)),
        )
        for place, one in enumerate(moments, start=1)
    )
    columns = (Column(label="Number"), Column(label="Run"), Column(label="Checkpoint"))
    return Table(name="runs-table", caption="Figures show runs by these numbers.", columns=columns, rows=rows)


def _section(trend: Trend, place: int) -> PaperSection:
    name = f"trend-{place}"
    known = [(number, one) for number, one in enumerate(trend.findings, start=1) if one is not None]
    about = "the whole suite" if trend.subject == "*" else quote(trend.subject)
    title = f"{clean(title_of(trend.metric))}: {clean(trend.suite, longest=60)}"
    heading = title if trend.subject == "*" else f"{title}, {clean(trend.subject.removeprefix('group:'), longest=60)}"
    levels = ", ".join(sorted({show_level(one.estimate.level) for _, one in known}))
    lines = "".join(f" Dashed: {clean(bound.rule, longest=80)}." for bound in trend.bounds[:4])
    figure = DrawnFigure(
        name=name,
        caption=f"{clean(title_of(trend.metric))} of {about} over the runs, with {levels} intervals.{lines}",
        equivalent=_equivalent(trend.measured()),
        svg=draw_trend(trend, name),
    )
    columns = (
        Column(label="Run"),
        Column(label="Value", numeric=True),
        Column(label=f"{levels} interval", numeric=True),
    )
    rows = tuple(
        (Cell(text=f"{number}"), Cell(text=value_of(one)), Cell(text=interval_of(one))) for number, one in known
    )
    table = Table(name=f"{name}-numbers", caption=f"The numbers of {about}.", columns=columns, rows=rows)
    outcome = f"From the first to the last measured run: {trend.outcome()}."
    return PaperSection(name=f"{name}-part", title=heading, sentences=(outcome,), figures=(figure,), tables=(table,))


def _equivalent(measured: Sequence[tuple[int, Finding]]) -> str:
    (first, before), (last, after) = measured[0], measured[-1]
    if len(measured) == 1:
        return f"Measured in run {first} only: {_with_interval(before)}."
    ordered = sorted(measured, key=lambda entry: entry[1].estimate.value or 0.0)
    (low, lowest), (high, highest) = ordered[0], ordered[-1]
    return (
        f"From {_with_interval(before)} in run {first} to {_with_interval(after)} in run {last}; lowest "
        f"{value_of(lowest)} in run {low}, highest {value_of(highest)} in run {high}."
    )


def _with_interval(finding: Finding) -> str:
    interval = interval_of(finding)
    return f"{value_of(finding)} ({interval if interval == NO_INTERVAL else f'interval {interval}'})"


def history_document(
    moments: Sequence[PastRun], told: Sequence[Trend], left_out: Sequence[str]
) -> Mapping[str, object]:
    """Return a history as plain lists and dictionaries."""
    return {
        "schema_version": SCHEMA_VERSION,
        "runs": [
            {"folder": one.folder, "checkpoint": {"name": one.checkpoint.name, "digest": one.checkpoint.digest}}
            for one in moments
        ],
        "trends": [
            {
                "suite": one.suite,
                "subject": one.subject,
                "metric": one.metric,
                "outcome": one.outcome(),
                "estimates": [None if found is None else record_document(found.estimate) for found in one.findings],
                "bounds": [{"rule": bound.rule, "low": bound.low, "high": bound.high} for bound in one.bounds],
            }
            for one in told
        ],
        "left_out": list(left_out),
    }


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


Outcome = Literal["worse", "better", "unchanged", "cannot tell"]
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)


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
        card = CARDS.get(self.metric)
        least, greatest = (0.0, 1.0) if card is None else card.span
        span = greatest - least if math.isfinite(greatest - least) else 1.0
        return max(lower - high, low - higher, 0.0) / span

    def outcome(self) -> Outcome:
        """Say what became of the answer from the first to the last measured run.

        Worse or better, where the intervals of both lie apart in how far they are from what is good; unchanged, where
        no two values in them differ by more than the smallest effect of the metric, or both are the same.
        """
        known = [one.estimate for _, one in self.measured()]
        card = CARDS.get(self.metric)
        if len(known) < 2 or card is None:
            return "cannot tell"
        first, last = (_badness(card, one) for one in (known[0], known[-1]))
        if first is None or last is None:
            return "cannot tell"
        if last[0] > first[1]:
            return "worse"
        if last[1] < first[0]:
            return "better"
        ends = [end for one in (known[0], known[-1]) for end in (one.low, one.high) if end is not None]
        same = replace(known[0], n_images=0, n_prompts=0) == replace(known[-1], n_images=0, n_prompts=0)
        return "unchanged" if same or max(ends) - min(ends) <= card.smallest_effect else "cannot tell"

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


def _badness(card: MetricCard, estimate: Estimate) -> tuple[float, float] | None:
    """Return how far from what is good a value lies, at least and at most; ``None`` without an interval."""
    low, high = estimate.low, estimate.high
    if low is None or high is None:
        return None
    if card.direction == "lower":
        return low, high
    if card.direction == "higher":
        return -high, -low
    apart = (low - (card.neutral or 0.0), high - (card.neutral or 0.0))
    return (0.0 if apart[0] <= 0 <= apart[1] else min(map(abs, apart))), max(map(abs, apart))


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

    card = CARDS.get(trend.metric)
    colour = WARM if card is not None and card.warm else COOL
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
    card = CARDS.get(trend.metric)
    least, greatest = (min(ends), max(ends)) if card is None else card.span
    low, high = min(ends), max(ends)
    if math.isfinite(least) and math.isfinite(greatest) and high - low > 0.3 * (greatest - least):
        return min(least, low), max(greatest, high)
    room = 0.15 * (high - low) or 0.05
    return low - room, high + room
