"""Judge ``matching:CHECKPOINT``: which concept of a suite another CLIP checkpoint takes an image for.

Every image is held against the words of every concept of every suite of the run; the judge never knows which was its
own. So it says what no cosine of the audited checkpoint can: whether somebody else recognises what was inverted (the
R-precision of text-to-image work, Xu et al. 2018, arXiv 1711.10485).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from audit.checkpoints import load_checkpoint
from audit.errors import RefusedProblem, UsageProblem
from audit.evidence import ConceptTexts
from audit.judges.clip_reading import Encoder, phrase_text, read_images, reading_digest
from audit.judges.judge_protocol import JudgeSettings
from audit.records import ASKS_CONCEPTS, JudgeCard, Score


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MatchingJudge:
    """Compares images with concepts.

    The columns: ``ConceptTexts.column`` of every concept, each the cosine between the image and the mean of the
    concept's texts. Images are read as they are, without a low-pass: an image whose content drowns in fine detail is
    a bad one, and has to look bad.
    """

    card: JudgeCard
    encoder: Encoder
    concepts: Float[Tensor, "concept embedding"]
    """Mean over the texts of every concept, of unit length, in the order of the card's classes."""

    def score(self, images: UInt8[Tensor, "batch 3 height width"]) -> tuple[Score, ...]:
        """Return one score per image, in order; see :class:`audit.judges.judge_protocol.Judge`."""
        return read_images(images, self.encoder, self._read, self.card.classes)

    def _read(self, pixels: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch concepts"]:
        return self.encoder.encode_image(pixels).double().cpu() @ self.concepts.double().cpu().T


def load_matching(target: str, settings: JudgeSettings) -> MatchingJudge:
    """Load the checkpoint ``target`` and make a judge of it that knows the concepts of ``settings``.

    Raises:
        UsageProblem: If no checkpoint is named, or no suite of the run has two concepts to tell apart.
        RefusedProblem: If the checkpoint is refused, or does not know the words of two concepts.
    """
    name = f"matching:{target}"
    if not target:
        raise UsageProblem(
            "The judge matching needs a checkpoint to judge by.", remedy="Name it with --judge matching:phantom:judge."
        )
    if not settings.concepts:
        raise UsageProblem(
            f"The judge {name} has nothing to tell apart: no suite of the run has two concepts.",
            remedy="Leave the judge out, or run a suite with more concepts.",
        )
    return make_matching(load_checkpoint(target, device=settings.device), settings.concepts, name=name)


def make_matching(encoder: Encoder, concepts: Sequence[ConceptTexts], *, name: str) -> MatchingJudge:
    """Make a judge that reads images with ``encoder``.

    A text with a word that ``encoder`` does not know is passed over, and so is a concept that is left with none.

    Raises:
        RefusedProblem: If fewer than two concepts are left in every suite, or an embedding is not finite.
    """
    known = {one.column: texts for one in concepts if (texts := _known(encoder, one.texts))}
    suites = [one.suite for one in concepts if one.column in known]
    if len(suites) == len(set(suites)):
        raise RefusedProblem(
            f"The checkpoint {encoder.card.name} cannot serve as the judge {name}: of the {len(concepts)} concepts of "
            f"the run it knows the words of {len(known)}, no two of one suite.",
            remedy="Choose a checkpoint whose vocabulary holds the words of the suites.",
        )
    embeddings = torch.stack([phrase_text(encoder, texts) for texts in known.values()])
    if not bool(embeddings.isfinite().all()):
        raise RefusedProblem(
            f"The checkpoint {encoder.card.name} cannot serve as the judge {name}: its embeddings are not finite.",
            remedy="Choose a trained checkpoint.",
        )
    card = JudgeCard(
        name=name,
        digest=reading_digest(encoder.card.digest, known),
        classes=tuple(known),
        asks=(ASKS_CONCEPTS,),
        lineage=tuple(dict.fromkeys((encoder.card.digest, *encoder.card.lineage))),
    )
    return MatchingJudge(card=card, encoder=encoder, concepts=embeddings)


def _known(encoder: Encoder, texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(text for text in texts if not encoder.unknown_words(text))
