"""Records that cross the borders between the chapters; imports neither torch nor pandas."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite
from typing import Final, Literal

from audit.errors import UsageProblem

Role = Literal["subject", "reference", "explicit", "graded", "neutralised", "object", "noise", "text"]
"""What a prompt is for: the question, its matched comparison, or a control. A graded one lies at a known place between
two opposite texts, on its subject's scale. A neutralised one is its subject with the subject's own place between those
two texts taken off, so that its place is 0. A text is read by the text tower alone, and never inverted."""

UNWORDED: Final = frozenset({"noise"})
"""Roles whose text is a label, not words for a checkpoint to read."""

UNSEEN: Final = frozenset({"text"})
"""Roles of which no image is made."""

JOINED: Final = " || "
"""Between the two texts of a graded prompt, that of grade +1 first; before them, the subject of a neutralised one."""

MADE_OF_SEVERAL: Final = frozenset({"graded", "neutralised"})
"""Roles whose text joins several, and names no target by itself."""

OPPOSITES: Final[Mapping[str, str]] = {"man": "woman", "unclothed": "clothed"}
"""Known answers that are opposites: the one of grade +1, which has the higher score, to the one of grade -1."""

SCALE_OF: Final = "scale_of"
"""The fact of a graded, explicit or neutralised prompt that holds the id of the subject whose scale it belongs to, or
whose clothed floor it is: that is explicit and has no ``GRADE``."""

QUESTION: Final = "question"
"""The fact of such a prompt that says which lens reads the scale."""

GRADE: Final = "grade"
"""The fact of such a prompt that holds its place on the scale, from -1 to +1."""

INVERSIONS: Final = "inversions"
"""The fact of a prompt that says how often it is inverted, whatever the effort."""

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
        """What is embedded: the text; or the two of a graded prompt; or a neutralised subject and these two."""
        return tuple(self.text.split(JOINED)) if self.role in MADE_OF_SEVERAL else (self.text,)

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
    preprocessing: str = ""
    """How pictures are normalised and resized, and what says so; empty in runs that did not keep it."""
    lineage: tuple[str, ...] = ()
    """Names of what it shares with its relatives: digests of weights, worlds, pretrained tags, repositories."""
    doubts: tuple[str, ...] = ()
    """What speaks against its being read as its maker meant it, though it passed the sanity gate."""


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


NOTHING_SEEN: Final = "there is nothing to read"
"""Beginning of the reason of an image that a judge has looked at and in which it finds nothing that it could judge, as
one of faces does where there is none. It is unscored, and no false alarm either.

