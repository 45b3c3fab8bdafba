"""Tables as CSV that no spreadsheet takes for a formula."""

from __future__ import annotations

import csv
from typing import Final

import pandas as pd

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")


def defuse(value: object) -> object:
    """Put a quote before text that a spreadsheet would compute; leave everything else as it is.

    Source: CWE-1236; OWASP, "CSV Injection".

    Example:
        >>> defuse("=1+1"), defuse("nurse"), defuse(-1.5)
        ("'=1+1", 'nurse', -1.5)
    """
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value


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
