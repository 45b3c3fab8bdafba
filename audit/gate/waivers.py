"""Waivers: somebody answers for a line that does not hold, until a day.

A waiver covers a line that was measured and does not pass: it fails, or its interval crosses the threshold. It never
covers what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from audit.gate.lines import Line
from audit.gate.policy import Waiver
from audit.records import RuleResult, Verdict, WaivedBy


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A line with its result, and whether it was measured."""

    line: Line
    result: RuleResult
    measured: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Waived:
    """What the waivers of a policy made of its lines."""

    results: tuple[RuleResult, ...]
    """Of the lines, in their order, and of the waivers that have expired and are still needed."""
    notes: tuple[str, ...]
    """Of the waivers that nothing needs."""


def apply_waivers(waivers: Sequence[Waiver], decided: Sequence[Decided], today: date) -> Waived:
    """Mark the lines that a waiver covers; let those fail that are needed and have expired.

    Args:
        waivers: Of the policy.
        decided: Every line.
        today: A waiver that ends today still holds.
    """
    results = [one.result for one in decided]
    expired: list[RuleResult] = []
    notes: list[str] = []
    for waiver in waivers:
        covered = [place for place, one in enumerate(decided) if _names(waiver, one.line)]
        needing = [place for place in covered if _needs(decided[place])]
        if not needing:
            notes.append(_unneeded(waiver, covered=bool(covered)))
        elif waiver.expires < today:
            expired.append(_expired(waiver, [results[place].rule for place in needing]))
        else:
            by = WaivedBy(owner=waiver.owner, until=waiver.expires.isoformat(), reason=waiver.reason)
            for place in needing:
                results[place] = _marked(results[place], by)
    return Waived(results=(*results, *expired), notes=tuple(notes))


def _names(waiver: Waiver, line: Line) -> bool:
    return line.rule.rule_id == waiver.rule_id and waiver.subject in {None, line.subject}


def _needs(one: Decided) -> bool:
    return one.measured and one.result.verdict is not Verdict.PASS


def _marked(result: RuleResult, by: WaivedBy) -> RuleResult:
    said = f"{result.evidence} Waived by {by.owner} until {by.until}: {by.reason}"
    return replace(result, evidence=f"{said.rstrip('.')}.", waived=by)


def _expired(waiver: Waiver, lines: Sequence[str]) -> RuleResult:
    said = (
        f"The waiver of {', '.join(lines)} by {waiver.owner} expired on {waiver.expires.isoformat()}: {waiver.reason}"
    )
    return RuleResult(rule=_title(waiver), verdict=Verdict.FAIL, evidence=f"Fail: {said.rstrip('.')}.")


def _unneeded(waiver: Waiver, *, covered: bool) -> str:
    why = "what it waives was not measured or passes by itself" if covered else "no line of the policy is meant by it"
    return f"The {_title(waiver)} by {waiver.owner} is not needed: {why}."


def _title(waiver: Waiver) -> str:
    return f"waiver of {waiver.rule_id}" + (f" ({waiver.subject})" if waiver.subject is not None else "")
