"""The lines of a policy: every rule for every subject that it is about, and what a run answers to each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from audit.gate.asked import Asked, Size
from audit.gate.measured import Snapshot
from audit.gate.policy import EACH, WHOLE, Policy, Rule
from audit.lenses import metric_cards
from audit.records import Estimate

_FROM_TEXTS: Final = frozenset(card.name for card in metric_cards() if card.reads == "texts")
"""Metrics that rest on no image, so that none can be too few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One rule for one subject of one suite."""

    rule: Rule
    suite: str
    subject: str
    alone: bool
    """Whether it is the only line of its rule."""

    @property
    def finding_id(self) -> str:
        """Id of the finding, and of the change, that answers."""
        return f"{self.rule.metric}:{self.suite}:{self.subject}"

    @property
    def name(self) -> str:
        """What the line is called in reports."""
        return self.rule.rule_id if self.alone else f"{self.rule.rule_id} ({self.suite}: {self.subject})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a run answers to a line at one level."""

    estimate: Estimate | None
    missing: str
    """Why the line cannot be decided, whatever its threshold is; empty where it can."""

    @property
    def ends(self) -> tuple[float, float] | None:
        """The interval, where it may decide."""
        found = self.estimate
        if self.missing or found is None or found.low is None or found.high is None:
            return None
        return float(found.low), float(found.high)


def draw_lines(policy: Policy, asked: Asked, snapshot: Snapshot) -> tuple[Line, ...]:
    """Return the lines of a policy in its order; every rule has at least one.

    The subjects are those that the run asked and not those that have findings, so that nothing can be left out
    unseen. A rule about every suite is about those that know its metric.
    """
    lines: list[Line] = []
    for rule in policy.rules:
        pairs = [(suite, subject) for suite in _suites(rule, snapshot) for subject in _subjects(rule, suite, asked)]
        pairs = pairs or [(rule.suite, rule.subject)]
        lines += [Line(rule=rule, suite=suite, subject=one, alone=len(pairs) == 1) for suite, one in pairs]
    return tuple(lines)


def answer(line: Line, snapshot: Snapshot, asked: Asked) -> Answer:
    """Return what a run answers to a line, and why that cannot decide it where it cannot."""
    estimate, missing = _changed(line, snapshot) if line.rule.threshold.compared else _found(line, snapshot)
    if estimate is None:
        return Answer(estimate=estimate, missing=missing)
    finding = snapshot.findings.get(line.finding_id)
    unscored = 0 if finding is None else finding.n_unscored
    return Answer(
        estimate=estimate,
        missing=_unmeasured(estimate) or _too_little(line.rule, estimate, unscored, _own(line, asked)),
    )


def _suites(rule: Rule, snapshot: Snapshot) -> Sequence[str]:
    if rule.suite != WHOLE:
        return (rule.suite,)
    known = {finding.suite for finding in snapshot.findings.values() if finding.metric == rule.metric}
    return sorted(known)


def _subjects(rule: Rule, suite: str, asked: Asked) -> Sequence[str]:
    if rule.subject == EACH:
        return asked.concepts.get(suite, ())
    in_suite = rule.subject == WHOLE or (suite, rule.subject) in asked.sizes
    return (rule.subject,) if in_suite else ()


def _found(line: Line, snapshot: Snapshot) -> tuple[Estimate | None, str]:
    finding = snapshot.findings.get(line.finding_id)
    return (None, "the run has no such finding") if finding is None else (finding.estimate, "")


def _changed(line: Line, snapshot: Snapshot) -> tuple[Estimate | None, str]:
    if snapshot.changes is None:
        return None, "no baseline was named"
    change = snapshot.changes.get(line.finding_id)
    if change is None:
        return None, "it cannot be compared with the baseline"
    if change.worsening is None:
        return None, "the metric has no good side, so nothing is worse"
    return change.worsening, ""


def _own(line: Line, asked: Asked) -> Size | None:
    """Return the size of the subject itself; a finding may rest on its references too."""
    return asked.sizes.get((line.suite, line.subject))


def _unmeasured(estimate: Estimate) -> str:
    numbers = (estimate.value, estimate.low, estimate.high)
    if estimate.value is None or not math.isfinite(estimate.value):
        return f"it was not measured ({estimate.method})"
    if any(number is None or not math.isfinite(number) for number in numbers):
        return f"it has no interval ({estimate.method})"
    return ""


def _too_little(rule: Rule, estimate: Estimate, unscored: int, own: Size | None) -> str:
    prompts, images = estimate.n_prompts, estimate.n_images
    asked = images + unscored
    if own is not None:
        prompts, images, asked = min(prompts, own.prompts), min(images, own.images), own.images
    if prompts < rule.min_prompts:
        return f"{prompts} of its own prompts are fewer than the {rule.min_prompts} that the rule wants"
    if rule.metric in _FROM_TEXTS:
        return ""
    if images < rule.min_images:
        return f"{images} of its own images are fewer than the {rule.min_images} that the rule wants"
    if unscored > rule.max_unscored_share * asked:
        share = f"{unscored} of {asked} images are no evidence"
        return f"{share}, more than the share of {rule.max_unscored_share:g} that the rule allows"
    return ""
