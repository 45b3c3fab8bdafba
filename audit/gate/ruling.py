"""A policy applied to what a run measured: one result per line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import final

from audit.gate.correction import corrected, failures
from audit.gate.guards import Guarded, guard
from audit.gate.lines import Answer, Line, answer, draw_lines
from audit.gate.measured import Measured, Snapshot, look
from audit.gate.policy import Policy
from audit.gate.sentences import Ruled, evidence
from audit.gate.waivers import Decided, apply_waivers
from audit.lenses import metric_cards
from audit.records import PolicyCard, RuleLine, RuleResult, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What a policy says of a run, before its controls are asked."""

    policy: PolicyCard
    results: tuple[RuleResult, ...]
    notes: tuple[str, ...]


def apply_policy(policy: Policy, measured: Measured, today: date) -> Ruling:
    """Decide every line of a policy.

    A line passes when its interval at the policy's level lies on the good side as a whole, and its guard found no
    prompt beyond its limit. It fails when the interval lies on a bad side as a whole, at the level that the
    correction asks (:func:`audit.gate.correction.failures`), or the guard found one. Otherwise, and whenever
    something is missing, it is inconclusive.

    Args:
        policy: The policy.
        measured: What the run measured; asked again at each level that the correction needs.
        today: The day that waivers are held against.
    """
    return rule_on(policy, decide_lines(policy, measured), today)


def rule_on(policy: Policy, decided: Sequence[Decided], today: date) -> Ruling:
    """Return what a policy says where its lines are decided: what its waivers make of them."""
    waived = apply_waivers(policy.waivers, decided, today)
    return Ruling(policy=_card(policy, today), results=waived.results, notes=waived.notes)


def decide_lines(policy: Policy, measured: Measured) -> list[Decided]:
    """Decide every line as in :func:`apply_policy`, without the waivers."""
    hearing = _Hearing(policy, measured)
    lines, level = hearing.lines, policy.level
    guards = _guards(lines, measured)
    suspects = hearing.breaks_at(level)
    failed = failures(suspects, hearing.breaks_at, lines=len(lines), level=level, correction=policy.correction)
    next_level = corrected(level, max(len(lines) - len(failed), 1)) if policy.correction == "holm" else level
    decided = []
    for place, line in enumerate(lines):
        alone = hearing.answers_at(level)[place]
        ruled = Ruled(
            verdict=_verdict(line, alone, guards[place], failed=place in failed),
            answer=hearing.answers_at(failed[place])[place] if place in failed else alone,
            level=level,
            guarded=guards[place],
            suspect=place in suspects,
            asked_level=failed.get(place, next_level),
            lines=len(lines),
        )
        decided.append(Decided(line=line, result=_result(line, ruled), measured=_is_measured(ruled)))
    return decided


@final
class _Hearing:
    """The lines of a policy, and the answers to all of them at any level, asked for once."""

    def __init__(self, policy: Policy, measured: Measured) -> None:
        self._measured = measured
        self._answers: dict[float, tuple[Answer, ...]] = {}
        base = look(measured, policy.level)
        self.lines = draw_lines(policy, measured.asked, base)
        self._answers[policy.level] = self._answer_all(base)

    def answers_at(self, level: float) -> tuple[Answer, ...]:
        """Return the answer to every line."""
        if level not in self._answers:
            self._answers[level] = self._answer_all(look(self._measured, level))
        return self._answers[level]

    def breaks_at(self, level: float) -> set[int]:
        """Return the lines whose interval lies on a bad side as a whole."""
        found = zip(self.lines, self.answers_at(level), strict=True)
        return {place for place, (line, one) in enumerate(found) if one.ends and line.rule.threshold.breaks(*one.ends)}

    def _answer_all(self, snapshot: Snapshot) -> tuple[Answer, ...]:
        return tuple(answer(line, snapshot, self._measured.asked) for line in self.lines)


def _guards(lines: Sequence[Line], measured: Measured) -> list[Guarded]:
    cards = {card.name: card for card in metric_cards()}
    guarded = {line.rule.metric for line in lines if line.rule.per_prompt_at_most is not None}
    values = {metric: measured.prompt_values(metric) for metric in sorted(guarded)}
    return [guard(line, values.get(line.rule.metric, ()), cards[line.rule.metric]) for line in lines]


def _verdict(line: Line, alone: Answer, guarded: Guarded, *, failed: bool) -> Verdict:
    if failed or guarded.worst is not None:
        return Verdict.FAIL
    if alone.ends is None or guarded.missing:
        return Verdict.INCONCLUSIVE
    return Verdict.PASS if line.rule.threshold.keeps(*alone.ends) else Verdict.INCONCLUSIVE


def _is_measured(ruled: Ruled) -> bool:
    return ruled.verdict is Verdict.FAIL or (ruled.answer.ends is not None and not ruled.guarded.missing)


def _result(line: Line, ruled: Ruled) -> RuleResult:
    asked = RuleLine(
        rule_id=line.rule.rule_id,
        metric=line.rule.metric,
        suite=line.suite,
        subject=line.subject,
        threshold=line.rule.threshold.bounds,
        estimate=ruled.answer.estimate,
    )
    return RuleResult(rule=line.name, verdict=ruled.verdict, evidence=evidence(line, ruled), line=asked)


def _card(policy: Policy, today: date) -> PolicyCard:
    return PolicyCard(
        name=policy.name,
        digest=policy.digest,
        level=policy.level,
        correction=policy.correction,
        decided_on=today.isoformat(),
    )
