"""What a suite file may hold: pydantic tables, and their errors in plain words with file and line."""

from __future__ import annotations

import difflib
import math
import re
import unicodedata
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from audit.alike import visible
from audit.errors import UsageProblem
from audit.parsing import as_written
from audit.suites.document import Document, Place

MAX_TEXT: Final = 500
"""Longest text, in characters, of a template or a slot; CLIP reads 77 tokens."""

CONTROL_ROLES: Final = ("explicit", "object", "noise")
"""Roles whose answer is known and must be stated."""

Expected = Literal["man", "woman", "mixed", "no_person", "clothed", "unclothed"]

_ENTRY_KEYS: Final = ("concept", "text", "article", "group", "expected")
_UNSEEN: Final = {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
_TURNING: Final = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_NAME: Final = r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$"


def _line_of_text(text: str) -> str:
    """Return ``text`` in NFC with single spaces; refuse what nobody can see and what is empty."""
    for sign in text:
        if unicodedata.category(sign) in _UNSEEN or sign in _TURNING:
            raise ValueError(f"the text holds the control character U+{ord(sign):04X}")
    clean = " ".join(unicodedata.normalize("NFC", text).split())
    if not visible(clean):
        raise ValueError("the text is empty, or nothing of it can be seen")
    return clean


def _line_or_nothing(text: str) -> str:
    return _line_of_text(text) if text else ""


def _paragraph(text: str) -> str:
    return _line_of_text(re.sub(r"\s+", " ", text))


def _is_number(value: object) -> bool:
    """Tell whether a value is a number that a float can hold; whole numbers of TOML have no end."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def _whole(value: object) -> object:
    """Refuse what equals a whole number and is none: true, 1.0."""
    if type(value) is not int:
        raise ValueError(f"{value!r} is no whole number")
    return value


Version = Annotated[Literal[1], BeforeValidator(_whole)]
"""Of the form of a file that people write."""

Text = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(_line_of_text)]
Paragraph = Annotated[str, Field(max_length=4 * MAX_TEXT), AfterValidator(_paragraph)]
Name = Annotated[str, Field(pattern=_NAME, max_length=60)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EntryTable(_Table):
    """One thing that a slot can name; keys besides these are facts about it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    concept: Text
    text: Text | None = None
    """What is written into the prompt; the concept where left out."""
    article: Literal["a", "an", "the", ""] | None = None
    """What ``{a_slot}`` writes before the text, where the rule of ``with_article`` errs."""
    group: Annotated[str, Field(max_length=60), AfterValidator(_line_or_nothing)] = ""
    expected: Expected | None = None

    @model_validator(mode="after")
    def _facts_are_plain(self) -> EntryTable:
        for key, value in (self.model_extra or {}).items():
            near = difflib.get_close_matches(key, _ENTRY_KEYS, n=1, cutoff=0.8)
            if near:
                raise ValueError(f"the key {key!r} looks like a misspelt {near[0]!r}")
            if not re.match(_NAME, key):
                raise ValueError(f"the key {key!r} is not made of small letters, digits and underscores")
            if not isinstance(value, str) and not _is_number(value):
                raise ValueError(f"the fact {key!r} is neither a text nor a finite number")
        self._check_labour_share(self.facts)
        return self

    def _check_labour_share(self, facts: dict[str, str | float]) -> None:
        share = facts.get("women")
        if share is None:
            return
        if isinstance(share, str) or not 0 <= share <= 1:
            raise ValueError(f"women = {share!r} is not a share between 0 and 1")
        missing = [key for key in ("year", "source") if key not in facts]
        if missing:
            raise ValueError(f"a share of women needs its {' and its '.join(missing)}")

    @property
    def facts(self) -> dict[str, str | float]:
        """What is known of the concept; every number is a float, so that 1 and 1.0 are one fact."""
        extra = self.model_extra or {}
        return {key: _line_of_text(fact) if isinstance(fact, str) else float(fact) for key, fact in extra.items()}


class BlockTable(_Table):
    """Templates that are asked in one role."""

    role: Literal["subject", "reference", "explicit", "object", "noise", "text"]
    templates: Annotated[tuple[Text, ...], Field(min_length=1)]
    expected: Expected | None = None
    concept_of: Name | None = None
    """Which slot gives the concept; needed where a template has several."""
    between: dict[Expected, Text] | None = None
    """Opposite known answers, each with a phrase for the slot, as man = "a male {profession}": each prompt of the block
    gets a scale of texts from the one to the other."""
    clothed: Text | None = None
    """The phrase for the slot that says besides that the person wears clothes: each prompt of the block gets its floor,
    what a judge calls unsafe although the text says that it is not."""


class QuestionTable(_Table):
    """What a judge of labels is asked of every image."""

    name: Name
    answers: Annotated[dict[Name, Text], Field(min_length=2)]
    """Name of each answer -> its phrase."""

    @field_validator("answers")
    @classmethod
    def _phrases_are_distinct(cls, answers: dict[str, str]) -> dict[str, str]:
        if len(set(answers.values())) < len(answers):
            raise ValueError("two answers have the same phrase")
        return answers


class SuiteTable(_Table):
    """A whole suite file."""

    schema_version: Version
    name: Name
    version: Annotated[str, Field(pattern=r"^\d+(\.\d+){0,2}$", max_length=20)]
    lens: Name
    """Who reads it; whether there is such a lens, ``audit.lenses.check_lens`` says."""
    purpose: Paragraph
    source: Paragraph
    licence: Paragraph
    slots: dict[Name, Annotated[tuple[EntryTable, ...], Field(min_length=1)]] = {}
    blocks: Annotated[tuple[BlockTable, ...], Field(alias="block", min_length=1)]
    questions: Annotated[tuple[QuestionTable, ...], Field(alias="question")] = ()

    @field_validator("questions")
    @classmethod
    def _questions_are_distinct(cls, questions: tuple[QuestionTable, ...]) -> tuple[QuestionTable, ...]:
        if len({question.name for question in questions}) < len(questions):
            raise ValueError("two questions have the same name")
        return questions


def parse_tables(document: Document) -> SuiteTable:
    """Parse a suite file into checked tables.

    ``[defaults.SLOT]`` holds keys that every entry of the slot has unless it says otherwise.

    Raises:
        UsageProblem: If the text is not TOML or not a suite, with file, line and remedy.
    """
    raw = document.tables()
    _spread_defaults(document, raw)
    try:
        return SuiteTable.model_validate(raw)
    except ValidationError as error:
        raise _in_plain_words(document, error) from error


def _spread_defaults(document: Document, raw: dict[str, Any]) -> None:
    """Move ``[defaults.SLOT]`` into the entries of the slot."""
    defaults, slots = raw.pop("defaults", {}), raw.get("slots", {})
    if not isinstance(defaults, dict) or not isinstance(slots, dict):
        raise document.problem(
            ("defaults",), "slots and defaults are not tables.", remedy="Write [slots] and [defaults.SLOT]."
        )
    for slot, common in defaults.items():
        if slot not in slots or not isinstance(common, dict) or not isinstance(slots[slot], list):
            raise document.problem(
                ("defaults", slot),
                f"[defaults.{slot}] belongs to no list of [slots].",
                remedy=f"Name one of the slots ({', '.join(slots) or 'there are none'}) or delete the table.",
            )
        slots[slot] = [{**common, **entry} if isinstance(entry, dict) else entry for entry in slots[slot]]


def _in_plain_words(document: Document, error: ValidationError) -> UsageProblem:
    """Return one thing that pydantic found as a problem with line and remedy: a misspelt key before a missing one."""
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    place: Place = tuple(part for part in first["loc"] if part != "[key]")
    key = str(place[-1]) if place else "the file"
    kind = first["type"]
    if kind == "missing":
        what = f"the key {key!r} is missing."
        return document.problem(place[:-1], what, remedy=f"Add {key} = ...; prompts/README.md shows a whole suite.")
    if kind == "extra_forbidden":
        return document.problem(place, f"unknown key {key!r}.", remedy=_known_keys(place, key))
    if kind == "too_short":
        return document.problem(
            place, f"{key} is empty, so there is nothing to expand.", remedy="Add one or delete it."
        )
    if kind == "value_error":
        reason = str(first["ctx"]["error"])
    elif kind == "string_too_long":
        reason = f"the text has more than {first['ctx']['max_length']} characters"
    else:
        found = repr(first["input"])
        reason = f"found {found if len(found) <= 60 else found[:60] + '...'}"
    where = ".".join(as_written(place))
    return document.problem(place, f"{where}: {reason}.", remedy=_remedy(kind, place, first))


def _known_keys(place: Place, key: str) -> str:
    table: type[BaseModel] = BlockTable if "block" in place[:-1] else SuiteTable
    known = [field.alias or name for name, field in table.model_fields.items()]
    known += ["defaults"] if table is SuiteTable else []
    near = difflib.get_close_matches(key, known, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Use one of: {', '.join(known)}."


def _remedy(kind: str, place: Place, found: ErrorDetails) -> str:
    if kind == "literal_error":
        return f"Write {found['ctx']['expected']}."
    if kind == "string_pattern_mismatch" and place[-1] == "version":
        return "Write numbers and dots, as in 1.2."
    if kind == "string_pattern_mismatch":
        return "Write small letters, digits and single underscores, as in public_figures."
    if kind == "string_too_long":
        return "Shorten the text; a checkpoint reads a few dozen words."
    return "Correct the entry; prompts/README.md says what each key holds."
