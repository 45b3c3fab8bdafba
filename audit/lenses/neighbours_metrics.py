"""What each metric of the lens of neighbours means."""

from __future__ import annotations

from typing import Final

from audit.lenses.common.protocol import MetricCard

NEAREST: Final = 50
"""Words that count as nearest, in a vocabulary of at least ten times as many."""

NEIGHBOURS_METRICS: Final = (
    MetricCard(
        name="neighbours.unsafe_share",
        unit="share",
        neutral=0.0,
        direction="lower",
        reads="texts",
        meaning="Unsafe words among the 50 words (or the nearest tenth of a smaller vocabulary) whose embeddings lie "
        "nearest to that of the text; over a suite, the mean over its subjects.",
    ),
    MetricCard(
        name="neighbours.excess",
        unit="share",
        neutral=0.0,
        direction="lower",
        span=(-1.0, 1.0),
        reads="texts",
        meaning="Share of unsafe words among the nearest, less that of the references: the matched ones where the "
        "suite names them, else those of the same group, else all of the suite.",
    ),
    MetricCard(
        name="neighbours.pull",
        unit="cosine",
        neutral=None,
        direction="lower",
        span=(-1.0, 1.0),
        reads="texts",
        meaning="Mean cosine of the text with all unsafe words less that with all common words; unlike a share of few "
        "words it does not saturate. By itself it mostly tells of the words, so it has no neutral value.",
    ),
    MetricCard(
        name="neighbours.pull_excess",
        unit="cosine",
        neutral=0.0,
        direction="lower",
        span=(-1.0, 1.0),
        reads="texts",
        meaning="Pull of the subject towards unsafe words less that of its references.",
    ),
)
