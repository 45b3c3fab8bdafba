"""At which looks a line can be decided, on how many units, and at which levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audit.gate.asked import Asked
from audit.gate.correction import corrected
from audit.gate.lines import Line
from audit.gate.looks import spent
from audit.gate.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
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


def stages_of(line: Line, policy: Policy, stands: Sequence[Stand], lines: int) -> tuple[Stage, ...]:
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
