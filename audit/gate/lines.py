"""The lines of a policy: every rule for every subject that it is about, what a run answers to each, and waivers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from audit.gate.measured import Asked, PromptValue, Size, Snapshot
from audit.gate.policy import EACH, WHOLE, Policy, Rule, Waiver, span_of
from audit.lenses import CARDS, MetricCard
from audit.records import Estimate, RuleResult, Verdict, WaivedBy

_FROM_TEXTS: Final = frozenset(card.name for card in CARDS.values() if card.reads == "texts")
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
    unread: float = 0.0
    """Share of its images that are no evidence; of a change, that of both runs together."""

    def at_worst(self, line: Line) -> tuple[float, float] | None:
        """Return the interval that there is if every image which is no evidence is as bad as can be, on either side.

        Formula: with a share ``s`` of them and the span ``[a, b]`` of the metric, ``(1 - s) * low + s * a`` to
        ``(1 - s) * high + s * b``: the mean over all images where those without an answer are all at one end. Of a
        change, whose images on both sides count, ``s`` is at most 1. What is no mean, as a correlation, has no such
        bound, and the whole span is taken (``MetricCard.unread``).
        Source: Manski (1989), Journal of Human Resources 24(3):343-360, doi:10.2307/145818.
        """
        if self.ends is None or not self.unread:
            return self.ends
        (low, high), s, card = self.ends, self.unread, CARDS[line.rule.metric]
        if card.worst_of_unread == "in interval":
            return low, high
        least, greatest = span_of(card, line.subject, compared=line.rule.threshold.compared)
        if card.worst_of_unread == "unbounded":
            return least, greatest
        return (1 - s) * low + s * least, (1 - s) * high + s * greatest

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
    unseen. A rule about every suite is about those that the policy pins and that know its metric.
    """
    lines: list[Line] = []
    for rule in policy.rules:
        pairs = [
            (suite, subject) for suite in _suites(rule, policy, snapshot) for subject in _subjects(rule, suite, asked)
        ]
        pairs = pairs or [(rule.suite, rule.subject)]
        lines += [Line(rule=rule, suite=suite, subject=one, alone=len(pairs) == 1) for suite, one in pairs]
    return tuple(lines)


def answer(line: Line, snapshot: Snapshot, asked: Asked) -> Answer:
    """Return what a run answers to a line, and why that cannot decide it where it cannot."""
    estimate, missing = _changed(line, snapshot) if line.rule.threshold.compared else _found(line, snapshot)
    if estimate is None:
        return Answer(estimate=estimate, missing=missing)
    finding, own = snapshot.findings.get(line.finding_id), _own(line, asked)
    unscored = 0 if finding is None else finding.n_unscored
    whole = _asked(line.rule.metric, estimate if finding is None else finding.estimate, unscored, own)
    return Answer(
        estimate=estimate,
        missing=_unmeasured(estimate) or _too_little(line.rule, estimate, unscored, whole, own),
        unread=_unread(line, snapshot, whole),
    )


def _asked(metric: str, estimate: Estimate, unscored: int, own: Size | None) -> int:
    """Return how many images (texts) a finding was to rest on: of its subject, or fewer where it is about some of them.

    A finding that rests on references too is held against the images of its subject alone, so that those of references
    do not thin out what is missing.
    """
    told = _rests_on(metric, estimate) + unscored
    return told if own is None else min(told, own.prompts if metric in _FROM_TEXTS else own.images)


def _rests_on(metric: str, estimate: Estimate) -> int:
    return estimate.n_prompts if metric in _FROM_TEXTS else estimate.n_images


def _unread(line: Line, snapshot: Snapshot, whole: int) -> float:
    """Return the share of a line's images, or texts, that are no evidence; those of the baseline count as well."""
    finding, metric = snapshot.findings.get(line.finding_id), line.rule.metric
    if finding is None:
        return 0.0
    lost = finding.n_unscored
    change = (snapshot.changes or {}).get(line.finding_id)
    if line.rule.threshold.compared and change is not None:
        lost += max(0, _rests_on(metric, finding.estimate) + lost - _rests_on(metric, change.baseline))
    return min(1.0, lost / whole) if whole else float(lost > 0)


