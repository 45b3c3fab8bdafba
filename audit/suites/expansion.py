"""From the name of a suite to its prompts: names into files, slots into prompts.

Every template is written out with every entry of its slots, each prompt with a stable id.
"""

from __future__ import annotations

import difflib
import itertools
import math
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from audit.alike import visible
from audit.errors import EnvironmentProblem, UsageProblem
from audit.opening import at_home, check_named_file, is_folder, is_there
from audit.packaged import PROMPTS
from audit.records import GRADE, JOINED, OPPOSITES, QUESTION, SCALE_OF, UNWORDED, Prompt, PromptSuite, Question, Role
from audit.suites.document import Document, Place, read_document
from audit.suites.minors import named_minor
from audit.suites.suite_tables import CONTROL_ROLES, BlockTable, EntryTable, SuiteTable, parse_tables
from audit.suites.templates import (
    ARTICLE,
    NAMED_BRACES,
    Template,
    parse_template,
    prompt_id,
    put_phrase,
    suite_digest,
    with_article,
)

OWN: Final = "own_"
"""What the name of a suite begins with that a checkpoint's own folder carries; no shipped suite is called so."""


def load_suite(path: Path, *, own: bool = False) -> PromptSuite:
    """Read, check and expand the suite in ``path``; a file that was not changed since is expanded once a process.

    Args:
        path: Its file.
        own: Whether it comes with the checkpoint that is asked. It then bears that in its name, wherever the name
            stands, and is never taken for a shipped suite or for one of the user's.

    Raises:
        UsageProblem: If there is no usable suite in the file; says file, line, what was found, and the remedy.
    """
    return _expanded(read_document(path), OWN if own else "")


@lru_cache(maxsize=64)
def _expanded(document: Document, prefix: str) -> PromptSuite:
    table = parse_tables(document)
    if not prefix and table.name.startswith(OWN):
        raise document.problem(
            ("name",),
            f"the name begins with {OWN}, as only those of suites in a checkpoint's folder do.",
            remedy="Give it another name.",
        )
    return expand(document, table.model_copy(update={"name": prefix + table.name}))


def own_sentences(suites: Iterable[str]) -> tuple[str, ...]:
    """Say which suites of a run come from the checkpoint's own folder; nothing where none does."""
    names = ", ".join(sorted(name for name in suites if name.startswith(OWN)))
    return (f"Asked from the checkpoint's own folder, in words that its maker chose: {names}.",) if names else ()


def suite_path(name: str) -> Path:
    """Return the file of a suite.

    Args:
        name: A shipped suite ("professions", "phantom/professions"), or the path of a ``.toml`` file.

    Raises:
        UsageProblem: If there is no such suite.
    """
    if name.endswith(".toml"):
        path = at_home(name)
        check_named_file(path, "Check the path; a shipped suite is named without .toml, as in phantom/professions.")
        return path
    known = {suite_name(path): path for path in list_suites()}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]!r}? " if near and re.fullmatch(r"[\w/-]+", name) else ""
    raise UsageProblem(
        f"There is no suite {name!r}.",
        remedy=f"{hint}Shipped suites: {', '.join(known)}; or give the path of a .toml file.",
    )


def suite_files(name: str) -> dict[str, Path]:
    """Return the files of a suite, or of all suites of a folder, by the names that ``suite_path`` takes.

    Args:
        name: As ``suite_path`` takes it, or the path of a folder: of suites, or of a checkpoint that carries some.

    Raises:
        UsageProblem: If there is no such suite or folder, no suite in the folder, or a link that leads out of it.
        EnvironmentProblem: If the folder cannot be read.
    """
    folder = at_home(name)
    if name.endswith(".toml") or name in map(suite_name, list_suites()) or not is_there(folder):
        return {name: suite_path(name)}
    if not is_folder(folder):
        raise UsageProblem(f"{name} is no folder and no .toml file.", remedy="Name a suite, a file or a folder.")
    found = suites_in(folder / OWN_SUITES) if is_there(folder / OWN_SUITES) else suites_in(folder)
    if not found:
        raise UsageProblem(f"The folder {name} holds no suite.", remedy="Name one that holds .toml files.")
    return {str(path): path for path in found}


