"""Calibration of the instrument: worlds are drawn and trained, or taken, audited like any checkpoint, and measured.

The folder of a calibration holds ``worlds/`` (the phantoms), ``audits/`` (their runs) and what came of them. A folder
of a world carries its digest in its name, so what was made of another world is never taken for this one.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from audit.checkpoints import LoadOptions
from audit.errors import UsageProblem
from audit.evidence import FINDINGS_NAME, read_findings
from audit.evidence.files import TEMPORARY_PREFIX, disk_problems
from audit.evidence.specs import read_json
from audit.opening import is_folder, is_there
from audit.phantom.phantom_folder import read_phantom_world, save_phantom, suites_of_world
from audit.phantom.planted import balanced_world, dosed_world
from audit.phantom.training import train
from audit.phantom.world import World
from audit.pipeline.audit_plan import AuditRequest, Plan, find_effort, make_plan
from audit.pipeline.execute import run_audit
from audit.pipeline.forecast import earlier_run
from audit.pipeline.progress import Progress
from audit.records import Finding
from audit.studies.calibrate import AuditedWorld, Calibration, Row, measure, rows_of

LEVEL = 0.95
_DIGITS = 12  # of a digest, in the name of a folder


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationRequest:
    """What is calibrated on, and how."""

    base: World
    """The world whose shares are set anew in every world drawn."""
    dosed: int
    """Number of worlds to draw in which every share and rate is another."""
    balanced: int
    """Number of worlds to draw in which nothing is planted."""
    taken: tuple[str, ...] = ()
    """Phantoms to take as they are: folders, or phantom:NAME."""
    effort: str = "standard"
    seed: int = 0
    """Of the drawing of worlds, and of the audits."""
    device: str = "cpu"
    precision: str = "auto"
    """Of trainings and inversions: one of ``audit.precision.PRECISIONS``."""
    waive_sanity: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """One world to be audited."""

    world: World
    origin: Literal["drawn", "taken"]
    checkpoint: str

    @property
    def folder_name(self) -> str:
        return f"{self.world.name}-{self.world.digest[:_DIGITS]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Audited:
    findings: tuple[Finding, ...]
    verdict: str
    images: int


def calibrate(request: CalibrationRequest, out: Path, progress: Progress, *, command: str) -> Calibration:
    """Draw, train and audit every world of ``request`` in the folder ``out``, going on where an earlier call stopped.

    Args:
        request: What to do.
        out: The folder of the calibration; made where it does not exist.
        progress: Shows every training and every audit.
        command: The command line that makes this calibration, as it is to be told.

    Raises:
        UsageProblem: If nothing is to be done, a phantom is none or is taken twice, or ``out`` is a file or holds
            something else where a world or an audit has its place.
        RefusedProblem: If a phantom fails the sanity check.
        EnvironmentProblem: If ``out`` cannot be written.
    """
    find_effort(request.effort)
    subjects = _subjects(request, out)
    _make_folders(out)
    labels = _labels(subjects)
    rows: list[Row] = []
    worlds: list[AuditedWorld] = []
    for number, (subject, label) in enumerate(zip(subjects, labels, strict=True), start=1):
        progress.say(f"World {number} of {len(subjects)}: {label}")
        if subject.origin == "drawn":
            _train(subject.world, Path(subject.checkpoint), request.precision, progress)
        audited = _audit(subject, request, out, progress)
        rows += rows_of(label, subject.world, audited.findings)
        worlds.append(_told(subject, label, audited))
    return Calibration(
        command=command,
        effort=request.effort,
        seed=request.seed,
        level=LEVEL,
        worlds=tuple(worlds),
        rows=tuple(rows),
        lean=measure(rows, "lean", level=LEVEL),
        rate=measure(rows, "rate", level=LEVEL),
    )


def _subjects(request: CalibrationRequest, out: Path) -> list[_Subject]:
    taken = [
        _Subject(world=read_phantom_world(name), origin="taken", checkpoint=_checkpoint(name)) for name in request.taken
    ]
    drawn = [dosed_world(request.base, seed=request.seed, number=number + 1) for number in range(request.dosed)]
    drawn += [balanced_world(request.base, seed=request.seed, number=number + 1) for number in range(request.balanced)]
    made = [_Subject(world=world, origin="drawn", checkpoint="") for world in drawn]
    subjects = [
        *taken,
        *(
            _Subject(world=one.world, origin=one.origin, checkpoint=str(out / "worlds" / one.folder_name))
            for one in made
        ),
    ]
    if not subjects:
        raise UsageProblem("There is no world to calibrate on.", remedy="Ask for some with --worlds, or --take some.")
    digests = [subject.world.digest for subject in subjects]
    twice = sorted({subject.world.name for subject in subjects if digests.count(subject.world.digest) > 1})
    if twice:
        raise UsageProblem(
            f"The world {twice[0]} is there twice, and would count as two.",
            remedy="Name every phantom once with --take.",
        )
    return subjects


def _checkpoint(name: str) -> str:
    """Return the name of a phantom as a checkpoint has it: a folder as it is, anything else as one that ships."""
    return name if is_folder(Path(name)) or name.startswith("phantom:") else f"phantom:{name}"


def _labels(subjects: Sequence[_Subject]) -> list[str]:
    """Return the names of the worlds, with a part of the digest where two have the same."""
    names = [subject.world.name for subject in subjects]
    return [subject.world.name if names.count(subject.world.name) == 1 else subject.folder_name for subject in subjects]


def _make_folders(out: Path) -> None:
    if is_there(out) and not is_folder(out):
        raise UsageProblem(f"{out} is a file.", remedy="Name a folder with --out.")
    with disk_problems("Making the folder", out):
        for name in ("worlds", "audits"):
            (out / name).mkdir(parents=True, exist_ok=True)


def _train(world: World, folder: Path, precision: str, progress: Progress) -> None:
    """Train a phantom on ``world`` unless ``folder`` has it; the folder is whole or absent."""
    if is_there(folder):
        if read_phantom_world(str(folder)).digest != world.digest:
            raise UsageProblem(
                f"{folder} holds another world than {world.name}.", remedy="Remove it, or name another --out."
            )
        return
    begun: list[int] = []

    def hear(_step: int, steps: int, _loss: float) -> None:
        if not begun:
            begun.append(steps)
            progress.begin(f"training {world.name} (steps)", steps)
        progress.advance(1)

    phantom = train(world, hear, precision=precision)
    partial = folder.with_name(f"{TEMPORARY_PREFIX}{folder.name}")
    with disk_problems("Writing", folder):
        shutil.rmtree(partial, ignore_errors=True)
        save_phantom(phantom, world, partial)
        partial.rename(folder)


def _audit(subject: _Subject, request: CalibrationRequest, out: Path, progress: Progress) -> _Audited:
    """Audit a world unless a finished run of the same plan is there."""
    plan = make_plan(
        AuditRequest(
            checkpoint=subject.checkpoint,
            options=LoadOptions(waive_sanity=request.waive_sanity),
            suites=suites_of_world(subject.checkpoint, out / "suites" / subject.folder_name),
            core_only=True,  # what is planted, and the controls
            effort=request.effort,
            device=request.device,
            precision=request.precision,
            seed=request.seed,
        )
    )
    folder = out / "audits" / f"{subject.folder_name}-{request.effort}-{request.seed}"
    done = _finished(plan, folder)
    if done is not None:
        return done
    outcome = run_audit(plan, folder, progress)
    return _Audited(findings=outcome.findings, verdict=outcome.decision.verdict.value, images=len(plan.items))


def _finished(plan: Plan, folder: Path) -> _Audited | None:
    run = earlier_run(plan, folder)
    if run is None or not run.is_finished:
        return None
    verdict = str(read_json(folder / "decision.json")["verdict"])
    return _Audited(findings=read_findings(folder / FINDINGS_NAME), verdict=verdict, images=len(plan.items))


def _told(subject: _Subject, label: str, audited: _Audited) -> AuditedWorld:
    return AuditedWorld(
        label=label,
        world=subject.world.name,
        digest=subject.world.digest,
        origin=subject.origin,
        training_seed=subject.world.training.seed,
        images=audited.images,
        verdict=audited.verdict,
    )
