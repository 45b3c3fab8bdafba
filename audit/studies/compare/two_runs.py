"""Two run folders in, one comparison out: what got worse, what got better, and what cannot be told; and how it is kept.

Changes of one metric over the concepts of a suite are a family of tests, and so are those of a suite and its groups;
each family is corrected after Benjamini and Hochberg. A change counts only if its whole interval and its corrected
p-value say so. In ``changes.json`` what was not measured is ``null``.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

import pandas as pd
from scipy.stats import norm

from audit.codec import SCHEMA_VERSION, document_text, record_document
from audit.errors import UsageProblem
from audit.evidence import RunFolder, load_evidence, picture_digests, read_run, refuse_other, write_folder
from audit.lenses import CARDS, INSTRUMENTS
from audit.lenses.common.protocol import as_real
from audit.pairing.both_examined import BothExamined, OnFold, examine_both, unit_of
from audit.pairing.image_pairs import Pairs, doubtful_differences, identical_images, pair_images, refuse_unlike
from audit.pairing.paired_changes import RUN_NAMES, changes_of, doubts_about
from audit.records import Change, CheckpointCard, Estimate, Method
from audit.stats import benjamini_hochberg


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRun:
    """One of the runs."""

    folder: Path
    checkpoint: CheckpointCard
    spec_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What became of a baseline in a candidate."""

    baseline: ComparedRun
    candidate: ComparedRun
    level: float
    margin: float | None
    told: tuple[JudgedChange, ...]
    """What the checkpoints associate, what matters most first."""
    instruments: tuple[JudgedChange, ...]
    """Whether the audits worked: controls and quality."""
    doubts: tuple[str, ...]
    """Why nothing can be concluded, whatever the changes say; empty where they can be read."""
    warnings: tuple[str, ...]
    n_pairs: int
    """Pairs of images that were compared."""
    n_identical: int
    """Pairs of which both are the same image."""
    n_usable_once: int
    """Pairs of which one image is usable and the other is not."""

    @property
    def is_same(self) -> bool:
        """Whether both runs are of one checkpoint, by its digest."""
        return self.baseline.checkpoint.digest == self.candidate.checkpoint.digest

    @property
    def is_conclusive(self) -> bool:
        """Whether the changes can be read as changes of the checkpoint."""
        return not self.doubts

    def with_outcome(self, outcome: Outcome) -> tuple[JudgedChange, ...]:
        """Return the changes of which this can be said."""
        return tuple(one for one in self.told if one.outcome is outcome)


def compare_runs(
    baseline: Path,
    candidate: Path,
    *,
    level: float = 0.95,
    margin: float | None = None,
    across_precision: bool = False,
    on_fold: OnFold = lambda _done, _all: None,
) -> Comparison:
    """Compare two finished runs, paired by prompt and seed.

    Args:
        baseline: Folder of the run to be compared with.
        candidate: Folder of the run that is compared.
        level: Confidence level of every interval, in (0, 1).
        margin: Largest difference that does not matter, above 0, in the unit of each metric; ``None`` for none.
        across_precision: Whether the gradients may have been computed in different precisions; what that makes is
            carried into the intervals, and what it makes of a metric where it was not measured is not told.
        on_fold: Shows how far the work is.

    Raises:
        UsageProblem: If a folder is no run, more than the checkpoint differs, or level or margin are no such thing.
        InconclusiveProblem: If a run is not finished or has nothing in it.
        EnvironmentProblem: If a file of a run is not as the run left it.
    """
    _check(level, margin)
    runs = [read_run(folder, finished=True) for folder in (baseline, candidate)]
    refuse_unlike(*runs, across_precision=across_precision)
    pairs = pair_images(*map(load_evidence, runs))
    identical = identical_images(pairs, *map(picture_digests, runs))
    both = examine_both(pairs, identical=identical, level=level, on_fold=on_fold)
    changes = changes_of(pairs, both, level)
    warnings = [*doubtful_differences(*runs), *_left_out(pairs, both)]
    precisions = [str(run.spec.get("precision") or "not stated") for run in runs]
    if precisions[0] != precisions[1]:
        effort = _effort_of(runs[0])
        changes = [widened(change, CARDS[change.metric].precision_noise.get(effort)) for change in changes]
        warnings.append(_ACROSS.format(*precisions))
    told = judge_changes(changes, level=level, margin=margin)
    sides = [
        ComparedRun(folder=run.path, checkpoint=evidence.checkpoint, spec_digest=run.spec_digest)
        for run, evidence in zip(runs, (pairs.baseline, pairs.candidate), strict=True)
    ]
    return Comparison(
        baseline=sides[0],
        candidate=sides[1],
        level=level,
        margin=margin,
        told=tuple(one for one in told if one.change.lens not in INSTRUMENTS),
        instruments=tuple(one for one in told if one.change.lens in INSTRUMENTS),
        doubts=_doubts(runs, both, changes),
        warnings=tuple(warnings),
        n_pairs=len(pairs.usable),
        n_identical=len(identical),
        n_usable_once=pairs.n_usable_once,
    )


