"""What the lenses of words measure on phantoms, beside what is known of them: word order, wording, fine classes.

The text parts need no image: the suite is read by the text tower alone, in seconds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from audit.checkpoints import load_checkpoint
from audit.evidence import IMAGES, Evidence, build_table, prompts_table
from audit.lenses import LENSES, TextLens
from audit.pipeline import Silence
from audit.pipeline.embedding import read_by
from audit.records import Finding
from audit.suites import load_suite, suite_path

Row = tuple[str, str, str, str]
"""Question, what the phantom plants, what was measured with its interval, what was asked."""

ALIKE: Final = ("order of a couple", "empty scenes", "ways to say male nurse", "ways to say female engineer")
"""Families of ``phantom/granularity`` that hold one thing said twice."""


def read_texts_of(checkpoint: str, *suites: Path) -> Evidence:
    """Return evidence of a run of these suites in which no image was made."""
    loaded = load_checkpoint(checkpoint)
    prompts = prompts_table([prompt for path in suites for prompt in load_suite(path).prompts])
    lenses = [lens for lens in LENSES.values() if isinstance(lens, TextLens)]
    texts = dict.fromkeys([*prompts["text"].tolist(), *(text for lens in lenses for text in lens.wants(prompts))])
    known = [text for text in texts if not loaded.unknown_words(text)]
    return Evidence(
        prompts=prompts,
        images=build_table(IMAGES, []),
        scores={},
        judges={},
        checkpoint=loaded.card,
        texts=read_by(loaded, known, Silence()),
    )


def found(evidence: Evidence, metric: str, subject: str = "*") -> Finding:
    """Return the finding of a metric on the one suite that its lens was written for."""
    answers = LENSES[metric.partition(".")[0]].examine(evidence).findings
    [finding] = [f for f in answers if f.metric == metric and f.subject == subject]
    return finding


def said(finding: Finding) -> str:
    """Write a value with its interval."""
    estimate = finding.estimate
    if estimate.value is None:
        return "not measured"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def composition_texts(checkpoint: str) -> Evidence:
    """Return what a phantom reads in the swapped pairs of its world."""
    return read_texts_of(checkpoint, suite_path("phantom/compositional"))


def wording_texts(checkpoint: str) -> Evidence:
    """Return what a phantom reads in captions that say one thing in two ways."""
    return read_texts_of(checkpoint, suite_path("phantom/wording"))


def granularity_texts(checkpoint: str) -> Evidence:
    """Return what a phantom reads in the classes of its world."""
    return read_texts_of(checkpoint, suite_path("phantom/granularity"))
