"""Tables as CSV that no spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import re
from typing import Final

import pandas as pd

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r", "\n", "\0")
"""Also in full width, which some spreadsheets take for the same."""
_HIDDEN: Final = re.compile(
    "[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters but for tabs and line breaks, what turns the direction of text, and halves of characters."""


def defuse(value: object) -> object:
    """Put a quote before text that a spreadsheet would compute, and drop what it would not show as itself.

    Source: CWE-1236; OWASP, "CSV Injection".

    Example:
        >>> defuse("=1+1"), defuse("nurse"), defuse(-1.5)
        ("'=1+1", 'nurse', -1.5)
    """
    if not isinstance(value, str):
        return value
    shown = _HIDDEN.sub("", value)
    return f"'{shown}" if value.startswith(_FORMULA_STARTS) or shown.startswith(_FORMULA_STARTS) else shown


def to_csv(frame: pd.DataFrame) -> bytes:
    """Return a table as CSV in UTF-8: text quoted and defused, numbers bare, missing values empty.

    The Parquet file beside it is the faithful form: here, text that began with a quote and text that was
    given one look alike.

    Args:
        frame: Any table with unique column names and no column of bytes.

    Returns:
        The same bytes for the same table.
    """
    columns = {
        str(defuse(str(name))): column if _is_plain(column) else column.astype(object).map(defuse)
        for name, column in frame.items()
    }
    safe = pd.DataFrame(columns, index=frame.index)
    text: str = safe.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    return text.encode()


def _is_plain(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)
