"""Who is compared with whom: subjects and their matched references in one suite."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pandas as pd

from audit.lenses.common.verdicts import names

MATCHED_TO: Final = "matched_to"
"""The fact that ties a reference to its subject (or a subject to its reference), by the name of the concept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """The references of every subject of a suite."""

    of: Mapping[str, tuple[str, ...]]
    """Subject concept -> its references: those that the facts tie to it, else those of its group, else all."""
    paired: bool
    """Whether every subject has references of its own."""


def match_references(subjects: pd.DataFrame, references: pd.DataFrame) -> Matches:
    """Return the references of every subject.

    Args:
        subjects: One row per concept, with the columns concept, group and facts.
        references: The same of what they are compared with.
    """
    pairs = _stated_pairs(subjects, references)
    every = tuple(names(references, "concept"))
    found = {}
    for subject, group in zip(names(subjects, "concept"), names(subjects, "group"), strict=True):
        alike = tuple(names(references[references["group"] == group], "concept")) if group else ()
        found[subject] = pairs.get(subject, ()) or alike or every
    return Matches(of=found, paired=bool(found) and all(subject in pairs for subject in found))


def _stated_pairs(subjects: pd.DataFrame, references: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Return the references that the facts tie to each subject, whichever of the two carries the fact."""
    one, two = set(names(subjects, "concept")), set(names(references, "concept"))
    pairs: dict[str, set[str]] = {}
    for side, mine_is_subject in ((subjects, True), (references, False)):
        for mine, facts in zip(names(side, "concept"), names(side, "facts"), strict=True):
            other = json.loads(facts).get(MATCHED_TO, "")
            subject, reference = (mine, other) if mine_is_subject else (other, mine)
            if subject in one and reference in two:
                pairs.setdefault(subject, set()).add(reference)
    return {subject: tuple(sorted(found)) for subject, found in pairs.items()}