No judge that says nothing gets by with it: what it must see it has not seen."""

NOT_CORRECTED: Final = "not corrected for judge error"
CORRECTED: Final = "corrected for judge error"


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
    known_error: str = NOT_CORRECTED
    scale: float | None = None
    """Factor at which a softmax turns the cosines of one question into shares; ``None`` for other scores."""
    text: str | None = None
    """Name under which its scores hold the text that it reads in an image; ``None`` where it reads none."""
    threshold: float | None = None
    """Least score of a verdict: of the likeliest class, or of ``unsafe`` for a flagged image; ``None`` for one half."""
    unit: str | None = None
    """What its scores are, in words; ``None`` where it does not say."""
    origin: str | None = None
    """Distribution and version that a judge of another package comes from; ``None`` for those of this one."""


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


class Method(StrEnum):
    """How the interval of an estimate was found, or why it has none; ``{units}`` is what counts as independent.

    Its words stand here and not in the report, because they are a format too: ``findings.json``, tables, gate and plan
    write them, and :func:`read_method` reads them back from runs of earlier versions.
    """

    T = "t over {units}"
    PAIRED_T = "t over differences of paired {units}"
    WELCH = "Welch's t"
    JACKKNIFE = "jackknife over {units}, t"
    VARIANCE_PAIRS = "variance of pairs, jackknife over {units}"
    NEUTRALISED = "variance between neutralised subjects, chi squared over {units}"
    NONCENTRAL_T = "noncentral t over {units}"
    OVER_REFERENCES = "t over {units}, with the spread between them"
    FEW_DIFFER = "exact (Clopper-Pearson) over {units}, of which few differ"
    UNSEEN = "t over {units}, and an unseen minority of them"
    INSTRUMENT = "t over {units}, with the instrument's own error"
    CURVE = "calibration curve, Fieller's interval with t over {units}"
    SPEARMAN = "Spearman with Fisher's z over {units}"
    WILSON = "Wilson"
    WILSON_OVER = "Wilson over {units}"
    CLOPPER_PEARSON = "exact (Clopper-Pearson)"
    EXACT_SHARE = "exact (Clopper-Pearson) over {units}"
    EXACT_TRIALS = "exact (Korn and Graubard) over {units}"
    EXACT = "exact (Clopper-Pearson) over {units}, which all agree"
    EXACT_DIFFERENCES = "exact (Clopper-Pearson) over {units}, whose differences all agree"
    EXACT_COMMONEST = "exact (Clopper-Pearson) for the commonest answer over {units}, which all agree"
    GOODMAN = "Goodman, simultaneous"
    COMBINED = "combined single intervals (Zou and Donner)"
    ROGAN_GLADEN = "corrected for judge error (Rogan-Gladen), combined single intervals"
    BOUNDS = "bounds over the undetermined"
    BY_COUNT = "by count"
    IDENTICAL = "identical images"

    NOTHING = "nothing measured"
    NOTHING_BEFORE = "nothing measured in the baseline"
    NOTHING_AFTER = "nothing measured in the candidate"
    NOTHING_EITHER = "nothing measured in either run"
    NOTHING_IN_ONE = "nothing measured in one of the runs"
    NOT_YET = "not measured yet"
    NOT_DEFINED = "not defined: too few {units}, or all alike"
    NOT_APART = "not told apart: no prompt with two values, no concept with two templates, or no spread"
    NOT_REPEATED = "not told apart: no two items were measured twice together"
    NOT_RISING = "not read off: the standards do not surely rise"
    NOT_OWN_SIDES = "not read off: pictures of the texts that say the two answers are not read as these"
    NOT_LABELLED = "not corrected for judge error: labelled images with and without the thing are needed"
    NOT_ABOVE_CHANCE = "not corrected for judge error: on labelled images the judge is no better than chance"
    UNEXPLAINED = "no interval: the judge's errors on labelled images do not explain its hits"
    FEW = "no interval: fewer than two {units}"
    FEW_OR_ALIKE = "no interval: fewer than two {units}, or no spread"
    FEW_REPEATS = "no interval: fewer than three {units}"
    FEW_TEMPLATES = "no interval: fewer than three templates, or two concepts"
    FEW_ON_A_SIDE = "no interval: a side has fewer than two clusters"
    FEW_CONCEPTS = "no interval: Spearman's needs four {units}"
    ALIKE = "no interval: all {units} agree"
    ALIKE_ON_A_SIDE = "no interval: the clusters of a side all agree"
    ALIKE_DIFFERENCES = "no interval: the differences of all {units} agree"
    SAME_WITHOUT = "no interval: it is the same whichever {unit} is left out"
    SAME_WITHOUT_EITHER = "no interval: it is the same whichever template or concept is left out"
    NOT_WITHOUT = "no interval: not measured without one of its {units}"
    FLAT = "no interval: the standards rise too little"

    OTHER = ""
    """Said by the remark of the estimate alone."""

    @property
    def says_that_all_agree(self) -> bool:
        """Whether the units did not differ, so that the interval says nothing of how far they lie apart."""
        return self in _AGREEING


_AGREEING: Final = frozenset(
    {
        Method.EXACT, Method.EXACT_DIFFERENCES, Method.EXACT_COMMONEST,
        Method.ALIKE, Method.ALIKE_ON_A_SIDE, Method.ALIKE_DIFFERENCES,
    }
)  # fmt: skip


def method_text(method: Method, over: str, remark: str = "") -> str:
    """Return in words how an interval was found.

    Args:
        method: How.
        over: What counts as independent, in the plural ("prompts").
        remark: What is to be said besides.

    Example:
        >>> method_text(Method.SAME_WITHOUT, "families"), method_text(Method.T, "prompts", "over 2 worlds")
        ('no interval: it is the same whichever family is left out', 't over prompts; over 2 worlds')
    """
    one = f"{over.removesuffix('ies')}y" if over.endswith("ies") else over.removesuffix("s")
    return "; ".join(part for part in (method.value.format(units=over, unit=one), remark) if part)


def read_method(text: str) -> tuple[Method, str, str]:
    """Return method, units and remark of what :func:`method_text` wrote, also in the words of the first release.

    Words that are nobody's are kept as the remark of ``Method.OTHER``.

    Example:
        >>> method, over, remark = read_method("t over concepts; Bonferroni over 6 intersections")
        >>> method.name, over, remark
        ('T', 'concepts', 'Bonferroni over 6 intersections')
    """
    words, _, remark = _FIRST_RELEASE.sub("; Bonferroni", text).partition("; ")
    for method, pattern in _PATTERNS:
        found = pattern.fullmatch(words)
        if found is not None:
            parts = found.groupdict()
            return method, parts.get("over") or _plural(parts.get("one") or "prompt"), remark
    return Method.OTHER, "prompts", text


_FIRST_RELEASE: Final = re.compile(r", Bonferroni(?= over \d+ intersections$)")
_PATTERNS: Final = tuple(
    (method, re.compile(re.escape(method).replace(r"\{units\}", "(?P<over>.+)").replace(r"\{unit\}", "(?P<one>.+)")))
    for method in sorted(Method, key=len, reverse=True)
    if method is not Method.OTHER
)
"""The longest first: of two that fit, it says more."""


def _plural(one: str) -> str:
    return f"{one.removesuffix('y')}ies" if one.endswith("y") else f"{one}s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its uncertainty; ``value`` is ``None`` where nothing could be measured."""

    value: float | None
    low: float | None
    high: float | None
    level: float
    method: Method
    n_images: int
    n_prompts: int
    over: str = "prompts"
    """What the interval counts as independent, in the plural."""
    remark: str = ""
    """What is to be said of the method besides."""

    @property
    def method_text(self) -> str:
        """How the interval was found, in words."""
        return method_text(self.method, self.over, self.remark)


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
    """Images that are no evidence for this number and would be if they could be read: not converged, not scored,
    undetermined where the number is of what was determined, those of references included; of a number from texts
    alone, texts."""
    note: str = ""
    estimand: str = ""
    """What the value is an estimate of; empty in findings of an earlier version."""
    judge_error: str = ""
    """``NOT_CORRECTED`` or ``CORRECTED`` where it rests on what a judge reads, else empty."""

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


