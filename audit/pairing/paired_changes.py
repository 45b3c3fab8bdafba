"""What became of one finding, with an interval that rests on the same units in both runs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from audit.evidence import Evidence, RunFolder, load_evidence, picture_digests, read_run
from audit.lenses import FAILED, NOT_MEASURED, QUESTIONS, WHOLE_SUITE, MetricCard
from audit.pairing.both_examined import BothExamined, Paired, examine_both, unit_of
from audit.pairing.image_pairs import Pairs, identical_images, pair_images, refuse_unlike
from audit.records import Change, Estimate, Method
from audit.stats import ClusterEstimate, clopper_pearson, jackknife_difference, jackknife_test

RUN_NAMES: Final = ("baseline", "candidate")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Difference:
    """A difference and the test that it is 0."""

    estimate: Estimate
    p_value: float | None
    tested: str


def change_of(pair: Paired, *, level: float = 0.95, note: str = "") -> Change:
    """Return what became of a finding from the baseline to the candidate.

    Formula: the difference d is the candidate's value less the baseline's, both as their reports show them; the
    worsening is the difference of how far they lie from what is good. Each has the interval of
    :func:`~audit.stats.jackknife.jackknife_difference` from its values without each unit, the same unit left out
    of both runs. A unit counts if the finding of either run is another without it. Where the difference is the same
    without any of them and values are bounded, units that differ otherwise are 0 hits among G: with u the upper end of
    their exact interval and w the width of the bounds, the interval is ``(1 - u) * d`` give or take ``u * w``.
    Source: Tukey (1958), Annals of Mathematical Statistics 29(2):614 (abstract); for u, Clopper and Pearson (1934),
    doi:10.1093/biomet/26.4.404.

    Args:
        pair: The finding in both runs, whole and without each unit.
        level: Confidence level, in (0, 1).
        note: What is to be said of it besides.

    Returns:
        The change, its p-value not corrected. Exactly 0 without any doubt where both runs made the same images;
        without difference where a run has no value; without interval where there are fewer than two units, a unit
        cannot be missed, or an unbounded difference is the same without any.
    """
    before, card = pair.before, pair.card
    has_side = card.direction != "neutral" or card.neutral is not None
    if pair.untouched and before.estimate.value is not None:
        difference = _certain(pair, level)
        worsening: Estimate | None = difference.estimate
    else:
        difference = _differ(pair, lambda value: value, level)
        worsening = _differ(pair, lambda value: _badness(card, value), level).estimate
    return Change(
        lens=before.lens,
        suite=before.suite,
        subject=before.subject,
        metric=before.metric,
        unit=before.unit,
        baseline=before.estimate,
        candidate=pair.after.estimate,
        difference=difference.estimate,
        worsening=worsening if has_side else None,
        p_value=difference.p_value,
        note=f"{note} p: {difference.tested}.".strip(),
    )


def changes_since(baseline: Path, candidate: RunFolder, evidence: Evidence) -> Callable[[float], tuple[Change, ...]]:
    """Return what gives the changes from a finished run to one that may still be open, at any level.

    There are none where the baseline is in doubt, as after a failed control: nothing can be compared with it. Of a
    question whose controls were not all shown there, there are none either.

    Args:
        baseline: Folder of the run to be compared with.
        candidate: The run that is compared.
        evidence: That of the candidate, or a part of it.

    Raises:
        UsageProblem: If ``baseline`` is no run, or more than the checkpoint differs.
        InconclusiveProblem: If the baseline is not finished or has nothing in it.
        EnvironmentProblem: If a file of the baseline is not as the run left it.
    """
    before = read_run(baseline, finished=True)
    refuse_unlike(before, candidate)
    pairs = pair_images(load_evidence(before), evidence)
    identical = identical_images(pairs, picture_digests(before), picture_digests(candidate))

    @functools.cache
    def at(level: float) -> tuple[Change, ...]:
        both = examine_both(pairs, identical=identical, level=level)
        controls = both.controls[0]
        if doubts_about(RUN_NAMES[0], before, controls):
            return ()
        unseen = set() if controls is None else set(controls.loc[~controls["passed"], "question"])
        changes = changes_of(pairs, both, level)
        return tuple(one for one in changes if not unseen & {"", QUESTIONS.get(one.metric)})

    return at


def changes_of(pairs: Pairs, both: BothExamined, level: float) -> list[Change]:
    """Return what became of every finding that both runs have."""
    return [change_of(pair, level=level, note=_note(pairs, pair)) for pair in both.paired]


def doubts_about(side: str, run: RunFolder, controls: pd.DataFrame | None) -> list[str]:
    """Say why nothing can be concluded from one of two runs: a waived sanity check, failed or missing controls."""
    options = run.spec.get("options")
    waived = isinstance(options, dict) and options.get("waive_sanity")
    doubt = f"The sanity check of the {side} was waived: what its checkpoint answers may mean nothing."
    return [doubt] * bool(waived) + [f"In the {side}, a control failed: {name}." for name in _failed(controls)]


def _failed(controls: pd.DataFrame | None) -> list[str]:
    if controls is None or controls.empty:
        return ["none was measured"]
    failed = controls[controls["state"].isin([FAILED, NOT_MEASURED])]
    return [f"{name} ({reason})" for name, reason in zip(failed["control"], failed["reason"], strict=True)]


def _note(pairs: Pairs, pair: Paired) -> str:
    """Say how many pairs of a finding's suite or concept are usable on one side only."""
    rows, finding = pairs.usable, pair.before
    if finding.suite != WHOLE_SUITE:
        rows = rows[(rows["suite"] == finding.suite) & rows["role"].isin(["subject", "reference"])]
        if unit_of(finding.suite, finding.subject) == "prompts":
            rows = rows[rows["concept"] == finding.subject]
    once = int((rows["baseline"] != rows["candidate"]).sum())
    return f"{once} of {len(rows)} image pairs are usable in one run only." if once else ""


