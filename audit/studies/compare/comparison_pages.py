"""A comparison of two runs for people: rows of a table, a page of Markdown, and a paper with tables and figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from audit.lenses import CARDS, WHOLE_SUITE, MetricCard
from audit.records import Change, reported_p
from audit.report import render_paper_html, render_paper_pdf
from audit.report.ci_files import escape
from audit.report.explorer import render_explorer
from audit.report.model import Cell, Column, ForestFigure, ForestRow, Paper, PaperSection, Strip, Table
from audit.report.text import (
    NOTHING,
    clean,
    count,
    quote,
    show_count,
    show_interval,
    show_level,
    show_number,
    show_p,
    title_of,
    today,
)
from audit.studies.compare.explored_changes import explore_comparison
from audit.studies.compare.paired_pictures import Pairs, paired_pictures
from audit.studies.compare.two_runs import Comparison, Outcome

MOST_CHANGES: Final = 30
"""Rows of a section of the page; all of them are in the table beside it."""

CHANGE_COLUMNS: Final = ("suite", "about", "measure", "baseline", "candidate", "difference", "interval", "p, corrected")
_GROUP: Final = "group:"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSection:
    """Changes of which the same can be said."""

    title: str
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePage:
    """All that the page says."""

    baseline: str
    """Name of the checkpoint that is compared with."""
    candidate: str
    verdict: str
    """What came of it, in a sentence."""
    doubts: Sequence[str]
    warnings: Sequence[str]
    level: float
    sections: Sequence[ChangeSection]
    is_same: bool = False
    """Whether both runs are of the same checkpoint."""
    pairs: Strip | None = None
    """Pictures of both runs side by side."""


def comparison_pages(found: Comparison) -> dict[str, str | bytes]:
    """Return every form of a comparison by the name of its file."""
    outcomes = [
        ChangeSection(title=outcome.value.capitalize(), changes=shown_changes(found, outcome)) for outcome in Outcome
    ]
    instruments = ChangeSection(title="Instruments", changes=[one.change for one in found.instruments])
    changes = [change for one in outcomes for change in one.changes]
    pairs = (
        Pairs()
        if found.n_identical == found.n_pairs
        else paired_pictures(found.baseline.folder, found.candidate.folder, changes)
    )
    page = ChangePage(
        baseline=found.baseline.checkpoint.name,
        candidate=found.candidate.checkpoint.name,
        verdict=comparison_verdict(found),
        doubts=found.doubts,
        warnings=found.warnings,
        level=found.level,
        sections=[*outcomes, instruments],
        is_same=found.is_same,
        pairs=pairs.strip,
    )
    paper = comparison_paper(page, conclusive=found.is_conclusive, created=today())
    return {
        "summary.md": render_changes(page),
        "explore.html": render_explorer(
            explore_comparison(found, verdict=page.verdict, created=paper.created, gallery=pairs.gallery)
        ),
        "report.html": render_paper_html(paper),
        "report.pdf": render_paper_pdf(paper),
    }


def comparison_verdict(found: Comparison) -> str:
    """Return what came of a comparison in a sentence."""
    counts = ", ".join(f"{len(found.with_outcome(outcome))} {outcome.value}" for outcome in Outcome)
    word = "Compared" if found.is_conclusive else "Inconclusive: the instruments do not allow it. What was seen"
    if found.is_same:
        alike = f"{found.n_identical} of {found.n_pairs} pairs are the same image"
        word = f"Both runs are of the same checkpoint, {found.baseline.checkpoint.digest[:16]}; {alike}. {word}"
    return f"{word}: of {len(found.told)} findings on {found.n_pairs} pairs of images, {counts}."


def shown_changes(found: Comparison, outcome: Outcome) -> list[Change]:
    """Return the changes of an outcome that are shown to people."""
    return [one.change for one in found.with_outcome(outcome) if is_told(one.change)]


def change_row(change: Change) -> tuple[str, ...]:
    """Return a change under the columns ``CHANGE_COLUMNS``, every text cleaned."""
    whole = change.subject == WHOLE_SUITE
    return (
        "all suites" if change.suite == WHOLE_SUITE else clean(change.suite, longest=40),
        "the whole" if whole else clean(change.subject, longest=40),
        clean(title_of(change.metric), longest=40),
        show_number(change.baseline.value),
        show_number(change.candidate.value),
        show_number(change.difference.value, signed=True),
        show_interval(change.difference, signed=True),
        show_p(reported_p(change)),
    )


def is_told(change: Change) -> bool:
    """Tell whether a change is shown to people: of a suite all, of a concept what says most, and nothing twice.

    Which metrics say the same as another one, and which say most, is on their cards.
    """
    card = CARDS.get(change.metric)
    if card is not None and not card.compared:
        return False
    whole = change.subject == WHOLE_SUITE or change.subject.startswith(_GROUP)
    return whole or card is None or card.ranked


def render_changes(page: ChangePage) -> str:
    """Write a comparison as GitHub-flavoured Markdown.

    Every text from outside is escaped, and no line begins with one.
    """
    lines = [
        f"# Comparison of {_text(page.candidate)} with {_text(page.baseline)}",
        "",
        f"**{_text(page.verdict)}**",
        "",
        *(f"- {_text(doubt)}" for doubt in page.doubts),
        *([""] if page.doubts else []),
    ]
    for section in page.sections:
        lines += _section(section, page.level)
    if page.warnings:
        lines += ["## Warnings", "", *(f"- {_text(warning)}" for warning in page.warnings), ""]
    lines += ["Every change is in `changes.json` and in `tables/changes.csv`.", ""]
    return "\n".join(lines)


def _section(section: ChangeSection, level: float) -> list[str]:
    shown = section.changes[:MOST_CHANGES]
    columns = [f"{show_level(level)} interval" if name == "interval" else name for name in CHANGE_COLUMNS]
    rows = ["| " + " | ".join(map(escape, change_row(change))) + " |" for change in shown]
    more = len(section.changes) - len(shown)
    table = [f"| {' | '.join(columns)} |", "|" + " --- |" * len(columns), *rows, ""] if rows else ["None.", ""]
    return [f"## {section.title}", "", *table, *([f"… and {more} more.", ""] if more else [])]


def _text(text: str) -> str:
    return escape(clean(text))


MOST_ROWS: Final = 40
"""Concepts of a figure, and changes of a table; all of them are in the table beside the paper."""
_HOW: Final = (
    "Both runs have the same prompts, noise and views, so their images are pairs, and what both have in common "
    "cancels. Every difference is the candidate less the baseline."
)
_SIDES: Final = ("lower", "higher")
_MOST_OPEN: Final = 8
"""Changes of a table of what cannot be told, is unchanged, or is of the instruments."""
_LEADING: Final = 2
"""Sections whose first change stands on the first screen: what got worse, and what got better."""


def comparison_paper(page: ChangePage, *, conclusive: bool, created: str) -> Paper:
    """Return a comparison as a paper.

    Args:
        page: What the page of Markdown says, too.
        conclusive: Whether the changes can be read as those of the checkpoint.
        created: ISO date.
    """
    told = [change for section in page.sections for change in section.changes]
    changed = PaperSection(
        name="concepts",
        title="Concept by concept",
        sentences=()
        if conclusive
        else ("The instruments do not allow these to be read as changes of the checkpoint.",),
        figures=tuple(_figures(told)),
    )
    pairs = PaperSection(name="pairs", title="In pictures", strip=page.pairs)
    warned = PaperSection(name="warnings", title="Warnings", sentences=tuple(map(clean, page.warnings)))
    return Paper(
        title=f"Comparison of {clean(page.candidate, longest=80)} with {clean(page.baseline, longest=80)}",
        heading=f"Comparison of {quote(page.candidate)} with {quote(page.baseline)}",
        created=clean(created, longest=40),
        summary=(_HOW,),
        explored=True,
        verdict_word="Inconclusive" if not conclusive else "The same checkpoint" if page.is_same else "Compared",
        tone="unasked" if conclusive else "inconclusive",
        verdict=(clean(page.verdict), *map(clean, page.doubts), *(_leads(page) if conclusive else ())),
        sections=(
            *((pairs,) if page.pairs is not None else ()),
            *((changed,) if changed.figures else ()),
            *(_paper_section(section, number, page.level) for number, section in enumerate(page.sections, start=1)),
            *((warned,) if warned.sentences else ()),
        ),
    )


def _leads(page: ChangePage) -> Iterable[str]:
    """Tell the first change of what got worse and of what got better, with its uncertainty."""
    for section in page.sections[:_LEADING]:
        change = next((one for one in section.changes if _value(one) is not None), None)
        if change is None:
            continue
        suite, about, measure, baseline, candidate, difference, interval, p_value = change_row(change)
        chance = "" if p_value == NOTHING else f", p {p_value}"
        yield (
            f"{section.title}, first of {len(section.changes)}: {measure} of {quote(about)} in {quote(suite)}, from "
            f"{baseline} to {candidate}; difference {difference}, {show_level(page.level)} interval {interval}"
            f"{chance}, on {show_count(change.difference)}."
        )


def _paper_section(section: ChangeSection, number: int, level: float) -> PaperSection:
    name = f"outcome-{number}"
    if not section.changes:
        return PaperSection(name=name, title=section.title, sentences=("None.",))
    columns = (
        Column(label="About"),
        Column(label="Difference", numeric=True),  # beside the name, so that a telephone shows both
        Column(label="Measure"),
        *(Column(label=label, numeric=True) for label in ("Baseline", "Candidate")),
    )
    shown = section.changes[: MOST_ROWS if number <= _LEADING else _MOST_OPEN]
    more = f" The first {len(shown)} of them; all are in tables/." if len(shown) < len(section.changes) else ""
    caption = (
        f"{count(len(section.changes), 'change')}, what matters most first. Below each difference: its "
        f"{show_level(level)} interval, and p after correction for all concepts of its suite.{more}"
    )
    table = Table(name=f"changes-{number}", caption=caption, columns=columns, rows=tuple(map(_row, shown)))
    return PaperSection(name=name, title=section.title, tables=(table,))


def _row(change: Change) -> tuple[Cell, ...]:
    suite, about, measure, baseline, candidate, difference, interval, p_value = change_row(change)
    evidence = interval if p_value == NOTHING else f"{interval} · p {p_value}"
    return (
        Cell(text=about, detail=suite),
        Cell(text=difference, detail=evidence),
        Cell(text=measure),
        Cell(text=baseline),
        Cell(text=candidate),
    )


def _figures(changes: Sequence[Change]) -> Iterable[ForestFigure]:
    """Draw the paired change of every concept, a figure per suite and metric that has figures in reports."""
    single = [
        one for one in changes if one.subject != WHOLE_SUITE and ":" not in one.subject and _value(one) is not None
    ]
    suites = list(dict.fromkeys(one.suite for one in single))
    for metric, card in CARDS.items():
        for number, suite in enumerate(suites, start=1):
            alike = [one for one in single if one.metric == metric and one.suite == suite]
            if card.drawn and alike:
                name = f"change-{number}-{metric.replace('.', '-').replace('_', '-')}"
                yield _figure(alike, card, name=name)


def _figure(changes: Sequence[Change], card: MetricCard, *, name: str) -> ForestFigure:
    first = changes[0]
    farthest = sorted(changes, key=lambda one: (-abs(_value(one) or 0.0), one.subject))[:MOST_ROWS]
    shown = sorted(farthest, key=lambda one: (-(_value(one) or 0.0), one.subject))
    reach = card.span[1] - card.span[0]
    ends = [
        abs(end) for one in shown for end in (_value(one), one.difference.low, one.difference.high) if end is not None
    ]
    widest = min(reach, math.ceil(4 * max(ends, default=0.0)) / 4) or reach
    beyond = f" Shown are the {len(shown)} of {len(changes)} that changed most." if len(shown) < len(changes) else ""
    return ForestFigure(
        name=name,
        caption=(
            f"{card.title} per concept of {quote(first.suite)}: candidate less baseline, paired, with "
            f"{show_level(first.difference.level)} intervals, sorted. Filled: it leaves out no change.{beyond}"
        ),
        equivalent=_equivalent(changes, card),
        rows=tuple(
            ForestRow(
                label=clean(one.subject, longest=80),
                value=_value(one) or 0.0,
                low=one.difference.low,
                high=one.difference.high,
            )
            for one in shown
        ),
        neutral=0.0,
        neutral_word="no change",
        sides=_SIDES,
        span=(-widest, widest),
        signed=True,
        warm=card.warm,
    )


def _equivalent(changes: Sequence[Change], card: MetricCard) -> str:
    ordered = sorted(changes, key=lambda one: (_value(one) or 0.0, one.subject))
    clear = sum(1 for one in changes if _is_clear(one))
    ends = [
        f"{show_number(_value(one), signed=True)} for {quote(one.subject, longest=40)} "
        f"(interval {show_interval(one.difference, signed=True)})"
        for one in dict.fromkeys((ordered[0], ordered[-1]))
    ]
    return (
        f"{card.title} changed by {' to '.join(ends)}, over {count(len(changes), 'concept')}; of {clear} the interval "
        "leaves out no change. Each interval looks at one concept alone."
    )


def _is_clear(change: Change) -> bool:
    low, high = change.difference.low, change.difference.high
    return low is not None and high is not None and not low <= 0 <= high


def _value(change: Change) -> float | None:
    value = change.difference.value
    return value if value is not None and math.isfinite(value) else None
