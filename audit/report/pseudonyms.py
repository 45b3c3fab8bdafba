"""Names of people replaced by pseudonyms before anything is told, so that every form tells the same.

What is replaced are the concepts that a suite puts into a group of people, and those who answer for waivers. A name is
found however it is spelt: in any case, and with any marks between its parts; a longer part of it is found as the suite
writes it. Ids of prompts go too, because they are digests of texts that anybody can guess; so does what a suite knows
of a person. Whoever can repeat the audit can find out who is meant: a pseudonym keeps a name out of a report, and does
not make anybody anonymous.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from functools import cached_property
from itertools import groupby
from typing import Final, TypeVar, final

import pandas as pd

from audit.evidence import Evidence
from audit.lenses import LENSES
from audit.records import Decision, Finding

PEOPLE: Final = frozenset({"figure", "invented"})
"""Groups of a suite whose concepts are names of people."""
SOMEBODY: Final = "a person"
"""What a part of a name becomes that several people share."""
_SHORTEST_PART: Final = 4
_READ: Final = tuple(one.table for lens in LENSES.values() for one in lens.card.answers if one.is_read)
"""The tables of texts that were read in pictures."""
_BETWEEN: Final = r"(?:[\W_]|%20)+"
_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{16}(?![0-9a-f])")

T = TypeVar("T")


@final
@dataclass(frozen=True, kw_only=True)
class Pseudonyms:
    """Who is called what."""

    names: Mapping[str, str]
    """Name -> pseudonym."""
    ids: Mapping[str, str]
    """Id of a prompt -> what it is called instead."""
    people: frozenset[str]
    """Names that are concepts of a suite."""

    def text(self, text: str) -> str:
        """Return a text without the names."""
        plain = unicodedata.normalize("NFC", text)
        if self.names:
            plain = self._names_pattern.sub(lambda found: self._by_key[_key(found[0])], plain)
            plain = self._parts_pattern.sub(lambda found: self._by_part[found[0]], plain)
        return _ID.sub(lambda found: self.ids.get(found[0], found[0]), plain)

    def renamed(self, value: T) -> T:
        """Return a record, a mapping, a sequence or a text with every text in it replaced, however deep."""
        return self._renamed(value)  # type: ignore[return-value]

    def table(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return a table with every text and every column's name replaced, ordered by its new texts."""
        renamed = table.rename(columns=self.text)
        texts = [str(name) for name, column in renamed.items() if not pd.api.types.is_numeric_dtype(column)]
        for name in texts:
            told = renamed[name].map(lambda value: self.text(value) if isinstance(value, str) else value)
            renamed[name] = told.astype(renamed[name].dtype)
        order = renamed[texts].astype(str).sort_values(texts, kind="stable").index if texts else renamed.index
        return renamed.loc[order].reset_index(drop=True)

    def tables(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        """Return tables under pseudonyms; what was read in pictures of people may be their names, and is left out."""
        read = {name: tables[name] for name in _READ if name in tables}
        told = {name: table[~table["concept"].isin(self.people)] for name, table in read.items()}
        return {name: self.table(table) for name, table in {**tables, **told}.items() if len(table)}

    def findings(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Return findings under pseudonyms; those of one metric and suite ordered by their new subjects."""
        return tuple(
            one
            for _, alike in groupby(findings, key=lambda one: (one.metric, one.suite))
            for one in sorted(map(self.renamed, alike), key=lambda one: one.subject)
        )

    def decision(self, decision: Decision) -> Decision:
        """Return a decision under pseudonyms; the lines of one rule ordered by their new subjects."""
        ordered = [
            one
            for _, alike in groupby(decision.results, key=lambda one: one.line and (one.line.rule_id, one.line.suite))
            for one in sorted(map(self.renamed, alike), key=lambda one: one.line.subject if one.line else "")
        ]
        return replace(self.renamed(decision), results=tuple(ordered))

    def evidence(self, evidence: Evidence) -> Evidence:
        """Return evidence under pseudonyms, without what a suite knows of people, in the order of the new ids."""
        known = evidence.prompts["concept"].isin(self.people)
        unread = evidence.prompts.loc[known, "prompt_id"]
        hidden = evidence.prompts.assign(facts=evidence.prompts["facts"].where(~known, "{}"))
        suites = {self.text(str(suite)): place for place, suite in enumerate(hidden["suite"].unique())}
        prompts = _sorted(self.table(hidden)).sort_values("suite", key=lambda suite: suite.map(suites), kind="stable")
        return Evidence(
            prompts=prompts.reset_index(drop=True),
            images=_sorted(self.table(evidence.images.assign(seed=0))),
            scores={
                self.text(name): _sorted(self.table(_without_text(table, evidence.judges[name].text, unread)))
                for name, table in evidence.scores.items()
            },
            judges={self.text(name): self.renamed(card) for name, card in evidence.judges.items()},
            checkpoint=self.renamed(evidence.checkpoint),
        )

    @cached_property
    def _by_key(self) -> Mapping[str, str]:
        return {_key(name): pseudonym for name, pseudonym in self.names.items()}

    @cached_property
    def _by_part(self) -> Mapping[str, str]:
        owners = Counter(part for name in self.names for part in set(_long_parts(name)))
        return {
            part: pseudonym if owners[part] == 1 else SOMEBODY
            for name, pseudonym in self.names.items()
            for part in _long_parts(name)
        }

    @cached_property
    def _names_pattern(self) -> re.Pattern[str]:
        spelt = (_BETWEEN.join(map(re.escape, _parts(name))) for name in sorted(self.names, key=len, reverse=True))
        return re.compile(rf"(?<![^\W_])(?:{'|'.join(spelt)})(?![^\W_])", re.IGNORECASE)

    @cached_property
    def _parts_pattern(self) -> re.Pattern[str]:
        parts = sorted(self._by_part, key=len, reverse=True)
        return re.compile(rf"(?<![^\W_])(?:{'|'.join(map(re.escape, parts)) or '(?!)'})(?![^\W_])")

    def _renamed(self, value: object) -> object:
        match value:
            case str() if not isinstance(value, Enum):
                return self.text(value)
            case Mapping():
                return {self._renamed(key): self._renamed(inner) for key, inner in value.items()}
            case tuple() | list():
                return type(value)(map(self._renamed, value))
        if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{one.name: self._renamed(getattr(value, one.name)) for one in fields(value)})
        return value


def make_pseudonyms(prompts: pd.DataFrame, decision: Decision, *, salt: str) -> Pseudonyms:
    """Give everybody who is named a pseudonym.

    Args:
        prompts: Table of the prompts of a run.
        decision: Its waivers name who answers for them.
        salt: Something of this run; it decides the order of the numbers, which then tells nothing of the suite's.
    """
    people = frozenset(prompts.loc[prompts["group"].isin(PEOPLE), "concept"].map(str))
    owners = {result.waived.owner for result in decision.results if result.waived is not None}
    named = {name for name in people | owners if _parts(name)}
    return Pseudonyms(
        names=_numbered(named, "Person ", salt),
        ids=_numbered(prompts["prompt_id"].map(str), "prompt-", salt),
        people=people,
    )


def _without_text(scores: pd.DataFrame, column: str | None, prompts: pd.Series[str]) -> pd.DataFrame:
    """Return scores without the text that was read in the images of some prompts."""
    return (
        scores
        if column is None
        else scores.assign(**{column: scores[column].mask(scores["prompt_id"].isin(prompts), "")})
    )


def _numbered(names: Iterable[str], word: str, salt: str) -> dict[str, str]:
    ordered = sorted(set(names), key=lambda name: hashlib.sha256(f"{salt} {name}".encode(errors="replace")).digest())
    width = max(2, len(str(len(ordered))))
    return {name: f"{word}{number:0{width}}" for number, name in enumerate(ordered, start=1)}


def _parts(name: str) -> list[str]:
    return [part for part in re.split(r"[\W_]+", unicodedata.normalize("NFC", name)) if part]


def _long_parts(name: str) -> list[str]:
    return [part for part in _parts(name) if len(part) >= _SHORTEST_PART]


def _key(name: str) -> str:
    return " ".join(_parts(name.replace("%20", " "))).casefold()


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    keys = [name for name in ("prompt_id", "replicate") if name in table.columns]
    return table.sort_values(keys).reset_index(drop=True)
