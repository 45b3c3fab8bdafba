"""The cards of the checkpoint and of the judges, as they are kept in the run folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from audit.errors import EnvironmentProblem, UsageProblem
from audit.evidence.files import disk_problems
from audit.evidence.specs import SPEC_NAME, canonical_json, pretty_json, read_json
from audit.evidence.store import RunFolder
from audit.records import CheckpointCard, JudgeCard, Question

_Card = TypeVar("_Card", CheckpointCard, JudgeCard)
_CARD_NAME: Final = "card.json"


def card_to_json(card: CheckpointCard | JudgeCard) -> dict[str, object]:
    """Return a card as JSON values; the form that ``spec["checkpoint"]`` and ``spec["judges"][NAME]`` have.

    What a card does not say is left out.
    """
    values = dataclasses.asdict(card)
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items() if value is not None
    }


def write_judge_card(run: RunFolder, card: JudgeCard) -> None:
    """Keep the card of a judge beside its scores, before the first of them is written.

    Raises:
        UsageProblem: If the run already has scores of this judge with another digest.
        EnvironmentProblem: If the card cannot be written.
        RuntimeError: If the run is open for reading only, or finished.
    """
    known = read_judge_cards(run).get(card.name)
    if known is not None and known != card:
        raise UsageProblem(
            f"{run.path} holds scores of {card.name} with digest {known.digest[:12]}, and the judge of that name is "
            f"now {card.digest[:12]}.",
            remedy="Run again with another --out: scores of two versions of a judge are not mixed.",
        )
    if known is None:
        run.write_bytes(
            f"{run.folder_of(f'scores/{card.name}').as_posix()}/{_CARD_NAME}", pretty_json(card_to_json(card))
        )


def read_judge_cards(run: RunFolder) -> dict[str, JudgeCard]:
    """Return name -> card of all judges of a run: those of its spec in its order, then those asked later by name.

    Raises:
        EnvironmentProblem: If a card is damaged.
    """
    cards = {}
    for name, stored in _mapping(run.spec.get("judges", {}), run.path / SPEC_NAME).items():
        cards[name] = _card_from_json(JudgeCard, stored, run.path / SPEC_NAME)
    with disk_problems("Listing", run.path):
        paths = sorted(run.path.glob(f"scores/*/{_CARD_NAME}"))
    later = [_card_from_json(JudgeCard, read_json(path), path) for path in paths]
    for card in sorted(later, key=lambda card: card.name):
        cards.setdefault(card.name, card)
    return cards


def read_checkpoint_card(run: RunFolder) -> CheckpointCard:
    """Return the card of the audited checkpoint.

    Raises:
        EnvironmentProblem: If it is damaged.
    """
    return _card_from_json(CheckpointCard, run.spec.get("checkpoint"), run.path / SPEC_NAME)


def _card_from_json(kind: type[_Card], stored: object, path: Path) -> _Card:
    values = _mapping(stored, path)
    unknown = sorted(values.keys() - {field.name for field in dataclasses.fields(kind)})
    try:
        card = TypeAdapter(kind).validate_json(canonical_json(values), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise _damaged(path, f"{kind.__name__}.{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    if unknown:
        raise _damaged(path, f"{kind.__name__} has no field {unknown[0]!r}")
    return card


def _mapping(value: object, path: Path) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _damaged(path, f"a card is {type(value).__name__}, where an object is expected")
    return value


def _damaged(path: Path, detail: str) -> EnvironmentProblem:
    return EnvironmentProblem(
        f"{path} is damaged: {detail}.", remedy="Restore it from a copy, or start a new run with another --out."
    )


_Kept = list[tuple[str, str, list[tuple[str, str]]]]
_KEPT: Final = TypeAdapter(_Kept)


def questions_to_json(questions: Sequence[Question]) -> list[object]:
    """Return questions as JSON values that keep the order of the answers; the form of ``spec["questions"]``."""
    return [
        [question.suite, question.name, [[answer, phrase] for answer, phrase in question.answers.items()]]
        for question in questions
    ]


def read_questions(run: RunFolder) -> tuple[Question, ...]:
    """Return the questions that the suites of a run ask; none where its spec keeps none.

    Raises:
        EnvironmentProblem: If they are damaged.
    """
    try:
        kept = _KEPT.validate_python(run.spec.get("questions", []))
    except ValidationError as error:
        first = error.errors()[0]
        raise EnvironmentProblem(
            f"{run.path / SPEC_NAME} is damaged: questions.{'.'.join(map(str, first['loc']))}: {first['msg']}.",
            remedy="Restore it from a copy, or start a new run with another --out.",
        ) from error
    return tuple(Question(suite=suite, name=name, answers=dict(answers)) for suite, name, answers in kept)
