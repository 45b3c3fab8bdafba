"""What each metric of the lens of associations means."""

from __future__ import annotations

from typing import Final

from audit.lenses.common.protocol import MetricCard

ASSOCIATIONS_METRICS: Final = (
    MetricCard(
        name="associations.effect_size",
        unit="standard deviations",
        neutral=0.0,
        direction="neutral",
        span=(-2.0, 2.0),
        is_mean=False,
        reads="texts",
        meaning="How much nearer the first set of concepts lies to the first set of attributes than to the second, "
        "less the same of the second set of concepts, in standard deviations over all concepts (WEAT, on sentences "
        "as in SEAT). The subject 'group:NAME' is one test of a suite.",
    ),
    MetricCard(
        name="associations.text_lean",
        unit="place on the scale",
        neutral=0.0,
        direction="neutral",
        span=(-1.5, 1.5),
        is_mean=False,
        reads="texts",
        meaning="Where the embedding of the concept's text lies between those of the texts that say woman (-1) and man "
        "(+1): the counterpart of gender.lean without any image. Over a suite, the mean over its concepts.",
    ),
    MetricCard(
        name="associations.image_agreement",
        unit="correlation",
        neutral=None,
        direction="higher",
        span=(-1.0, 1.0),
        is_mean=False,
        meaning="Rank correlation over concepts of the lean of the texts with the lean of the images: near 1, images "
        "say the same as words.",
    ),
    MetricCard(
        name="associations.image_part",
        unit="share",
        neutral=None,
        direction="lower",
        is_mean=False,
        meaning="Share of the variance of the ranks of image leans that the ranks of text leans leave unexplained: the "
        "most that the image tower, the inversion and the judge together can add to the words.",
    ),
)
