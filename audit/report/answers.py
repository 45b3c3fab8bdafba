"""The commonest answers of a judge of labels, concept by concept, as tables of a report."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pandas as pd

from audit.lenses import LENSES, AnswersTable
from audit.report.model import WHOLE_ROOM, Cell, Column, Table
from audit.report.text import NO_INTERVAL, NOTHING, clean, quote, show_number

MOST_ANSWERS: Final = 3


def answer_tables(
    tables: Mapping[str, pd.DataFrame], *, name: str, suite: str, most: int = WHOLE_ROOM.rows
) -> Iterator[Table]:
    """Return a table per question that the primary judge of labels answered on a suite.

    Args:
        tables: Of the lenses.
        name: Beginning of the names of the tables.
        suite: Whose answers are told.
        most: Rows of a table at most.
    """
    for words in (words for lens in LENSES.values() for words in lens.card.answers):
        table = tables.get(words.table)
        if table is None:
            continue
        told = table[(table["suite"] == suite) & table["primary"]]
        for question, rows in told.groupby("question", sort=False):
            yield _table(rows, words, name=f"{name}-{clean(question).replace('_', '-')}", suite=suite, rows_most=most)


def _table(rows: pd.DataFrame, words: AnswersTable, *, name: str, suite: str, rows_most: int) -> Table:
    concepts = [(str(concept), of) for concept, of in rows.groupby("concept", sort=True)]
    most = min(MOST_ANSWERS, int(rows["answer"].nunique()))
    numbers = ("st", "nd", "rd")
    columns = (
        Column(label="Text"),
        *(Column(label=f"{number + 1}{numbers[number]} {words.answer.lower()}") for number in range(most)),
        Column(label="Images / prompts", numeric=True),
    )
    body = tuple(
        (
            Cell(text=clean(concept, longest=80)),
            *_cells(of, most),
            Cell(text=f"{int(of['n_images'].iloc[0])} / {int(of['n_prompts'].iloc[0])}"),
        )
        for concept, of in concepts[:rows_most]
    )
    beyond = f" Shown are the first {rows_most} of {len(concepts)} texts." if len(concepts) > rows_most else ""
    caption = f"{words.caption.format(suite=quote(suite))} Below each share: its interval; all are in tables/.{beyond}"
    return Table(name=name, caption=caption, columns=columns, rows=body)


def _cells(rows: pd.DataFrame, most: int) -> tuple[Cell, ...]:
    """Return the answers with the largest shares, in their own order where shares are equal."""
    ordered = rows.sort_values("share", ascending=False, kind="stable").to_dict("records")
    cells = tuple(_cell(row) for row in ordered[:most])
    return cells + (Cell(text=NOTHING),) * (most - len(cells))


def _cell(row: Mapping[Any, Any]) -> Cell:
    share, low, high = (float(row[column]) for column in ("share", "share_low", "share_high"))
    if math.isnan(share):
        return Cell(text=NOTHING)
    interval = NO_INTERVAL if math.isnan(low) else f"{show_number(low)} to {show_number(high)}"
    return Cell(text=f"{clean(row['answer'], longest=40).replace('_', ' ')} {show_number(share)}", detail=interval)
