"""Tables as files: as Parquet that knows which run it belongs to and notices a changed bit, and as CSV for people.

Page checksums guard the pages of a Parquet file, but not its footer: an offset that has changed there can present one
column as another. So the footer carries a label with a digest of every column, checked at each reading.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from audit.codec import SCHEMA_VERSION, canonical_json, check_version
from audit.errors import EnvironmentProblem, UsageProblem
from audit.evidence.files import disk_problems
from audit.opening import is_link, open_regular
from audit.parsing import parse_json

_LABEL_KEY: Final = b"clip-audit"
_DAMAGE: Final = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, MemoryError)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardLabel:
    """What a shard is and which run it belongs to."""

    spec: str
    """Digest of the spec of its run."""
    kind: str
    """What it holds: "images", "scores/JUDGE" (with the judge's true name), "tables"."""
    name: str


def encode(frame: pd.DataFrame, label: ShardLabel) -> bytes:
    """Return a table as the bytes of a Parquet file; the same table gives the same bytes.

    Args:
        frame: Columns of text, bytes, booleans, integers or reals, with unique names; its index is not kept.
            ``None`` and NaN are kept as missing.
        label: What the shard is.

    Raises:
        TypeError: If a column holds anything else.
        ValueError: If two columns have the same name, or text cannot be written as UTF-8.
    """
    table = _to_arrow(frame)
    digests = {name: _column_digest(table.column(name)) for name in table.column_names}
    text = canonical_json(
        {
            "schema_version": SCHEMA_VERSION,
            "spec": label.spec,
            "kind": label.kind,
            "name": label.name,
            "columns": digests,
        }
    )
    sink = pa.BufferOutputStream()
    pq.write_table(
        table.replace_schema_metadata({_LABEL_KEY: text.encode()}), sink, compression="zstd", write_page_checksum=True
    )
    return bytes(sink.getvalue())


def check_footer(path: Path, label: ShardLabel) -> None:
    """Open a shard without reading its rows, and check that it is the one that the label names.

    Raises:
        UsageProblem: If it belongs to another run or place, or to a newer version.
        EnvironmentProblem: If it cannot be read, or is damaged.
    """
    with _opened(path) as parquet:
        _stored_digests(parquet, path, label)


def decode(path: Path, label: ShardLabel, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a shard and check every column that is read.

    Args:
        path: The Parquet file.
        label: What it has to be.
        columns: Columns to read, in this order; all where ``None``.

    Raises:
        UsageProblem: If it belongs to another run or place, or to a newer version.
        EnvironmentProblem: If it cannot be read, or is damaged.
    """
    with _opened(path) as parquet:
        digests = _stored_digests(parquet, path, label)
        wanted = list(digests if columns is None else columns)
        try:
            table = parquet.read(columns=wanted)
            sound = table.column_names == wanted and all(
                _column_digest(table.column(name)) == digests.get(name) for name in wanted
            )
        except _DAMAGE as error:
            raise damaged(path, str(error)) from error
    if not sound:
        raise damaged(path, "its columns are not the ones that were written")
    frame: pd.DataFrame = table.to_pandas()
    return frame


def damaged(path: Path, detail: str) -> EnvironmentProblem:
    """Return the problem of a file that is not as it was written."""
    first_line = detail.strip().partition("\n")[0].rstrip(".")[:200]
    return EnvironmentProblem(
        f"{path} is damaged: {first_line}.",
        remedy="Remove this file and give the same command again: what is missing is made anew, the same as before.",
    )


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    if is_link(path):
        raise UsageProblem(f"{path} is a link.", remedy="Put the file itself there: links are not followed.")
    with disk_problems("Reading", path):
        handle = open_regular(path)
    with handle:
        try:
            parquet = pq.ParquetFile(handle, page_checksum_verification=True)
        except _DAMAGE as error:
            raise damaged(path, str(error)) from error
        yield parquet


def _stored_digests(parquet: pq.ParquetFile, path: Path, label: ShardLabel) -> Mapping[str, str]:
    """Return the digest of every column, in the order of the columns, from the label in the footer."""
    try:
        text = (parquet.metadata.metadata or {}).get(_LABEL_KEY)
        stored = None if text is None else parse_json(text)
        names = list(parquet.schema_arrow.names)
    except _DAMAGE as error:
        raise damaged(path, str(error)) from error
    if not isinstance(stored, dict) or not isinstance(stored.get("columns"), dict):
        raise damaged(path, "it carries no label of clip-audit")
    check_version(stored.get("schema_version"), path)
    for what, found, expected in (
        ("of another run (spec", stored.get("spec"), label.spec),
        ("of another place (kind", stored.get("kind"), label.kind),
        ("of another place (name", stored.get("name"), label.name),
    ):
        if found != expected:
            raise UsageProblem(
                f"{path} is a file {what} {found!r}, where {expected!r} belongs).",
                remedy="Remove it from this folder and give the same command again; runs are not mixed.",
            )
    if set(names) != stored["columns"].keys():
        raise damaged(path, "its columns are not the ones that were written")
    return {name: stored["columns"][name] for name in names}


def _to_arrow(frame: pd.DataFrame) -> pa.Table:
    if not frame.columns.is_unique or not all(isinstance(name, str) for name in frame.columns):
        raise ValueError(f"Columns need unique names that are text; got {list(frame.columns)}.")
    table = pa.Table.from_pandas(frame, preserve_index=False)
    return table.cast(pa.schema([(field.name, _plain_type(field)) for field in table.schema])).combine_chunks()


def _plain_type(field: pa.Field) -> pa.DataType:
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if pa.types.is_null(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pa.string()
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return pa.binary()
    if pa.types.is_boolean(kind):
        return pa.bool_()
    if pa.types.is_integer(kind):
        return pa.int64()
    if pa.types.is_floating(kind):
        return pa.float64()
    raise TypeError(f"Column {field.name!r} is of type {kind}; a table holds text, bytes, booleans, integers or reals.")


def _column_digest(column: pa.ChunkedArray) -> str:
    """Return the SHA-256 over type, length, missing places and values."""
    digest = hashlib.sha256(f"{column.type}:{len(column)}:".encode())
    digest.update(column.is_null().to_numpy().tobytes())
    if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
        values = column.cast(pa.binary()).fill_null(b"")
        digest.update(pc.binary_length(values).cast(pa.int64()).to_numpy().tobytes())
        for value in values.to_pylist():
            digest.update(value)
    else:
        digest.update(column.fill_null(pa.scalar(0).cast(column.type)).to_numpy().tobytes())
    return digest.hexdigest()


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