OWN_SUITES: Final = "suites"
"""Folder of prompt suites that a checkpoint's folder may carry."""


def suites_in(folder: Path) -> tuple[Path, ...]:
    """Return the ``.toml`` files of a folder, sorted by name; none where there is no such folder.

    Raises:
        UsageProblem: If one of them, or the folder, is a link that leads nowhere or out of where it stands.
        EnvironmentProblem: If the folder cannot be read.
    """
    try:
        if not os.path.lexists(folder):
            return ()
        files = sorted(path for path in folder.iterdir() if path.suffix == ".toml")
        roots = {folder: folder.parent.resolve(strict=True), **dict.fromkeys(files, folder.resolve(strict=True))}
        strays = [path for path, root in roots.items() if not path.resolve(strict=True).is_relative_to(root)]
    except (FileNotFoundError, NotADirectoryError, RuntimeError) as error:
        raise UsageProblem(
            f"{folder} holds a link that leads nowhere, or is no folder of suites ({_reason(error)}).",
            remedy="Put the files themselves into it, or remove it.",
        ) from error
    except OSError as error:
        raise EnvironmentProblem(
            f"The folder {folder} cannot be read: {error.strerror}.", remedy="Give yourself the right to read it."
        ) from error
    if strays:
        raise UsageProblem(
            f"{strays[0]} is a link that leads out of its folder.", remedy="Put a copy of the file itself there."
        )
    return tuple(files)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else "") or "the links go in a circle"


def suite_name(path: Path) -> str:
    """Return what ``suite_path`` finds a file by: the name of a shipped suite, and any other path as it is."""
    return path.relative_to(PROMPTS).with_suffix("").as_posix() if path.is_relative_to(PROMPTS) else str(path)


def list_suites() -> tuple[Path, ...]:
    """Return the files of all shipped suites, sorted by name.

    Raises:
        UsageProblem: If their folder is missing.
    """
    if not PROMPTS.is_dir():
        raise UsageProblem(
            f"The shipped suites are missing: there is no folder {PROMPTS}.",
            remedy="Install clip-audit again, or give the path of a .toml file.",
        )
    return tuple(sorted(PROMPTS.rglob("*.toml")))


MAX_PROMPTS: Final = 20_000
"""Most prompts of one suite; checked before anything is expanded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A template with the block and the place that it stands in."""

    template: Template
    block: BlockTable
    place: Place
    ends: Mapping[str, Template]
    """The template with its slot said in two opposite ways, by known answer, that of grade +1 first; empty where the
    block has no ``between``."""
    clothed: Template | None
    """The template with its slot said in clothes; ``None`` where the block does not say it."""


