"""The scale of a subject: its own text said in two opposite ways, and places between the two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from audit.records import GRADE, JOINED, OPPOSITES, QUESTION, SCALE_OF, Prompt, Role
from audit.suites.document import Document, Place
from audit.suites.identity import prompt_id
from audit.suites.tables import BlockTable
from audit.suites.templates import NAMED_BRACES, Template, parse_template, put_phrase

GRADES: Final = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""Places of the texts that a subject's scale is made of; the outer two are plain texts with a known answer."""


def opposite_ends(document: Document, block: BlockTable, template: Template, place: Place) -> Mapping[str, Template]:
    """Return ``template`` with its slot said in the two ways of the block's ``between``, if it has one."""
    if block.between is None:
        return {}
    remedy = 'As in between = { man = "a male {job}", woman = "a female {job}" }, in a block of the role subject.'
    if block.role != "subject" or len(template.slots) != 1 or JOINED in template.text:
        what = f"only subjects with one slot, and without {JOINED!r}, have a scale."
        raise document.problem(place, what, remedy=remedy)
    between = {str(answer): phrase for answer, phrase in block.between.items()}
    upper = next((answer for answer in between if answer in OPPOSITES), "")
    if set(between) != {upper, OPPOSITES.get(upper)}:
        known = " or ".join(f"{one} and {other}" for one, other in OPPOSITES.items())
        raise document.problem(place, f"between needs two opposite answers: {known}.", remedy=remedy)
    try:
        phrases = {answer: parse_template(between[answer]) for answer in (upper, OPPOSITES[upper])}
    except ValueError as error:
        raise document.problem(place, f"in between, {error}.", remedy=NAMED_BRACES) from error
    if any(phrase.slots != template.slots for phrase in phrases.values()) or len(set(phrases.values())) < len(phrases):
        what = f"between needs two different phrases with the slot {template.slots[0]!r} of {template.text!r}."
        raise document.problem(place, what, remedy=remedy)
    return {answer: put_phrase(template, phrase) for answer, phrase in phrases.items()}


def scale_of(subject: Prompt, ends: Mapping[str, str], question: str) -> Iterator[Prompt]:
    """Yield the scale of ``subject`` in the order of the grades; two subjects may share texts, so ids name theirs."""
    if not ends:
        return
    upper, lower = ends
    for grade in GRADES:
        expected = {1.0: upper, -1.0: lower}.get(grade, "")
        role: Role = "explicit" if expected else "graded"
        text = ends[expected] if expected else JOINED.join(ends.values())
        yield replace(
            subject,
            prompt_id=prompt_id(subject.suite, f"{role} {grade:+g} for {subject.prompt_id}", text),
            text=text,
            role=role,
            expected=expected,
            facts={**subject.facts, SCALE_OF: subject.prompt_id, QUESTION: question, GRADE: grade},
        )
