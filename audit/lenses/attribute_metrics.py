"""The metrics of the lens of attributes, the same for each pair of them."""

from __future__ import annotations

from typing import Final

from audit.lenses.common.protocol import MetricCard

QUESTIONS: Final = ("tone_gender", "age_gender")
"""Questions that the lens knows: two attributes, whose values an answer names in the same order, as light_woman."""

_WORDS: Final = {"tone_gender": "perceived skin tone and gender", "age_gender": "perceived age and gender"}


def card_of(question: str, metric: str) -> MetricCard:
    """Return the card of a metric for one question."""
    return _BY_NAME[f"attributes.{question}_{metric}"]


def _cards(question: str) -> tuple[MetricCard, ...]:
    pair = _WORDS[question]
    return (
        MetricCard(
            name=f"attributes.{question}_excess",
            unit="share",
            neutral=0.0,
            direction="neutral",
            span=(-1.0, 1.0),
            meaning=f"Share of that intersection of {pair} which the concept has most in excess of the other concepts "
            "of its suite, less their mean share of it: what the judge sees everywhere cancels.",
        ),
        MetricCard(
            name=f"attributes.{question}_interaction",
            unit="share",
            neutral=0.0,
            direction="neutral",
            span=(-0.25, 0.25),
            is_mean=False,
            meaning=f"How far the share of an intersection of {pair} lies beyond the product of the shares of its two "
            "parts, for the one that lies farthest: what neither part shows by itself.",
        ),
        MetricCard(
            name=f"attributes.{question}_undetermined_share",
            unit="share",
            neutral=None,
            direction="lower",
            meaning=f"Images whose {pair} could not be told together.",
        ),
        MetricCard(
            name=f"attributes.{question}_recognised_share",
            unit="share",
            neutral=None,
            direction="higher",
            meaning=f"Images of prompts that state {pair} which the judge reads as stated.",
        ),
    )


ATTRIBUTE_METRICS: Final = tuple(card for question in QUESTIONS for card in _cards(question))
"""Every metric of the lens."""

_BY_NAME: Final = {card.name: card for card in ATTRIBUTE_METRICS}
