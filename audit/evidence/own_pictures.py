"""Pictures of a user's own, and the CSV file that says whom each shows: read strictly, bad rows named.

    file,person,group
    a/0001.jpg,p17,women
    a/0002.jpg,p17,women

A file of such a kind has one row for each thing that is said of a picture. Nothing of a file with a wrong row is used.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from audit.errors import UsageProblem
from audit.opening import is_file, read_regular
from audit.parsing import open_picture

if TYPE_CHECKING:
    from PIL import Image

_MOST_BYTES: Final = 256 * 1024 * 1024
_MOST_ROWS: Final = 1_000_000
_LARGEST_PICTURE: Final = 64 * 1024 * 1024
_LONGEST: Final = 60
_SHOWN: Final = 4
_KINDS: Final = ("PNG", "JPEG")


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRow:
    """One row of such a file."""

    line: int
    file: str
    fields: Mapping[str, str]
    """Column -> what stands there; a column that may be missing, and is, is not among them."""


def read_picture_rows(
    path: Path,
    folder: Path,
    *,
    columns: Sequence[str],
    optional: Sequence[str] = (),
    key: Sequence[str] = (),
    check: Callable[[Mapping[str, str]], str] = lambda _fields: "",
) -> tuple[PictureRow, ...]:
    """Read a CSV file about the pictures of a folder.

    Args:
        path: The file, in UTF-8.
        folder: What its column ``file`` is relative to.
        columns: Columns that it has, besides ``file``, each with 1 to 60 printable characters.
        optional: Columns that it may have; what stands there may be empty.
        key: Columns that, with ``file``, stand once.
        check: Says what is wrong with a row, as "column NAME: ..."; nothing where it is sound.

    Raises:
        UsageProblem: If there is no such file, it is in another form, or a row is wrong; names the file, and of the
            first wrong rows line, column and what is wrong.
    """
    form = f"a CSV file in UTF-8 with the columns {', '.join(('file', *columns))}"
    form += f", and {', '.join(optional)} if you like" if optional else ""
    reader = csv.reader(io.StringIO(_text(path, form), newline=""), strict=True)
    good: list[PictureRow] = []
    wrong: list[str] = []
    first: dict[tuple[str, ...], int] = {}
    try:
        names = next(reader, [])
        if not {"file", *columns} <= set(names) <= {"file", *columns, *optional} or len(set(names)) != len(names):
            raise _unused(path, f"its columns are {','.join(names)[:120]!a}", form)
        for values in reader:
            place = reader.line_num
            fields = dict(zip(names, values, strict=False))
            fault = f"has {len(values)} fields instead of {len(names)}" if len(values) != len(names) else ""
            fault = fault or _fault(fields, folder, columns, optional) or check(fields)
            seen = tuple(fields.get(name, "") for name in ("file", *key))
            fault = fault or (f"column file: repeats line {first[seen]}" if seen in first else "")
            first.setdefault(seen, place)
            if fault or place > _MOST_ROWS:
                wrong.append(f"line {place}, {fault}" if fault else f"more than {_MOST_ROWS:,} lines")
                if place > _MOST_ROWS:
                    break
            else:
                good.append(PictureRow(line=place, file=fields.pop("file"), fields=fields))
    except csv.Error as error:
        raise _unused(path, f"line {reader.line_num} is no CSV ({error})", form) from error
    if wrong:
        more = f"; and {len(wrong) - _SHOWN:,} more" if len(wrong) > _SHOWN else ""
        raise _unused(path, "; ".join(wrong[:_SHOWN]) + more, form)
    if not good:
        raise _unused(path, "there is no row in it", form)
    return tuple(good)


def open_own_picture(folder: Path, file: str) -> tuple[Image.Image, str]:
    """Return a picture in RGB, as it is stored, and the SHA-256 of its file.

    Raises:
        UsageProblem: If it cannot be read, or is no PNG or JPEG of at most 4,096 pixels a side.
    """
    path = folder / file
    try:
        data = read_regular(path, most=_LARGEST_PICTURE)
        return open_picture(data, kinds=_KINDS), hashlib.sha256(data).hexdigest()
    except (OSError, ValueError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        raise UsageProblem(
            f"The picture {path} cannot be used: {reason}.",
            remedy="Save it as PNG or JPEG of at most 4,096 pixels a side, or delete its row.",
        ) from error


def _text(path: Path, form: str) -> str:
    try:
        return read_regular(path, most=_MOST_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise UsageProblem(f"{path} cannot be read: {error.strerror or error}.", remedy=f"Name {form}.") from error
    except UnicodeDecodeError as error:
        raise _unused(path, f"it is no text in UTF-8 (byte {error.start})", form) from error


def _fault(fields: Mapping[str, str], folder: Path, columns: Sequence[str], optional: Sequence[str]) -> str:
    file = PurePosixPath(fields["file"])
    if not fields["file"] or file.is_absolute() or ".." in file.parts:
        return f"column file: {fields['file'][:60]!a} is no path within the folder"
    if not is_file(folder / fields["file"]):
        return f"column file: there is no {fields['file'][:60]!a} in {folder}"
    for name in (*columns, *optional):
        text = fields.get(name, "")
        if name in columns and not text:
            return f"column {name}: nothing stands there"
        if len(text) > _LONGEST or not text.isprintable() or text.strip() != text:
            return f"column {name}: {text[:40]!a} is not 1 to {_LONGEST} printable characters without blanks around"
    return ""


def _unused(path: Path, what: str, form: str) -> UsageProblem:
    return UsageProblem(
        f"{path} is not used: {what}.", remedy=f"Correct the file; it is to be {form} (docs/own_images.md)."
    )
