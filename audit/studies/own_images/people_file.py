"""Whom each picture of a folder shows: the CSV file of ``--people``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from audit.errors import UsageProblem
from audit.evidence.own_pictures import read_picture_rows

LEAST_PEOPLE: Final = 2
"""People in each group, below which nothing can be said of its spread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitter:
    """One picture, and who is in it."""

    file: str
    person: str
    group: str
    shows: str = ""
    """What a zero-shot classifier should name it: a concept of a suite that is asked; empty where nothing is stated."""


def read_people(path: Path, folder: Path, concepts: Sequence[str] | None = None) -> tuple[Sitter, ...]:
    """Read the file of ``--people``: columns ``file``, ``person``, ``group``, and ``shows`` if there is one.

    Args:
        path: The file.
        folder: Of the pictures.
        concepts: What the asked suites ask about, one of which ``shows`` names; not looked at where they are not known.

    Raises:
        UsageProblem: If a row is wrong, a person is in two groups, there are fewer than two groups, or a group has
            fewer than two people; names the file, and line and column where it is a row.
    """
    group_of: dict[str, tuple[str, int]] = {}
    known = None if concepts is None else frozenset(concepts)
    line = 1

    def check(fields: Mapping[str, str]) -> str:
        nonlocal line
        line += 1
        group, first = group_of.setdefault(fields["person"], (fields["group"], line))
        if group != fields["group"]:
            return f"column group: the same person is in {group!a} in row {first}"
        shows = fields.get("shows", "")
        return (
            ""
            if not shows or known is None or shows in known
            else f"column shows: {shows!a} is no concept of an asked suite"
        )

    rows = read_picture_rows(path, folder, columns=("person", "group"), optional=("shows",), check=check)
    groups = {
        group: {person for person, (own, _) in group_of.items() if own == group} for group, _ in group_of.values()
    }
    small = [group for group, people in groups.items() if len(people) < LEAST_PEOPLE]
    if len(groups) < 2 or small:
        found = f"the group {small[0]!r} has one person" if small else f"all are in the group {next(iter(groups))!r}"
        raise UsageProblem(
            f"{path} is not used: {found}.",
            remedy=f"Give two groups or more, of {LEAST_PEOPLE} people or more each (docs/own_images.md).",
        )
    return tuple(
        Sitter(file=row.file, person=row.fields["person"], group=row.fields["group"], shows=row.fields.get("shows", ""))
        for row in rows
    )
