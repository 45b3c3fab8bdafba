"""Text with slots: ``{slot}`` is the noun, ``{a_slot}`` the noun with its indefinite article, nothing else.

A slot is filled in one pass by joining pieces. ``str.format`` would follow ``{slot.attribute}`` into the objects
of this program, and would fill a brace that stands in a slot's own text.
"""

from __future__ import annotations

import hashlib
import json
import re
import string
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from audit.records import Prompt, Question

ARTICLE: Final = "a_"
"""What the name of a slot is preceded by where its article is wanted; no slot's own name begins so."""

NAMED_BRACES: Final = "Use {slot} or {a_slot} with a name of [slots]; a brace that is meant as text is doubled: {{."
"""The remedy for a brace that is no slot."""

_SPOKEN_AS_CONSONANT: Final = re.compile(r"(?:uni(?![nmd])|us[aeiu]|util|eu|ew|one\b|once\b)", re.IGNORECASE)
_SPOKEN_AS_VOWEL: Final = re.compile(r"(?:[aeiou]|hour|honest|honou?r|heir)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of literal text, then a slot or nothing."""

    literal: str
    slot: str = ""
    article: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A text whose slots are known to be plain."""

    text: str
    pieces: tuple[Piece, ...]

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of its slots, each once, in order of appearance."""
        return tuple(dict.fromkeys(piece.slot for piece in self.pieces if piece.slot))

    def fill(self, nouns: Mapping[str, str], with_articles: Mapping[str, str]) -> str:
        """Return the text with every slot replaced, by its noun or by its noun with article."""
        parts: list[str] = []
        for piece in self.pieces:
            parts.append(piece.literal)
            if piece.slot:
                parts.append((with_articles if piece.article else nouns)[piece.slot])
        return "".join(parts)


def parse_template(text: str) -> Template:
    """Split ``text`` at its slots.

    Raises:
        ValueError: If a brace is left open, or a slot is empty, positional, or more than a plain name.

    Example:
        >>> parse_template("a photo of {a_profession}").slots
        ('profession',)
        >>> parse_template("{profession.__class__}")
        Traceback (most recent call last):
        ...
        ValueError: the slot {profession.__class__} reaches into an attribute
    """
    pieces = []
    for literal, field, spec, conversion in string.Formatter().parse(text):
        if field is None:
            pieces.append(Piece(literal=literal))
            continue
        _check_slot(field, spec or "", conversion or "")
        name = field.removeprefix(ARTICLE)
        pieces.append(Piece(literal=literal, slot=name, article=field.startswith(ARTICLE)))
    return Template(text=text, pieces=tuple(pieces))


def put_phrase(template: Template, phrase: Template) -> Template:
    """Return ``template`` with ``phrase`` in the place of its slot, the article of the slot included.

    Example:
        >>> whole = put_phrase(parse_template("a photo of {a_job}."), parse_template("a male {job}"))
        >>> whole.fill({"job": "nurse"}, {"job": "a nurse"})
        'a photo of a male nurse.'
    """
    pieces: list[Piece] = []
    for piece in template.pieces:
        pieces.append(Piece(literal=piece.literal))
        pieces += phrase.pieces if piece.slot else ()
    return Template(text=template.text, pieces=tuple(pieces))


def with_article(noun: str, article: str | None = None) -> str:
    """Return ``noun`` after ``article``, or after "a" or "an" as it is spoken.

    Example:
        >>> with_article("engineer"), with_article("university professor"), with_article("hour")
        ('an engineer', 'a university professor', 'an hour')
        >>> with_article("Moon", "the")
        'the Moon'
    """
    if article is None:
        vowel = _SPOKEN_AS_VOWEL.match(noun) and not _SPOKEN_AS_CONSONANT.match(noun)
        article = "an" if vowel else "a"
    return f"{article} {noun}".strip()


def _check_slot(field: str, spec: str, conversion: str) -> None:
    if not field and not spec and not conversion:
        raise ValueError("the slot {} has no name")
    if field.isdigit():
        raise ValueError(f"the slot {{{field}}} is a position, not a name")
    if "." in field:
        raise ValueError(f"the slot {{{field}}} reaches into an attribute")
    if "[" in field:
        raise ValueError(f"the slot {{{field}}} reaches into an item")
    if conversion:
        raise ValueError(f"the slot {{{field}!{conversion}}} has a conversion")
    if spec:
        raise ValueError(f"the slot {{{field}:{spec}}} has a format")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", field):
        raise ValueError(f"the slot {{{field}}} is not made of small letters, digits and underscores")


def prompt_id(suite: str, role: str, text: str) -> str:
    """Return the first 16 hex digits of the SHA-256 of suite, role and text (NFC), as a JSON list.

    Example:
        >>> prompt_id("professions", "subject", "a photo of a nurse")
        '63452ac0cdbdfd52'
    """
    parts = [unicodedata.normalize("NFC", part) for part in (suite, role, text)]
    return hashlib.sha256(_canonical(parts)).hexdigest()[:16]


def suite_digest(name: str, version: str, prompts: Sequence[Prompt], questions: Sequence[Question] = ()) -> str:
    """Return the SHA-256 over name, version, every prompt with all that it carries, and questions, as 64 hex digits."""
    asked = [asdict(question) for question in questions]
    whole = [name, version, [asdict(prompt) for prompt in prompts], *([asked] if asked else [])]
    return hashlib.sha256(_canonical(whole)).hexdigest()


def _canonical(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
