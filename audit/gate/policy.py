"""A policy: rules that findings have to keep, and waivers of those that somebody answers for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal, get_args

from audit.lenses import MetricCard

WHOLE: Final = "*"
"""As a rule's suite: every suite. As its subject: the suite as a whole."""

EACH: Final = "each"
"""As a rule's subject: every concept of the suite, one by one."""

MAX_UNSCORED_SHARE: Final = 0.1
"""Largest share of images without evidence that a rule bears where it does not say another."""

SHIPPED: Final = "shipped"
"""Instead of the digest of a suite: whatever the shipped suite of this name holds at the effort of the run."""

NO_LABELS: Final = "none"
"""Instead of the digest of labels: that none may correct what judges read."""

EffortName = Literal["quick", "standard", "full"]
EFFORTS: Final[tuple[str, ...]] = get_args(EffortName)
"""From least to most."""

Correction = Literal["holm", "none"]
Bounds = Mapping[str, float | tuple[float, float]]


def unit_of(subject: str) -> str:
    """Name what the interval of a finding counts.

    Example:
        >>> unit_of("nurse"), unit_of("*")
        ('prompts', 'concepts')
    """
    return "concepts" if subject == WHOLE or subject.startswith("group:") else "prompts"


def span_of(card: MetricCard, subject: str, *, compared: bool = False) -> tuple[float, float]:
    """Return the least and greatest value that a rule on a subject can be answered with.

    Args:
        card: Of the metric.
        subject: As the rule names it.
        compared: Whether the rule bounds a change since the baseline.
    """
    low, high = card.span
    if compared:
        return low - high, high - low
    absolute = card.absolute and unit_of(subject) == "concepts"
    return (0.0, max(-low, high)) if absolute else (low, high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """The good side of a rule: from ``low`` to ``high``, both ends included; ``None`` where it has no end."""

    low: float | None
    high: float | None
    compared: bool = False
    """Whether it bounds what became of a finding since the baseline, and not the finding itself."""

    def keeps(self, low: float, high: float) -> bool:
        """Tell whether an interval lies on the good side as a whole.

        Example:
            >>> Threshold(low=None, high=0.2).keeps(0.0, 0.2)
            True
        """
        return (self.low is None or low >= self.low) and (self.high is None or high <= self.high)

    def breaks(self, low: float, high: float) -> bool:
        """Tell whether an interval lies on one bad side as a whole.

        Example:
            >>> Threshold(low=-0.5, high=0.5).breaks(-0.9, -0.6), Threshold(low=-0.5, high=0.5).breaks(0.4, 0.6)
            (True, False)
        """
        return (self.high is not None and low > self.high) or (self.low is not None and high < self.low)

    @property
    def bounds(self) -> Bounds:
        """The bound under its name in the policy."""
        if self.low is not None and self.high is not None:
            return {"between": (self.low, self.high)}
        if self.low is not None:
            return {"at_least": self.low}
        return {"worse_by_at_most" if self.compared else "at_most": self.high or 0.0}

    @property
    def words(self) -> str:
        """The bound in words.

        Example:
            >>> Threshold(low=-0.5, high=0.5).words
            'between -0.5 and 0.5'
        """
        if self.low is not None and self.high is not None:
            return f"between {self.low:g} and {self.high:g}"
        if self.low is not None:
            return f"at least {self.low:g}"
        return f"{'worse by at most' if self.compared else 'at most'} {self.high or 0.0:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one rule asks, and how much evidence it wants to see."""

    rule_id: str
    metric: str
    suite: str
    """Name of a suite, or ``WHOLE``."""
    subject: str
    """Name of a concept, ``WHOLE`` or ``EACH``."""
    threshold: Threshold
    per_prompt_at_most: float | None = None
    """No prompt's own value may lie above this; for a metric with a good side in the middle, no farther from it."""
    min_prompts: int = 1
    min_images: int = 1
    max_unscored_share: float = MAX_UNSCORED_SHARE
    """Largest share of the images of the subject, or of its prompts under a guard, that may be no evidence."""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """Somebody answers for a rule that is not kept, until a day."""

    rule_id: str
    subject: str | None
    """``None`` waives the rule for every subject."""
    reason: str
    owner: str
    expires: date
    """The last day on which it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedJudge:
    """A judge that a policy asks for."""

    name: str
    digest: str = ""
    """Empty takes whatever has the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requires:
    """How a run has to be made, so that a policy is about it; what is empty is left open."""

    suites: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Name -> the digests that the suite may have, or ``SHIPPED``."""
    judges: tuple[PinnedJudge, ...] = ()
    """All of them, in the order in which they are asked."""
    recipe: str = ""
    """Name or digest."""
    least_effort: str = ""
    least_prompts: int = 1
    """Of every concept."""
    precision: str = ""
    seeds: tuple[int, ...] = ()
    """Those of the run, all of them, so that none can be chosen after a look at what it gives."""
    labels: str = ""
    """Digest of what people say of the images, by which shares may be corrected; or ``NO_LABELS``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything that a policy file says."""

    name: str
    level: float
    correction: Correction
    rules: tuple[Rule, ...]
    waivers: tuple[Waiver, ...]
    text: str
    """The file as it was read; kept with the run, so that the decision can be taken again."""
    digest: str
    """SHA-256 of the text."""
    requires: Requires = field(default_factory=Requires)

    @property
    def compares(self) -> bool:
        """Whether any rule needs a baseline."""
        return any(rule.threshold.compared for rule in self.rules)

    @property
    def rules_about(self) -> tuple[str, ...]:
        """The suites that have a rule; empty where a rule is about all of them."""
        suites = {rule.suite for rule in self.rules}
        return () if WHOLE in suites else tuple(sorted(suites))