def expand(document: Document, table: SuiteTable) -> PromptSuite:
    """Return the suite with all of its prompts, in the order of the file.

    Blocks come first, then templates, then the product of the slots, the last slot running fastest.

    Raises:
        UsageProblem: If a slot is unknown or unused, a control has no known answer, a concept or a prompt
            stands twice, a prompt names a minor, or there would be more than ``MAX_PROMPTS``.
    """
    _check_slots(document, table)
    lines = [line for number in range(len(table.blocks)) for line in _lines(document, table, number)]
    _check_use(document, table, lines)
    _check_count(document, table, lines)
    prompts: dict[str, Prompt] = {}
    places: dict[str, Place] = {}
    looking: dict[str, str] = {}
    for line in lines:
        for prompt in _prompts(document, table, line):
            if prompt.prompt_id in prompts:
                raise document.problem(
                    line.place,
                    f"the prompt {prompt.text!r} ({prompt.role}) stands twice; first on line "
                    f"{document.line(places[prompt.prompt_id])}.",
                    remedy="Delete one of the two; a prompt that counts twice is not two prompts.",
                )
            _refuse_minor(document, line.place, prompt)
            looks = looking.setdefault(visible(prompt.text), prompt.text)
            if looks != prompt.text:
                raise document.problem(
                    line.place,
                    f"the prompt {prompt.text!a} looks like the prompt {looks!a} and is another.",
                    remedy="Write both with the same characters, or delete one.",
                )
            prompts[prompt.prompt_id] = prompt
            places[prompt.prompt_id] = line.place
    every = tuple(prompts.values())
    questions = tuple(Question(suite=table.name, name=q.name, answers=q.answers) for q in table.questions)
    return PromptSuite(
        name=table.name,
        version=table.version,
        purpose=table.purpose,
        lens=table.lens,
        source=table.source,
        licence=table.licence,
        prompts=every,
        digest=suite_digest(table.name, table.version, every, questions),
        questions=questions,
    )


def _refuse_minor(document: Document, place: Place, prompt: Prompt) -> None:
    for text in prompt.texts:
        word = named_minor(text)
        if word:
            raise document.problem(
                place,
                f"the prompt {text!r} names a minor ({word!r}); no checkpoint is asked to picture one.",
                remedy="Ask about adults, or delete it. If nobody under 18 is meant, say it in another word.",
            )


def shorten(suite: PromptSuite, *, templates: int) -> PromptSuite:
    """Return ``suite`` with the first ``templates`` templates of each concept, in the order of the file.

    Templates are counted within role, group and known answer, so that both arms of a contrast and every control
    keep equally many. A concept with fewer keeps all of its own. The digest is that of what is left.

    Raises:
        ValueError: If ``templates`` is below 1.
    """
    if templates < 1:
        raise ValueError(f"A suite keeps at least one template; got {templates}.")
    kept: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    prompts = []
    for prompt in suite.prompts:
        seen = kept[prompt.role, prompt.concept, prompt.group, prompt.expected]
        if prompt.template not in seen and len(seen) < templates:
            seen.append(prompt.template)
        if prompt.template in seen:
            prompts.append(prompt)
    short = tuple(prompts)
    return replace(suite, prompts=short, digest=suite_digest(suite.name, suite.version, short, suite.questions))


def with_neutralised(suite: PromptSuite) -> PromptSuite:
    """Return ``suite`` with a neutralised subject beside every prompt that has a scale.

    What an audit reads in it is the instrument's own error. It follows from what the suite asks and is no question of
    its own, so the digest stays.
    """
    ends = {
        (prompt.facts[SCALE_OF], prompt.facts[GRADE]): prompt.text
        for prompt in suite.prompts
        if prompt.role == "explicit" and SCALE_OF in prompt.facts and GRADE in prompt.facts
    }
    prompts: list[Prompt] = []
    for prompt in suite.prompts:
        upper, lower = (ends.get((prompt.prompt_id, grade)) for grade in (1.0, -1.0))
        prompts.append(prompt)
        if prompt.role == "subject" and upper is not None and lower is not None:
            prompts.append(_neutralised(prompt, upper, lower))
    return replace(suite, prompts=tuple(prompts))


def _neutralised(subject: Prompt, upper: str, lower: str) -> Prompt:
    text = JOINED.join((subject.text, upper, lower))
    return replace(
        subject,
        prompt_id=prompt_id(subject.suite, f"neutralised for {subject.prompt_id}", text),
        text=text,
        role="neutralised",
        facts={**subject.facts, SCALE_OF: subject.prompt_id, QUESTION: subject.lens},
    )


def keep_roles(suite: PromptSuite, roles: Collection[str]) -> PromptSuite:
    """Return ``suite`` with the prompts of some roles only; the digest is that of what is left."""
    left = tuple(prompt for prompt in suite.prompts if prompt.role in roles)
    return replace(suite, prompts=left, digest=suite_digest(suite.name, suite.version, left, suite.questions))


