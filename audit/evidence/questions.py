"""The questions of a run's suites, as its spec keeps them: a judge of labels may be asked later than the suites."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydantic import TypeAdapter, ValidationError

from audit.errors import EnvironmentProblem
from audit.evidence.specs import SPEC_NAME
from audit.evidence.store import RunFolder
from audit.records import Question

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
