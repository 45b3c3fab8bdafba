"""Records as JSON and back: what the files of runs and of studies are written and read by.

A record is written field by field, under their names and in their order. How an estimate was found stands in it as one
text of method, units and remark. A number that may be missing and is not finite is null; one that may not is refused,
and so are NaN, unknown fields and other types wherever a record is read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from math import isfinite
from numbers import Integral, Real
from pathlib import Path
from typing import Final, TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from audit.errors import EnvironmentProblem, UsageProblem
from audit.parsing import parse_json
from audit.records import Method, method_text, read_method

SCHEMA_VERSION: Final = 1
"""Version of everything that is kept; a folder or a file with a newer one is not read."""

LARGEST: Final = 2**28
"""Bytes of a file of JSON that is read at most."""

_Record = TypeVar("_Record")
_METHOD: Final = ("method", "over", "remark")
"""Fields that are written as one text."""
_adapter: Final = cache(TypeAdapter)
_RESTORE: Final = "Restore it from a copy, or start a new run with another --out."
_SHOWN_CHARACTERS: Final = 48


def canonical_json(value: object) -> str:
    """Return JSON that is the same text for the same value, whatever the order of its keys.

    Raises:
        TypeError: If the value holds something that JSON does not know.
        ValueError: If it holds a number that is not finite.

    Example:
        >>> canonical_json({"b": 1, "a": (2, 3)})
        '{"a":[2,3],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def pretty_json(value: object) -> bytes:
    """Return canonical JSON with line breaks, as it is kept in files; raises what :func:`canonical_json` does."""
    return (json.dumps(value, sort_keys=True, indent=2, allow_nan=False) + "\n").encode()


def document_text(document: Mapping[str, object], *, indent: int = 2) -> str:
    """Return the text of a document with its keys in their order; raises what :func:`canonical_json` does."""
    return json.dumps(document, indent=indent, ensure_ascii=False, allow_nan=False) + "\n"


def record_document(record: object) -> dict[str, object]:
    """Return a record as JSON values: every field by its name, in order.

    Raises:
        TypeError: If it is no dataclass, or holds something that JSON does not know.
    """
    if not is_dataclass(record) or isinstance(record, type):
        raise TypeError(f"{type(record).__name__} is no record.")
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    if isinstance(values.get("method"), Method):
        values["method"] = method_text(values["method"], values.pop("over"), values.pop("remark"))
    optional = _optional(type(record))
    return {
        name: None if name in optional and isinstance(value, Real) and not isfinite(value) else _plain(value)
        for name, value in values.items()
    }


def _plain(value: object) -> object:
    plain: object = value
    match value:
        case None | bool():
            pass
        case str() | Path():
            plain = str(value)
        case Integral():
            plain = int(value)
        case Real():
            plain = float(value)
        case Mapping():
            plain = {str(key): _plain(inner) for key, inner in value.items()}
        case Sequence():
            plain = [_plain(inner) for inner in value]
        case _:
            plain = record_document(value)
    return plain


@cache
def _optional(kind: type) -> frozenset[str]:
    """Return the names of the fields that may be ``None``."""
    return frozenset(name for name, hint in get_type_hints(kind).items() if type(None) in get_args(hint))


def parse_object(data: bytes, where: Path) -> dict[str, object]:
    """Return the JSON object in the bytes of a file that this package wrote.

    Args:
        data: All of it.
        where: The file, for messages.

    Raises:
        EnvironmentProblem: If it is too large, or no JSON object, or holds a number that is not finite.
    """
    try:
        value = parse_json(data) if len(data) <= LARGEST else None
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise damaged(where, f"it holds no JSON object ({len(data)} bytes)")
    return value


def read_record(kind: type[_Record], stored: object, where: Path, place: str) -> _Record:
    """Return the record that some JSON values stand for; nothing is converted.

    Args:
        kind: What they have to be: a dataclass, a named tuple for a list, or ``dict`` or ``list`` for any of these.
        stored: As :func:`parse_object` returns them.
        where: The file, for messages.
        place: What they are the value of within it.

    Raises:
        EnvironmentProblem: If a field is missing, unknown, or of another type; says file, place, what was found and
            what is expected.
    """
    try:
        told = canonical_json(_with_methods(stored) if is_dataclass(kind) else stored)
        record: _Record = _adapter(kind).validate_json(told, strict=True)  # type: ignore[arg-type]  # a class has a hash
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        found = "nothing" if first["type"] == "missing" else short(first["input"])
        at = ".".join(map(str, (place, *first["loc"])))
        raise damaged(where, f"{at}: found {found}; {first['msg'].lower()}") from error
    if is_dataclass(record):
        _refuse_unknown(stored, record_document(record), where, place)
    return record


def _with_methods(stored: object) -> object:
    """Return JSON values in which every method is the three fields that a record has of it."""
    if isinstance(stored, dict):
        inner = {key: _with_methods(value) for key, value in stored.items()}
        method = inner.get("method")
        return inner | dict(zip(_METHOD, read_method(method), strict=True)) if isinstance(method, str) else inner
    return [_with_methods(value) for value in stored] if isinstance(stored, list) else stored


def _refuse_unknown(stored: object, known: object, where: Path, place: str) -> None:
    if isinstance(stored, dict) and isinstance(known, dict):
        for key, value in stored.items():
            if key not in known:
                raise damaged(where, f"{place} has no field {key!r}")
            _refuse_unknown(value, known[key], where, f"{place}.{key}")


def damaged(where: Path, detail: str) -> EnvironmentProblem:
    """Return the problem of a file that is not as it was written."""
    return EnvironmentProblem(f"{where} is damaged: {detail}.", remedy=_RESTORE)


def check_version(version: object, where: Path) -> None:
    """Refuse what a newer program wrote, and what none wrote.

    Raises:
        UsageProblem: If ``version`` is newer than ``SCHEMA_VERSION``.
        EnvironmentProblem: If it is no version.
    """
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise damaged(
            where, f"its schema_version is {short(version)}, where a number from 1 to {SCHEMA_VERSION} is expected"
        )
    if version > SCHEMA_VERSION:
        raise UsageProblem(
            f"{where} was written by a newer clip-audit (schema_version {version}; this one reads up to "
            f"{SCHEMA_VERSION}).",
            remedy="Upgrade clip-audit, or start a new run with another --out.",
        )


def short(value: object) -> str:
    """Return a JSON value as text that fits into a message."""
    text = canonical_json(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