def over_length(suite: PromptSuite, count_tokens: Callable[[str], int], context_length: int) -> tuple[Prompt, ...]:
    """Return the prompts that a checkpoint would cut off.

    Args:
        suite: What is to be inverted; noise prompts have no text and are passed over.
        count_tokens: Tokens of a text before truncation, special tokens included.
        context_length: Tokens that the checkpoint reads.
    """
    return tuple(
        p
        for p in suite.prompts
        if p.role not in UNWORDED and any(count_tokens(text) > context_length for text in p.texts)
    )


def _check_slots(document: Document, table: SuiteTable) -> None:
    for slot, entries in table.slots.items():
        if slot.startswith(ARTICLE):
            raise document.problem(
                ("slots", slot),
                f"the slot {slot!r} begins with {ARTICLE!r}, which asks for an article.",
                remedy=f"Name it {slot.removeprefix(ARTICLE)!r} and write {{{slot}}} where the article is wanted.",
            )
        first: dict[str, int] = {}
        for number, entry in enumerate(entries):
            seen = visible(entry.concept)
            if seen in first:
                raise document.problem(
                    ("slots", slot, number),
                    f"the concept {entry.concept!a} stands twice in the slot {slot!r}; first on line "
                    f"{document.line(('slots', slot, first[seen]))}, where it is the same or looks like it.",
                    remedy="Delete one of the two, or give it a concept of its own.",
                )
            first[seen] = number


def _lines(document: Document, table: SuiteTable, number: int) -> Iterator[_Line]:
    block = table.blocks[number]
    for row, text in enumerate(block.templates):
        place: Place = ("block", number, "templates", row)
        try:
            template = parse_template(text)
        except ValueError as error:
            raise document.problem(place, f"in {text!r}, {error}.", remedy=NAMED_BRACES) from error
        for slot in template.slots:
            if slot not in table.slots:
                raise document.problem(
                    place,
                    f"{text!r} uses the slot {slot!r}, which [slots] does not have.",
                    remedy=f"Known slots: {', '.join(table.slots) or 'none'}. {NAMED_BRACES}",
                )
        _check_concept(document, block, template, place)
        yield _Line(
            template=template,
            block=block,
            place=place,
            ends=opposite_ends(document, block, template, place),
            clothed=_in_clothes(document, block, template, place),
        )


def _check_concept(document: Document, block: BlockTable, template: Template, place: Place) -> None:
    if block.role == "noise" and template.slots:
        raise document.problem(
            place, "a noise prompt has no text to fill slots of.", remedy='Give it a plain label, as in "noise 1".'
        )
    if block.concept_of is not None and block.concept_of not in template.slots:
        raise document.problem(
            place,
            f"{template.text!r} lacks the slot {block.concept_of!r}, which concept_of names.",
            remedy="Use the slot in every template of the block, or move the template to another block.",
        )
    if len(template.slots) > 1 and block.concept_of is None:
        raise document.problem(
            place,
            f"{template.text!r} has several slots, and it is open which one gives the concept.",
            remedy=f'Add concept_of = "{template.slots[0]}" (or another of them) to the block.',
        )


def _check_use(document: Document, table: SuiteTable, lines: Sequence[_Line]) -> None:
    used = {slot for line in lines for slot in line.template.slots}
    for slot in table.slots:
        if slot not in used:
            raise document.problem(
                ("slots", slot),
                f"no template uses the slot {slot!r}.",
                remedy=f"Use {{{slot}}} or {{a_{slot}}} in a template, or delete the slot.",
            )


