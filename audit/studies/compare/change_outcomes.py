"""What can be said of a change: worse, better, no different, or that it cannot be told.

Changes of one metric over the concepts of a suite are a family of tests, and so are those of a suite and its groups;
each family is corrected after Benjamini and Hochberg. A change counts only if its whole interval and its corrected
p-value say so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from audit.pairing.examining_both import unit_of
from audit.pairing.paired_changes import IDENTICAL
from audit.records import Change, Estimate
from audit.stats import benjamini_hochberg


class Outcome(StrEnum):
    """What can be said of a change, in the order in which it is shown."""

    WORSE = "got worse"
    BETTER = "got better"
    OPEN = "cannot be told"
    SAME = "no different"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A change, what can be said of it, and why."""

    change: Change
    outcome: Outcome
    reason: str


_ORDER: Final = tuple(Outcome)


def tell(changes: Sequence[Change], *, level: float = 0.95, margin: float | None = None) -> tuple[Told, ...]:
    """Correct the p-values of changes, say what can be said of each, and put first what matters most.

    Formula: worse, if the interval of the worsening lies above 0 and the corrected p-value is at most ``1 - level``;
    better, if below 0. No different, if both runs made the same images, or the interval of the difference lies between
    minus and plus ``margin``, whichever side of 0 it is on.
    Source: Benjamini and Hochberg (1995), JRSS B 57(1):289-300, doi:10.1111/j.2517-6161.1995.tb02031.x; for the margin,
    Schuirmann (1987), J. Pharmacokinetics and Biopharmaceutics 15(6):657-680, doi:10.1007/BF01068419.

    Args:
        changes: Changes with raw p-values.
        level: Level that the intervals have, in (0, 1).
        margin: Largest difference that does not matter, in the unit of each metric; ``None`` asks for none, and then
            nothing but the same images is no different.
    """
    told = [_tell(change, level=level, margin=margin) for change in _corrected(changes)]
    return tuple(sorted(told, key=_rank))


def _corrected(changes: Sequence[Change]) -> list[Change]:
    families: defaultdict[tuple[str, str, str], list[Change]] = defaultdict(list)
    for change in changes:
        families[change.suite, change.metric, unit_of(change.suite, change.subject)].append(change)
    corrected = []
    for family in families.values():
        adjusted = benjamini_hochberg([change.p_value for change in family])
        of = f"Corrected among {adjusted.n_tested} of {len(family)}" if len(family) > 1 else ""
        for change, p_value in zip(family, adjusted.p_values, strict=True):
            note = f"{change.note} {of} ({adjusted.method})." if of and p_value is not None else change.note
            corrected.append(replace(change, p_adjusted=p_value, note=note))
    return corrected


def _tell(change: Change, *, level: float, margin: float | None) -> Told:
    difference = change.difference
    if difference.method == IDENTICAL:
        return Told(change=change, outcome=Outcome.SAME, reason="both runs made the same images")
    if difference.low is None or difference.high is None:
        return Told(change=change, outcome=Outcome.OPEN, reason=difference.method)
    if margin is not None and -margin < difference.low and difference.high < margin:
        reason = f"the whole interval lies within the margin of {margin:g}"
        return Told(change=change, outcome=Outcome.SAME, reason=reason)
    open_reason = _why_open(change, level)
    if open_reason:
        return Told(change=change, outcome=Outcome.OPEN, reason=open_reason)
    worse = change.worsening is not None and change.worsening.value is not None and change.worsening.value > 0
    reason = "the interval leaves out 0, and stands after correction"
    return Told(change=change, outcome=Outcome.WORSE if worse else Outcome.BETTER, reason=reason)


def _why_open(change: Change, level: float) -> str:
    """Return why it cannot be told whether a change is for the worse; nothing where it can."""
    worsening = change.worsening
    if worsening is None:
        return "the metric has no good side"
    if worsening.low is None or worsening.high is None:
        return worsening.method
    if _holds_zero(worsening):
        moved = not _holds_zero(change.difference) and _is_significant(change, level)
        return "it changed, and lies neither nearer nor farther" if moved else "the interval holds 0"
    if not _is_significant(change, level):
        return "the interval leaves out 0, but not so clearly that it stands among so many"
    return ""


def _holds_zero(estimate: Estimate) -> bool:
    return estimate.low is None or estimate.high is None or estimate.low <= 0 <= estimate.high


def _is_significant(change: Change, level: float) -> bool:
    return change.p_adjusted is not None and change.p_adjusted <= 1 - level


def _rank(told: Told) -> tuple[int, bool, float, str]:
    """Order by outcome; what is sure by suites before concepts, then by how much is sure; the rest by what was seen."""
    change, worsening = told.change, told.change.worsening
    size = 0.0
    if worsening is not None and worsening.value is not None:
        ends = (worsening.low, worsening.high)
        near = [abs(end) for end in ends if end is not None]
        size = min(near) if near and not _holds_zero(worsening) else abs(worsening.value)
    is_sure = told.outcome in {Outcome.WORSE, Outcome.BETTER}
    is_part = is_sure and unit_of(change.suite, change.subject) == "prompts"
    return _ORDER.index(told.outcome), is_part, -size, change.finding_id