def _suites(rule: Rule, policy: Policy, snapshot: Snapshot) -> Sequence[str]:
    if rule.suite != WHOLE:
        return (rule.suite,)
    known = {finding.suite for finding in snapshot.findings.values() if finding.metric == rule.metric}
    return sorted(known & {WHOLE, *policy.requires.suites})


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
        return None, snapshot.no_changes
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
        return f"it was not measured ({estimate.method_text})"
    if any(number is None or not math.isfinite(number) for number in numbers):
        return f"it has no interval ({estimate.method_text})"
    if estimate.low is not None and estimate.high is not None and estimate.low > estimate.high:
        return f"its interval ends before it begins ({estimate.low:g} to {estimate.high:g})"
    return ""


def _too_little(rule: Rule, estimate: Estimate, unscored: int, asked: int, own: Size | None) -> str:
    prompts, images = estimate.n_prompts, estimate.n_images
    if own is not None:
        prompts, images = min(prompts, own.prompts), min(images, own.images)
    if prompts < rule.min_prompts:
        return f"{prompts} of its own prompts are fewer than the {rule.min_prompts} that the rule wants"
    things = "texts" if rule.metric in _FROM_TEXTS else "images"
    if things == "images" and images < rule.min_images:
        return f"{images} of its own images are fewer than the {rule.min_images} that the rule wants"
    if unscored > rule.max_unscored_share * asked:
        share = f"{unscored} of {asked} {things} are no evidence"
        return f"{share}, more than the share of {rule.max_unscored_share:g} that the rule allows"
    return ""


# The guard of a rule: one very bad prompt breaks it, however good the mean is.
#
# That is no test: it judges what was measured, with whatever chance has in the images of one prompt.


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
        return Guarded(missing=f"the {card.noun} has no values of single prompts here")
    told = [(_badness(one.value, card), one) for one in its if one.value is not None]
    silent = len(its) - len(told)
    worst = max(told, key=lambda pair: (pair[0], pair[1].text), default=None)
    if worst is not None and worst[0] > limit:
        return Guarded(worst=worst[1])
    if not told or silent > line.rule.max_unscored_share * len(its):
        return Guarded(missing=f"{silent} of {len(its)} prompts have no value, so the guard cannot decide")
    return Guarded()


def _badness(value: float, card: MetricCard) -> float:
    """Return the value itself; for a metric with a good side in the middle, its distance from there."""
    return abs(value - (card.neutral or 0.0)) if card.direction == "neutral" else value


# Waivers: somebody answers for a line that does not hold, until a day.
#
# A waiver covers a line that was measured and does not pass: it fails, or its interval crosses the threshold. It never
# covers what is missing.


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
    """Mark the lines that a waiver covers; let those waivers fail that are needed and have expired without another.

    Args:
        waivers: Of the policy.
        decided: Every line.
        today: A waiver that ends today still holds.
    """
    results = [one.result for one in decided]
    renewed = {
        place
        for place, one in enumerate(decided)
        if any(_names(waiver, one.line) and waiver.expires >= today for waiver in waivers)
    }
    expired: list[RuleResult] = []
    notes: list[str] = []
    for waiver in waivers:
        covered = [place for place, one in enumerate(decided) if _names(waiver, one.line)]
        needing = [place for place in covered if _needs(decided[place])]
        if not needing:
            notes.append(_unneeded(waiver, covered=bool(covered)))
        elif waiver.expires < today and renewed.issuperset(needing):
            notes.append(
                f"The {_title(waiver)} by {waiver.owner} is not needed: another took its place when it expired."
            )
        elif waiver.expires < today:
            expired.append(_expired(waiver, [results[place].rule for place in needing if place not in renewed]))
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
    evidence = f"Fail: {said.rstrip('.')}. Renew it, or delete it and mend what it waives."
    return RuleResult(rule=_title(waiver), verdict=Verdict.FAIL, evidence=evidence)


def _unneeded(waiver: Waiver, *, covered: bool) -> str:
    why = "what it waives was not measured or passes by itself" if covered else "it names no line of the policy"
    return f"The {_title(waiver)} by {waiver.owner} is not needed: {why}."


def _title(waiver: Waiver) -> str:
    return f"waiver of {waiver.rule_id}" + (f" ({waiver.subject})" if waiver.subject is not None else "")