def _check_count(document: Document, table: SuiteTable, lines: Sequence[_Line]) -> None:
    total = 0
    for line in lines:
        every = math.prod(len(table.slots[slot]) for slot in line.template.slots)
        total += every * (1 + len(GRADES) * bool(line.ends) + (line.clothed is not None))
        if total > MAX_PROMPTS:
            raise document.problem(
                line.place,
                f"up to here the suite expands to {total:,} prompts; the limit is {MAX_PROMPTS:,}.",
                remedy="Use fewer slots in one template, shorten the lists, or split the suite.",
            )


def _prompts(document: Document, table: SuiteTable, line: _Line) -> Iterator[Prompt]:
    slots = line.template.slots
    for row in itertools.product(*(table.slots[slot] for slot in slots)):
        entries = dict(zip(slots, row, strict=True))
        nouns = {slot: entry.text or entry.concept for slot, entry in entries.items()}
        articles = {slot: with_article(nouns[slot], entry.article) for slot, entry in entries.items()}
        text = unicodedata.normalize("NFC", line.template.fill(nouns, articles))
        role = line.block.role
        main = entries.get(line.block.concept_of or (slots[0] if slots else ""))
        prompt = Prompt(
            prompt_id=prompt_id(table.name, role, text),
            suite=table.name,
            lens=table.lens,
            text=text,
            template=line.template.text,
            concept=main.concept if main else "noise" if role == "noise" else text,
            role=role,
            group=main.group if main else "",
            expected=_expected(document, line, entries),
            facts=main.facts if main else {},
        )
        yield prompt
        ends = {a: unicodedata.normalize("NFC", end.fill(nouns, articles)) for a, end in line.ends.items()}
        yield from scale_of(prompt, ends, table.lens)
        if line.clothed is not None:
            yield _floor_of(prompt, unicodedata.normalize("NFC", line.clothed.fill(nouns, articles)))


def _expected(document: Document, line: _Line, entries: Mapping[str, EntryTable]) -> str:
    """Return the one known answer of a control, and nothing for other roles."""
    stated = {line.block.expected, *(entry.expected for entry in entries.values())} - {None}
    role = line.block.role
    if role not in CONTROL_ROLES:
        if line.block.expected is not None:
            raise document.problem(
                line.place, f"a {role} prompt has no known answer.", remedy="Delete expected, or change the role."
            )
        return ""
    if len(stated) != 1:
        found = " and ".join(sorted(map(str, stated))) or "none"
        raise document.problem(
            line.place,
            f"a control of role {role!r} needs one known answer; found {found}.",
            remedy='Add expected = "..." to the block or to every entry of one of its slots.',
        )
    return str(stated.pop())


_CLOTHED: Final = "clothed"

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


def _in_clothes(document: Document, block: BlockTable, template: Template, place: Place) -> Template | None:
    """Return ``template`` with its slot said in the block's phrase for somebody in clothes, if it has one."""
    if block.clothed is None:
        return None
    remedy = 'As in clothed = "a fully dressed {job}", in a block of the role subject whose scale does not say it.'
    if block.role != "subject" or len(template.slots) != 1:
        raise document.problem(place, "only subjects with one slot have a clothed floor.", remedy=remedy)
    if _CLOTHED in (block.between or {}):
        raise document.problem(place, "the scale of the block says clothed already.", remedy=remedy)
    try:
        phrase = parse_template(block.clothed)
    except ValueError as error:
        raise document.problem(place, f"in clothed, {error}.", remedy=NAMED_BRACES) from error
    if phrase.slots != template.slots:
        what = f"clothed needs a phrase with the slot {template.slots[0]!r} of {template.text!r}."
        raise document.problem(place, what, remedy=remedy)
    return put_phrase(template, phrase)


def _floor_of(subject: Prompt, text: str) -> Prompt:
    """Return the text of ``subject`` in clothes, whose id names it."""
    return replace(
        subject,
        prompt_id=prompt_id(subject.suite, f"{_CLOTHED} for {subject.prompt_id}", text),
        text=text,
        role="explicit",
        expected=_CLOTHED,
        facts={**subject.facts, SCALE_OF: subject.prompt_id},
    )


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
