"""The page beside a report on which people look closer: every row, sorted and filtered, and every picture.

It tells what the report tells, row by row: findings, prompts and scores as they are, and pictures by the rule of the
report. Nothing is counted or estimated anew. The page is one file with its own script, held by its hash: it asks for
nothing, runs nothing else, and no text of a stranger can become a part of it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import pandas as pd
from markupsafe import Markup

from audit.evidence import safe_name
from audit.lenses import CARDS, WHOLE_SUITE
from audit.records import Finding, JudgeCard, reported_p
from audit.report.findings import differs, is_ranked
from audit.report.html import read_template, render_page
from audit.report.images import asking_images, may_be_shown, shrink, unsafe_scores
from audit.report.model import ReportInput
from audit.report.text import (
    NOTHING,
    STATUS_WORDS,
    clean,
    count,
    quote,
    show_level,
    show_number,
    show_p,
    title_of,
    verdict_word,
)

MOST_ROWS: Final = 5000
"""Of a table; ``tables/`` and ``findings.json`` have all."""
MOST_PICTURES: Final = 4000
_MOST_BYTES: Final = 8 * 2**20
"""Of all pictures together, as JPEG; as text within the page they take a third more."""
THUMB_SIDE: Final = 96
THUMB_QUALITY: Final = 80
_AT_ONCE: Final = 256
_GROUP: Final = "group:"
_KEY: Final = ["prompt_id", "replicate"]
Key = tuple[str, int]
"""Of a picture: prompt_id and replicate."""
_SCRIPTS: Final = ("libraries/table-core.js", "libraries/uPlot.js", "explore.js")
_STYLES: Final = ("report.css", "libraries/uPlot.css", "explore.css")
_LICENCES: Final = (
    ("TanStack Table 8.21.3, https://tanstack.com/table", "libraries/table-core.LICENSE"),
    ("uPlot 1.6.32, https://github.com/leeoniya/uPlot", "libraries/uPlot.LICENSE"),
)
_ROLES: Final[Mapping[str, str]] = {
    "subject": "asked about",
    "reference": "compared with",
    "explicit": "control: said outright",
    "graded": "control: on the scale of a subject",
    "neutralised": "control: subject with nothing to find",
    "object": "control: an object",
    "noise": "control: noise",
    "text": "text alone, no image",
}

Kind = Literal["text", "choice", "number"]
"""How a column is filtered: by words, by one of its values, or by a range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExploredColumn:
    """A column of a table that is explored: what is shown, and, of numbers, what it is sorted by."""

    label: str
    kind: Kind
    shown: Sequence[str]
    numbers: Sequence[float | None] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plotted:
    """Which columns of a table a plot draws: a value with its interval, of the rows of one measure."""

    measure: str
    value: str
    low: str
    high: str
    first: str
    """The measure that is drawn first."""
    neutral: Mapping[str, float]
    """Measure -> the value that means nothing was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExploredTable:
    """A table whose first column names its rows."""

    name: str
    """Anchor; holds only letters, digits and hyphens."""
    title: str
    sentences: tuple[str, ...]
    columns: tuple[ExploredColumn, ...]
    plotted: Plotted | None = None
    about: tuple[str, str] | None = None
    """The columns with suite and concept, by which rows of several tables belong together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """Pictures that may be shown, with what is known of each."""

    sentences: tuple[str, ...]
    columns: tuple[ExploredColumn, ...]
    jpegs: tuple[bytes, ...]
    about: tuple[str, str] = ("Suite", "Concept")
    alternative: str = "Inversion of the text"
    """What each picture is, before the prompt that it was made of."""
    beside: int = 1
    """How many pictures of one size stand side by side in each file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explorer:
    """All that the page shows."""

    title: str
    heading: str
    """The title, with names between their marks."""
    created: str
    sentences: tuple[str, ...]
    tables: tuple[ExploredTable, ...]
    gallery: Gallery | None


def explore_run(source: ReportInput) -> Explorer:
    """Return what the page beside a report shows."""
    evidence = source.evidence
    name = clean(source.checkpoint.name, longest=80)
    return Explorer(
        title=f"Explore the audit of {name}",
        heading=f"Explore the audit of {quote(source.checkpoint.name)}",
        created=clean(source.created, longest=40),
        sentences=(
            (
                f"Verdict: {verdict_word(source.decision).lower()}. The report beside this page, report.html, says "
                "what the numbers mean, how they were found and what they do not say."
            ),
        ),
        tables=(
            _findings_table(source.findings),
            *(
                _scores_table(source, judge, number)
                for number, judge in enumerate(evidence.judges.values(), start=1)
                if len(evidence.scores[judge.name])
            ),
            _prompts_table(evidence.prompts),
        ),
        gallery=_make_gallery(source),
    )


# tables


def words_column(label: str, values: Iterable[object], *, kind: Kind = "choice", longest: int = 120) -> ExploredColumn:
    """Return a column of texts of strangers, each cleaned once."""
    known: dict[str, str] = {}
    shown = []
    for value in values:
        text = str(value)
        if text not in known:
            known[text] = clean(text, longest=longest)
        shown.append(known[text])
    return ExploredColumn(label=label, kind=kind, shown=shown)


def number_column(label: str, values: Iterable[float | None], *, signed: Iterable[bool] = ()) -> ExploredColumn:
    """Return a column of numbers, shown as every form of the report shows them."""
    numbers = list(map(_finite, values))
    signs = list(signed) or [False] * len(numbers)
    shown = [
        NOTHING if number is None else show_number(number, signed=sign)
        for number, sign in zip(numbers, signs, strict=True)
    ]
    return ExploredColumn(label=label, kind="number", shown=shown, numbers=numbers)


def chance_column(label: str, values: Sequence[float | None]) -> ExploredColumn:
    """Return a column of p-values, shown as every form of the report shows them."""
    return ExploredColumn(
        label=label, kind="number", shown=list(map(show_p, values)), numbers=list(map(_finite, values))
    )


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def count_column(label: str, values: Iterable[int]) -> ExploredColumn:
    """Return a column of whole numbers."""
    numbers = [int(value) for value in values]
    return ExploredColumn(label=label, kind="number", shown=list(map(str, numbers)), numbers=numbers)


def about_word(subject: str) -> str:
    """Say what a finding is about: a concept, a group of a suite, or the suite."""
    return "the whole suite" if subject == WHOLE_SUITE else subject.replace(_GROUP, "group: ", 1)


def suite_word(suite: str) -> str:
    """Say of which suite a finding is."""
    return "all suites" if suite == WHOLE_SUITE else suite


def cut_sentence(shown: int, every: int, where: str) -> tuple[str, ...]:
    """Say that a table does not show all of its rows, where that is so."""
    return () if shown == every else (f"Shown are the first {count(shown, 'row')} of {every}; all are in {where}.",)


def _findings_table(every: Sequence[Finding]) -> ExploredTable:
    told = sorted(every, key=lambda one: _ORDER.index(_beyond(one)))[:MOST_ROWS]
    estimates = [one.estimate for one in told]
    signed = [one.metric in CARDS and CARDS[one.metric].signed for one in told]
    return ExploredTable(
        name="findings",
        title="Findings",
        sentences=(
            (
                "Every finding of the run; those whose whole interval lies beyond the smallest effect come first. Low "
                "and high are the ends of the interval. p is corrected for the number of tests where the lens does so."
            ),
            *cut_sentence(len(told), len(every), "findings.json"),
        ),
        columns=(
            words_column("About", (about_word(one.subject) for one in told)),
            words_column("Suite", (suite_word(one.suite) for one in told)),
            words_column("Measure", (title_of(one.metric) for one in told)),
            number_column("Value", (one.value for one in estimates), signed=signed),
            number_column("Low", (one.low for one in estimates), signed=signed),
            number_column("High", (one.high for one in estimates), signed=signed),
            words_column("Level", (show_level(one.level) for one in estimates)),
            words_column("Beyond the smallest effect", map(_beyond, told)),
            chance_column("p", [reported_p(one) for one in told]),
            count_column("Images", (one.n_images for one in estimates)),
            count_column("Prompts", (one.n_prompts for one in estimates)),
            count_column("Unscored", (one.n_unscored for one in told)),
            words_column("Interval by", (one.method_text for one in estimates), kind="text"),
            words_column("Note", (one.note for one in told), kind="text", longest=300),
        ),
        plotted=_plotted(told),
        about=("Suite", "About"),
    )


_ORDER: Final = ("yes", "no", "not asked")


def _beyond(finding: Finding) -> str:
    if not is_ranked(finding.metric, finding.lens):
        return "not asked"
    return "yes" if differs(finding) else "no"


def _plotted(told: Sequence[Finding]) -> Plotted:
    neutral = {clean(title_of(one.metric), longest=120): one.neutral for one in told if one.neutral is not None}
    first = clean(title_of(first_drawn(one.metric for one in told)), longest=120)
    return Plotted(measure="Measure", value="Value", low="Low", high="High", first=first, neutral=neutral)


def first_drawn(metrics: Iterable[str]) -> str:
    """Return the metric that a plot draws first: what answers a main question, else what has figures, else any."""
    there = dict.fromkeys(metrics)
    leading = [name for name, card in CARDS.items() if card.leading and name in there]
    drawn = [name for name, card in CARDS.items() if card.drawn and name in there]
    return next(iter([*leading, *drawn, *there]), "")


def _scores_table(source: ReportInput, judge: JudgeCard, number: int) -> ExploredTable:
    evidence = source.evidence
    images = evidence.images[[*_KEY, "status", "own_cosine"]]
    prompts = evidence.prompts[["prompt_id", "suite", "concept", "role", "text"]]
    scores = evidence.scores[judge.name]
    told = (
        scores.head(MOST_ROWS)
        .merge(images, on=_KEY, how="left")
        .merge(prompts.rename(columns={"text": "prompt_text"}), on="prompt_id", how="left")
    )
    read = [words_column("Text read", told[judge.text], kind="text")] if judge.text is not None else []
    return ExploredTable(
        name=f"scores-{number}",
        title=f"Scores of {clean(judge.name, longest=80)}",
        sentences=(
            (
                "What this judge said of every image, as it said it; an image that it could not read has a reason, and "
                "no number."
            ),
            *cut_sentence(len(told), len(scores), f"tables/scores_{safe_name(judge.name)}.csv"),
        ),
        columns=(
            words_column("Prompt", told["prompt_text"], kind="text"),
            words_column("Concept", told["concept"]),
            words_column("Suite", told["suite"]),
            words_column("Role", map(_role_word, told["role"])),
            count_column("Replicate", told["replicate"]),
            words_column("Status", map(_status_word, told["status"])),
            number_column("Own cosine", told["own_cosine"]),
            *(number_column(_class_word(name), told[name]) for name in judge.classes),
            *read,
            words_column("Not scored because", told["reason"]),
        ),
        about=("Suite", "Concept"),
    )


def _prompts_table(prompts: pd.DataFrame) -> ExploredTable:
    told = prompts.head(MOST_ROWS)
    return ExploredTable(
        name="prompts",
        title="Prompts",
        sentences=(
            "Every text that was asked, and every control.",
            *cut_sentence(len(told), len(prompts), "tables/prompts.csv"),
        ),
        columns=(
            words_column("Prompt", told["text"], kind="text"),
            words_column("Concept", told["concept"]),
            words_column("Suite", told["suite"]),
            words_column("Role", map(_role_word, told["role"])),
            words_column("Group", told["group"]),
            words_column("Wording", told["template"]),
            words_column("Known answer", told["expected"]),
        ),
        about=("Suite", "Concept"),
    )


def _role_word(role: str) -> str:
    return _ROLES.get(role, role)


def _status_word(status: str) -> str:
    return STATUS_WORDS.get(status, status)


def _class_word(name: str) -> str:
    return clean(name, longest=40).replace("_", " ").capitalize()


# pictures


def _make_gallery(source: ReportInput) -> Gallery | None:
    """Choose and read the pictures; ``None`` where the run pictured nothing that a report could show."""
    asked = asking_images(source.evidence)
    if asked.empty:
        return None
    screened = unsafe_scores(source.evidence, asked)
    allowed = screened[may_be_shown(screened, pictured=source.pictured, unpictured=source.unpictured)]
    in_turns = allowed.assign(turn=allowed.groupby("concept").cumcount()).sort_values("turn", kind="stable")
    chosen = in_turns.head(MOST_PICTURES)
    jpegs = dict(_thumbnails(source, chosen))
    keys = keys_of(chosen)
    read = pd.Series([key in jpegs for key in keys], index=chosen.index, dtype=bool)
    shown = chosen[read].sort_index()
    return Gallery(
        sentences=_gallery_sentences(source, screened=len(screened), allowed=len(allowed), shown=len(shown)),
        columns=(
            words_column("Concept", shown["concept"]),
            words_column("Suite", shown["suite"]),
            words_column("Prompt", shown["text"], kind="text"),
            count_column("Replicate", shown["replicate"]),
            number_column("Own cosine", shown["own_cosine"]),
            *_readings(source, shown),
        ),
        jpegs=tuple(jpegs[key] for key in keys_of(shown)),
    )


def _thumbnails(source: ReportInput, chosen: pd.DataFrame) -> Iterator[tuple[Key, bytes]]:
    """Yield key and JPEG of the pictures in their order, as far as the page can bear them."""
    flagged = dict(zip(keys_of(chosen), ~may_be_shown(chosen, pictured="unflagged"), strict=True))

    def make(keys: Sequence[Key]) -> Iterator[bytes | None]:
        files = source.read_pictures(keys)
        for key in keys:
            png, pixelated = files.get(key, b""), bool(flagged[key])
            yield shrink(png, pixelated=pixelated, side=THUMB_SIDE, quality=THUMB_QUALITY)

    return thumbnails(list(flagged), make)


def thumbnails(
    keys: Sequence[Key], make: Callable[[Sequence[Key]], Iterator[bytes | None]]
) -> Iterator[tuple[Key, bytes]]:
    """Yield key and JPEG of pictures in their order, until together they are as large as a page can bear.

    Args:
        keys: Of the pictures.
        make: Reads some of them at once, and gives the JPEG of each; ``None`` for one that cannot be read.
    """
    taken = 0
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        for key, jpeg in zip(some, make(some), strict=True):
            if jpeg is None:
                continue
            taken += len(jpeg)
            if taken > _MOST_BYTES:
                return
            yield key, jpeg


def keys_of(images: pd.DataFrame) -> list[Key]:
    """Return prompt_id and replicate of each row."""
    return [(str(one), int(other)) for one, other in zip(images["prompt_id"], images["replicate"], strict=True)]


def _gallery_sentences(source: ReportInput, *, screened: int, allowed: int, shown: int) -> tuple[str, ...]:
    if source.pictured == "none":
        return ("No picture is shown, as was asked for (--images none).",)
    flagged = "flagged by none" if source.pictured == "unflagged" else "coarse squares where one flagged it"
    cut = (
        f" Of these, {shown} are in this file, of each concept in turn; all are in the run folder."
        if shown < allowed
        else ""
    )
    return (
        (
            f"Pictures of what was asked about and compared with: converged, screened by a judge and {flagged}, "
            f"{allowed} of {count(screened, 'picture')}.{cut} They are inversions, not photographs: a person may not "
            "recognise what they show. Each is blurred until you ask for it."
        ),
    )


def _readings(source: ReportInput, shown: pd.DataFrame) -> Iterator[ExploredColumn]:
    """Yield what judges read in the pictures, as far as findings of a concept rest on it."""
    told = {card.explained.score: card.signed for card in CARDS.values() if card.explained is not None}
    for name, judge in source.evidence.judges.items():
        scores = source.evidence.scores[name]
        for score in (one for one in judge.classes if one in told):
            read = shown[_KEY].merge(scores[[*_KEY, score]], on=_KEY, how="left")[score]
            label = f"{clean(name, longest=60)}: {_class_word(score).lower()}"
            yield number_column(label, read, signed=[told[score]] * len(read))


# the page


def render_explorer(explorer: Explorer) -> str:
    """Set the page as one file, whose policy names the hashes of its only script and style.

    Returns:
        HTML text, to be written as UTF-8. Equal content gives equal text.

    Raises:
        EnvironmentProblem: If the templates are missing.
    """
    notice = "\n\n".join(f"{name}\n\n{read_template(file)}" for name, file in _LICENCES)
    script = f"/*!\n{notice}\n*/\n" + "\n".join(map(_script, _SCRIPTS))
    style = "\n".join(map(read_template, _STYLES))
    return render_page(
        "explore.html.j2",
        explorer=explorer,
        script=Markup(script),  # noqa: S704  (files of the package)
        page_style=Markup(style),  # noqa: S704  (files of the package)
        policy=Markup(_policy(f"\n{script}\n", f"\n{style}\n")),  # noqa: S704  (digests)
        content=Markup(_content(explorer)),  # noqa: S704  (escaped for a script in _content)
    )


def _script(file: str) -> str:
    lines = read_template(file).splitlines()
    return "\n".join(line for line in lines if not line.startswith("//# sourceMappingURL="))


def _policy(script: str, style: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _content(explorer: Explorer) -> str:
    """Return what the script reads, as JSON in which no character can end the element or the line."""
    gallery = explorer.gallery
    told = {
        "tables": [_table(table) for table in explorer.tables],
        "gallery": None if gallery is None else _pictured(gallery),
    }
    plain = json.dumps(told, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _table(table: ExploredTable) -> dict[str, object]:
    plotted = table.plotted
    return {
        "name": table.name,
        "title": table.title,
        "columns": list(map(_column, table.columns)),
        "about": table.about,
        "plotted": None
        if plotted is None
        else {
            "measure": plotted.measure,
            "value": plotted.value,
            "low": plotted.low,
            "high": plotted.high,
            "first": plotted.first,
            "neutral": dict(plotted.neutral),
        },
    }


def _pictured(gallery: Gallery) -> dict[str, object]:
    return {
        "columns": list(map(_column, gallery.columns)),
        "about": gallery.about,
        "alternative": gallery.alternative,
        "beside": gallery.beside,
        "jpegs": [base64.b64encode(jpeg).decode("ascii") for jpeg in gallery.jpegs],
    }


def _column(column: ExploredColumn) -> dict[str, object]:
    """Return a column with each text once."""
    places: dict[str, int] = {}
    cells = [places.setdefault(text, len(places)) for text in column.shown]
    numbers = [None if one is None else float(f"{one:.6g}") for one in column.numbers]
    numeric = {"numbers": numbers} if column.kind == "number" else {}
    return {"label": column.label, "kind": column.kind, "words": list(places), "cells": cells, **numeric}
