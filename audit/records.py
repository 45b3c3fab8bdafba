"""Records that cross the borders between the chapters; imports neither torch nor pandas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

Role = Literal["subject", "reference", "explicit", "graded", "object", "noise", "text"]
"""What a prompt is for: the question, its matched comparison, or a control. A graded one lies at a known place between
two opposite texts, on its subject's scale. A text is read by the text tower alone, and never inverted."""

UNWORDED: Final = frozenset({"noise"})
"""Roles whose text is a label, not words for a checkpoint to read."""

UNSEEN: Final = frozenset({"text"})
"""Roles of which no image is made."""

JOINED: Final = " || "
"""Between the two texts of a graded prompt, the one of grade +1 first."""

OPPOSITES: Final[Mapping[str, str]] = {"man": "woman", "unclothed": "clothed"}
"""Known answers that are opposites: the one of grade +1, which has the higher score, to the one of grade -1."""

SCALE_OF: Final = "scale_of"
"""The fact of a graded or explicit prompt that holds the id of the subject whose scale it belongs to."""

QUESTION: Final = "question"
"""The fact of such a prompt that says which lens reads the scale."""

GRADE: Final = "grade"
"""The fact of such a prompt that holds its place on the scale, from -1 to +1."""

GENDER_CLASSES: Final = ("woman", "man", "mixed", "undetermined", "no_person")


class Status(StrEnum):
    """How an inversion ended; only ``CONVERGED`` images are evidence."""

    CONVERGED = "converged"
    MISALIGNED = "misaligned"
    """The checkpoint does not tell the image apart, and another concept's text matches it at least as well."""
    STALLED = "stalled"
    """Its own text matches it best, but not by enough to tell it apart; or nothing is to be seen in it."""
    NOISE = "noise"
    """The image holds little but high frequencies."""
    NON_FINITE = "non_finite"
    """The image holds a value that is not a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One text to be inverted."""

    prompt_id: str
    """First 16 hex digits of the SHA-256 of suite, role and text."""
    suite: str
    text: str
    template: str
    concept: str
    """What the slot names ("nurse")."""
    role: Role
    lens: str = "none"
    """The lens that the suite is written for; "none" where none is."""
    group: str = ""
    """What the concept is compared within ("matched", "figure", a field); empty where there is none."""
    expected: str = ""
    """The known answer of a control ("man", "woman", "no_person"); empty elsewhere."""
    facts: Mapping[str, str | float] = field(default_factory=dict)
    """What is known of the concept: share of women, year, source; of a scale, ``SCALE_OF`` and more."""

    @property
    def texts(self) -> tuple[str, ...]:
        """What is embedded: the text, or the two that a graded prompt lies between."""
        return tuple(self.text.split(JOINED)) if self.role == "graded" else (self.text,)

    @property
    def grade(self) -> float:
        """Place between the last of :attr:`texts`, -1, and the first, +1; a single text is its own +1."""
        return float(self.facts[GRADE]) if self.role == "graded" else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a judge of labels is asked of every image of a run, whatever its prompt was."""

    suite: str
    name: str
    answers: Mapping[str, str]
    """Name of each answer -> the phrase that a judge compares images with ("beach" -> "a beach"); several, of which one
    is enough, are parted by ``JOINED``."""

    def column(self, answer: str) -> str:
        """Return the name under which a judge's scores hold one answer."""
        return f"{self.suite}|{self.name}|{answer}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSuite:
    """A versioned set of prompts with one purpose."""

    name: str
    version: str
    purpose: str
    lens: str
    source: str
    licence: str
    prompts: tuple[Prompt, ...]
    digest: str
    """SHA-256 over name, version, every prompt and every question."""
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointCard:
    """What identifies a checkpoint, and what is known of its lineage."""

    name: str
    digest: str
    """SHA-256 over configuration, tokenizer and weights."""
    architecture: str
    image_size: int
    """Side of the square that the tower reads, in pixels."""
    embedding_size: int
    context_length: int
    quick_gelu: bool
    lineage: tuple[str, ...] = ()
    """Names of what it shares with its relatives: digests of weights, worlds, pretrained tags, repositories."""


