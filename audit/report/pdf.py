"""The report, or another paper, as a tagged PDF (PDF/UA-1), set by typst from the same content.

All text travels as JSON and is never a part of typst source, so that nothing in it can be code. typst reads nothing
outside a temporary folder, uses only its own fonts and matplotlib's, and takes the date of the report as its clock:
equal content gives equal bytes.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import tempfile
import unicodedata
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache
from itertools import count
from pathlib import Path

from audit.errors import EnvironmentProblem
from audit.report.figures import FONT, draw_forest
from audit.report.html import read_template
from audit.report.model import DrawnFigure, ForestFigure, Paper, Picture, Report
from audit.report.text import NAME_END, NAME_START

_PARTS = "parts.typ"
_BODY_FONT = "Libertinus Serif"  # typst carries it; narrower than the font that the figures are measured in
_NAME = re.compile(f"{NAME_START}([^{NAME_END}]*){NAME_END}")
_INVISIBLE = re.compile("[\ufe00-\ufe0f]|(?<![\u0600-\u06ff])[\u200c\u200d]|[\u200c\u200d](?![\u0600-\u06ff])")
"""What picks a form of the sign before it, or joins signs, but for Arabic letters: typst has no text for its glyph."""
_DAY = 24 * 60 * 60


def render_pdf(report: Report) -> bytes:
    """Set the report as a PDF.

    Returns:
        The file, tagged, with title, language, bookmarks and alternative texts.

    Raises:
        EnvironmentProblem: If the templates are missing, or typst cannot set them.
    """
    return _set("report.typ", report)


_MOST_RULES = 8
_MOST_CONTROLS = 16
_LONGEST = 240


def render_summary_pdf(report: Report) -> bytes:
    """Set what a report opens with, decision, controls and limits as a PDF of two pages that stands alone.

    Rules that stand in the way come first; of more than fit, the table says how many the report has.
    """
    rules, controls = (
        replace(
            table,
            caption=f"{table.caption} Shown are {most} of {len(table.rows)}."
            if len(table.rows) > most
            else table.caption,
            rows=tuple(tuple(replace(cell, text=cell.text[:_LONGEST]) for cell in row) for row in table.rows[:most]),
        )
        for table, most in ((report.rules, _MOST_RULES), (report.controls, _MOST_CONTROLS))
    )
    short = replace(
        report,
        highlights=tuple(replace(one, link="") for one in report.highlights),
        rules=rules,
        controls=controls,
        policy_sentence=report.policy_sentence[: 2 * _LONGEST],
        command=report.command[: 2 * _LONGEST],
        versions=report.versions[: 2 * _LONGEST],
        sections=(),
        appendix=replace(report.appendix, figures=()),
    )
    return _set("summary.typ", short)


def render_paper_pdf(paper: Paper) -> bytes:
    """Set a comparison or a history as a PDF, as :func:`render_pdf` does a report."""
    return _set("paper.typ", paper)


def _set(template: str, told: Report | Paper) -> bytes:
    import typst

    with tempfile.TemporaryDirectory(prefix="clip-audit-") as held:
        folder = Path(held)
        for name in (template, _PARTS):
            (folder / name).write_text(read_template(name), encoding="utf-8")
        _lay_out(told, folder)
        empty = folder / "no-packages"
        empty.mkdir()
        try:
            compiler = typst.Compiler(
                str(folder / template),
                root=str(folder),
                font_paths=[str(_font_folder())],
                ignore_system_fonts=True,
                package_path=str(empty),
                package_cache_path=str(empty),
            )
            made = compiler.compile(format="pdf", pdf_standards=["ua-1"], timestamp=_timestamp(told.created))
        except typst.TypstError as problem:
            raise EnvironmentProblem(
                f"typst could not set the PDF: {problem.message}.",
                remedy="The HTML page has the same content; please report this together with the version of typst.",
            ) from problem
    if not isinstance(made, bytes):
        raise TypeError(f"typst returned {type(made).__name__} instead of one document.")
    return made


def _lay_out(told: Report | Paper, folder: Path) -> None:
    """Write data, figures and pictures; file names are numbers, never names."""
    content = _as_data(told, folder, count(1))
    (folder / "data.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _as_data(value: object, folder: Path, numbers: Iterator[int]) -> object:
    """Return what typst reads: texts that it can print, and files instead of drawings and pictures."""
    match value:
        case str():
            return _printable(value)
        case dict():
            return {key: _as_data(inner, folder, numbers) for key, inner in value.items()}
        case list() | tuple():
            return [_as_data(inner, folder, numbers) for inner in value]
        case ForestFigure() | DrawnFigure() | Picture():
            texts = {field.name: getattr(value, field.name) for field in fields(value)}
            kept = {key: _printable(text) for key, text in texts.items() if isinstance(text, str) and key != "svg"}
            return {**kept, "file": _write(value, folder, next(numbers))}
        case _ if is_dataclass(value):
            return {one.name: _as_data(getattr(value, one.name), folder, numbers) for one in fields(value)}
        case _:
            return value


def _write(drawn: ForestFigure | DrawnFigure | Picture, folder: Path, number: int) -> str:
    if isinstance(drawn, Picture):
        name = f"picture-{number}.jpg"
        (folder / name).write_bytes(drawn.jpeg)
        return name
    svg = drawn.svg if isinstance(drawn, DrawnFigure) else draw_forest(drawn)
    name = f"figure-{number}.svg"
    (folder / name).write_text(_printable(svg.replace(f"'{FONT}'", f"'{_BODY_FONT}'")), encoding="utf-8")
    return name


def _printable(text: str) -> str:
    """Write characters that no bundled font can show as their code points, so that nothing silently vanishes."""
    text = _INVISIBLE.sub("", _NAME.sub(lambda found: found[0] if _turns(found[1]) else found[1], text))
    known = _known_characters()
    if all(ord(character) in known for character in text):
        return text
    return "".join(c if ord(c) in known else f"[U+{ord(c):04X}]" for c in text)


def _turns(name: str) -> bool:
    """Tell whether a name runs from right to left; only then its isolates stay, because they spoil copied text."""
    return any(unicodedata.bidirectional(character) in {"R", "AL", "AN"} for character in name)


@lru_cache(maxsize=1)
def _known_characters() -> frozenset[int]:
    from matplotlib.font_manager import get_font

    known = get_font(str(_font_folder() / "DejaVuSans.ttf")).get_charmap()
    return frozenset([*known, *map(ord, f"\n{NAME_START}{NAME_END}")])


def _font_folder() -> Path:
    from matplotlib import get_data_path

    return Path(get_data_path()) / "fonts" / "ttf"


def _timestamp(created: str) -> int:
    """Seconds since 1970 of the date of the report; 1970 itself where it is not an ISO date."""
    try:
        moment = dt.datetime.fromisoformat(created)
    except ValueError:
        return _DAY
    aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return max(int(aware.timestamp()), _DAY)
