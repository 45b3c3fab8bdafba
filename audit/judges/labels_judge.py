"""Judge ``labels:CHECKPOINT``: how similar another CLIP checkpoint finds an image to each answer of each question.

The questions are those of the run's suites ("where is this: at the beach, in the street, ..."), and every image is held
against all of them, whatever its prompt was: the judge never knows it. The scores are raw cosines, so that what counts
as an answer can be decided, and decided again, without a new run; ``JudgeCard.scale`` is the factor at which the
checkpoint's own softmax turns the cosines of one question into shares.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from audit.checkpoints import load_checkpoint
from audit.errors import RefusedProblem, UsageProblem
from audit.judges.clip_reading import (
    Encoder,
    bounded_scale,
    known_templates,
    logit_scale,
    looks,
    phrase_text,
    read_images,
    reading_digest,
    soft_cosine,
)
from audit.judges.judge_protocol import JudgeSettings
from audit.records import ASKS_LABELS, JOINED, JudgeCard, Question, Score

_SMALLEST_GAP: Final = 1e-4
"""1 - cosine of the texts of two answers, below which a checkpoint does not tell them apart."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelsJudge:
    """Compares images with the answers of questions.

    The columns: ``Question.column(answer)`` for every answer of every question, each the cosine between the image and
    the answer's phrase, which is the mean over a set of sentences; the mean over low-passed looks at the image. An
    answer of several phrases ("a beach || people on a beach") is a mixture of them, as a class of a zero-shot judge is.
    """

    card: JudgeCard
    encoder: Encoder
    phrases: Float[Tensor, "phrase embedding"]
    """Mean over the sentences of every phrase, of unit length."""
    rows: tuple[int, ...]
    """Answer of every phrase, as its place among the card's classes."""
    scale: float

    def score(self, images: UInt8[Tensor, "batch 3 height width"]) -> tuple[Score, ...]:
        """Return one score per image, in order; see :class:`audit.judges.judge_protocol.Judge`."""
        return read_images(images, self.encoder, self._read, self.card.classes)

    def _read(self, pixels: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch answers"]:
        return torch.stack([self._table(look) for look in looks(pixels)]).mean(dim=0)

    def _table(self, pixels: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch answers"]:
        """Return the columns of one look at the images."""
        cosines = self.encoder.encode_image(pixels).double().cpu() @ self.phrases.double().cpu().T
        rows = torch.tensor(self.rows)
        places = range(len(self.card.classes))
        return torch.stack([soft_cosine(cosines[:, rows == place], self.scale) for place in places], dim=1)


def load_labels(target: str, settings: JudgeSettings) -> LabelsJudge:
    """Load the checkpoint ``target`` and make a judge of it that answers the questions of ``settings``.

    Raises:
        UsageProblem: If no checkpoint is named, or there is no question.
        RefusedProblem: If the checkpoint is refused, or cannot answer a question.
    """
    name = f"labels:{target}"
    if not target:
        raise UsageProblem(
            "The judge labels needs a checkpoint to judge by.", remedy="Name it with --judge labels:phantom:witness."
        )
    if not settings.questions:
        raise UsageProblem(
            f"The judge {name} has nothing to answer: no suite of the run asks a question.",
            remedy="Leave the judge out, or run a suite with a [[question]], such as contexts.",
        )
    return make_labels(load_checkpoint(target, device=settings.device), settings.questions, name=name)


def make_labels(encoder: Encoder, questions: Sequence[Question], *, name: str) -> LabelsJudge:
    """Make a judge that reads images with ``encoder``.

    Raises:
        RefusedProblem: If the encoder does not know a word of an answer, or does not tell two answers apart.
    """
    sentences = {
        question.column(answer): lines
        for question in questions
        for answer, lines in _sentences(encoder, question, name).items()
    }
    phrases = torch.stack([phrase_text(encoder, lines) for said in sentences.values() for lines in said])
    rows = tuple(place for place, said in enumerate(sentences.values()) for _ in said)
    scale = logit_scale(encoder)
    if not (bool(phrases.isfinite().all()) and math.isfinite(scale)):
        raise RefusedProblem(
            f"The checkpoint {encoder.card.name} cannot serve as the judge {name}: its embeddings of the answers are "
            "not finite.",
            remedy="Choose a trained checkpoint.",
        )
    means = [nn.functional.normalize(phrases[torch.tensor(rows) == place].mean(dim=0), dim=0) for place in set(rows)]
    by_column = dict(zip(sentences, means, strict=True))
    for question in questions:
        _refuse_alike(encoder, question, by_column, name)
    card = JudgeCard(
        name=name,
        digest=reading_digest(
            encoder.card.digest,
            {column: [line for lines in said for line in lines] for column, said in sentences.items()},
        ),
        classes=tuple(sentences),
        asks=(ASKS_LABELS,),
        lineage=tuple(dict.fromkeys((encoder.card.digest, *encoder.card.lineage))),
        scale=bounded_scale(scale),
    )
    return LabelsJudge(card=card, encoder=encoder, phrases=phrases, rows=rows, scale=bounded_scale(scale))


def _sentences(encoder: Encoder, question: Question, name: str) -> Mapping[str, tuple[tuple[str, ...], ...]]:
    """Return the sentences of every phrase of every answer; all of one question stand in the same templates."""
    phrases = {answer: tuple(said.split(JOINED)) for answer, said in question.answers.items()}
    for phrase in (phrase for said in phrases.values() for phrase in said):
        unknown = encoder.unknown_words(phrase)
        if unknown:
            raise RefusedProblem(
                f"The checkpoint {encoder.card.name} cannot serve as the judge {name}: it does not know "
                f"{', '.join(unknown)} in {phrase!r}, an answer to the question {question.name!r} of the suite "
                f"{question.suite}.",
                remedy="Choose a judge whose captions hold these words, or leave that suite out.",
            )
    templates = known_templates(encoder, [phrase for said in phrases.values() for phrase in said])
    return {
        answer: tuple(tuple(template.format(phrase) for template in templates) for phrase in said)
        for answer, said in phrases.items()
    }


def _refuse_alike(encoder: Encoder, question: Question, phrases: Mapping[str, Tensor], name: str) -> None:
    for one, other in itertools.combinations(question.answers, 2):
        gap = 1 - float(phrases[question.column(one)].double() @ phrases[question.column(other)].double())
        if not gap > _SMALLEST_GAP:
            raise RefusedProblem(
                f"The checkpoint {encoder.card.name} cannot serve as the judge {name}: its texts for "
                f"{question.answers[one]!r} and {question.answers[other]!r}, answers to the question "
                f"{question.name!r} of the suite {question.suite}, differ by {gap:.1e} in cosine.",
                remedy="Choose a checkpoint whose captions told the two apart, or leave that suite out.",
            )
