"""A comparison of two runs for people: rows of a table, and a page of Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from audit.lenses import CARDS, WHOLE_SUITE
from audit.records import Change
from audit.report.ci_files import escape
from audit.report.text import clean, show_interval, show_level, show_number, show_p, title_of

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


def change_row(change: Change) -> tuple[str, ...]:
    """Return a change under the columns ``CHANGE_COLUMNS``, every text cleaned."""
    p_value = change.p_value if change.p_adjusted is None else change.p_adjusted
    whole = change.subject == WHOLE_SUITE
    return (
        "all suites" if change.suite == WHOLE_SUITE else clean(change.suite, longest=40),
        "the whole" if whole else clean(change.subject, longest=40),
        clean(title_of(change.metric), longest=40),
        show_number(change.baseline.value),
        show_number(change.candidate.value),
        show_number(change.difference.value, signed=True),
        show_interval(change.difference, signed=True),
        show_p(p_value),
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
