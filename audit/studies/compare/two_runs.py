"""Two run folders in, one comparison out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from audit.errors import UsageProblem
from audit.evidence import RunFolder, load_evidence, picture_digests
from audit.lenses import INSTRUMENTS
from audit.pairing.examining_both import BothExamined, OnRound, examine_both
from audit.pairing.image_pairs import Pairs, doubtful_differences, identical_images, pair_images, refuse_unlike
from audit.pairing.paired_changes import RUN_NAMES, changes_of, doubts_about, open_finished
from audit.records import Change, CheckpointCard
from audit.studies.compare.change_outcomes import Outcome, Told, tell


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
    runs = [open_finished(folder) for folder in (baseline, candidate)]
    refuse_unlike(*runs)
    pairs = pair_images(*map(load_evidence, runs))
    identical = identical_images(pairs, *map(picture_digests, runs))
    both = examine_both(pairs, identical=identical, level=level, on_round=on_round)
    changes = changes_of(pairs, both, level)
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


def _check(level: float, margin: float | None) -> None:
    if not 0 < level < 1:
        raise UsageProblem(f"A level lies between 0 and 1; got {level:g}.", remedy="For 95 % write --level 0.95.")
    if margin is not None and not 0 < margin < float("inf"):
        raise UsageProblem(
            f"A margin is a number above 0; got {margin:g}.",
            remedy="Write the largest difference that does not matter, as in --margin 0.1, or leave it out.",
        )


def _doubts(runs: list[RunFolder], both: BothExamined, changes: list[Change]) -> tuple[str, ...]:
    """Say why nothing can be concluded: failed or missing controls, a waived sanity gate, nothing measured."""
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
