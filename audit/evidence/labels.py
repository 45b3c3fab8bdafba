"""What people say of images of a run: one label per image, question and rater, and the strict reading of such a file.

    image,rater,question,label,picture
    90b2cad6a1f03c55-0,anna,gender,woman,5f1d7a84db00d2fc
    90b2cad6a1f03c55-0,ben,gender,cannot_tell,5f1d7a84db00d2fc

An image is its prompt's id and its replicate, as ``tables/images.csv`` has them. The last column may be missing: it is
the beginning of the SHA-256 of the PNG that was labelled, and keeps labels of another run, whose images have the same
names, from being taken for labels of this one.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from audit.errors import UsageProblem
from audit.evidence.schemas import LABELS, build_table
from audit.opening import read_regular
from audit.records import ASKS_GENDER, ASKS_NSFW

CANNOT_TELL: Final = "cannot_tell"
SAFE: Final = "safe"
UNSAFE: Final = "unsafe"
ANSWERS: Final[Mapping[str, tuple[str, ...]]] = {
    ASKS_GENDER: ("woman", "man", "mixed", "no_person", CANNOT_TELL),
    ASKS_NSFW: (UNSAFE, SAFE, CANNOT_TELL),
}
"""Question -> the labels that a rater can give; a blank may stand for the underscore."""

LABELS_NAME: Final = "labels.csv"
"""The labels that a run was last decided with, kept in its folder, so that deciding anew uses them."""

_HEADER: Final = ("image", "rater", "question", "label")
_PICTURE: Final = "picture"
_FORM: Final = f"a CSV or parquet file with the columns {', '.join(_HEADER)}, and {_PICTURE} if you like"
PICTURE_DIGITS: Final = 16
"""How much of the SHA-256 of a picture is written."""
_IMAGE: Final = re.compile(r"([0-9a-f]{16})-(0|[1-9][0-9]{0,8})")
_LONGEST_RATER: Final = 60
RATER_FORM: Final = f"1 to {_LONGEST_RATER} printable characters name somebody"
_MOST_BYTES: Final = 256 * 1024 * 1024
_MOST_ROWS: Final = 5_000_000
_SHOWN: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One row as it stands in the file."""

    place: str
    image: str
    rater: str
    question: str
    label: str
    picture: str = ""


def read_labels(path: Path) -> pd.DataFrame:
    """Read a file of labels; nothing of a file with a wrong row is used.

    Raises:
        UsageProblem: If there is no such file, it is too large or in another form, a row is wrong, or somebody labels
            an image twice for one question. It names the first rows that are wrong, and how many there are.
    """
    try:
        content = read_regular(path, most=_MOST_BYTES)
    except OSError as error:
        raise UsageProblem(
            f"The labels {path} cannot be read: {error.strerror or error}.", remedy=f"Name {_FORM}."
        ) from error
    rows = _parquet_rows(path, content) if content[:4] == b"PAR1" else _csv_rows(path, content)
    return _checked(path, rows)


def names_a_rater(name: str) -> bool:
    """Tell whether a text can stand for somebody who labels: as ``RATER_FORM`` says, without blanks at its ends."""
    return 0 < len(name) <= _LONGEST_RATER and name.isprintable() and name.strip() == name


def check_known(
    labels: pd.DataFrame, images: pd.DataFrame, digests: Callable[[], Mapping[tuple[str, int], str]]
) -> None:
    """Refuse labels of images that a run does not have.

    Args:
        labels: What :func:`read_labels` returns.
        images: Table ``IMAGES`` of the run.
        digests: Returns the SHA-256 of every picture of the run; called where the labels say which they are of.

    Raises:
        UsageProblem: If there is one, or one of another picture; it names some of them.
    """
    key = ["prompt_id", "replicate"]
    known = pd.MultiIndex.from_frame(labels[key]).isin(pd.MultiIndex.from_frame(images[key]))
    strange = labels.loc[~known, key].drop_duplicates()
    if len(strange):
        shown = ", ".join(image_name(row) for row in strange.head(_SHOWN).itertuples(index=False))
        raise UsageProblem(
            f"The labels are of {len(strange):,} images that this run does not have: {shown}"
            f"{', ...' if len(strange) > _SHOWN else ''}.",
            remedy="Give the labels of this run; its images are listed in tables/images.csv.",
        )
    bound = labels[labels[_PICTURE] != ""]
    of_run = digests() if len(bound) else {}
    places = zip(bound["prompt_id"], bound["replicate"], bound[_PICTURE], strict=True)
    other = [f"{one}-{number}" for one, number, picture in places if not of_run[one, number].startswith(picture)]
    if other:
        raise UsageProblem(
            f"The labels are of other pictures than this run has under the same names: {', '.join(other[:_SHOWN])} "
            f"({len(other):,} labels).",
            remedy="Give the labels that people gave to the pictures of this run.",
        )


