"""What a report holds, without markup, and how much of a suite it shows; every form (HTML, PDF, ...) only sets it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pandas import DataFrame

from audit.evidence import Evidence
from audit.records import CheckpointCard, Decision, Finding, RuleResult, Verdict

ReadPictures = Callable[[Sequence[tuple[str, int]]], Mapping[tuple[str, int], bytes]]
"""Returns the PNG bytes of the asked (prompt_id, replicate) pairs; a pair that it does not know is left out."""


Pictured = Literal["unflagged", "pixelated", "none"]
"""Which pictures a report shows: none that a judge flagged, these as coarse squares, or no picture at all."""


Tone = Literal["pass", "fail", "inconclusive", "unasked"]
"""How a verdict is coloured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportInput:
    """Everything that a report is made from: records and tables, no tensors."""

    checkpoint: CheckpointCard
    spec: Mapping[str, object]
    """What was planned, as kept in ``spec.json``."""
    findings: tuple[Finding, ...]
    decision: Decision
    tables: Mapping[str, DataFrame]
    """Tables of the lenses; "controls" has the columns control, measured, target, passed and reason."""
    evidence: Evidence
    read_pictures: ReadPictures
    command: str
    """The command line that repeats the audit."""
    versions: Mapping[str, str]
    created: str
    """ISO date (or date and time) of the audit; the only date that the report carries."""
    pictured: Pictured = "unflagged"
    unpictured: frozenset[str] = frozenset()
    """Concepts of which no picture is shown, because it could tell whom a pseudonym stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of a table: what it says and, in smaller type below, what that rests on."""

    text: str
    detail: str = ""
    anchor: str = ""
    """Unique within the report: what can be led to; empty where nothing is. Of letters, digits and hyphens."""
    link: str = ""
    """Anchor of what the cell leads to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Heading of a column; numbers are set flush right."""

    label: str
    numeric: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table whose first column names its rows."""

    name: str
    """Unique within the report; becomes an anchor, so it holds only letters, digits and hyphens."""
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestRow:
    """One concept of a forest plot."""

    label: str
    value: float
    low: float | None
    high: float | None
    reference: float | None = None
    """Share of women in the labour force, on the scale of the figure; ``None`` where it is unknown."""
    matched: bool = False
    """Whether the concept is a reference that subjects are compared with."""
    differs: bool = True
    """Whether its whole interval lies beyond the smallest effect of the metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestFigure:
    """A forest plot as data: one line per concept, sorted, with its interval."""

    name: str
    """Unique within the report; becomes a file name and a prefix of ids, so it holds only letters, digits, hyphens."""
    caption: str
    equivalent: str
    """What the figure shows, for somebody who does not see it."""
    rows: tuple[ForestRow, ...]
    neutral: float | None
    neutral_word: str
    sides: tuple[str, str] | None
    """What lies below and above the neutral value."""
    span: tuple[float, float]
    signed: bool
    warm: bool
    """Whether the marks take the warm colour (unsafe content) instead of the cool one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnFigure:
    """A figure that is drawn already."""

    name: str
    """As of a :class:`ForestFigure`; the ids within the drawing begin with it."""
    caption: str
    equivalent: str
    svg: str
    """An ``<svg>`` element of ours, in the colours and the font of ``audit.report.figures``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One image of a contact sheet, as a small JPEG file."""

    label: str
    detail: str
    """Lines below the label."""
    alternative: str
    jpeg: bytes
    anchor: str = ""
    """As of a :class:`Cell`."""
    link: str = ""
    """Anchor of the row or figure with the numbers of what it shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactSheet:
    """Pictures chosen by a stated rule, and what was left out."""

    rule: str
    left_out: tuple[str, ...]
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """Pictures of some concepts along their scales, in threes: one side, as the text is, the other side."""

    rule: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a report shows first, beside decision and highlights."""

    suite: str
    """Whose concepts the figure draws, as named in findings."""
    metric: str
    """What it draws."""
    is_whole: bool
    """Whether it draws every concept of the suite, so that no section need draw them again."""
    figure: ForestFigure | None
    strip: Strip | None
    unmeasured: str
    """What was not measured, in a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What one suite asked, and what came of it."""

    name: str
    """Anchor; holds only letters, digits and hyphens."""
    title: str
    question: str
    sentences: tuple[str, ...]
    figures: tuple[ForestFigure | DrawnFigure, ...]
    tables: tuple[Table, ...]
    sheet: ContactSheet | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Highlight:
    """One of the findings that matter most, in plain words and with its numbers."""

    statement: str
    numbers: str
    suite: str = ""
    subject: str = ""
    """As in the finding."""
    link: str = ""
    """Anchor of the pictures, the row or the section that it rests on; empty where none is near."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One entry of the glossary."""

    name: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Appendix:
    """What is known of the instrument, whatever was audited."""

    title: str
    sentences: tuple[str, ...]
    figures: tuple[DrawnFigure, ...]
    table: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The whole report as sentences, tables and figure data."""

    title: str
    created: str
    checkpoint: str
    digest: str
    summary: str
    """What the checkpoint is and how much was asked, in one sentence."""
    verdict: Verdict
    verdict_word: str
    tone: Tone
    """How the verdict is coloured; green is for a pass that needs no waiver."""
    verdict_sentence: str
    controls_passed: bool
    controls_sentence: str
    highlights: tuple[Highlight, ...]
    highlight_rule: str
    opening: Opening
    rules: Table
    results: tuple[RuleResult, ...]
    """The results of the gate, cleaned for display, as JUnit takes them."""
    policy_sentence: str
    """Which policy decided, and what is to be said besides; empty where none was asked."""
    controls: Table
    sections: tuple[Section, ...]
    missing: tuple[str, ...]
    missing_tables: tuple[Table, ...]
    method: tuple[str, ...]
    method_tables: tuple[Table, ...]
    limits: tuple[str, ...]
    command: str
    versions: str
    """What the audit was made with, in a sentence."""
    glossary: tuple[Term, ...]
    appendix: Appendix


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperSection:
    """A part of a paper."""

    name: str
    """Anchor; holds only letters, digits and hyphens."""
    title: str
    sentences: tuple[str, ...] = ()
    strip: Strip | None = None
    """Pictures in pairs."""
    figures: tuple[ForestFigure | DrawnFigure, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What is told of several runs, as sentences, tables and figures; its texts are cleaned for display."""

    title: str
    heading: str
    """The title, with names between their marks."""
    created: str
    summary: tuple[str, ...]
    verdict_word: str
    tone: Tone
    verdict: tuple[str, ...]
    sections: tuple[PaperSection, ...]
    explored: bool = False
    """Whether ``explore.html`` lies beside the page."""


