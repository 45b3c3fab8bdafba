"""What one person said, written as it comes: a line per label, on the disk before the next picture is shown.

    {"evidence": "5f1d...", "rater": "anna", "schema_version": 1}
    {"image": "90b2cad6a1f03c55-0", "label": "woman", "picture": "5f1d7a84db00d2fc", "question": "gender"}
    {"undo": true}

Nothing is ever written over. A process that is killed leaves at most a last line that is torn; it is dropped, and asked
again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import final

from audit.codec import SCHEMA_VERSION, canonical_json, check_version, damaged, parse_object, read_record
from audit.errors import UsageProblem
from audit.evidence.files import append_durably, disk_problems, write_atomically
from audit.opening import LARGEST, is_file, read_regular


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One label."""

    image: str
    """As ``image_name`` writes it."""
    question: str
    label: str
    picture: str
    """The beginning of the SHA-256 of the PNG that was shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    schema_version: int
    rater: str
    evidence: str


@final
class LabelLog:
    """The labels of one person, in the order in which they were given; made by :func:`open_log`."""

    def __init__(self, path: Path, rater: str, said: list[Said]) -> None:
        self.path = path
        self.rater = rater
        self._said = said

    @property
    def said(self) -> tuple[Said, ...]:
        """Every label that was not taken back."""
        return tuple(self._said)

    def add(self, said: Said) -> None:
        """Write one label down; returns once it is on the disk.

        Raises:
            EnvironmentProblem: If it cannot be written; then it is not among the labels.
        """
        append_durably(self.path, _line({name: getattr(said, name) for name in Said.__slots__}))
        self._said.append(said)

    def undo(self) -> Said | None:
        """Take the last label back, and return it; ``None`` where there is none.

        Raises:
            EnvironmentProblem: If that cannot be written.
        """
        if not self._said:
            return None
        append_durably(self.path, _line({"undo": True}))
        return self._said.pop()


def open_log(path: Path, rater: str, evidence: str) -> LabelLog:
    """Begin the labels of a person, or go on with them.

    Args:
        path: Of the file; made where it is not there.
        rater: Who labels.
        evidence: Digest of what the run measured.

    Raises:
        UsageProblem: If the file is of another person or run, or a newer version wrote it.
        EnvironmentProblem: If it cannot be read or written, or is damaged other than at its end.
    """
    if not is_file(path):
        write_atomically(path, _line({"schema_version": SCHEMA_VERSION, "rater": rater, "evidence": evidence}))
    log = read_log(path, evidence)
    if log.rater != rater:
        raise UsageProblem(f"{path} holds the labels of {log.rater!r}.", remedy="Choose another --rater or --out.")
    return log


def read_log(path: Path, evidence: str) -> LabelLog:
    """Read the labels of a person, and drop a last line that is torn; raises what :func:`open_log` does."""
    with disk_problems("Reading", path):
        content = read_regular(path, most=LARGEST)
    whole, _, torn = content.rpartition(b"\n")
    if torn:
        write_atomically(path, whole + b"\n")
    first, *lines = whole.split(b"\n")
    head = parse_object(first, path)
    check_version(head.get("schema_version"), path)
    told = read_record(_Head, head, path, "line 1")
    if told.evidence != evidence:
        raise UsageProblem(
            f"{path} holds labels of another run: of other images, texts or scores than this one has.",
            remedy="Name another folder with --out, or remove this one if its labels are not needed.",
        )
    said: list[Said] = []
    for number, line in enumerate(lines, start=2):
        stored = parse_object(line, path)
        if stored == {"undo": True}:
            if not said:
                raise damaged(path, f"line {number} takes back a label that is not there")
            said.pop()
        else:
            said.append(read_record(Said, stored, path, f"line {number}"))
    return LabelLog(path, told.rater, said)


def _line(value: dict[str, object]) -> bytes:
    return canonical_json(value).encode() + b"\n"