def reported_p(one: Finding | Change) -> float | None:
    """Return the p-value that is told: corrected for the number of tests where that was done, else as it is."""
    return one.p_value if one.p_adjusted is None else one.p_adjusted


class Verdict(StrEnum):
    """Outcome of a rule or of a whole gate."""

    PASS = "pass"  # noqa: S105  (a verdict, not a password)
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NONE = "none"
    """Of a whole run that worked and is held against no policy: nothing was decided."""


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
        return self.verdict not in {Verdict.PASS, Verdict.NONE} and self.waived is None


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
class BaselineCard:
    """What identifies the run that a decision compared with."""

    folder: str
    """Its folder, as seen from that of the run."""
    digest: str
    """SHA-256 over its spec, images, texts and scores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the gate decided."""

    verdict: Verdict
    results: tuple[RuleResult, ...]
    policy: PolicyCard | None = None
    notes: tuple[str, ...] = ()
    """What is to be said besides, and decides nothing."""
    baseline: BaselineCard | None = None
    """What it compared with; a run that is decided anew compares with it again."""
    evidence: str = ""
    """Digest of the spec, images, texts and scores that it rests on; empty in a copy under pseudonyms."""

    @property
    def waived(self) -> tuple[RuleResult, ...]:
        """The lines that do not hold, and that somebody answers for."""
        return tuple(result for result in self.results if result.waived is not None)

    @property
    def passed_with_waivers(self) -> bool:
        """Whether the run passes, and would not without its waivers."""
        return self.verdict is Verdict.PASS and bool(self.waived)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a run may spend; ``None`` where it has no limit."""

    images: int | None = None
    gradients: int | None = None
    """Image-gradients: one step of one view of one image."""
    hours: float | None = None
    """Of making and judging images, by one command."""
    began: float = field(default_factory=time.monotonic, compare=False)
    """When the command began, in seconds of ``time.monotonic``."""

    def __post_init__(self) -> None:
        """Refuse what is no limit.

        Raises:
            UsageProblem: If a limit is not positive, or not finite.
        """
        for name in ("images", "gradients", "hours"):
            limit = getattr(self, name)
            if limit is not None and not (isfinite(limit) and limit > 0):
                raise UsageProblem(f"--max-{name} {limit} is no budget.", remedy="Give a number above 0.")


NO_LIMIT: Final = Budget()


_MOST_PARTS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one of several processes does of a run: every ``of``-th shard, beginning with its own number.

    Example:
        >>> Part(number=2, of=4).share(["00000", "00001", "00002", "00003", "00004", "00005"])
        ('00001', '00005')
    """

    number: int
    """From 1 to ``of``."""
    of: int

    def __post_init__(self) -> None:
        """Refuse what is no part.

        Raises:
            UsageProblem: If the number is none of 1 to ``of``, or the parts are more than 10,000.
        """
        if not 1 <= self.number <= self.of <= _MOST_PARTS:
            raise UsageProblem(
                f"There is no part {self.number} of {self.of}.",
                remedy=f"Give --shard I/N with I from 1 to N, and N at most {_MOST_PARTS:,}.",
            )

    @property
    def is_first(self) -> bool:
        """Whether it does what is done once for the whole run, too."""
        return self.number == 1

    def share(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return its shards, of all shards of the plan in their order."""
        return tuple(names[self.number - 1 :: self.of])
