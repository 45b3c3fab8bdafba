"""How often a judge is right on a folder of photographs that people labelled, by group of the people in them.

Sensitivity is the share of pictures that show the thing which the judge reads so; specificity the share of those that
show its opposite and that it reads as that. Both are taken among the pictures in which it reads one or the other, as
labels of a run are (``lenses/common/judge_errors``); how many it reads so at all stands beside them. Its own threshold
counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from audit.errors import UsageProblem
from audit.evidence import ANSWERS, SAFE, UNSAFE
from audit.evidence.own_pictures import PictureRow, open_own_picture, read_picture_rows
from audit.judges.judge_protocol import Judge
from audit.lenses.common.verdicts import SEEN_CLASSES, gender_verdicts, reads_from
from audit.pipeline.progress import Progress
from audit.records import ASKS_GENDER, ASKS_NSFW, JudgeCard, Score
from audit.studies.own_images.group_measures import GroupRate, group_rates
from audit.studies.own_images.people_file import Sitter

SIDES: Final[Mapping[str, tuple[str, str]]] = {ASKS_GENDER: ("woman", "man"), ASKS_NSFW: (UNSAFE, SAFE)}
"""Question -> the label of the thing, and that of its opposite."""
_COLUMNS: Final = ("person", "group", "question", "label")
_AT_ONCE: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionErrors:
    """How a judge reads labelled pictures, for one question."""

    question: str
    thing: str
    opposite: str
    sensitivity: tuple[GroupRate, ...]
    specificity: tuple[GroupRate, ...]
    read: tuple[GroupRate, ...]
    """Share of the pictures of either side in which the judge reads one or the other."""
    other_labels: int
    """Pictures whose label is neither side; they say nothing here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeCalibration:
    """How one judge reads a folder."""

    judge: str
    digest: str
    threshold: float
    """Least score of a verdict."""
    questions: tuple[QuestionErrors, ...]


def read_photo_labels(path: Path, folder: Path) -> tuple[PictureRow, ...]:
    """Read what people say of photographs: columns ``file``, ``person``, ``group``, ``question``, ``label``.

    Raises:
        UsageProblem: If a row is wrong; names file, line and column.
    """
    group_of: dict[str, str] = {}

    def check(fields: Mapping[str, str]) -> str:
        answers = ANSWERS.get(fields["question"])
        if answers is None:
            return f"column question: {fields['question']!a} is none of {', '.join(ANSWERS)}"
        if fields["label"].replace(" ", "_") not in answers:
            return f"column label: {fields['label']!a} is none of {', '.join(answers)}"
        group = group_of.setdefault(fields["person"], fields["group"])
        return "" if group == fields["group"] else f"column group: the same person is in {group!a} before"

    return read_picture_rows(path, folder, columns=_COLUMNS, key=("question",), check=check)


def calibrate_judge(judge: Judge, rows: Sequence[PictureRow], folder: Path, progress: Progress) -> JudgeCalibration:
    """Show a judge the labelled photographs of a folder, and count how often it is right.

    Raises:
        UsageProblem: If the judge answers no question that the labels are about, or a picture cannot be read.
    """
    questions = [one for one in SIDES if one in judge.card.asks and any(row.fields["question"] == one for row in rows)]
    if not questions:
        raise UsageProblem(
            f"The judge {judge.card.name} answers {', '.join(judge.card.asks)}, and no label is about that.",
            remedy=f"Name another judge, or label for one of: {', '.join(SIDES)}.",
        )
    files = sorted({row.file for row in rows if row.fields["question"] in questions})
    progress.begin(f"judging by {judge.card.name}", len(files))
    scores: dict[str, Score] = {}
    for first in range(0, len(files), _AT_ONCE):
        scores |= _scored(judge, files[first : first + _AT_ONCE], folder)
        progress.advance(len(files[first : first + _AT_ONCE]))
    return JudgeCalibration(
        judge=judge.card.name,
        digest=judge.card.digest,
        threshold=reads_from(judge.card),
        questions=tuple(_errors(one, judge.card, rows, scores) for one in questions),
    )


def _scored(judge: Judge, files: Sequence[str], folder: Path) -> dict[str, Score]:
    pictures = []
    for file in files:
        pixels = np.array(open_own_picture(folder, file)[0], dtype=np.uint8)
        pictures.append((file, torch.from_numpy(pixels).permute(2, 0, 1).contiguous()))
    found: dict[str, Score] = {}
    for _, alike in groupby(pictures, key=lambda one: tuple(one[1].shape)):
        names, tensors = zip(*alike, strict=True)
        found |= dict(zip(names, judge.score(torch.stack(tensors)), strict=True))
    return found


def _errors(question: str, card: JudgeCard, rows: Sequence[PictureRow], scores: Mapping[str, Score]) -> QuestionErrors:
    thing, opposite = SIDES[question]
    asked = [row for row in rows if row.fields["question"] == question]
    sided = [row for row in asked if row.fields["label"] in (thing, opposite)]
    readings = dict(zip([row.file for row in sided], _readings(question, card, sided, scores), strict=True))
    seen = [row for row in sided if np.isfinite(readings[row.file])]

    def rates(of: Sequence[PictureRow], hits: Sequence[float], what: str) -> tuple[GroupRate, ...]:
        return group_rates([_sitter(row) for row in of], np.array(hits), f"{what} {question} {card.name}")

    with_it = [row for row in seen if row.fields["label"] == thing]
    without = [row for row in seen if row.fields["label"] == opposite]
    return QuestionErrors(
        question=question,
        thing=thing,
        opposite=opposite,
        sensitivity=rates(with_it, [readings[row.file] for row in with_it], "sensitivity"),
        specificity=rates(without, [1 - readings[row.file] for row in without], "specificity"),
        read=rates(sided, [float(np.isfinite(readings[row.file])) for row in sided], "read"),
        other_labels=len(asked) - len(sided),
    )


def _readings(
    question: str, card: JudgeCard, rows: Sequence[PictureRow], scores: Mapping[str, Score]
) -> Float[np.ndarray, " rows"]:
    """Return 1.0 where the judge reads the thing, 0.0 where its opposite, and NaN where it reads neither."""
    columns = SEEN_CLASSES if question == ASKS_GENDER else ("unsafe",)
    nothing = dict.fromkeys(columns, np.nan)
    table = pd.DataFrame([scores[row.file].values or nothing for row in rows], columns=list(columns), dtype=float)
    table = table.assign(usable=table[list(columns)].notna().all(axis=1))
    if question == ASKS_GENDER:
        verdicts = gender_verdicts(table, reads_from(card))
        return np.asarray(verdicts.map({"woman": 1.0, "man": 0.0}).to_numpy(dtype=float))
    return np.asarray((table["unsafe"] >= reads_from(card)).astype(float).where(table["usable"]).to_numpy())


def _sitter(row: PictureRow) -> Sitter:
    return Sitter(file=row.file, person=row.fields["person"], group=row.fields["group"])
