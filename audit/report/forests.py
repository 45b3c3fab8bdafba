"""From findings to forest plots: one metric over the concepts of a suite, sorted, and the same in a sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from audit.evidence import Evidence
from audit.lenses import CARDS, MetricCard, said_best
from audit.records import Finding
from audit.report.findings import interval_of, is_measured, is_of_interest, is_whole, leaves_out_neutral, value_of
from audit.report.model import ForestFigure, ForestRow
from audit.report.text import NO_INTERVAL, clean, quote, show_level


def forest_figures(findings: Sequence[Finding], evidence: Evidence, *, name: str, most: int) -> dict[str, ForestFigure]:
    """Return a figure for every metric of a lens that is drawn, by the metric, of the concepts of one suite.

    Args:
        findings: Of the lens on the suite.
        evidence: Tables of the run.
        name: Beginning of the names of the figures.
        most: Concepts of a figure at most.
    """
    figures = {}
    for metric, card in CARDS.items():
        answers = [f for f in said_best(findings) if f.metric == metric and not is_whole(f) and is_measured(f)]
        if (card.drawn or card.leading) and answers:
            figure_name = f"{name}-{metric.replace('.', '-').replace('_', '-')}"
            figures[metric] = forest_figure(answers, card, evidence, name=figure_name, most=most)
    return figures


def says_something(figure: ForestFigure) -> bool:
    """Tell whether a concept that is asked about lies beyond the smallest effect; else a sentence says as much."""
    return figure.neutral is None or any(row.differs and not row.matched for row in figure.rows)


def forest_figure(
    findings: Sequence[Finding], card: MetricCard, evidence: Evidence, *, name: str, most: int
) -> ForestFigure:
    """Return the figure of one metric.

    Args:
        findings: Of the metric, measured, on concepts of one suite.
        card: Of the metric.
        evidence: Tables of the run.
        name: Of the figure.
        most: Concepts at most; those that are farthest from the neutral value.
    """
    first = findings[0]
    farthest = sorted(findings, key=lambda f: (-abs(_value(f) - (f.neutral or 0.0)), f.subject))
    shown = sorted(farthest[:most], key=lambda f: (-_value(f), f.subject))
    rows = _rows(shown, evidence, card)
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


def _rows(findings: Sequence[Finding], evidence: Evidence, card: MetricCard) -> tuple[ForestRow, ...]:
    suite = evidence.prompts[evidence.prompts["suite"] == findings[0].suite]
    beside = _reference_values(suite, card) if card.reference else {}
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
            differs=is_of_interest(finding),
        )
        for finding in findings
    )


def _reference_values(prompts: pd.DataFrame, card: MetricCard) -> Mapping[str, float]:
    known = prompts.dropna(subset=[card.reference]).groupby("concept")[card.reference].first()
    none, whole = card.reference_at
    return {str(concept): none + (whole - none) * float(share) for concept, share in known.items()}


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
