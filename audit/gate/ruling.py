"""A policy applied to what a run measured: one result per line, with its evidence in a sentence."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, final

from audit.gate.lines import Answer, Decided, Guarded, Line, answer, apply_waivers, draw_lines, guard
from audit.gate.measured import Measured, Snapshot, look
from audit.gate.policy import WHOLE, Correction, Policy
from audit.lenses import CARDS, MetricCard
from audit.records import BaselineCard, Estimate, PolicyCard, RuleLine, RuleResult, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What a policy says of a run, before its controls are asked."""

    policy: PolicyCard
    results: tuple[RuleResult, ...]
    notes: tuple[str, ...]
    requirements: tuple[RuleResult, ...] = ()
    """Whether the run was made as the policy asks; where not, no line decides anything."""
    baseline: BaselineCard | None = None


def apply_policy(policy: Policy, measured: Measured, today: date) -> Ruling:
    """Decide every line of a policy.

    A line passes when its interval at the policy's level lies on the good side as a whole, even with every image that
    is no evidence counted as bad, and its guard found no prompt beyond its limit. It fails when the interval lies on a
    bad side as a whole, at the level that the correction asks (:func:`audit.gate.ruling.failures`), or the guard found
    one. Otherwise, and whenever
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
    evaluation = _Evaluation(policy, measured)
    lines, level = evaluation.lines, policy.level
    guards = _guards(lines, measured)
    suspects = evaluation.breaks_at(level)
    failed = failures(suspects, evaluation.breaks_at, lines=len(lines), level=level, correction=policy.correction)
    next_level = corrected(level, max(len(lines) - len(failed), 1)) if policy.correction == "holm" else level
    decided = []
    for place, line in enumerate(lines):
        alone = evaluation.answers_at(level)[place]
        ruled = RuledLine(
            verdict=_verdict(line, alone, guards[place], failed=place in failed),
            answer=evaluation.answers_at(failed[place])[place] if place in failed else alone,
            level=level,
            guarded=guards[place],
            suspect=place in suspects,
            asked_level=failed.get(place, next_level),
            lines=len(lines),
        )
        decided.append(Decided(line=line, result=_result(line, ruled), measured=_is_measured(ruled)))
    return decided


@final
class _Evaluation:
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
        return tuple(self._answer(line, snapshot) for line in self.lines)

    def _answer(self, line: Line, snapshot: Snapshot) -> Answer:
        found = answer(line, snapshot, self._measured.asked)
        doubt = self._measured.doubt(line.rule.metric)
        return replace(found, missing=doubt) if doubt else found


def _guards(lines: Sequence[Line], measured: Measured) -> list[Guarded]:
    guarded = {line.rule.metric for line in lines if line.rule.per_prompt_at_most is not None}
    values = {metric: measured.prompt_values(metric) for metric in sorted(guarded)}
    doubts = [measured.doubt(line.rule.metric) for line in lines]
    return [
        Guarded(missing=doubt) if doubt else guard(line, values.get(line.rule.metric, ()), CARDS[line.rule.metric])
        for line, doubt in zip(lines, doubts, strict=True)
    ]


def _verdict(line: Line, alone: Answer, guarded: Guarded, *, failed: bool) -> Verdict:
    if failed or guarded.worst is not None:
        return Verdict.FAIL
    if alone.ends is None or guarded.missing:
        return Verdict.INCONCLUSIVE
    worst = alone.at_worst(line)
    return Verdict.PASS if worst is not None and line.rule.threshold.keeps(*worst) else Verdict.INCONCLUSIVE


def _is_measured(ruled: RuledLine) -> bool:
    return ruled.verdict is Verdict.FAIL or (ruled.answer.ends is not None and not ruled.guarded.missing)


def _result(line: Line, ruled: RuledLine) -> RuleResult:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RuledLine:
    """How a line was decided."""

    verdict: Verdict
    answer: Answer
    """At the level that decided."""
    level: float
    """Of a line by itself."""
    guarded: Guarded
    suspect: bool
    """Whether the interval at ``level`` lies on the bad side as a whole."""
    asked_level: float
    """The level at which a suspect has to lie there too."""
    lines: int


def evidence(line: Line, ruled: RuledLine) -> str:
    """Write the evidence of a line as one paragraph for people; names in it stand in quotation marks."""
    card, measured = CARDS[line.rule.metric], _measured(line, ruled.answer.estimate)
    return f"{_what(line, card)}{measured}; asked: {line.rule.threshold.words}. {_why(line, ruled)}"


def quoted(name: str) -> str:
    """Set a name into a sentence.

    Example:
        >>> quoted("nurse")
        '“nurse”'
    """
    return f"“{name}”"


def _what(line: Line, card: MetricCard) -> str:
    where = "all suites" if line.suite == WHOLE else quoted(line.suite)
    about = f"over {where}" if line.subject == WHOLE else f"of {quoted(line.subject)} in {where}"
    if line.rule.threshold.compared:
        return f"What became worse since the baseline in the {card.noun} {about}"
    return f"{card.title} {about}"


def _measured(line: Line, estimate: Estimate | None) -> str:
    if estimate is None or estimate.value is None or not _is_number(estimate.value):
        return ""
    card, compared = CARDS[line.rule.metric], line.rule.threshold.compared
    ends, signed = (estimate.low, estimate.high), card.signed or compared
    interval = (
        f", {level_text(estimate.level)} interval {_span(ends, signed=signed)}" if all(map(_is_number, ends)) else ""
    )
    unit = card.unit if compared else card.read_aloud(estimate.value)
    value = f"{number(estimate.value, signed=signed)} ({unit}){interval}"
    return f" is {value}, from {estimate.n_images} images of {estimate.n_prompts} prompts"


def _why(line: Line, ruled: RuledLine) -> str:
    if ruled.guarded.worst is not None:
        worst = ruled.guarded.worst
        limit, value = number(line.rule.per_prompt_at_most), number(worst.value, signed=CARDS[line.rule.metric].signed)
        return f"Fail: the prompt {quoted(worst.text)} by itself is at {value}; the guard is {limit}."
    holm = f", as Holm's correction over {ruled.lines} lines asks" if ruled.asked_level != ruled.level else ""
    if ruled.verdict is Verdict.FAIL:
        return f"Fail: at {level_text(ruled.asked_level)}{holm}, the whole interval lies on the bad side."
    missing = ruled.answer.missing or ruled.guarded.missing
    if missing:
        return f"Inconclusive: {missing}."
    if ruled.verdict is Verdict.PASS:
        return "Pass: the whole interval lies on the good side."
    return f"Inconclusive: {_why_open(line, ruled, holm)}."


def _why_open(line: Line, ruled: RuledLine, holm: str) -> str:
    ends, worst = ruled.answer.ends, ruled.answer.at_worst(line)
    if ends is not None and worst is not None and line.rule.threshold.keeps(*ends):
        card = CARDS[line.rule.metric]
        share = f"{100 * ruled.answer.unread:.3g} % of its {card.reads} are no evidence"
        if card.worst_of_unread == "unbounded":
            return f"{share}, and nothing bounds what they would make of this metric, which is no mean"
        span = _span(worst, signed=card.signed or line.rule.threshold.compared)
        return f"{share}; with each counted as bad, the interval is {span} and crosses the threshold"
    if ruled.suspect:
        return f"the whole interval lies on the bad side, but not at {level_text(ruled.asked_level)}{holm}"
    return "the interval crosses the threshold"


def number(value: float | None, *, signed: bool = False) -> str:
    """Write a number with three decimals.

    Args:
        value: The number, if there is one.
        signed: Whether a positive number carries its sign.

    Example:
        >>> number(-0.25), number(0.25, signed=True), number(None)
        ('-0.250', '+0.250', 'not measured')
    """
    if value is None:
        return "not measured"
    written = f"{value:z.3f}"
    return f"+{written}" if signed and float(written) > 0 else written


def level_text(level: float) -> str:
    """Write a level in per cent.

    Example:
        >>> level_text(0.95), level_text(1 - 0.05 / 15)
        ('95 %', '99.667 %')
    """
    return f"{100 * level:.5g} %"


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _span(ends: tuple[float | None, float | None], *, signed: bool) -> str:
    return " to ".join(number(end, signed=signed) for end in ends)


# Which lines fail, when many are asked at once.
#
# A gate passes when every line passes: an intersection-union test, in which no line needs a correction, because a gate
# with one bad line passes wrongly no more often than that line does. (Berger, 1982, Technometrics 24(4):295-300,
# doi:10.1080/00401706.1982.10487790.) It fails when any line fails: a union of rejections, in which chance grows with
# the number of lines. So failures are corrected over all lines of the policy.


_LEAST_ALPHA: Final = 1e-12
"""Below this a level would round to 1."""


def failures(
    suspects: Set[int],
    breaks_at: Callable[[float], Set[int]],
    *,
    lines: int,
    level: float,
    correction: Correction,
) -> dict[int, float]:
    """Return the lines that fail, each with the level whose interval decided.

    Formula: Holm's step-down by intervals. With k failures so far among m lines, those of the suspects fail whose
    interval of level ``1 - alpha / (m - k)`` lies on the bad side as a whole; again until none is new. All lines count,
    those too that could not be measured. That is Holm's procedure on the p-values that the intervals imply: whoever is
    below ``alpha / (m - k)`` together with others is also below the larger bounds that it would be held against later.
    A suspect breaks at ``level`` itself, so no line fails that would not fail alone, nested intervals or not.
    Source: Holm (1979), Scandinavian Journal of Statistics 6(2):65-70.

    Args:
        suspects: Lines whose interval at ``level`` lies on the bad side as a whole.
        breaks_at: Returns the lines for which that holds at another level.
        lines: Number of all lines.
        level: Confidence level of a line by itself, in (0, 1).
        correction: "none" lets every suspect fail.

    Example:
        >>> p_values = {0: 0.001, 1: 0.02, 2: 0.04}
        >>> broken = lambda level: {line for line, p in p_values.items() if p < 1 - level}
        >>> sorted(failures({0, 1, 2}, broken, lines=3, level=0.95, correction="holm"))
        [0, 1, 2]
        >>> sorted(failures({0, 1, 2}, broken, lines=4, level=0.95, correction="holm"))
        [0]
    """
    if correction == "none":
        return dict.fromkeys(suspects, level)
    failed: dict[int, float] = {}
    while len(failed) < len(suspects):
        asked = corrected(level, lines - len(failed))
        new = (suspects & breaks_at(asked)) - failed.keys()
        if not new:
            break
        failed |= dict.fromkeys(new, asked)
    return failed


def corrected(level: float, count: int) -> float:
    """Return the level of an interval that stands among ``count``: ``1 - (1 - level) / count``.

    Example:
        >>> round(corrected(0.95, 10), 4), corrected(0.95, 1)
        (0.995, 0.95)
    """
    return level if count == 1 else 1 - max((1 - level) / count, _LEAST_ALPHA)