_ACROSS: Final = (
    "The baseline was made in {0} and the candidate in {1}. An inversion in another precision is as another seed: "
    "where what that makes was measured, the intervals hold it; elsewhere they are left out (docs/precision.md)."
)


_LEAST_P: Final = 1e-300


def _effort_of(run: RunFolder) -> str:
    effort = run.spec.get("effort")
    return str(effort.get("name", "")) if isinstance(effort, dict) else ""


def widened(change: Change, noise: float | None) -> Change:
    """Return a change whose intervals hold a further error, independent of what they hold already.

    Formula: each end moves out to ``sqrt(d**2 + (z * noise)**2)`` from the value, with ``d`` its distance before and
    ``z`` the normal quantile of the level; the test takes the same standard error.
    Source: Zou and Donner (2008), Statistics in Medicine 27(10):1693-1702, doi:10.1002/sim.3095.

    Args:
        change: A change.
        noise: Standard deviation of the error; ``None`` where it is not known, which leaves no interval.
    """
    difference = change.difference
    if noise is None:
        return replace(
            change,
            difference=_without_interval(difference),
            worsening=None if change.worsening is None else _without_interval(change.worsening),
            p_value=None,
        )
    worsening = None if change.worsening is None else _wider(change.worsening, noise)
    p_value = change.p_value
    if p_value is not None and difference.value is not None:
        z = float(norm.isf(max(p_value, _LEAST_P) / 2))
        own = abs(difference.value) / z if z > 0 else math.inf
        p_value = 2 * float(norm.sf(abs(difference.value) / math.hypot(own, noise)))
    return replace(change, difference=_wider(difference, noise), worsening=worsening, p_value=p_value)


def _wider(estimate: Estimate, noise: float) -> Estimate:
    value, low, high = estimate.value, estimate.low, estimate.high
    if value is None or low is None or high is None:
        return estimate
    reach = float(norm.ppf(0.5 + estimate.level / 2)) * noise
    return replace(
        estimate,
        low=value - math.hypot(value - low, reach),
        high=value + math.hypot(high - value, reach),
        method=Method.COMBINED,
        remark=f"{estimate.method_text}; and the noise of another precision, {noise:g}",
    )


def _without_interval(estimate: Estimate) -> Estimate:
    return replace(
        estimate, low=None, high=None, method=Method.OTHER,
        remark="no interval: what another precision makes of it was not measured",
    )  # fmt: skip


def _check(level: float, margin: float | None) -> None:
    if not 0 < level < 1:
        raise UsageProblem(f"A level lies between 0 and 1; got {level:g}.", remedy="For 95 % write --level 0.95.")
    if margin is not None and not 0 < margin < float("inf"):
        raise UsageProblem(
            f"A margin is a number above 0; got {margin:g}.",
            remedy="Write the largest difference that does not matter, as in --margin 0.1, or leave it out.",
        )


