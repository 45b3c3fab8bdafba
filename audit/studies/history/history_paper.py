"""A history of runs as a paper: for every question, how its answer moved from checkpoint to checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from audit.lenses import INSTRUMENTS, estimate_document
from audit.records import Finding
from audit.report.findings import interval_of, is_whole, value_of
from audit.report.model import Cell, Column, DrawnFigure, Paper, PaperSection, Table
from audit.report.text import NO_INTERVAL, clean, count, quote, show_level
from audit.report.words import METRICS, title_of
from audit.studies.history.past_runs import PastRun
from audit.studies.history.trend_figure import Bound, Trend, draw_trend

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
    order = {metric: place for place, metric in enumerate(METRICS)}
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
    return PaperSection(name=f"{name}-part", title=heading, figures=(figure,), tables=(table,))


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
        "schema_version": 1,
        "runs": [
            {"folder": one.folder, "checkpoint": {"name": one.checkpoint.name, "digest": one.checkpoint.digest}}
            for one in moments
        ],
        "trends": [
            {
                "suite": one.suite,
                "subject": one.subject,
                "metric": one.metric,
                "estimates": [None if found is None else estimate_document(found.estimate) for found in one.findings],
                "bounds": [{"rule": bound.rule, "low": bound.low, "high": bound.high} for bound in one.bounds],
            }
            for one in told
        ],
        "left_out": list(left_out),
    }