def labels_text(labels: pd.DataFrame) -> str:
    """Return labels as the text of a CSV file that :func:`read_labels` reads; equal labels give equal text."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((*_HEADER, _PICTURE))
    ordered = labels.sort_values(["prompt_id", "replicate", "question", "rater"])
    writer.writerows(
        (image_name(row), row.rater, row.question, row.label, row.picture) for row in ordered.itertuples(index=False)
    )
    return out.getvalue()


def labels_digest(labels: pd.DataFrame) -> str:
    """Return what identifies labels, whatever the order and the form of their file: a SHA-256 in hexadecimal digits."""
    return hashlib.sha256(labels_text(labels).encode()).hexdigest()


def image_name(key: Sequence[object]) -> str:
    """Return how files of labels name an image: the id of its prompt and its replicate.

    Example:
        >>> image_name(("90b2cad6a1f03c55", 0))
        '90b2cad6a1f03c55-0'
    """
    return f"{key[0]}-{key[1]}"


def _csv_rows(path: Path, content: bytes) -> Iterator[_Row]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageProblem(
            f"The labels {path} are no text in UTF-8: line {line} has the byte 0x{content[error.start]:02x}.",
            remedy="Save them as CSV in UTF-8.",
        ) from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        names = _header(path, next(reader, []))
        for fields in islice(reader, _MOST_ROWS + 1):
            place = f"line {reader.line_num}"
            if len(fields) != len(names):
                raise _wrong(path, f"{place} has {len(fields)} fields instead of {len(names)}")
            yield _Row(place=place, **dict(zip(names, fields, strict=True)))
    except csv.Error as error:
        raise _wrong(path, f"line {reader.line_num} is no CSV ({error})") from error


def _parquet_rows(path: Path, content: bytes) -> Iterator[_Row]:
    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        names = _header(path, file.schema_arrow.names)
        if file.metadata.num_rows > _MOST_ROWS:
            raise _wrong(path, f"it has {file.metadata.num_rows:,} rows, and {_MOST_ROWS:,} are the most")
        columns = file.read().to_pydict()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _wrong(path, f"it is no sound parquet file ({str(error).splitlines()[0][:120]})") from error
    for number, fields in enumerate(zip(*(columns[name] for name in names), strict=True), start=1):
        if not all(isinstance(field, str) for field in fields):
            raise _wrong(path, f"row {number} holds something that is no text")
        yield _Row(place=f"row {number}", **dict(zip(names, fields, strict=True)))


def _header(path: Path, names: list[str]) -> tuple[str, ...]:
    if tuple(names) not in {_HEADER, (*_HEADER, _PICTURE)}:
        raise _wrong(path, f"its columns are {ascii(','.join(names))[1:121].rstrip(chr(39)) or 'none'}")
    return tuple(names)


def _checked(path: Path, rows: Iterable[_Row]) -> pd.DataFrame:
    good: list[dict[str, object]] = []
    wrong: list[str] = []
    first: dict[tuple[str, str, str], str] = {}
    for number, row in enumerate(rows, start=1):
        if number > _MOST_ROWS:
            raise _wrong(path, f"it has more than {_MOST_ROWS:,} rows")
        key = (row.image, row.question, row.rater)
        fault = _fault(row) or (f"repeats {first[key]}: the same image, question and rater" if key in first else "")
        if fault:
            wrong.append(f"{row.place} {fault}")
            continue
        first[key] = row.place
        prompt_id, _, replicate = row.image.partition("-")
        good.append(
            {
                "prompt_id": prompt_id,
                "replicate": int(replicate),
                "rater": row.rater,
                "question": row.question,
                "label": row.label.replace(" ", "_"),
                "picture": row.picture,
            }
        )
    if wrong:
        more = f"; and {len(wrong) - _SHOWN:,} more" if len(wrong) > _SHOWN else ""
        raise _wrong(path, "; ".join(wrong[:_SHOWN]) + more)
    if not good:
        raise _wrong(path, "there is no label in it")
    return build_table(LABELS, good)


def _fault(row: _Row) -> str:
    """Say what is wrong with a row; nothing where it is sound."""
    if not _IMAGE.fullmatch(row.image):
        return f"has the image {_shown(row.image)}, which is no prompt id and replicate, as in 90b2cad6a1f03c55-0"
    if not names_a_rater(row.rater):
        return f"has the rater {_shown(row.rater)}; {RATER_FORM}"
    answers = ANSWERS.get(row.question)
    if answers is None:
        return f"has the question {_shown(row.question)}; there are {' and '.join(ANSWERS)}"
    if row.label.replace(" ", "_") not in answers:
        return f"has the label {_shown(row.label)}; for {row.question} there are {', '.join(answers)}"
    if row.picture and not re.fullmatch(rf"[0-9a-f]{{{PICTURE_DIGITS},64}}", row.picture):
        return (
            f"has the picture {_shown(row.picture)}; the first {PICTURE_DIGITS} digits of a SHA-256 or more, or nothing"
        )
    return ""


def _shown(text: str) -> str:
    return ascii(text[:40])


def _wrong(path: Path, what: str) -> UsageProblem:
    return UsageProblem(
        f"The labels {path} are not used: {what}.", remedy=f"Correct the file; it is to be {_FORM} (docs/judges.md)."
    )