def _doubts(runs: list[RunFolder], both: BothExamined, changes: list[Change]) -> tuple[str, ...]:
    """Say why nothing can be concluded: failed or missing controls, a waived sanity check, nothing measured."""
    doubts = []
    for side, run, controls in zip(RUN_NAMES, runs, both.controls, strict=True):
        doubts += doubts_about(side, run, controls)
    if not any(change.difference.value is not None for change in changes if change.lens not in INSTRUMENTS):
        doubts.append("Nothing was measured in both runs.")
    return tuple(doubts)


def _left_out(pairs: Pairs, both: BothExamined) -> tuple[str, ...]:
    """Say what one run has and the other lacks."""
    sides = ((pairs.n_baseline_only, both.only_baseline), (pairs.n_candidate_only, both.only_candidate))
    found = []
    for side, (images, findings) in zip(RUN_NAMES, sides, strict=True):
        if images:
            found.append(f"{images} images are in the {side} only; they and their prompts are left out.")
        if findings:
            named = ", ".join(findings[:3]) + (", ..." if len(findings) > 3 else "")
            found.append(f"{len(findings)} findings are in the {side} only and are not compared: {named}.")
    return tuple(found)


class Outcome(StrEnum):
    """What can be said of a change, in the order in which it is shown."""

    WORSE = "worse"
    BETTER = "better"
    OPEN = "cannot tell"
    SAME = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedChange:
    """A change, what can be said of it, and why."""

    change: Change
    outcome: Outcome
    reason: str


_ORDER: Final = tuple(Outcome)


def judge_changes(
    changes: Sequence[Change], *, level: float = 0.95, margin: float | None = None
) -> tuple[JudgedChange, ...]:
    """Correct the p-values of changes, say what can be said of each, and put first what matters most.

    Formula: worse, if the interval of the worsening lies above 0 and the corrected p-value is at most ``1 - level``;
    better, if below 0. Unchanged, if both runs made the same images, or the interval of the difference lies between
    minus and plus ``margin``, whichever side of 0 it is on.
    Source: Benjamini and Hochberg (1995), JRSS B 57(1):289-300, doi:10.1111/j.2517-6161.1995.tb02031.x; for the margin,
    Schuirmann (1987), J. Pharmacokinetics and Biopharmaceutics 15(6):657-680, doi:10.1007/BF01068419.

    Args:
        changes: Changes with raw p-values.
        level: Level that the intervals have, in (0, 1).
        margin: Largest difference that does not matter, in the unit of each metric; ``None`` asks for none, and then
            nothing but the same images is unchanged.
    """
    told = [_judge_change(change, level=level, margin=margin) for change in _corrected(changes)]
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


def _judge_change(change: Change, *, level: float, margin: float | None) -> JudgedChange:
    difference = change.difference
    if difference.method is Method.IDENTICAL:
        return JudgedChange(change=change, outcome=Outcome.SAME, reason="both runs made the same images")
    if difference.low is None or difference.high is None:
        return JudgedChange(change=change, outcome=Outcome.OPEN, reason=difference.method_text)
    if margin is not None and -margin < difference.low and difference.high < margin:
        reason = f"the whole interval lies within the margin of {margin:g}"
        return JudgedChange(change=change, outcome=Outcome.SAME, reason=reason)
    open_reason = _why_open(change, level)
    if open_reason:
        return JudgedChange(change=change, outcome=Outcome.OPEN, reason=open_reason)
    worse = change.worsening is not None and change.worsening.value is not None and change.worsening.value > 0
    reason = "the interval leaves out 0, and stands after correction"
    return JudgedChange(change=change, outcome=Outcome.WORSE if worse else Outcome.BETTER, reason=reason)


def _why_open(change: Change, level: float) -> str:
    """Return why it cannot be told whether a change is for the worse; nothing where it can."""
    worsening = change.worsening
    if worsening is None:
        return "the metric has no good side"
    if worsening.low is None or worsening.high is None:
        return worsening.method_text
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


