"""The guard of a rule: one very bad prompt breaks it, however good the mean is.

That is no test: it judges what was measured, with whatever chance has in the images of one prompt.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from audit.gate.lines import Line
from audit.gate.measured import PromptValue
from audit.gate.policy import WHOLE
from audit.lenses import MetricCard


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """What the guard of a line saw."""

    worst: PromptValue | None = None
    """The prompt that lies farthest beyond the limit; ``None`` where none does."""
    missing: str = ""
    """Why the guard cannot say that none does; empty where it can."""


def guard(line: Line, values: Iterable[PromptValue], card: MetricCard) -> Guarded:
    """Look at every prompt of a line that has a guard."""
    limit = line.rule.per_prompt_at_most
    if limit is None:
        return Guarded()
    its = [one for one in values if one.suite == line.suite and line.subject in {WHOLE, one.subject}]
    if not its:
        return Guarded(missing=f"{card.name} has no values of single prompts here")
    told = [(_badness(one.value, card), one) for one in its if one.value is not None]
    silent = len(its) - len(told)
    worst = max(told, key=lambda pair: (pair[0], pair[1].text), default=None)
    if worst is not None and worst[0] > limit:
        return Guarded(worst=worst[1])
    if not told or silent > line.rule.max_unscored_share * len(its):
        return Guarded(missing=f"{silent} of {len(its)} prompts have no value, so the guard cannot speak for them")
    return Guarded()


def _badness(value: float, card: MetricCard) -> float:
    """Return the value itself; for a metric with a good side in the middle, its distance from there."""
    return abs(value - (card.neutral or 0.0)) if card.direction == "neutral" else value
