"""Looking at a run before all of it is done, and still being wrong no more often than the level allows.

The looks are fixed beforehand, and each gets a share of alpha, the chance of error: ``alpha_k``, with a sum of alpha.
At look k, every line is decided as in a run of fixed size whose level is ``1 - alpha_k``. By the union bound, the
chance that a line ever fails wrongly, or ever passes wrongly, is alpha at most, whatever the statistics are, however
they depend on one another, and whenever one stops. So it holds for every lens, Holm's correction included.

A line that is decided stays decided: that it was decided wrongly is counted already, in the share of its look.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, final

from scipy.special import ndtr, ndtri

from audit.gate.lines import Decided, Line
from audit.gate.measured import Asked, Measured
from audit.gate.policy import Policy
from audit.gate.ruling import Ruling, corrected, decide_lines, rule_on
from audit.records import Verdict

METHOD: Final = "Lan-DeMets spending of O'Brien-Fleming type, with the union bound over looks"


def spent(alpha: float, looks: int) -> tuple[float, ...]:
    """Share of alpha that each of ``looks`` equally spaced looks gets.

    Formula: ``A(k / K) - A((k - 1) / K)`` with ``A(t) = 2 - 2 * Phi(z(1 - alpha / 2) / sqrt(t))``: little early, where
    a few prompts mislead, and most at the end, where a run of fixed size looks once. The spending function is used
    without the correlation between looks that it was made for, so that no more than alpha is ever spent.
    Source: Lan and DeMets (1983), Biometrika 70(3):659-663, doi:10.1093/biomet/70.3.659; O'Brien and Fleming (1979),
    Biometrics 35(3):549-556, doi:10.2307/2530245.

    Args:
        alpha: Chance of error over all looks, in (0, 1).
        looks: Number K of looks, at least 1.

    Raises:
        ValueError: If a number is out of its range.

    Example:
        >>> [round(share, 5) for share in spent(0.05, 4)]
        [9e-05, 0.00549, 0.01805, 0.02637]
    """
    if not 0 < alpha < 1 or looks < 1:
        raise ValueError(f"Alpha lies between 0 and 1, and there is a look at least; got {alpha} and {looks}.")
    quantile = float(ndtri(1 - alpha / 2))
    by_then = [2 * float(ndtr(-quantile / math.sqrt(look / looks))) for look in range(1, looks)]
    return tuple(now - before for before, now in zip([0.0, *by_then], [*by_then, alpha], strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is there at one look."""

    number: int
    """From 1."""
    measured: Measured
    reached: Set[str]
    """The suites that have all that this look wants of them, ``WHOLE`` among them if all have. Of others, the line
    that was looked at before is not looked at again: nothing planned is new there."""


@final
class PolicySequence:
    """The lines of a policy over the looks of a run.

    Args:
        policy: The policy.
        looks: Number of looks that were planned.
        today: The day that waivers are held against.
    """

    def __init__(self, policy: Policy, looks: int, today: date) -> None:
        self._policy = policy
        self._today = today
        self._looks = looks
        self._shares = spent(1 - policy.level, looks)
        self._kept: set[tuple[str, str, str]] = set()
        self._latest: dict[tuple[str, str, str], Decided] = {}
        self._order: list[tuple[str, str, str]] = []

    def take(self, look: Look) -> None:
        """Take the next look.

        A line is looked at only where its suite has reached the look. One with a guard does not pass before the last
        look, since a guard has to see every prompt.
        """
        level = self.level_of(look.number)
        decided = decide_lines(replace(self._policy, level=level), look.measured)
        self._order = [_key(one) for one in decided]
        for key, one in zip(self._order, decided, strict=True):
            if key in self._kept or (key in self._latest and one.line.suite not in look.reached):
                continue
            seen = self._told(one, look.number, level)
            self._latest[key] = seen
            if seen.result.verdict is not Verdict.INCONCLUSIVE:
                self._kept.add(key)

    def level_of(self, look: int) -> float:
        """Return the level at which a line is decided at a look."""
        return 1 - self._shares[look - 1]

    def ruling(self, *, over: bool) -> Ruling:
        """Return what the policy says of the run as far as it was looked at.

        Args:
            over: Whether no look follows. Until then, a waiver that has expired is no failure, since the line that it
                is for may yet pass.
        """
        found = rule_on(self._policy, [self._latest[key] for key in self._order], self._today)
        if over:
            return found
        return replace(found, results=tuple(result for result in found.results if result.line is not None))

    @property
    def open_suites(self) -> frozenset[str]:
        """Suites with a line that is not decided; ``WHOLE`` among them stands for all."""
        return frozenset(one.line.suite for key, one in self._latest.items() if key not in self._kept)

    def _told(self, one: Decided, look: int, level: float) -> Decided:
        verdict, why = one.result.verdict, ""
        if verdict is Verdict.PASS and one.line.rule.per_prompt_at_most is not None and look < self._looks:
            verdict, why = Verdict.INCONCLUSIVE, " Not before the last look: its guard has to see every prompt."
        share = f" (Interim look {look} of {self._looks}, which may err with {100 * (1 - level):.2g} %.)"
        return replace(one, result=replace(one.result, verdict=verdict, evidence=f"{one.result.evidence}{why}{share}"))


def _key(one: Decided) -> tuple[str, str, str]:
    return one.line.rule.rule_id, one.line.suite, one.line.subject


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLook:
    """What a run has asked by one look, all looks before it included; the last is that of a run of fixed size."""

    asked: Asked
    units: Mapping[tuple[str, str], int]
    """Suite and subject -> number of units that its findings rest on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One look at one line."""

    look: int
    """From 1."""
    n: int
    """Number of units that its interval counts."""
    fail_level: float
    """Of the first step of the correction."""
    pass_level: float


def stages_of(line: Line, policy: Policy, stands: Sequence[PlannedLook], lines: int) -> tuple[Stage, ...]:
    """Return the looks at which a line has all that its rule wants, and an interval.

    Args:
        line: Of the policy.
        policy: The policy.
        stands: What there is by each look; a single one is a run of fixed size.
        lines: Number of lines of the policy.
    """
    stages = []
    for look, (stand, share) in enumerate(zip(stands, spent(1 - policy.level, len(stands)), strict=True), start=1):
        n = stand.units.get((line.suite, line.subject), 0)
        if n < 2 or too_little_asked(line, stand.asked):
            continue
        level = policy.level if len(stands) == 1 else 1 - share
        fail_level = level if policy.correction == "none" else corrected(level, lines)
        stages.append(Stage(look=look, n=n, fail_level=fail_level, pass_level=level))
    return tuple(stages)


def too_little_asked(line: Line, asked: Asked) -> str:
    """Say what a rule wants more of than is asked; nothing where it wants no more."""
    size = asked.sizes.get((line.suite, line.subject))
    if size is None:
        return "how many units it will rest on is not known beforehand"
    if size.prompts < line.rule.min_prompts:
        return f"the rule wants {line.rule.min_prompts} prompts, and the run asks {size.prompts}"
    if size.images < line.rule.min_images:
        return f"the rule wants {line.rule.min_images} images, and the run makes {size.images}"
    return ""
