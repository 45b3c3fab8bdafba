"""Which prompts are left out together, so that the rest shows how much a finding hangs on them.

A finding about a concept rests on its prompts: one wording is left out at a time. A finding about a suite rests on its
concepts: one concept is left out at a time, with all its wordings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

import pandas as pd

from audit.evidence import Evidence
from audit.lenses.common.matches import MATCHED_TO
from audit.records import SCALE_OF

_SLOT: Final = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One unit that is left out before the lenses look again."""

    unit: frozenset[str]
    """Ids of its prompts."""
    suites: frozenset[str]
    """Suites whose findings are asked for."""
    apart: frozenset[str] = frozenset()
    """Ids of prompts that have no part in these findings; they are left out to save time."""
    is_reference: bool = False
    """Whether the unit is a concept that others are only compared with."""


def rounds_by_wording(prompts: pd.DataFrame) -> tuple[Round, ...]:
    """Return a round for every wording: in the k-th the k-th prompt of every concept is left out, with its scale.

    Prompts are counted within suite, role, concept and known answer, in the order of their templates; so a subject and
    what it is compared with lose the same wording. Where references have more wordings than any subject of their suite,
    their counting begins again, so that none is left out never.
    """
    numbers = _wording_numbers(prompts)
    suites = frozenset(str(suite) for suite in prompts["suite"])
    return tuple(
        Round(unit=frozenset(prompt for prompt, number in numbers.items() if number == k), suites=suites)
        for k in range(max(numbers.values(), default=-1) + 1)
    )


def rounds_by_concept(prompts: pd.DataFrame) -> tuple[Round, ...]:
    """Return a round for every concept of every suite.

    Everything about a concept goes together, and so does a subject with the references that are its own; a reference
    that several subjects share is a unit by itself.
    """
    rounds = []
    for suite, rows in prompts.groupby("suite", sort=True):
        others = frozenset(prompts.loc[prompts["suite"] != suite, "prompt_id"])
        heads = _heads(rows)
        units = rows["concept"].map(lambda concept, heads=heads: heads.get(str(concept), str(concept)))
        rounds += [
            Round(
                unit=frozenset(unit["prompt_id"]),
                suites=frozenset({str(suite)}),
                apart=others,
                is_reference=set(unit["role"]) == {"reference"},
            )
            for _, unit in rows.groupby(units, sort=True)
        ]
    return tuple(rounds)


def leave_out(evidence: Evidence, prompts: Collection[str]) -> Evidence:
    """Return evidence without some prompts."""

    def rest(table: pd.DataFrame) -> pd.DataFrame:
        return table[~table["prompt_id"].isin(prompts)].reset_index(drop=True)

    scores = {name: rest(table) for name, table in evidence.scores.items()}
    return replace(evidence, prompts=rest(evidence.prompts), images=rest(evidence.images), scores=scores)


def _wording_numbers(prompts: pd.DataFrame) -> dict[str, int]:
    """Return the number of the wording of every prompt; a scale has that of its subject."""
    scales = _scales(prompts)
    alone = prompts[~prompts["prompt_id"].isin(scales)]
    # what the slots are called is no part of the wording
    alone = alone.assign(wording=[_SLOT.sub("{}", str(template)) for template in alone["template"]])
    ordered = alone.sort_values(["wording", "prompt_id"])
    ordered = ordered.assign(number=ordered.groupby(["suite", "role", "concept", "expected"]).cumcount())
    subjects = ordered[ordered["role"] == "subject"]
    most = {str(suite): int(number) + 1 for suite, number in subjects.groupby("suite")["number"].max().items()}
    numbers = {
        str(prompt): int(number) % most[suite] if role == "reference" and suite in most else int(number)
        for prompt, number, role, suite in zip(
            ordered["prompt_id"], ordered["number"], ordered["role"], ordered["suite"], strict=True
        )
    }
    return numbers | {prompt: numbers[subject] for prompt, subject in scales.items() if subject in numbers}


def _scales(prompts: pd.DataFrame) -> dict[str, str]:
    """Return the subject prompt of every prompt that belongs to a scale."""
    known = set(prompts["prompt_id"])
    owners = [
        (str(prompt), _fact(text, SCALE_OF))
        for prompt, text in zip(prompts["prompt_id"], prompts["facts"], strict=True)
    ]
    return {prompt: owner for prompt, owner in owners if owner in known}


def _heads(rows: pd.DataFrame) -> dict[str, str]:
    """Return the subject that each reference of its own is left out with, by the names of their concepts."""
    concepts = rows.drop_duplicates(["role", "concept"])
    subjects = _matched(concepts[concepts["role"] == "subject"])
    references = _matched(concepts[concepts["role"] == "reference"])
    heads = {own: subject for subject, own in subjects.items() if own in references}
    return heads | {reference: subject for reference, subject in references.items() if subject in subjects}


def _matched(concepts: pd.DataFrame) -> dict[str, str]:
    return {
        str(name): _fact(text, MATCHED_TO) for name, text in zip(concepts["concept"], concepts["facts"], strict=True)
    }


def _fact(text: str, name: str) -> str:
    return str(json.loads(text).get(name, ""))