def _badness(card: MetricCard, value: float) -> float:
    """Return how far a value is from what is good; larger is worse."""
    if card.direction == "neutral":
        return abs(value - (card.neutral or 0.0))
    return value if card.direction == "lower" else -value


def _differ(pair: Paired, measure: Callable[[float], float], level: float) -> _Difference:
    """Return the difference of ``measure`` between the runs."""
    before, after = pair.before.estimate.value, pair.after.estimate.value
    if before is None or after is None:
        gone = Method.NOTHING_BEFORE if before is None else Method.NOTHING_AFTER
        return _untested(pair, None, Method.NOTHING_EITHER if before is after else gone, level)
    whole = measure(after) - measure(before)
    units = [sides for sides in pair.left if pair.rests_on(*sides)]
    values = [tuple(side.estimate.value if side else None for side in sides) for sides in units]
    left_out = [measure(other) - measure(one) for one, other in values if one is not None and other is not None]
    if len(left_out) < len(units):
        return _untested(pair, whole, Method.FEW if len(units) < 2 else Method.NOT_WITHOUT, level)
    numbers = np.array(left_out, dtype=float)
    bounds = pair.card.span if pair.card.is_mean else None
    found = _bounded(jackknife_difference(whole, numbers, level=level, unit=pair.unit), bounds, level=level)
    tested = jackknife_test(whole, numbers, unit=pair.unit)
    return _Difference(
        estimate=_estimate(pair, found, level),
        p_value=tested.p_value,
        tested=tested.method,
    )


def _bounded(found: ClusterEstimate, bounds: tuple[float, float] | None, *, level: float) -> ClusterEstimate:
    """Keep an interval within what a difference can be, and give one to a difference that every unit shares."""
    if bounds is None or found.value is None or found.n_clusters < 2:
        return found
    width = bounds[1] - bounds[0]
    low, high, method = found.low, found.high, found.method
    if low is None or high is None:
        others = clopper_pearson(0, found.n_clusters, level=level).high
        low, high = (1 - others) * found.value - others * width, (1 - others) * found.value + others * width
        method = Method.EXACT_DIFFERENCES
    return replace(found, low=max(-width, low), high=min(width, high), method=method)


def _certain(pair: Paired, level: float) -> _Difference:
    zero = ClusterEstimate(value=0.0, low=0.0, high=0.0, method=Method.IDENTICAL, n=0, n_clusters=0)
    return _Difference(
        estimate=_estimate(pair, zero, level), p_value=None, tested=f"not tested: {Method.IDENTICAL.value}"
    )


def _untested(pair: Paired, value: float | None, why: Method, level: float) -> _Difference:
    found = ClusterEstimate(value=value, low=None, high=None, method=why, n=0, n_clusters=0)
    estimate = _estimate(pair, found, level)
    return _Difference(estimate=estimate, p_value=None, tested=f"not tested: {estimate.method_text}")


def _estimate(pair: Paired, found: ClusterEstimate, level: float) -> Estimate:
    """Return a difference as a record; it rests on as many images and prompts as the thinner side."""
    sides = (pair.before.estimate, pair.after.estimate)
    return Estimate(
        value=found.value,
        low=found.low,
        high=found.high,
        level=level,
        method=found.method,
        over=pair.unit,
        n_images=min(side.n_images for side in sides),
        n_prompts=min(side.n_prompts for side in sides),
    )
