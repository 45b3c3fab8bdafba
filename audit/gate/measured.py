"""What a gate may look at: findings and changes at any level, and the values of single prompts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from audit.gate.asked import Asked
from audit.records import Change, Estimate, Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptValue:
    """The value that one prompt of a subject has by itself; ``None`` where none of its images could be read."""

    suite: str
    subject: str
    text: str
    value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The answers of one run; each callable is pure, and gives the same findings at every level but for intervals."""

    asked: Asked
    findings_at: Callable[[float], Sequence[Finding]]
    changes_at: Callable[[float], Sequence[Change]] | None = None
    """``None`` where no baseline was named."""
    prompt_values: Callable[[str], Sequence[PromptValue]] = lambda _metric: ()
    """Values of a metric by single prompts of concepts; nothing for a metric that has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All findings, and all changes where there is a baseline, at one level, by their ids."""

    findings: Mapping[str, Finding]
    changes: Mapping[str, Change] | None


def look(measured: Measured, level: float) -> Snapshot:
    """Return everything at one level.

    Raises:
        ValueError: If an interval has another level than was asked, or an id stands twice.
    """
    every = measured.findings_at(level)
    findings = {finding.finding_id: finding for finding in every}
    _check([finding.estimate for finding in every], level, twice=len(every) - len(findings))
    if measured.changes_at is None:
        return Snapshot(findings=findings, changes=None)
    compared = measured.changes_at(level)
    changes = {change.finding_id: change for change in compared}
    worsenings = [change.worsening for change in compared if change.worsening is not None]
    _check(worsenings, level, twice=len(compared) - len(changes))
    return Snapshot(findings=findings, changes=changes)


def _check(estimates: Sequence[Estimate], level: float, *, twice: int) -> None:
    other = next((one.level for one in estimates if not math.isclose(one.level, level)), None)
    if other is not None:
        raise ValueError(f"An interval of level {level} was asked for; got one of {other}.")
    if twice:
        raise ValueError(f"{twice} ids stand twice; an id names one finding.")
