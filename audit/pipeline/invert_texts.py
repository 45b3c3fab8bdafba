"""Single texts become images, without suites and judges: what ``clip-audit invert`` and ``audit.invert`` do."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from audit.checkpoints import Checkpoint, LoadOptions, load_checkpoint
from audit.errors import UsageProblem
from audit.inversion import Inverted, Inverter, Item, Recipe, References, batch_size, find_recipe
from audit.pipeline.defaults import core_suites
from audit.pipeline.progress import Progress
from audit.precision import check_precision
from audit.records import UNSEEN, UNWORDED
from audit.seeding import derive_seed
from audit.suites import load_suite, shorten, suite_path
from audit.suites.minors import named_minor

_FRAMES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class TextJob:
    """One image to be made of a text."""

    text: str
    replicate: int
    seed: int
    """What the user gave; the seed of the draws is derived from all three."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextInversion:
    """An image that was made of a text, and how."""

    job: TextJob
    image: Inverted
    frames: list[NDArray[np.uint8]] | None
    """Pixels on the way, each (side, side, 3); ``None`` where memory ran out on the way and they are mixed up."""
    precision: str
    seconds: float


@dataclass(slots=True)
class _Film:
    """Keeps some of the images on their way; the loop calls it after every step."""

    wanted: frozenset[int]
    progress: Progress
    frames: list[Tensor] = field(default_factory=list)
    starts: int = 0

    def __call__(self, step: int, images: Tensor) -> None:
        self.starts += step == 1
        self.progress.advance(len(images))
        if step in self.wanted:
            self.frames.append((images * 255).round().byte().cpu())


@dataclass(frozen=True, slots=True, kw_only=True)
class TextInverter:
    """A checkpoint, ready to make images of texts."""

    checkpoint: Checkpoint
    recipe: Recipe
    inverter: Inverter
    warnings: tuple[str, ...]

    def check(self, texts: Sequence[str]) -> tuple[str, ...]:
        """Refuse texts that the checkpoint cannot read, and return a warning for each that it reads in part.

        Raises:
            UsageProblem: If a text is empty, names a minor, or has words that mean nothing to a checkpoint of closed
                vocabulary.
        """
        return _check(texts, self.checkpoint)

    def invert(self, jobs: Sequence[TextJob], progress: Progress) -> Iterator[TextInversion]:
        """Make an image for every job, in their order, as many at once as there is memory for."""
        return _invert(jobs, self.checkpoint, self.recipe, self.inverter, progress)


def load_to_invert(
    name: str, *, recipe: str, steps: int | None, device: str, precision: str, options: LoadOptions
) -> TextInverter:
    """Load a checkpoint to invert texts with it.

    Args:
        name: Of the checkpoint.
        recipe: Name of the recipe.
        steps: Instead of the recipe's own.
        device: Where to compute.
        precision: Of the gradients: one of ``audit.precision.PRECISIONS``.
        options: How the checkpoint is loaded.

    Raises:
        UsageProblem: If there is no such checkpoint, recipe or precision.
        RefusedProblem: If the checkpoint is refused.
    """
    check_precision(precision)
    chosen = find_recipe(recipe)
    if steps is not None:
        chosen = dataclasses.replace(chosen, steps=steps)
    checkpoint = load_checkpoint(name, options=options, device=device)
    compute = chosen.choose_precision(precision, checkpoint.device)
    return TextInverter(
        checkpoint=checkpoint,
        recipe=chosen,
        inverter=Inverter(checkpoint, chosen, compute.precision),
        warnings=(
            *(f"Doubt of the checkpoint: {doubt}" for doubt in checkpoint.card.doubts),
            *((compute.warning,) if compute.warning else ()),
        ),
    )


def _check(texts: Sequence[str], checkpoint: Checkpoint) -> tuple[str, ...]:
    warnings = []
    for text in texts:
        if not text.strip():
            raise UsageProblem("A text is empty.", remedy='Give words to invert, as in "a photo of a nurse".')
        minor = named_minor(text)
        if minor:
            raise UsageProblem(
                f"The text {text!r} names a minor ({minor!r}); no checkpoint is asked to picture one.",
                remedy="Ask about adults. If nobody under 18 is meant, say it in another word.",
            )
        unknown = checkpoint.unknown_words(text)
        if unknown:
            raise UsageProblem(
                f"{checkpoint.card.name} does not know {', '.join(map(repr, unknown[:8]))} in {text!r}.",
                remedy="Its vocabulary is closed, and a word that it never saw means nothing to it: use other words.",
            )
        if checkpoint.count_tokens(text) > checkpoint.card.context_length:
            warnings.append(
                f"{text[:80]!r} is longer than the context of {checkpoint.card.context_length} tokens and is cut."
            )
    return tuple(warnings)


def _invert(
    jobs: Sequence[TextJob], checkpoint: Checkpoint, recipe: Recipe, inverter: Inverter, progress: Progress
) -> Iterator[TextInversion]:
    size = batch_size(recipe, checkpoint.card.image_size, checkpoint.device)
    concepts, references = _references(jobs, checkpoint, inverter)
    wanted = frozenset(recipe.steps * k // _FRAMES for k in range(1, _FRAMES)) - {0}
    progress.begin("inverting (image-steps)", len(jobs) * recipe.steps)
    for first in range(0, len(jobs), size):
        part = jobs[first : first + size]
        items = [
            Item(
                text=job.text, concept=concepts[job.text], seed=derive_seed("invert", job.seed, job.text, job.replicate)
            )
            for job in part
        ]
        film = _Film(wanted=wanted, progress=progress)
        began = time.perf_counter()
        images = inverter.make(items, references, film)
        seconds = (time.perf_counter() - began) / len(part)
        for row, (job, image) in enumerate(zip(part, images, strict=True)):
            frames = [frame[row].permute(1, 2, 0).numpy() for frame in film.frames] if film.starts == 1 else None
            yield TextInversion(job=job, image=image, frames=frames, precision=inverter.precision, seconds=seconds)


def _references(
    jobs: Sequence[TextJob], checkpoint: Checkpoint, inverter: Inverter
) -> tuple[dict[str, str], References]:
    """Return the concept of every text, and the texts that images are placed against: these and the usual prompts."""
    pairs: dict[str, str] = {}
    for name in core_suites(checkpoint.card.name, checkpoint):
        for prompt in shorten(load_suite(suite_path(name)), templates=1).prompts:
            if prompt.role not in UNWORDED | UNSEEN and not checkpoint.unknown_words(prompt.text):
                pairs.setdefault(prompt.text, prompt.concept)
    concepts = {job.text: _concept(job.text, frozenset(pairs.values())) for job in jobs}
    pairs |= concepts
    return concepts, inverter.references(list(pairs), list(pairs.values()))


def _concept(text: str, known: frozenset[str]) -> str:
    """Return the longest known concept that a text names in whole words, or else the text itself."""
    found = [concept for concept in known if re.search(rf"(?<!\w){re.escape(concept)}(?!\w)", text, re.IGNORECASE)]
    return max(found, key=lambda concept: (len(concept), concept), default=text)
