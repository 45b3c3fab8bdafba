"""One section per suite: its question, figures as data, tables and pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from audit.evidence import Evidence
from audit.lenses import WHOLE_SUITE
from audit.records import Finding
from audit.report.answers import answer_tables
from audit.report.causes import variance_by_wording
from audit.report.concepts import concept_tables
from audit.report.distributions import quality_spread
from audit.report.findings import (
    interval_of,
    is_measured,
    is_whole,
    leaves_out_neutral,
    suite_table,
    value_of,
)
from audit.report.images import make_sheet
from audit.report.model import DrawnFigure, ForestFigure, ForestRow, ReportInput, Section, Table
from audit.report.outcomes import outcome_map, outcome_table, read_outcomes
from audit.report.room import Room, room_for
from audit.report.text import NO_INTERVAL, clean, count, quote, show_level
from audit.report.words import METRICS, OTHER_QUESTION, QUESTIONS, SPANS, MetricWords

_ALL_SUITES = "all suites together"
_LENS_ORDER = ("contexts", "blending", "attributes", "gender", "nsfw", "composition", "wording", "granularity")
_LAST_LENSES = ("quality", "controls")


def make_sections(source: ReportInput) -> tuple[Section, ...]:
    """Return one section per suite, in the order of the prompts; suites that hold only controls come last."""
    suites = _suites(source)
    room = room_for(len(suites))
    return tuple(_make_section(source, suite, number, room) for number, suite in enumerate(suites, start=1))


def _suites(source: ReportInput) -> list[str]:
    in_prompts = source.evidence.prompts
    names = list(dict.fromkeys([*map(str, in_prompts["suite"]), *(f.suite for f in _told(source))]))
    asking = set(in_prompts.loc[in_prompts["role"].isin(["subject", "reference"]), "suite"].map(str))
    return sorted(names, key=lambda name: name not in asking)


def _told(source: ReportInput) -> list[Finding]:
    """Return the findings that belong into sections: all but the controls that have a table of their own."""
    table = source.tables.get("controls")
    listed = set() if table is None or "metric" not in table.columns else set(table["metric"])
    return [f for f in source.findings if not (f.lens == "controls" and f.metric in listed)]


def _make_section(source: ReportInput, suite: str, number: int, room: Room) -> Section:
    findings = [f for f in _told(source) if f.suite == suite]
    name = f"suite-{number}"
    figures: list[ForestFigure] = []
    tables: list[Table] = []
    sentences: list[str] = []
    for place, lens in enumerate(_lenses(findings), start=1):
        answers = [f for f in findings if f.lens == lens]
        of_lens = _figures(answers, source.evidence, name=name, most=room.figure_rows)
        figures += [figure for figure in of_lens if not _is_flat(figure)]
        sentences += [figure.equivalent for figure in of_lens if _is_flat(figure)]
        whole = suite_table(answers, name=f"{name}-{place}-whole", suite=suite)
        tables += [whole] if whole else []
        tables += concept_tables(answers, name=f"{name}-{place}", suite=suite, most=room.rows)
    tables += answer_tables(source.tables, name=f"{name}-answers", suite=suite, most=room.rows)
    outcomes = read_outcomes(source.tables.get("gender_shares"), suite)
    seen = None
    if outcomes is not None:
        seen = outcome_map(outcomes, name=f"{name}-outcomes", room=room)
        tables.append(outcome_table(outcomes, name=f"{name}-outcomes-numbers", room=room))
    if not any(is_measured(f) for f in findings):
        sentences.append("Nothing was measured on this suite.")
    return Section(
        name=name,
        title=_ALL_SUITES if suite == WHOLE_SUITE else clean(suite, longest=80),
        question=_question(findings, source.evidence, suite),
        sentences=tuple(sentences),
        figures=(*figures, *_distributions(source, suite, name, seen)),
        tables=tuple(tables),
        sheet=make_sheet(
            source.evidence,
            suite,
            source.read_pictures,
            pictured=source.pictured,
            unpictured=source.unpictured,
            most=room.pictures,
        ),
    )


def _distributions(source: ReportInput, suite: str, name: str, outcomes: DrawnFigure | None) -> list[DrawnFigure]:
    drawn = (
        outcomes,
        variance_by_wording(source.tables.get("wording_suites"), source.findings, suite, name=f"{name}-wording"),
        quality_spread(source.evidence, suite, name=f"{name}-quality"),
    )
    return [figure for figure in drawn if figure is not None]


def _lenses(findings: Sequence[Finding]) -> list[str]:
    present = {f.lens for f in findings}
    middle = sorted(present - set(_LENS_ORDER) - set(_LAST_LENSES))
    return [lens for lens in (*_LENS_ORDER, *middle, *_LAST_LENSES) if lens in present]


def _question(findings: Sequence[Finding], evidence: Evidence, suite: str) -> str:
    asked = [QUESTIONS[lens] for lens in _lenses(findings) if lens in _LENS_ORDER]
    if not asked:
        asked = [next((QUESTIONS[lens] for lens in _lenses(findings) if lens in QUESTIONS), OTHER_QUESTION)]
    prompts = evidence.prompts[evidence.prompts["suite"] == suite]
    images = evidence.images["prompt_id"].isin(prompts["prompt_id"]).sum()
    concepts = prompts["concept"].nunique()
    size = f"{count(concepts, 'concept')}, {count(len(prompts), 'prompt')}, {count(int(images), 'image')}."
    return " ".join([*asked, f"Asked with {size}"])


def _figures(findings: Sequence[Finding], evidence: Evidence, *, name: str, most: int) -> list[ForestFigure]:
    figures = []
    for metric, words in METRICS.items():
        answers = [f for f in findings if f.metric == metric and not is_whole(f) and is_measured(f)]
        if words.figured and answers:
            figure_name = f"{name}-{metric.replace('.', '-').replace('_', '-')}"
            figures.append(_figure(answers, words, evidence, name=figure_name, most=most))
    return figures


def _is_flat(figure: ForestFigure) -> bool:
    """Tell whether every concept sits at the neutral value: a sentence says that better than a figure."""
    return all(row.value == figure.neutral for row in figure.rows)


def _figure(
    findings: Sequence[Finding], words: MetricWords, evidence: Evidence, *, name: str, most: int
) -> ForestFigure:
    first = findings[0]
    farthest = sorted(findings, key=lambda f: (-abs(_value(f) - (f.neutral or 0.0)), f.subject))
    shown = sorted(farthest[:most], key=lambda f: (-_value(f), f.subject))
    rows = _rows(shown, evidence, labour=first.metric == "gender.woman_share")
    parity = first.lens == "gender" and first.neutral is not None
    return ForestFigure(
        name=name,
        caption=_caption(shown, words, rows=rows, beyond=len(findings) - len(shown)),
        equivalent=_equivalent(findings, words),
        rows=rows,
        neutral=first.neutral,
        neutral_word="parity" if parity else "",
        sides=words.sides,
        span=SPANS[first.metric],
        signed=words.signed,
        warm=first.lens in {"nsfw", "neighbours"},
    )


def _rows(findings: Sequence[Finding], evidence: Evidence, *, labour: bool) -> tuple[ForestRow, ...]:
    suite = evidence.prompts[evidence.prompts["suite"] == findings[0].suite]
    shares = _labour_shares(suite) if labour else {}
    matched = set(suite.loc[suite["role"] == "reference", "concept"]) - set(
        suite.loc[suite["role"] == "subject", "concept"]
    )
    return tuple(
        ForestRow(
            label=clean(finding.subject, longest=80),
            value=_value(finding),
            low=_finite(finding.estimate.low),
            high=_finite(finding.estimate.high),
            reference=shares.get(finding.subject),
            matched=finding.subject in matched,
        )
        for finding in findings
    )


def _labour_shares(prompts: pd.DataFrame) -> Mapping[str, float]:
    known = prompts.dropna(subset=["women"])
    return {str(concept): float(share) for concept, share in known.groupby("concept")["women"].first().items()}


def _caption(findings: Sequence[Finding], words: MetricWords, *, rows: Sequence[ForestRow], beyond: int) -> str:
    levels = ", ".join(sorted({show_level(f.estimate.level) for f in findings}))
    parts = [f"{words.title} per concept of {quote(findings[0].suite)}, with {levels} intervals, sorted."]
    if findings[0].lens == "gender" and findings[0].neutral is not None:
        parts.append("Filled: the interval leaves out parity. Open: it contains it, or there is none.")
    if any(row.reference is not None for row in rows):
        parts.append("Upright bar: share of women in the labour statistics that the suite cites.")
    if any(row.matched for row in rows):
        parts.append("Square: a reference that subjects are compared with.")
    if beyond > 0:
        total = len(findings) + beyond
        parts.append(f"Shown are the {len(findings)} of {total} concepts that are farthest from the neutral value.")
    return " ".join(parts)


def _equivalent(findings: Sequence[Finding], words: MetricWords) -> str:
    ordered = sorted(findings, key=lambda f: (_value(f), f.subject))
    lowest, highest = ordered[0], ordered[-1]
    if len(ordered) == 1:
        return f"{words.title} is {_short(lowest)}, the only concept measured."
    if all(_value(f) == _value(lowest) for f in ordered):
        widest = max(ordered, key=lambda f: (f.estimate.high or 0.0) - (f.estimate.low or 0.0))
        each = f"{words.title} is {value_of(lowest)} for each of {len(ordered)} concepts"
        return f"{each}; the widest interval is {interval_of(widest)}."
    sentence = f"{words.title} runs from {_short(lowest)} to {_short(highest)}, over {len(ordered)} concepts."
    if words.sides is None:
        return sentence
    clear = [f for f in ordered if leaves_out_neutral(f)]
    low = sum(1 for f in clear if _value(f) < (f.neutral or 0.0))
    return (
        f"{sentence} With the whole interval beyond parity, {low} lean {words.sides[0]} and {len(clear) - low} "
        f"{words.sides[1]}; {len(ordered) - len(clear)} cannot be told from parity. Each interval looks at one "
        "concept alone."
    )


def _short(finding: Finding) -> str:
    interval = interval_of(finding)
    said = interval if interval == NO_INTERVAL else f"interval {interval}"
    return f"{value_of(finding)} for {quote(finding.subject, longest=40)} ({said})"


def _value(finding: Finding) -> float:
    """Value of a finding that is known to be measured."""
    value = finding.estimate.value
    return math.nan if value is None else value


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
