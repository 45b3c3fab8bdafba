"""Text and numbers for people: what a report may show of a name, how it writes numbers, words that all forms share.

Names come from suites and checkpoints of strangers. They are shown as text whatever they hold: control and
bidirectional characters are dropped, the length is capped, and every form escapes the rest in its own way.

Where a name stands inside a sentence it is set between ``NAME_START`` and ``NAME_END`` (Unicode isolates), so that a
right-to-left name does not turn the numbers behind it; ``clean`` drops these marks from what comes in, so none can be
forged. What is said of one metric or lens, its own card says.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from audit.early_checks import stated_day
from audit.lenses import CARDS
from audit.records import Decision, Estimate, RuleResult, Verdict

NAME_START: Final = "\u2068"
NAME_END: Final = "\u2069"
NOT_MEASURED: Final = "not measured"
NO_INTERVAL: Final = "no interval"
NOTHING: Final = "\u2013"
MINUS: Final = "\u2212"
LONGEST: Final = 300
LONGEST_NAME: Final = 80
_THIN = "\u202f"
_JOINERS = frozenset("\u200c\u200d")  # a part of Persian, Hindi and emoji; they turn nothing
_NOT_CHARACTERS = frozenset({0xFFFE, 0xFFFF})


def _is_shown(character: str) -> bool:
    kind = unicodedata.category(character)
    if kind in {"Cc", "Cs"} or ord(character) & 0xFFFF in _NOT_CHARACTERS:
        return False
    return kind != "Cf" or character in _JOINERS or unicodedata.bidirectional(character) in {"AN", "AL"}


def clean(text: object, *, longest: int = LONGEST) -> str:
    r"""Return ``text`` as it may be shown: one line, no control or bidirectional characters, capped with an ellipsis.

    Args:
        text: Anything; shown as ``str`` writes it.
        longest: Most characters to keep, the ellipsis included.

    Example:
        >>> clean("a\u202eb\x00c\nd")
        'abc d'
        >>> clean("abcdef", longest=4)
        'abc…'
    """
    raw = str(text)[: 8 * longest]  # a megabyte of text must not cost a megabyte of work
    shown = "".join(c if _is_shown(c) else " " if c.isspace() else "" for c in raw)
    line = " ".join(shown.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def quote(name: str, *, longest: int = LONGEST_NAME) -> str:
    """Set a name into a sentence: cleaned, in quotation marks, isolated from the direction of the text around it."""
    return f"“{NAME_START}{clean(name, longest=longest)}{NAME_END}”"


def show_number(value: float | None, *, signed: bool = False) -> str:
    """Write a number the way every form of the report writes it, and the way ``findings.json`` holds it: no percent.

    Args:
        value: The number; ``None`` or not finite reads as not measured.
        signed: Whether a positive number carries its sign.

    Example:
        >>> show_number(0.617), show_number(0.617, signed=True), show_number(None)
        ('0.62', '+0.62', 'not measured')
    """
    if value is None or not math.isfinite(value):
        return NOT_MEASURED
    body = f"{abs(value):.2f}" if abs(value) < 10_000 else f"{abs(value):.3g}"
    zero = not any(digit in body for digit in "123456789")
    sign = "" if zero else MINUS if value < 0 else "+" if signed else ""
    return f"{sign}{body}"


def show_interval(estimate: Estimate, *, signed: bool = False) -> str:
    """Write the interval of an estimate, or say that it has none.

    Example:
        >>> from audit.records import Method
        >>> show_interval(Estimate(value=0.5, low=0.0, high=1.0, level=0.95, method=Method.T, n_images=1, n_prompts=1))
        '0.00 to 1.00'
    """
    low, high = (show_number(end, signed=signed) for end in (estimate.low, estimate.high))
    return NO_INTERVAL if NOT_MEASURED in {low, high} else f"{low} to {high}"


def show_count(estimate: Estimate) -> str:
    """Write what an estimate rests on: "8 images of 4 prompts", or "4 prompts" where no image was looked at."""
    if not estimate.n_images:
        return count(estimate.n_prompts, "prompt")
    return f"{count(estimate.n_images, 'image')} of {count(estimate.n_prompts, 'prompt')}"


def count(number: int, what: str) -> str:
    """Write a number with its noun in the right form.

    Example:
        >>> count(1, "image"), count(12, "image")
        ('1 image', '12 images')
    """
    shown = f"{number:,}".replace(",", _THIN)
    return f"{shown} {what}" if number == 1 else f"{shown} {what}s"


def show_level(level: float) -> str:
    """Write a confidence level: 0.95 reads "95 %"."""
    return f"{100 * level:g}{_THIN}%"


def show_p(value: float | None) -> str:
    """Write a p-value; nothing where none was computed.

    Example:
        >>> show_p(0.0001), show_p(0.042)
        ('< 0.001', '0.042')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def today() -> str:
    """Return the date that a report carries: that of the clock, or of SOURCE_DATE_EPOCH where that is set."""
    return (stated_day() or datetime.now(UTC).date()).isoformat()


