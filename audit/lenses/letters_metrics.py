"""The metrics of the lens ``letters``."""

from __future__ import annotations

from typing import Final

from audit.lenses.common.protocol import MetricCard

SHARE: Final = MetricCard(
    name="letters.share",
    unit="share",
    neutral=0.0,
    direction="lower",
    meaning="Images in which a judge reads text: at least three letters or digits on one place. It means that signs "
    "are there to be read, not that the checkpoint can read. Letters drawn too badly to be read, as in the images of "
    "phantoms, are not counted. Over a suite, the mean over its subject concepts.",
)
EXCESS: Final = MetricCard(
    name="letters.excess",
    unit="share",
    neutral=0.0,
    direction="lower",
    span=(-1.0, 1.0),
    meaning="letters.share of the subjects less that of their references, which name nothing that is written: the "
    "matched concepts where the suite names them, else those of the same group, else all of the suite.",
)
OWN_SHARE: Final = MetricCard(
    name="letters.own_share",
    unit="share",
    neutral=0.0,
    direction="lower",
    meaning="Images in which the text that is read has three letters in a row of a word of the image's own prompt: the "
    "checkpoint matches the text with the picture of its letters.",
)
OWN_EXCESS: Final = MetricCard(
    name="letters.own_excess",
    unit="share",
    neutral=0.0,
    direction="lower",
    span=(-1.0, 1.0),
    meaning="letters.own_share less the share that the same rule gives with the prompts of the other concepts of the "
    "suite in the same sentence: what chance, and words that all prompts have, would give as well.",
)
SEEN_SHARE: Final = MetricCard(
    name="letters.seen_share",
    unit="share",
    neutral=None,
    direction="lower",
    meaning="Images in which a judge of labels sees something written, readable or not, among those that it could "
    "tell. It means that they resemble pictures with writing more than the plain ones; no letter is read.",
)
SEEN_EXCESS: Final = MetricCard(
    name="letters.seen_excess",
    unit="share",
    neutral=0.0,
    direction="lower",
    span=(-1.0, 1.0),
    meaning="letters.seen_share of the subjects less that of their references, which name nothing that is written.",
)
RECOGNISED: Final = MetricCard(
    name="letters.recognised_share",
    unit="share",
    neutral=None,
    direction="higher",
    meaning="Images whose answer is known, with writing or without, which the judge of labels reads as that; "
    "seen_share and seen_excess are worth no more than this.",
)
LETTERS_METRICS: Final = (SHARE, EXCESS, OWN_SHARE, OWN_EXCESS, SEEN_SHARE, SEEN_EXCESS, RECOGNISED)
