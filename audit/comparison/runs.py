"""Two run folders in, one comparison out."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from audit.comparison.examining import BothExamined, OnRound, Paired, examine_both, unit_of
from audit.comparison.matching import Pairs, doubtful_differences, identical_images, pair_images, refuse_unlike
from audit.comparison.outcomes import Outcome, Told, tell
from audit.comparison.paired import change_of
from audit.errors import UsageProblem
from audit.evidence import Evidence, RunFolder, load_evidence, picture_digests, read_run
from audit.lenses import INSTRUMENTS, WHOLE_SUITE
from audit.records import Change, CheckpointCard

_SIDES: Final = ("baseline", "candidate")


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
    told: tuple[Told, ...]
    """What the checkpoints associate, what matters most first."""
    instruments: tuple[Told, ...]
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
    def is_conclusive(self) -> bool:
        """Whether the changes can be read as changes of the checkpoint."""
        return not self.doubts

    def with_outcome(self, outcome: Outcome) -> tuple[Told, ...]:
        """Return the changes of which this can be said."""
        return tuple(one for one in self.told if one.outcome is outcome)


def compare_runs(
    baseline: Path,
    candidate: Path,
    *,
    level: float = 0.95,
    margin: float | None = None,
    on_round: OnRound = lambda _done, _all: None,
) -> Comparison:
    """Compare two finished runs, paired by prompt and seed.

    Args:
        baseline: Folder of the run to be compared with.
        candidate: Folder of the run that is compared.
        level: Confidence level of every interval, in (0, 1).
        margin: Largest difference that does not matter, above 0, in the unit of each metric; ``None`` for none.
        on_round: Hears how far the work is.

    Raises:
        UsageProblem: If a folder is no run, more than the checkpoint differs, or level or margin are no such thing.
        InconclusiveProblem: If a run is not finished or has nothing in it.
        EnvironmentProblem: If a file of a run is not as the run left it.
    """
    _check(level, margin)
    runs = [_open(folder) for folder in (baseline, candidate)]
    refuse_unlike(*runs)
    pairs = pair_images(*map(load_evidence, runs))
    identical = identical_images(pairs, *map(picture_digests, runs))
    both = examine_both(pairs, identical=identical, level=level, on_round=on_round)
    changes = _changes(pairs, both, level)
    told = tell(changes, level=level, margin=margin)
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
        warnings=(*doubtful_differences(*runs), *_left_out(pairs, both)),
        n_pairs=len(pairs.usable),
        n_identical=len(identical),
        n_usable_once=pairs.n_usable_once,
    )


def changes_since(baseline: Path, candidate: RunFolder, evidence: Evidence) -> Callable[[float], tuple[Change, ...]]:
    """Return what gives the changes from a finished run to one that may still be open, at any level.

    There are none where the baseline is in doubt, as after a failed control: nothing can be compared with it.

    Args:
        baseline: Folder of the run to be compared with.
        candidate: The run that is compared.
        evidence: That of the candidate, or a part of it.

    Raises:
        UsageProblem: If ``baseline`` is no run, or more than the checkpoint differs.
        InconclusiveProblem: If the baseline is not finished or has nothing in it.
        EnvironmentProblem: If a file of the baseline is not as the run left it.
    """
    before = _open(baseline)
    refuse_unlike(before, candidate)
    pairs = pair_images(load_evidence(before), evidence)
    identical = identical_images(pairs, picture_digests(before), picture_digests(candidate))

    @functools.cache
    def at(level: float) -> tuple[Change, ...]:
        both = examine_both(pairs, identical=identical, level=level)
        if _doubts_of(_SIDES[0], before, both.controls[0]):
            return ()
        return tuple(_changes(pairs, both, level))

    return at


def _changes(pairs: Pairs, both: BothExamined, level: float) -> list[Change]:
    return [change_of(pair, level=level, note=_note(pairs, pair)) for pair in both.paired]


def _check(level: float, margin: float | None) -> None:
    if not 0 < level < 1:
        raise UsageProblem(f"A level lies between 0 and 1; got {level:g}.", remedy="For 95 % write --level 0.95.")
    if margin is not None and not 0 < margin < float("inf"):
        raise UsageProblem(
            f"A margin is a number above 0; got {margin:g}.",
            remedy="Write the largest difference that does not matter, as in --margin 0.1, or leave it out.",
        )


def _open(folder: Path) -> RunFolder:
    run = read_run(folder, finished=True)
    run.verify()
    return run


def _doubts(runs: list[RunFolder], both: BothExamined, changes: list[Change]) -> tuple[str, ...]:
    """Say why nothing can be concluded: failed or missing controls, a waived sanity gate, nothing measured."""
    doubts = []
    for side, run, controls in zip(_SIDES, runs, both.controls, strict=True):
        doubts += _doubts_of(side, run, controls)
    if not any(change.difference.value is not None for change in changes if change.lens not in INSTRUMENTS):
        doubts.append("Nothing was measured in both runs.")
    return tuple(doubts)


def _doubts_of(side: str, run: RunFolder, controls: pd.DataFrame | None) -> list[str]:
    options = run.spec.get("options")
    waived = isinstance(options, dict) and options.get("waive_sanity")
    doubt = f"The sanity gate of the {side} was waived: what its checkpoint answers may mean nothing."
    return [doubt] * bool(waived) + [f"In the {side}, a control failed: {name}." for name in _failed(controls)]


def _failed(controls: pd.DataFrame | None) -> list[str]:
    if controls is None or controls.empty:
        return ["none was measured"]
    columns = (controls["control"], controls["passed"], controls["reason"])
    return [f"{name} ({reason})" for name, passed, reason in zip(*columns, strict=True) if not passed]


def _left_out(pairs: Pairs, both: BothExamined) -> tuple[str, ...]:
    """Say what one run has and the other lacks."""
    sides = ((pairs.n_baseline_only, both.only_baseline), (pairs.n_candidate_only, both.only_candidate))
    found = []
    for side, (images, findings) in zip(_SIDES, sides, strict=True):
        if images:
            found.append(f"{images} images are in the {side} only; they and their prompts are left out.")
        if findings:
            named = ", ".join(findings[:3]) + (", ..." if len(findings) > 3 else "")
            found.append(f"{len(findings)} findings are in the {side} only and are not compared: {named}.")
    return tuple(found)


def _note(pairs: Pairs, pair: Paired) -> str:
    """Say how many pairs of a finding's suite or concept are usable on one side only."""
    rows, finding = pairs.usable, pair.before
    if finding.suite != WHOLE_SUITE:
        rows = rows[(rows["suite"] == finding.suite) & rows["role"].isin(["subject", "reference"])]
        if unit_of(finding.suite, finding.subject) == "prompts":
            rows = rows[rows["concept"] == finding.subject]
    once = int((rows["baseline"] != rows["candidate"]).sum())
    return f"{once} of {len(rows)} image pairs are usable in one run only." if once else ""