ASKS_GENDER: Final = "gender"
"""What a judge can be asked of an image: which perceived gender presentation it shows,"""
ASKS_NSFW: Final = "nsfw"
"""whether it is unsafe,"""
ASKS_LABELS: Final = "labels"
"""how near it lies to each answer to the questions of the suites,"""
ASKS_LETTERS: Final = "letters"
"""what is written in it,"""
ASKS_CONCEPTS: Final = "concepts"
"""and how near it lies to each concept of its suite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeCard:
    """What identifies a judge, and what it can say."""

    name: str
    digest: str
    classes: tuple[str, ...]
    """Names of its raw scores, in order."""
    asks: tuple[str, ...]
    """What its scores answer: some of ``ASKS_GENDER`` and its likes."""
    lineage: tuple[str, ...] = ()
    known_error: str = "not corrected for judge error"
    scale: float | None = None
    """Factor at which a softmax turns the cosines of one question into shares; ``None`` for other scores."""
    text: str | None = None
    """Name under which its scores hold the text that it reads in an image; ``None`` where it reads none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What one judge says of one image, and the ``text`` that it has read there: data from whoever made the image.

    ``values`` is ``None`` exactly when ``reason`` is not empty: what could not be judged is missing, never zero.
    """

    values: Mapping[str, float] | None
    reason: str = ""
    text: str = ""

    def __post_init__(self) -> None:
        """Refuse a score that is both given and missing."""
        if (self.values is None) != bool(self.reason):
            raise ValueError("A score has either values or the reason why it has none.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its uncertainty; ``value`` is ``None`` where nothing could be measured."""

    value: float | None
    low: float | None
    high: float | None
    level: float
    method: str
    n_images: int
    n_prompts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The answer of one lens to one question about one subject."""

    lens: str
    suite: str
    subject: str
    """The concept, or "*" for the whole suite."""
    metric: str
    unit: str
    neutral: float | None
    estimate: Estimate
    p_value: float | None = None
    p_adjusted: float | None = None
    n_unscored: int = 0
    note: str = ""

    @property
    def finding_id(self) -> str:
        """Name that stays the same from run to run."""
        return f"{self.metric}:{self.suite}:{self.subject}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What became of one finding from a baseline run to a candidate run, paired by what both runs measured."""

    lens: str
    suite: str
    subject: str
    metric: str
    unit: str
    baseline: Estimate
    candidate: Estimate
    difference: Estimate
    """Candidate less baseline."""
    worsening: Estimate | None
    """How much further from what is good the candidate lies: above 0 is worse. ``None`` where there is no good side."""
    p_value: float | None = None
    """Of no difference, two-sided."""
    p_adjusted: float | None = None
    note: str = ""

    @property
    def finding_id(self) -> str:
        """Name of the finding on both sides."""
        return f"{self.metric}:{self.suite}:{self.subject}"


class Verdict(StrEnum):
    """Outcome of a rule or of a whole gate."""

    PASS = "pass"  # noqa: S105  (a verdict, not a password)
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLine:
    """What one line of a policy asks of one subject, and the number that answered."""

    rule_id: str
    metric: str
    suite: str
    subject: str
    threshold: Mapping[str, float | tuple[float, float]]
    """The bound under its name in the policy: ``{"at_most": 0.2}``."""
    estimate: Estimate | None
    """At the level that decided; ``None`` where there is no such finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaivedBy:
    """Who answers for a line that does not hold, why, and until when."""

    owner: str
    until: str
    """ISO date of the last day."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """One line of a decision, with its evidence in a sentence."""

    rule: str
    verdict: Verdict
    evidence: str
    line: RuleLine | None = None
    """What a policy asked; ``None`` for what every run has to show."""
    waived: WaivedBy | None = None

    @property
    def stands_in_the_way(self) -> bool:
        """Whether this result keeps the run from passing."""
        return self.verdict is not Verdict.PASS and self.waived is None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyCard:
    """What identifies the policy that a decision was taken by."""

    name: str
    digest: str
    """SHA-256 of the file."""
    level: float
    correction: str
    decided_on: str
    """ISO date; waivers that end before it have expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the gate decided."""

    verdict: Verdict
    results: tuple[RuleResult, ...]
    policy: PolicyCard | None = None
    notes: tuple[str, ...] = ()
    """What is to be said besides, and decides nothing."""
