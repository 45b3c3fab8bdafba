"""The concepts of a suite as tables: a row per concept, a few metrics per table, as many rows as there is room."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from audit.lenses import CARDS
from audit.records import Finding
from audit.report.findings import detail_of, is_measured, is_whole, value_of
from audit.report.model import WHOLE_ROOM, Cell, Column, Table
from audit.report.text import NOTHING, clean, quote, show_level
from audit.report.words import title_of

MOST_TABLES: Final = 6
_METRICS_PER_TABLE: Final = 4


def concept_tables(
    findings: Sequence[Finding], *, name: str, suite: str, most: int = WHOLE_ROOM.rows
) -> tuple[Table, ...]:
    """Return the tables of the concepts of one suite and lens: a row per concept, a few metrics per table.

    Args:
        findings: Of the lens on the suite.
        name: Beginning of the names of the tables.
        suite: Name of the suite.
        most: Rows of a table at most; those whose first metric is farthest from its neutral value.
    """
    single = [f for f in findings if not is_whole(f) and (f.metric not in CARDS or CARDS[f.metric].per_concept)]
    known = [metric for metric in CARDS if any(f.metric == metric for f in single)]
    metrics = known + sorted({f.metric for f in single} - set(known))
    first = {f.subject: f for f in single if f.metric == metrics[0] and is_measured(f)}
    order = sorted({f.subject for f in single}, key=lambda subject: (-_height(first.get(subject)), subject))
    farthest = sorted(order, key=lambda subject: -_distance(first.get(subject)))
    width = math.ceil(len(metrics) / max(1, math.ceil(len(metrics) / _METRICS_PER_TABLE)))  # tables of even width
    chunks = [metrics[start : start + width] for start in range(0, len(metrics), max(1, width))]
    return tuple(
        _concept_table(_of(single, chunk, order, farthest, most), chunk, name=f"{name}-{number}", suite=suite)
        for number, chunk in enumerate(chunks[:MOST_TABLES], start=1)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What a table tells: findings by subject and metric, in the order of its rows, and of how many subjects."""

    rows: Mapping[str, Mapping[str, Finding]]
    subjects: int


def _of(
    findings: Sequence[Finding], metrics: Sequence[str], order: Sequence[str], farthest: Sequence[str], most: int
) -> _Told:
    known: dict[str, dict[str, Finding]] = {}
    for finding in findings:
        if finding.metric in metrics:
            known.setdefault(finding.subject, {})[finding.metric] = finding
    shown = set([subject for subject in farthest if subject in known][:most])
    return _Told(rows={subject: known[subject] for subject in order if subject in shown}, subjects=len(known))


def _concept_table(told: _Told, metrics: Sequence[str], *, name: str, suite: str) -> Table:
    rows = tuple(
        (Cell(text=clean(subject, longest=80)), *(_cell(found.get(metric)) for metric in metrics))
        for subject, found in told.rows.items()
    )
    columns = (Column(label="Concept"), *(Column(label=clean(title_of(m), longest=60), numeric=True) for m in metrics))
    return Table(name=name, caption=_caption(told, suite), columns=columns, rows=rows)


def _caption(told: _Told, suite: str) -> str:
    used = [finding for found in told.rows.values() for finding in found.values()]
    levels = ", ".join(sorted({show_level(f.estimate.level) for f in used}))
    methods = sorted({clean(f.estimate.method_text, longest=80) for f in used if f.estimate.method_text})
    how = f" ({'; '.join(methods[:3])})" if methods else ""
    shown = (
        f" Shown are {len(told.rows)} of {told.subjects} concepts, first those farthest from the neutral value; "
        "all are in tables/."
        if len(told.rows) < told.subjects
        else ""
    )
    return f"Concepts of {quote(suite)}. Below each value: its {levels} interval{how} and n as images / prompts.{shown}"


def _cell(finding: Finding | None) -> Cell:
    if finding is None:
        return Cell(text=NOTHING)
    return Cell(text=value_of(finding), detail=detail_of(finding))


def _height(finding: Finding | None) -> float:
    """Value of a measured finding, by which rows are ordered; what was not measured comes last."""
    value = None if finding is None else finding.estimate.value
    return -math.inf if value is None else value


def _distance(finding: Finding | None) -> float:
    """Distance of a measured finding from its neutral value; of what was not measured less than any."""
    if finding is None or finding.estimate.value is None:
        return -1.0
    return abs(finding.estimate.value - (finding.neutral or 0.0))
