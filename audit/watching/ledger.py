"""What a watcher has seen, audited and told: one file, whole or not there, and the feeds that are made of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final, Literal
from xml.etree import ElementTree as ET

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from audit.codec import SCHEMA_VERSION, check_version, damaged, pretty_json
from audit.evidence.files import write_atomically
from audit.evidence.specs import read_json
from audit.opening import is_file
from audit.report.text import clean

STATE_NAME: Final = "state.json"
FEED_NAME: Final = "feed.jsonl"
ATOM_NAME: Final = "feed.atom"
RUNS: Final = "runs"
_ATOM: Final = "http://www.w3.org/2005/Atom"
_SHOWN: Final = 100
"""Entries of the Atom feed, newest first; the JSON lines hold all."""


class Entry(BaseModel):
    """One set of weights under one profile, and what became of it."""

    model_config = ConfigDict(extra="forbid", strict=True, validate_assignment=True)

    key: str
    profile: str
    source: str
    name: str
    checkpoint: str
    commit: str
    digest: str
    line: str
    first_seen: int
    """The round."""
    run: str
    """Name of its run folder."""
    attempts: int = 0
    number: int = 0
    """Place among all attempts: what was tried last has the greatest."""
    state: Literal["waiting", "audited", "broken"] = "waiting"
    at: str = ""
    """When it was audited or given up: ISO, in UTC."""
    verdict: str = ""
    """pass, fail, inconclusive, or none where no policy was asked."""
    baseline: str = ""
    """Name of the run folder of the last one of its lineage."""
    changes: dict[str, int] | None = None
    """How many findings became what, beside the baseline."""
    said: str = ""
    """What went wrong, or stood in the way of the comparison; one paragraph."""
    report: str = ""
    """Where its report is."""
    owed: list[str] = []
    """Webhooks that have still to be told."""

    @property
    def is_trouble(self) -> bool:
        """Whether somebody should look: broken, not passed, or worse than before."""
        return self.state == "broken" or self.verdict in {"fail", "inconclusive"} or bool(self.worse)

    @property
    def worse(self) -> int:
        """How many findings got worse."""
        return (self.changes or {}).get("worse", 0)

    @property
    def sentence(self) -> str:
        """What became of it, in one line."""
        if self.state == "broken":
            return f"{self.name} could not be audited: {self.said}"
        verdict = {"none": "audited, without a policy", "pass": "passed", "fail": "failed"}.get(
            self.verdict, self.verdict
        )
        told = "" if self.changes is None else ", ".join(f"{number} {word}" for word, number in self.changes.items())
        since = f" Since {self.baseline}: {told}." if told else f" {self.said}" if self.said else ""
        return f"{self.name}: {verdict}.{since}"

    def document(self) -> dict[str, object]:
        """Return what feeds and notices say."""
        told = self.model_dump(exclude={"owed", "attempts", "number", "first_seen", "profile"})
        return {"schema_version": SCHEMA_VERSION, "id": self.key, **told, "sentence": self.sentence}


class Ledger(BaseModel):
    """All of it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    schema_version: int = SCHEMA_VERSION
    rounds: int = 0
    entries: dict[str, Entry] = {}
    known: dict[str, Annotated[list[str], Field(min_length=2, max_length=2)]] = {}
    """Source and name -> commit and digest when it was last seen."""
    last: dict[str, str] = {}
    """Profile and lineage -> name of its last audited run."""

    def waiting(self) -> list[Entry]:
        """Return what is still to be audited: what was tried least, then what was seen first."""
        those = (one for one in self.entries.values() if one.state == "waiting")
        return sorted(those, key=lambda one: (one.attempts, one.first_seen))

    def concluded(self) -> list[Entry]:
        """Return what was audited or given up, in the order of time."""
        return sorted((one for one in self.entries.values() if one.state != "waiting"), key=lambda one: one.number)


def read_ledger(place: Path) -> Ledger:
    """Read the state of a watcher; an empty one where there is none.

    Raises:
        UsageProblem: If a newer version wrote it.
        EnvironmentProblem: If it is damaged.
    """
    path = place / STATE_NAME
    if not is_file(path):
        return Ledger()
    stored = read_json(path)
    check_version(stored.get("schema_version"), path)
    try:
        return Ledger.model_validate(stored)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise damaged(path, f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}") from error


def write_ledger(place: Path, ledger: Ledger) -> None:
    """Keep the state.

    Raises:
        EnvironmentProblem: If it cannot be written.
    """
    write_atomically(place / STATE_NAME, pretty_json(ledger.model_dump()))


def write_feeds(place: Path, ledger: Ledger) -> None:
    """Write what was audited as JSON lines and as an Atom feed; equal ledgers give equal bytes.

    Raises:
        EnvironmentProblem: If one cannot be written.
    """
    told = ledger.concluded()
    lines = "".join(f"{json.dumps(one.document(), sort_keys=True)}\n" for one in told)
    write_atomically(place / FEED_NAME, lines.encode())
    write_atomically(place / ATOM_NAME, _atom(told[::-1][:_SHOWN]))


def _atom(told: Iterable[Entry]) -> bytes:
    """Source: RFC 4287."""
    entries = list(told)
    feed = ET.Element("feed", xmlns=_ATOM)
    _add(feed, "id", "urn:clip-audit:watch")
    _add(feed, "title", "Audited checkpoints")
    _add(feed, "updated", entries[0].at if entries else "1970-01-01T00:00:00Z")
    _add(ET.SubElement(feed, "author"), "name", "clip-audit watch")
    for one in entries:
        entry = ET.SubElement(feed, "entry")
        _add(entry, "id", f"urn:sha256:{one.key}")
        _add(entry, "title", one.sentence)
        _add(entry, "updated", one.at)
        _add(entry, "summary", f"{one.checkpoint}; report: {one.report}" if one.report else one.checkpoint)
        if one.report.startswith(("https://", "http://")):
            ET.SubElement(entry, "link", href=one.report)
    ET.indent(feed)
    written: bytes = ET.tostring(feed, encoding="utf-8", xml_declaration=True)
    return written


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = clean(text, longest=2000)