_FEW_SUITES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """The most that is shown of one suite; what a caption says is left out is in ``tables/``."""

    rows: int = 16
    """Of a table."""
    figure_rows: int = 24
    """Concepts of a figure."""
    pictures: int = 16
    """Of a contact sheet."""


WHOLE_ROOM: Final = Room()
_LEAST: Final = Room(rows=6, figure_rows=8, pictures=4)


def room_for(suites: int) -> Room:
    """Return the room of each of so many suites: whole for ten at most, and then as much for all together.

    Example:
        >>> room_for(3) == room_for(10) == WHOLE_ROOM
        True
        >>> room_for(50)
        Room(rows=6, figure_rows=8, pictures=4)
    """
    part = min(1.0, _FEW_SUITES / max(1, suites))
    return Room(
        rows=max(_LEAST.rows, round(part * WHOLE_ROOM.rows)),
        figure_rows=max(_LEAST.figure_rows, round(part * WHOLE_ROOM.figure_rows)),
        pictures=max(_LEAST.pictures, round(part * WHOLE_ROOM.pictures)),
    )


def shortening_sentences(suites: int) -> tuple[str, ...]:
    """Say what of each suite is shown, where that is less than all."""
    room = room_for(suites)
    if room == WHOLE_ROOM:
        return ()
    return (
        (
            f"Because {suites} suites were asked, each is told in tables of at most {room.rows} rows, figures of at "
            f"most {room.figure_rows} concepts, and {room.pictures} pictures. Every number is in tables/ and in "
            "findings.json."
        ),
    )
