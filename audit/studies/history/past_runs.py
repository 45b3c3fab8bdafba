"""Many runs in a row: the findings of each, as its folder keeps them; runs that were made otherwise are left out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from audit.errors import AuditProblem, UsageProblem
from audit.evidence import RunFolder, read_checkpoint_card, read_run
from audit.evidence.files import disk_problems
from audit.evidence.specs import SPEC_NAME
from audit.lenses import read_findings
from audit.pairing.image_pairs import refuse_unlike
from audit.records import CheckpointCard, Finding

FINDINGS_NAME: Final = "findings.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """One run of a history."""

    folder: str
    """Name of its folder."""
    checkpoint: CheckpointCard
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Runs in the order of their folders' names, numbers in them by their size."""

    runs: tuple[PastRun, ...]
    left_out: tuple[str, ...]
    """Which folders are no part of it, and why."""


def read_history(folder: Path) -> History:
    """Read all finished runs that lie in a folder.

    Runs are held against the last one, and those that differ from it in more than their checkpoint are left out.

    Args:
        folder: Its folders are looked into, and theirs are not.

    Raises:
        UsageProblem: If no finished run is there.
        EnvironmentProblem: If the folder cannot be listed.
    """
    with disk_problems("Listing", folder):
        found = sorted((one for one in folder.iterdir() if (one / SPEC_NAME).is_file()), key=_by_number)
    runs: list[RunFolder] = []
    left_out: list[str] = []
    for path in found:
        try:
            run = read_run(path, finished=True)
            run.verify()
            runs.append(run)
        except AuditProblem as problem:
            left_out.append(f"{path.name}: {problem.what}")
    kept = [] if not runs else [run for run in runs if _is_like(run, runs[-1], left_out)]
    if not kept:
        raise UsageProblem(
            f"No finished run lies in {folder}.", remedy="Name the folder that holds the folders of the runs."
        )
    return History(runs=tuple(map(_past, kept)), left_out=tuple(left_out))


def _is_like(run: RunFolder, last: RunFolder, left_out: list[str]) -> bool:
    if not (run.path / FINDINGS_NAME).is_file():
        left_out.append(f"{run.path.name}: it has no {FINDINGS_NAME}.")
        return False
    try:
        refuse_unlike(last, run)
    except UsageProblem as problem:
        left_out.append(f"{run.path.name}: {problem.what}")
        return False
    return True


def _past(run: RunFolder) -> PastRun:
    path = run.path / FINDINGS_NAME
    with disk_problems("Reading", path):
        findings = read_findings(path.read_text(encoding="utf-8"))
    return PastRun(folder=run.path.name, checkpoint=read_checkpoint_card(run), findings=findings)


def _by_number(path: Path) -> list[tuple[int, str]]:
    """Order "step-9" before "step-10"."""
    parts = re.findall(r"\d+|\D+", path.name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
