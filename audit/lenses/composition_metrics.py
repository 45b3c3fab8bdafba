"""What each metric of the composition lens means."""

from __future__ import annotations

from typing import Final

from audit.lenses.common.protocol import MetricCard

COMPOSITION_METRICS: Final = (
    MetricCard(
        name="composition.swap_similarity",
        unit="cosine",
        neutral=None,
        direction="lower",
        span=(-1.0, 1.0),
        reads="texts",
        meaning="Cosine of the embedding of a text with that of its swap: the same words in another order. It is 1 for "
        "a checkpoint that reads a bag of words.",
    ),
    MetricCard(
        name="composition.unrelated_similarity",
        unit="cosine",
        neutral=None,
        direction="lower",
        span=(-1.0, 1.0),
        reads="texts",
        meaning="Cosine of a text with those of the other pairs in the same sentence: what the similarity of a swap is "
        "to be compared with.",
    ),
    MetricCard(
        name="composition.swap_sensitivity",
        unit="ratio",
        neutral=0.0,
        direction="higher",
        span=(0.0, 2.0),
        is_mean=False,
        reads="texts",
        meaning="Distance (1 - cosine) of a text from its swap, as a part of its mean distance from texts of other "
        "pairs in the same sentence: 0 for a checkpoint that reads a bag of words.",
    ),
    MetricCard(
        name="composition.order_sensitivity",
        unit="ratio",
        neutral=0.0,
        direction="higher",
        span=(0.0, 2.0),
        is_mean=False,
        reads="texts",
        meaning="Distance (1 - cosine) of a text from random orders of its own words, as a part of its mean distance "
        "from texts of other pairs in the same sentence: 0 for a checkpoint that reads a bag of words.",
    ),
    MetricCard(
        name="composition.caption_accuracy",
        unit="share",
        neutral=0.5,
        direction="higher",
        meaning="Images that a judge of labels finds closer to the caption they were made for than to its swap, half a "
        "one for a tie; both captions of a pair weigh the same, so that a judge's liking for one of them leaves 0.5.",
    ),
)
