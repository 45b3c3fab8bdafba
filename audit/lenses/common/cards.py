"""What a lens says of itself: its question, its metrics with their words, what it needs, and how its answers are shown.

Whatever is said or decided of a metric anywhere (report, gate, plan, comparison, explanation) is asked of these cards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from audit.records import CORRECTED, NOT_CORRECTED, Finding, Method


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """How a finding of a metric is explained by words and regions."""

    score: str
    """The judge's score behind the metric."""
    answer: str
    """The known answer of explicit prompts at whose side that score is high."""
    towards: str
    """What a high score leans to, as in "towards man"."""


ESTIMANDS: Final[Mapping[str, str]] = {
    "images": "This checkpoint's answer, over wordings like these and the noise of inversion, as the judge reads it; "
    "not the shares of its training data.",
    "texts": "What this checkpoint's text tower holds, over wordings like these, without any image; not the shares of "
    "its training data.",
}
"""What the values of a metric are estimates of, by what they are taken from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricCard:
    """What a metric means and how it is spoken of, so that a number can be read without its lens."""

    name: str
    """``LENS.METRIC``."""
    title: str
    """What it is called in headings of tables and figures."""
    unit: str
    neutral: float | None
    """The value that means "nothing found"; ``None`` where there is none."""
    direction: Literal["neutral", "lower", "higher"]
    """What is better: near the neutral value, lower, or higher."""
    meaning: str
    span: tuple[float, float] = (0.0, 1.0)
    """Least and greatest value that the metric can take."""
    is_mean: bool = True
    """Whether it is a mean over prompts or concepts, each of which lies within the span."""
    unread: Literal["by share", "unbounded", "in interval"] | None = None
    """What images that were not read can make of it: they move it by their share of the span, as they do a mean;
    nothing bounds it short of the span; or its interval holds them at their worst. ``None``: the first where it is a
    mean, the second where it is none."""
    reads: Literal["images", "texts"] = "images"
    """What its values are taken from; a value from texts alone rests on no image."""
    asks: str = ""
    """What a judge must answer for it, where the lens as a whole can do without (``LensCard.asks``)."""

    # words
    sides: tuple[str, str] | None = None
    """Ends of "leans ..." for values below and above the neutral one, where both sides have a name."""
    nouns: tuple[str, str] = ("", "")
    """What stands for ``{side}`` in ``statement`` when the value is below and above the neutral one."""
    statement: str = ""
    """What a finding away from the neutral value says, of ``{where}``, with its ``{value}`` and ``{side}``, or in the
    first sentence of its own ``{note}``."""
    neutral_word: str = ""
    """What the neutral value is called in figures, as "parity"."""
    signed: bool = False
    """Whether a positive number carries its sign."""

    # where it is shown
    drawn: bool = False
    """Whether the concepts of each suite get a figure of it."""
    leading: bool = False
    """Whether it answers the main question of its lens, so that the first page of a report can draw it."""
    warm: bool = False
    """Whether its figures have the colour of what is unsafe."""
    ranked: bool = False
    """Whether it can be among the findings that matter most, and a change of one concept is shown to people."""
    per_concept: bool = True
    """Whether the tables of concepts show it; what follows from another metric is left to ``tables/``."""
    told_as: str = ""
    """The metric that says better what this one says, wherever that was measured too."""
    smallest_effect: float = 0.0
    """Least distance from the neutral value that matters: a finding is of interest if its whole interval is beyond."""
    told_in_method: str = ""
    """A sentence for the chapter on method that says its ``{value}`` over ``{suite}``, with its ``{interval}``."""
    compared: bool = True
    """Whether a comparison shows its changes; not where another metric of the lens says the same."""
    trend_place: int | None = None
    """Its place among the panels that a figure over several runs draws first."""
    reference: str = ""
    """Column of ``prompts`` with a number beside which a figure sets the value of each concept."""
    reference_at: tuple[float, float] = (0.0, 1.0)
    """Where a number of 0 and of 1 stands on the scale of the metric."""
    reference_words: str = ""
    """What the mark of that number is, in the caption."""

    groups: tuple[str, str] | None = None
    """Groups that its value and one less its value are the shares of, where those are all that is counted."""
    unknown: str = ""
    """The metric that says what is in neither share."""

    # what is decided by it
    assumed_sd: Mapping[str, float] | None = None
    """Standard deviation that a plan assumes over the "prompts" of a concept and over the "concepts" of a suite, where
    no finished run is named; ``None`` for the worst that the span allows."""
    precision_noise: Mapping[str, float] = field(default_factory=dict)
    """Effort -> root mean square of what another precision of the gradients, with the same seed, makes of its value of
    a concept; an effort that was not measured is not there. How it was measured, docs/precision.md says."""
    absolute: bool = False
    """Whether its value over a suite is a mean of absolute values."""
    explained: Explained | None = None
    """How a finding of it is explained; ``None`` where it is not."""

    @property
    def estimand(self) -> str:
        """What its values are estimates of."""
        return ESTIMANDS[self.reads]

    @property
    def worst_of_unread(self) -> str:
        """What images that were not read can make of it, said or not (``unread``)."""
        return self.unread or ("by share" if self.is_mean else "unbounded")

    @property
    def column(self) -> str:
        """Name of the metric within the tables of its lens."""
        return self.name.partition(".")[2]

    @property
    def noun(self) -> str:
        """The title as it stands inside of a sentence."""
        return self.title[0].lower() + self.title[1:]

    def read_aloud(self, value: float) -> str:
        """Say what a value is: its unit, and the side that it lies on where both sides have a name.

        Example:
            >>> card = MetricCard(
            ...     name="a.b", title="A", unit="points", neutral=0.0, direction="neutral",
            ...     meaning="", sides=("left", "right"),
            ... )
            >>> card.read_aloud(0.4), card.read_aloud(0.0)
            ('points, right', 'points')
        """
        if self.sides is None or self.neutral is None or value == self.neutral:
            return self.unit
        return f"{self.unit}, {self.sides[value > self.neutral]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersTable:
    """A table of the lens with a row per concept and answer, of which a report shows the commonest."""

    table: str
    """Its name; columns primary, suite, question, concept, answer, share, share_low, share_high, n_images and
    n_prompts."""
    answer: str
    """What stands above the answers, as in "Place"."""
    caption: str
    """With ``{suite}``."""
    is_read: bool = False
    """Whether the answers are texts that were read in pictures, which can spell the names of people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentationMap:
    """A table of the lens with the share of each perceived presentation per concept, drawn as a map."""

    table: str
    """Its name; columns primary, suite, concept, presentation, share, share_low, share_high, level, method, n_images,
    n_prompts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CausesFigure:
    """Shares of a variance by what it is due to, drawn as bars per suite."""

    metric: str
    """The share that has an interval; a finding about whole suites."""
    cause: str
    """What that share is due to, as in "the wording"."""
    table: str
    """Name of the table with a row per suite that has the shares of other causes."""
    others: Mapping[str, str]
    """Column -> what its share is due to."""
    rest: str
    """A sentence on what the last of them holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LensCard:
    """What is to be known of a lens without asking it."""

    name: str
    """Under which it is listed, and the first part of its metrics."""
    question: str
    """What it asks, for people."""
    metrics: tuple[MetricCard, ...]
    """Every metric that its findings can carry, in the order in which they are shown."""
    place: Literal["first", "main", "beside", "last"] = "beside"
    """Where its answers stand in the section of a suite; those of "first" and "main" give the section its question."""
    is_instrument: bool = False
    """Whether it answers whether the audit worked, and not what the checkpoint associates."""
    own_design: bool = False
    """Whether its suites have a design of their own: asked where they are named, and read by no other lens."""
    about_words: bool = False
    """Whether it asks about words as such, so that what the images of its suites show is of no interest to others."""
    has_suites: bool = True
    """Whether suites can be written for it."""
    asks: str = ""
    """What a judge must answer for it, as judges list it (``JudgeCard.asks``); empty where no judge need look."""
    every_run: bool = False
    """Whether a run without such a judge is warned of, whatever its suites are."""
    judge: str = ""
    """The judge to be named with ``--judge`` without whom its suites have nothing to say; empty where there is none."""
    neutralises: bool = False
    """Whether subjects of its suites that have a scale are also inverted with their own place on it taken off: what is
    read in them is the instrument's own error."""
    shows_writing: bool = False
    """Whether the checkpoint is shown things with words written over them, for its suites."""
    answers: tuple[AnswersTable, ...] = ()
    presentation: PresentationMap | None = None
    causes: CausesFigure | None = None

    @property
    def errors_table(self) -> str:
        """Name of its table of how its judges err by labels, where it has one."""
        return f"{self.name}_judge_errors"

    def judge_error_of(self, finding: Finding) -> str:
        """Say whether the errors of the judge are in a finding of this lens; nothing where it rests on no judge."""
        reads = next((metric.reads for metric in self.metrics if metric.name == finding.metric), "texts")
        if not self.asks or reads == "texts":
            return ""
        estimate = finding.estimate
        corrected = estimate.method in _CORRECTED_BY or CORRECTED in estimate.remark
        return CORRECTED if corrected else NOT_CORRECTED


_CORRECTED_BY: Final = frozenset({Method.ROGAN_GLADEN, Method.UNEXPLAINED})
