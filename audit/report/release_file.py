"""What a document of release says that no run can know: ``document.toml``, read strictly."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from audit.errors import UsageProblem
from audit.parsing import as_written
from audit.suites.document import Document, Place, read_document

_HINT: Final = "docs/release.md shows a whole one"
_Words = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"\S")]
_List = Annotated[tuple[_Words, ...], Field(max_length=50, strict=False)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class AboutCheckpoint(_Table):
    """What its makers say of the checkpoint."""

    version: _Words | None = None
    released: dt.date | None = None
    supplier: _Words | None = None
    base_model: _Words | None = None
    licence: _Words | None = None
    intended_use: _Words | None = None


class AboutAudit(_Table):
    """Who audited, why, and when again."""

    auditor: _Words | None = None
    organisation: _Words | None = None
    independence: _Words | None = None
    contact: _Words | None = None
    reason: _Words | None = None
    next_audit: dt.date | None = None
    energy_kwh: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class Scope(_Table):
    """What was looked at, and what was left out knowingly."""

    groups: _List = ()
    harms: _List = ()
    risks_not_measured: _List = ()
    excluded: _List = ()


class SinceLast(_Table):
    """What is different from the last audit."""

    last_audit: dt.date | None = None
    summary: _Words | None = None


class SignOff(_Table):
    """Somebody who answers for the release."""

    name: _Words
    role: _Words
    date: dt.date | None = None
    statement: _Words | None = None


class ReleaseFile(_Table):
    """A whole file; nothing in it has to be there but its version."""

    schema_version: Literal[1] = 1
    checkpoint: AboutCheckpoint = AboutCheckpoint()
    audit: AboutAudit = AboutAudit()
    scope: Scope = Scope()
    since: SinceLast = SinceLast()
    sign_off: Annotated[list[SignOff], Field(max_length=20)] = []


def read_release_file(path: Path) -> ReleaseFile:
    """Read a file.

    Raises:
        UsageProblem: If it cannot be used; says file, line, what was found and the remedy.
    """
    document = read_document(path, kind="document file", hint=_HINT)
    tables = document.tables()
    if "schema_version" not in tables:
        raise document.problem((), "the key 'schema_version' is missing.", remedy=f"Add schema_version = 1; {_HINT}.")
    try:
        return ReleaseFile.model_validate(tables)
    except ValidationError as error:
        raise _in_plain_words(document, error) from error


def _in_plain_words(document: Document, error: ValidationError) -> UsageProblem:
    """Return one thing that is wrong with its line and remedy: a misspelt key before a missing one."""
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    place: Place = first["loc"]
    key, where = str(place[-1]), ".".join(as_written(place))
    if first["type"] == "missing":
        return document.problem(place[:-1], f"the key {key!r} is missing.", remedy=f"Add {key} = ...; {_HINT}.")
    if first["type"] == "extra_forbidden":
        return document.problem(place, f"unknown key {key!r}.", remedy=f"Correct or delete it; {_HINT}.")
    shown = ascii(first["input"])
    shown = shown if len(shown) <= 60 else f"{shown[:60]}..."
    asked = "a date is written without quotes, as in 2027-03-31" if first["type"].startswith("date") else first["msg"]
    return document.problem(place, f"{where}: found {shown}; {asked.lower()}.", remedy=f"Correct it; {_HINT}.")
