"""Tables of typed columns: how they are built, and the checks that a table has them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import pandas as pd

from audit.errors import UsageProblem

Kind = Literal["text", "integer", "real", "bytes"]
Columns = Mapping[str, Kind]

REMEDY: Final = "Give the command that made the run again with this version of clip-audit, into another --out."
"""What mends a table that is not as its schema says."""


def build_table(columns: Columns, rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Build a table with the right column types, even without rows.

    Args:
        columns: ``PROMPTS``, ``IMAGES``, ``IMAGE_SHARD`` or ``score_columns(card)``.
        rows: One mapping per row, with a value for every column.

    Raises:
        KeyError: If a row lacks a column.
    """
    dtypes = {"text": "str", "integer": "int64", "real": "float64", "bytes": "object"}
    return pd.DataFrame(
        {name: pd.Series([row[name] for row in rows], dtype=dtypes[kind]) for name, kind in columns.items()}
    )


def check_columns(what: str, table: pd.DataFrame, columns: Columns) -> None:
    """Check that a table has the given columns, of the given kinds, and no other.

    Args:
        what: Name of the table, for messages.
        table: The table.
        columns: What it has to have.

    Raises:
        UsageProblem: If it does not.
    """
    missing = [name for name in columns if name not in table.columns]
    extra = [str(name) for name in table.columns if name not in columns]
    if missing or extra or not table.columns.is_unique:
        found = [f"lacks {', '.join(missing)}"] if missing else []
        found += [f"has {', '.join(extra)} too many"] if extra else []
        raise UsageProblem(
            f"The table {what} {' and '.join(found) or 'has a column twice'}; "
            f"its columns have to be {', '.join(columns)}.",
            remedy=REMEDY,
        )
    for name, kind in columns.items():
        if not _is_kind(table[name], kind):
            raise UsageProblem(
                f"The column {name} of the table {what} holds {table[name].dtype}, where {kind} is expected"
                f"{' without gaps' if kind != 'real' else ''}.",
                remedy=REMEDY,
            )


def _is_kind(column: pd.Series, kind: Kind) -> bool:
    if kind == "text":
        return pd.api.types.is_string_dtype(column) and not column.isna().any()
    if kind == "integer":
        return pd.api.types.is_integer_dtype(column) and not column.isna().any()
    if kind == "real":
        return pd.api.types.is_float_dtype(column)
    return all(isinstance(value, bytes) for value in column)


def refuse(what: str, table: pd.DataFrame, wrong: pd.Series, column: str, expected: str) -> None:
    """Refuse a table for the first row where ``wrong`` holds.

    Args:
        what: Name of the table, for messages.
        table: The table.
        wrong: A mark for each row.
        column: Whose value is shown.
        expected: What it has to be.

    Raises:
        UsageProblem: If a row is wrong.
    """
    if not wrong.any():
        return
    position = int(wrong.to_numpy(dtype=bool).argmax())
    value = json.dumps(str(table[column].iloc[position])[:60])
    raise UsageProblem(
        f"In row {position} of the table {what}, {column} is {value}; it has to be {expected} "
        f"({int(wrong.sum())} rows are wrong).",
        remedy=REMEDY,
    )
