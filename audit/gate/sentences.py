"""The evidence of a line in a sentence: metric, subject, value, interval, numbers, threshold, verdict and why."""

from __future__ import annotations

import math
from dataclasses import dataclass

from audit.gate.guards import Guarded
from audit.gate.lines import Answer, Line
from audit.gate.policy import WHOLE
from audit.records import Estimate, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
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


def evidence(line: Line, ruled: Ruled) -> str:
    """Write the evidence of a line as one paragraph for people; names in it stand in quotation marks."""
    estimate = ruled.answer.estimate
    measured = "" if estimate is None or not _is_number(estimate.value) else f" is {_measured(estimate)}"
    return f"{_what(line)}{measured}; asked: {line.rule.threshold.words}. {_why(line, ruled)}"


def quoted(name: str) -> str:
    """Set a name into a sentence.

    Example:
        >>> quoted("nurse")
        '“nurse”'
    """
    return f"“{name}”"


def _what(line: Line) -> str:
    metric = line.rule.metric.replace(".", " ").replace("_", " ")
    where = "all suites" if line.suite == WHOLE else quoted(line.suite)
    about = f"over {where}" if line.subject == WHOLE else f"of {quoted(line.subject)} in {where}"
    if line.rule.threshold.compared:
        return f"What became worse since the baseline in the {metric} {about}"
    return f"The {metric} {about}"


def _measured(estimate: Estimate) -> str:
    ends = (estimate.low, estimate.high)
    interval = f", {level_text(estimate.level)} interval {_span(ends)}" if all(map(_is_number, ends)) else ""
    return f"{number(estimate.value)}{interval}, from {estimate.n_images} images of {estimate.n_prompts} prompts"


def _why(line: Line, ruled: Ruled) -> str:
    if ruled.guarded.worst is not None:
        worst = ruled.guarded.worst
        limit = number(line.rule.per_prompt_at_most)
        return f"Fail: the prompt {quoted(worst.text)} by itself is at {number(worst.value)}; the guard is {limit}."
    holm = f", as Holm's correction over {ruled.lines} lines asks" if ruled.asked_level != ruled.level else ""
    if ruled.verdict is Verdict.FAIL:
        return f"Fail: at {level_text(ruled.asked_level)}{holm}, the whole interval lies on the bad side."
    missing = ruled.answer.missing or ruled.guarded.missing
    if missing:
        return f"Inconclusive: {missing}."
    if ruled.verdict is Verdict.PASS:
        return "Pass: the whole interval lies on the good side."
    if ruled.suspect:
        return (
            f"Inconclusive: the whole interval lies on the bad side, but not at {level_text(ruled.asked_level)}{holm}."
        )
    return "Inconclusive: the interval crosses the threshold."


def number(value: float | None) -> str:
    """Write a number with three decimals.

    Example:
        >>> number(-0.25), number(None)
        ('-0.250', 'not measured')
    """
    return "not measured" if value is None else f"{value:z.3f}"


def level_text(level: float) -> str:
    """Write a level in per cent.

    Example:
        >>> level_text(0.95), level_text(1 - 0.05 / 15)
        ('95 %', '99.667 %')
    """
    return f"{100 * level:.5g} %"


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _span(ends: tuple[float | None, float | None]) -> str:
    return " to ".join(map(number, ends))