def _rank(told: JudgedChange) -> tuple[int, bool, float, str]:
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


def changes_document(comparison: Comparison) -> dict[str, object]:
    """Return a comparison as plain lists and dictionaries, changes in the order in which they matter."""
    counts = Counter(one.outcome for one in comparison.told)
    return {
        "schema_version": SCHEMA_VERSION,
        "conclusive": comparison.is_conclusive,
        "doubts": list(comparison.doubts),
        "baseline": _run(comparison.baseline),
        "candidate": _run(comparison.candidate),
        "level": comparison.level,
        "margin": comparison.margin,
        "counts": {outcome.value: counts[outcome] for outcome in Outcome},
        "pairs": {
            "images": comparison.n_pairs,
            "identical": comparison.n_identical,
            "usable_in_one_run_only": comparison.n_usable_once,
        },
        "changes": [_entry(one) for one in comparison.told],
        "instruments": [_entry(one) for one in comparison.instruments],
        "warnings": list(comparison.warnings),
    }


def changes_text(comparison: Comparison) -> str:
    """Return the text of ``changes.json``; equal comparisons give equal text."""
    return document_text(changes_document(comparison))


def _run(run: ComparedRun) -> dict[str, object]:
    card = run.checkpoint
    return {
        "folder": str(run.folder),
        "spec_digest": run.spec_digest,
        "checkpoint": {"name": card.name, "digest": card.digest},
    }


def _entry(told: JudgedChange) -> dict[str, object]:
    return {
        "id": told.change.finding_id,
        "outcome": told.outcome.value,
        "reason": told.reason,
        **record_document(told.change),
    }


CHANGES_NAME: Final = "changes.json"


def check_folder(folder: Path, *, mark: str = CHANGES_NAME) -> None:
    """Refuse a folder that holds anything but an earlier comparison, which has a file ``mark``.

    Raises:
        UsageProblem: If it is a file, a run folder, or holds something else.
    """
    refuse_other(folder, mark=mark, what="comparison")


def write_comparison(folder: Path, comparison: Comparison, pages: Mapping[str, str | bytes]) -> None:
    """Write ``changes.json``, the pages for people and the table of the changes.

    Args:
        folder: Where; made where it does not exist, and what an earlier comparison left there is replaced.
        comparison: What was found.
        pages: Name -> what ``summary.md`` and others hold.

    Raises:
        UsageProblem: If the folder holds anything but a comparison.
        EnvironmentProblem: If it cannot be written.
    """
    check_folder(folder)
    write_folder(
        folder,
        source=f"{comparison.baseline.spec_digest} {comparison.candidate.spec_digest}",
        texts={CHANGES_NAME: changes_text(comparison), **pages},
        tables={"changes": changes_table(comparison)},
    )


def changes_table(comparison: Comparison) -> pd.DataFrame:
    """Return one row per change, what matters most first and the instruments last; missing numbers are NaN."""
    return pd.DataFrame([_row(one) for one in (*comparison.told, *comparison.instruments)])


def _row(told: JudgedChange) -> dict[str, object]:
    change = told.change
    return {
        "outcome": told.outcome.value,
        "lens": change.lens,
        "suite": change.suite,
        "subject": change.subject,
        "metric": change.metric,
        "unit": change.unit,
        **_numbers("baseline", change.baseline),
        **_numbers("candidate", change.candidate),
        **_numbers("difference", change.difference),
        **_numbers("worsening", change.worsening),
        "level": change.difference.level,
        "p_value": as_real(change.p_value),
        "p_adjusted": as_real(change.p_adjusted),
        "n_images": change.difference.n_images,
        "n_prompts": change.difference.n_prompts,
        "method": change.difference.method_text,
        "reason": told.reason,
        "note": change.note,
    }


def _numbers(name: str, estimate: Estimate | None) -> dict[str, float]:
    values = (None, None, None) if estimate is None else (estimate.value, estimate.low, estimate.high)
    return dict(zip((name, f"{name}_low", f"{name}_high"), map(as_real, values), strict=True))
