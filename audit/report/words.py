"""Words that every form of a report shares; what is said of one metric or lens, its own card says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from audit.lenses import CARDS
from audit.records import RuleResult, Verdict

OTHER_QUESTION: Final = "What does the checkpoint answer to the texts of this suite?"

VERDICT_WORDS: Final[Mapping[Verdict, str]] = {
    Verdict.PASS: "Pass",
    Verdict.FAIL: "Fail",
    Verdict.INCONCLUSIVE: "Inconclusive",
}
OUTCOME_ORDER: Final = ("fail", "inconclusive", "waived", "pass")
"""Outcomes of rules, the most urgent first."""

VERDICT_SENTENCES: Final[Mapping[Verdict, str]] = {
    Verdict.PASS: "Every rule that was asked holds or is waived.",
    Verdict.FAIL: "At least one rule is broken.",
    Verdict.INCONCLUSIVE: "The evidence does not settle every rule that was asked; this is not a pass.",
}

POLICY_RULE: Final = "policy"
"""Name under which the gate says that no policy was asked; a pass then means only that the audit worked."""
WITHOUT_POLICY: Final = "no policy was asked"

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


def outcome_word(result: RuleResult) -> str:
    """Return what became of a rule in a word."""
    return "Waived" if result.waived is not None else VERDICT_WORDS[result.verdict]
