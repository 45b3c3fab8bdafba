"""One section per suite: its question, figures as data, tables and pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from audit.evidence import Evidence
from audit.lenses import CARDS, CONTROLS, LENSES, WHOLE_SUITE, MetricCard
from audit.records import Finding
from audit.report.answers import answer_tables
from audit.report.concepts import concept_tables
from audit.report.findings import (
    interval_of,
    is_measured,
    is_whole,
    leaves_out_neutral,
    suite_table,
    value_of,
)
from audit.report.images import make_sheet
from audit.report.model import DrawnFigure, ForestFigure, ForestRow, ReportInput, Room, Section, Table, room_for
from audit.report.suite_figures import (
    Outcomes,
    outcome_map,
    outcome_table,
    quality_spread,
    read_outcomes,
    variance_by_cause,
)
from audit.report.text import NO_INTERVAL, clean, count, quote, show_level
from audit.report.words import OTHER_QUESTION

_ALL_SUITES = "all suites together"
_PLACES = ("first", "main", "beside", "last")
_LEADING = ("first", "main")


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
    table = source.tables.get(CONTROLS)
    listed = set() if table is None or "metric" not in table.columns else set(table["metric"])
    return [f for f in source.findings if not (f.lens == CONTROLS and f.metric in listed)]


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
    seen = _read_outcomes(source.tables, suite)
    tables += [outcome_table(one, name=f"{name}-outcomes-numbers", room=room) for one in seen]
    if not any(is_measured(f) for f in findings):
        sentences.append("Nothing was measured on this suite.")
    return Section(
        name=name,
        title=_ALL_SUITES if suite == WHOLE_SUITE else clean(suite, longest=80),
        question=_question(findings, source.evidence, suite),
        sentences=tuple(sentences),
        figures=(
            *figures,
            *(outcome_map(one, name=f"{name}-outcomes", room=room) for one in seen),
            *_distributions(source, suite, name),
        ),
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


def _read_outcomes(tables: Mapping[str, pd.DataFrame], suite: str) -> list[Outcomes]:
    """Return what was perceived on a suite, by each lens that has a table of it."""
    maps = [lens.card.presentation for lens in LENSES.values() if lens.card.presentation is not None]
    read = [read_outcomes(tables.get(one.table), suite) for one in maps]
    return [one for one in read if one is not None]


def _distributions(source: ReportInput, suite: str, name: str) -> list[DrawnFigure]:
    causes = [(lens.card.name, lens.card.causes) for lens in LENSES.values() if lens.card.causes is not None]
    drawn = (
        *(
            variance_by_cause(words, source.tables.get(words.table), source.findings, suite, name=f"{name}-{lens}")
            for lens, words in causes
        ),
        quality_spread(source.evidence, suite, name=f"{name}-quality"),
    )
    return [figure for figure in drawn if figure is not None]


def _lenses(findings: Sequence[Finding]) -> list[str]:
    """Return the lenses of some findings in the order of their sections; an unknown one comes before the last."""
    places = {name: (_PLACES.index(lens.card.place), number) for number, (name, lens) in enumerate(LENSES.items())}
    unknown = (_PLACES.index("beside"), len(places))
    return sorted({f.lens for f in findings}, key=lambda lens: (*places.get(lens, unknown), lens))


def _question(findings: Sequence[Finding], evidence: Evidence, suite: str) -> str:
    cards = [LENSES[lens].card for lens in _lenses(findings) if lens in LENSES]
    asked = [card.question for card in cards if card.place in _LEADING]
    asked = asked or [card.question for card in cards][:1] or [OTHER_QUESTION]
    prompts = evidence.prompts[evidence.prompts["suite"] == suite]
    images = evidence.images["prompt_id"].isin(prompts["prompt_id"]).sum()
    concepts = prompts["concept"].nunique()
    size = f"{count(concepts, 'concept')}, {count(len(prompts), 'prompt')}, {count(int(images), 'image')}."
    return " ".join([*asked, f"Asked with {size}"])


def _figures(findings: Sequence[Finding], evidence: Evidence, *, name: str, most: int) -> list[ForestFigure]:
    figures = []
    for metric, card in CARDS.items():
        answers = [f for f in findings if f.metric == metric and not is_whole(f) and is_measured(f)]
        if card.drawn and answers:
            figure_name = f"{name}-{metric.replace('.', '-').replace('_', '-')}"
            figures.append(_figure(answers, card, evidence, name=figure_name, most=most))
    return figures


def _is_flat(figure: ForestFigure) -> bool:
    """Tell whether every concept sits at the neutral value: a sentence says that better than a figure."""
    return all(row.value == figure.neutral for row in figure.rows)


def _figure(findings: Sequence[Finding], card: MetricCard, evidence: Evidence, *, name: str, most: int) -> ForestFigure:
    first = findings[0]
    farthest = sorted(findings, key=lambda f: (-abs(_value(f) - (f.neutral or 0.0)), f.subject))
    shown = sorted(farthest[:most], key=lambda f: (-_value(f), f.subject))
    rows = _rows(shown, evidence, reference=card.reference)
    return ForestFigure(
        name=name,
        caption=_caption(shown, card, rows=rows, beyond=len(findings) - len(shown)),
        equivalent=_equivalent(findings, card),
        rows=rows,
        neutral=first.neutral,
        neutral_word=card.neutral_word,
        sides=card.sides,
        span=card.span,
        signed=card.signed,
        warm=card.warm,
    )


def _rows(findings: Sequence[Finding], evidence: Evidence, *, reference: str) -> tuple[ForestRow, ...]:
    suite = evidence.prompts[evidence.prompts["suite"] == findings[0].suite]
    beside = _references(suite, reference) if reference else {}
    matched = set(suite.loc[suite["role"] == "reference", "concept"]) - set(
        suite.loc[suite["role"] == "subject", "concept"]
    )
    return tuple(
        ForestRow(
            label=clean(finding.subject, longest=80),
            value=_value(finding),
            low=_finite(finding.estimate.low),
            high=_finite(finding.estimate.high),
            reference=beside.get(finding.subject),
            matched=finding.subject in matched,
        )
        for finding in findings
    )


def _references(prompts: pd.DataFrame, column: str) -> Mapping[str, float]:
    known = prompts.dropna(subset=[column])
    return {str(concept): float(number) for concept, number in known.groupby("concept")[column].first().items()}


def _caption(findings: Sequence[Finding], card: MetricCard, *, rows: Sequence[ForestRow], beyond: int) -> str:
    levels = ", ".join(sorted({show_level(f.estimate.level) for f in findings}))
    parts = [f"{card.title} per concept of {quote(findings[0].suite)}, with {levels} intervals, sorted."]
    if card.neutral_word:
        parts.append(f"Filled: the interval leaves out {card.neutral_word}. Open: it contains it, or there is none.")
    if any(row.reference is not None for row in rows):
        parts.append(f"Upright bar: {card.reference_words}.")
    if any(row.matched for row in rows):
        parts.append("Square: a reference that subjects are compared with.")
    if beyond > 0:
        total = len(findings) + beyond
        parts.append(f"Shown are the {len(findings)} of {total} concepts that are farthest from the neutral value.")
    return " ".join(parts)


def _equivalent(findings: Sequence[Finding], card: MetricCard) -> str:
    ordered = sorted(findings, key=lambda f: (_value(f), f.subject))
    lowest, highest = ordered[0], ordered[-1]
    if len(ordered) == 1:
        return f"{card.title} is {_short(lowest)}, the only concept measured."
    if all(_value(f) == _value(lowest) for f in ordered):
        widest = max(ordered, key=lambda f: (f.estimate.high or 0.0) - (f.estimate.low or 0.0))
        each = f"{card.title} is {value_of(lowest)} for each of {len(ordered)} concepts"
        return f"{each}; the widest interval is {interval_of(widest)}."
    sentence = f"{card.title} runs from {_short(lowest)} to {_short(highest)}, over {len(ordered)} concepts."
    if card.sides is None:
        return sentence
    clear = [f for f in ordered if leaves_out_neutral(f)]
    low = sum(1 for f in clear if _value(f) < (f.neutral or 0.0))
    neutral = card.neutral_word or "the neutral value"
    return (
        f"{sentence} With the whole interval beyond {neutral}, {low} lean {card.sides[0]} and {len(clear) - low} "
        f"{card.sides[1]}; {len(ordered) - len(clear)} cannot be told from {neutral}. Each interval looks at one "
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
