"""Ways through a report: from a finding that matters to its pictures, from these to the numbers, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from audit.report.model import DrawnFigure, ForestFigure, Highlight, Opening, Picture, Section, Table
from audit.report.text import LONGEST_NAME, clean


def link_section(section: Section, opening: Opening | None) -> Section:
    """Lead from each picture of a section to the numbers of its concept, and from these to the picture.

    Args:
        section: With its pictures and tables.
        opening: What the report opens with, where that draws the concepts of the section.
    """
    pictures = () if section.sheet is None else section.sheet.pictures
    anchored = [
        replace(picture, anchor=f"{section.name}-picture-{place}") for place, picture in enumerate(pictures, start=1)
    ]
    pictured = {picture.label: picture.anchor for picture in anchored}
    tables = tuple(_link_table(table, pictured) for table in section.tables)
    drawn = [] if opening is None or opening.figure is None else [opening.figure]
    numbers = {**_drawn([*section.figures, *drawn]), **_rows(tables)}
    linked = tuple(replace(picture, link=numbers.get(picture.label, "")) for picture in anchored)
    return replace(
        section, tables=tables, sheet=None if section.sheet is None else replace(section.sheet, pictures=linked)
    )


def _link_table(table: Table, pictured: Mapping[str, str]) -> Table:
    rows = tuple(
        (replace(row[0], anchor=f"{table.name}-row-{place}", link=pictured.get(row[0].text, "")), *row[1:])
        for place, row in enumerate(table.rows, start=1)
    )
    return replace(table, rows=rows)


def _rows(tables: Sequence[Table]) -> dict[str, str]:
    """Return the first row of everything that tables name."""
    return {row[0].text: row[0].anchor for table in reversed(tables) for row in reversed(table.rows)}


def _drawn(figures: Sequence[ForestFigure | DrawnFigure]) -> dict[str, str]:
    return {row.label: one.name for one in figures if isinstance(one, ForestFigure) for row in one.rows}


def link_highlights(
    highlights: Sequence[Highlight], sections: Mapping[str, Section], opening: Opening
) -> tuple[Highlight, ...]:
    """Lead from each finding that matters to the pictures of its concept, else to its numbers, else to its suite.

    Args:
        highlights: The findings.
        sections: Suite -> its linked section.
        opening: What the report opens with.
    """
    return tuple(replace(one, link=_near(one, sections.get(one.suite), opening)) for one in highlights)


def _near(highlight: Highlight, section: Section | None, opening: Opening) -> str:
    if section is None:
        return ""
    concept = clean(highlight.subject, longest=LONGEST_NAME)
    pictures: Sequence[Picture] = () if section.sheet is None else section.sheet.pictures
    places = (
        *(picture.anchor for picture in pictures if picture.label == concept),
        *([found] if (found := _rows(section.tables).get(concept)) else ()),
        *([found] if (found := _drawn(section.figures).get(concept)) else ()),
        *([opening.figure.name] if opening.figure is not None and opening.suite == highlight.suite else ()),
    )
    return places[0] if places else section.name