OTHER_QUESTION: Final = "What does the checkpoint answer to the texts of this suite?"

VERDICT_WORDS: Final[Mapping[Verdict, str]] = {
    Verdict.PASS: "Pass",
    Verdict.FAIL: "Fail",
    Verdict.INCONCLUSIVE: "Inconclusive",
    Verdict.NONE: "None, no policy was given",
}
WITH_WAIVERS: Final = "Passed with waivers"
"""Verdict of a pass that needed one."""

OUTCOME_ORDER: Final = ("fail", "inconclusive", "waived", "pass")
"""Outcomes of rules, the most urgent first."""

VERDICT_SENTENCES: Final[Mapping[Verdict, str]] = {
    Verdict.PASS: "Every rule that was asked holds.",
    Verdict.FAIL: "At least one rule is broken.",
    Verdict.INCONCLUSIVE: "The evidence does not settle every rule that was asked; this is not a pass.",
    Verdict.NONE: "The audit worked. No policy was given: nothing here says whether the findings are acceptable.",
}

LIMITS: Final = (
    (
        "The audit reads perceived gender presentation: what a judge sees in a picture (woman, man, mixed, "
        "undetermined, no person). It says nothing of what anybody is."
    ),
    (
        "Inversions are not photographs and not samples of what a generator would draw. They are pictures that this "
        "checkpoint matches with a text, found by optimisation; other pictures that it matches as well exist."
    ),
    (
        "A judge errs, and not equally for everybody. A number marked “not corrected for judge error” carries the "
        "judge's error in an unknown amount; small gaps may be nothing else."
    ),
    (
        "An interval speaks of other wordings of the same question to the same judge. It does not cover another judge, "
        "another suite or another recipe."
    ),
    (
        "A finding is an association within the checkpoint. What it does to people depends on the use, which was not "
        "measured here. A pass means that the stated rules hold, not that the checkpoint is safe for every use."
    ),
)

STATUS_WORDS: Final[Mapping[str, str]] = {
    "converged": "Converged",
    "misaligned": "Misaligned",
    "stalled": "Stalled",
    "noise": "Noise",
    "non_finite": "Not finite",
}


def title_of(metric: str) -> str:
    """Return what a metric is called in headings; an unknown one keeps its own name."""
    return CARDS[metric].title if metric in CARDS else metric


def verdict_word(decision: Decision) -> str:
    """Return the verdict in a word or two; a pass that needed a waiver is called so."""
    return WITH_WAIVERS if decision.passed_with_waivers else VERDICT_WORDS[decision.verdict]


def verdict_sentence(decision: Decision) -> str:
    """Say what a verdict means; of a pass that needed waivers, who answers for what, and until when."""
    if not decision.passed_with_waivers:
        return VERDICT_SENTENCES[decision.verdict]
    by: dict[tuple[str, str], list[str]] = {}
    for result in decision.waived:
        if result.waived is not None:
            by.setdefault((result.waived.owner, result.waived.until), []).append(result.rule)
    told = "; ".join(f"{owner} answers for {_named(rules)} until {until}" for (owner, until), rules in by.items())
    return f"Not every rule holds, and what does not is waived: {told}."


def _named(rules: Sequence[str]) -> str:
    more = f" and {len(rules) - 2} more" if len(rules) > 2 else ""
    return f"{' and '.join(rules[:2]) if not more else ', '.join(rules[:2])}{more}"


def outcome_word(result: RuleResult) -> str:
    """Return what became of a rule in a word."""
    return "Waived" if result.waived is not None else VERDICT_WORDS[result.verdict]
