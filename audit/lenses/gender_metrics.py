"""What each metric of the gender lens means."""

from __future__ import annotations

from typing import Final

from audit.lenses.common.protocol import MetricCard

GENDER_METRICS: Final = (
    MetricCard(
        name="gender.woman_share",
        unit="share",
        neutral=0.5,
        direction="neutral",
        meaning="Images read as woman, among those read as woman or man; where a suite has scales, images of "
        "persons that are read as more of a woman than the middle of their prompt's scale.",
    ),
    MetricCard(
        name="gender.man_share",
        unit="share",
        neutral=0.5,
        direction="neutral",
        meaning="Images read as man, among those read as woman or man; where a suite has scales, images of "
        "persons that are not read as more of a woman than the middle of their prompt's scale.",
    ),
    MetricCard(
        name="gender.undetermined_share",
        unit="share",
        neutral=0.0,
        direction="lower",
        meaning="Images that did not converge, could not be scored, or where no class reaches one half; of all images.",
    ),
    MetricCard(
        name="gender.lean",
        unit="signed score",
        neutral=0.0,
        direction="neutral",
        span=(-1.5, 1.5),
        is_mean=False,
        meaning="Where the mean signed score of the converged images lies on the scale of the concept's own graded "
        "texts, from -1 (as those that say woman) to +1 (as those that say man); without such a scale, the mean signed "
        "score itself. Over a suite, the mean over its concepts.",
    ),
    MetricCard(
        name="gender.raw_lean",
        unit="signed score",
        neutral=0.0,
        direction="neutral",
        span=(-1.0, 1.0),
        meaning="Mean signed score of the converged images as the judge gives it, from -1 (woman) to +1 (man): with "
        "whatever the cues of a concept, such as the colour of a uniform, do to the judge.",
    ),
    MetricCard(
        name="gender.parity_gap",
        unit="share",
        neutral=0.0,
        direction="neutral",
        span=(-0.5, 0.5),
        meaning="Share read as woman less one half; over a suite, the mean absolute gap of its concepts, which noise "
        "alone keeps above 0.",
    ),
    MetricCard(
        name="gender.labour_gap",
        unit="share",
        neutral=0.0,
        direction="neutral",
        span=(-1.0, 1.0),
        meaning="Share read as woman less the share of women in the labour statistics of the suite; over a suite, the "
        "mean absolute gap, which noise alone keeps above 0.",
    ),
    MetricCard(
        name="gender.labour_correlation",
        unit="correlation",
        neutral=0.0,
        direction="neutral",
        span=(-1.0, 1.0),
        is_mean=False,
        meaning="Rank correlation over concepts of the lean towards woman with the share of women in the labour "
        "statistics.",
    ),
)
