"""Audits that several tests look at, each made once for a whole run of the tests, however many workers share it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from audit.evidence import read_run
from audit.pipeline import AuditRequest, Outcome, Silence, make_plan, run_audit
from audit.pipeline.conclude import decide_again
from audit.pipeline.gating import Gate


def audit(request: AuditRequest, folder: Path, gate: Gate | None = None) -> Outcome:
    """Audit into ``folder``; where a finished run is there already, read it and decide as it was decided."""
    if (folder / "run.json").is_file():
        return decide_again(read_run(folder, finished=True), Silence())
    return run_audit(make_plan(request), folder, Silence(), gate=gate)


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Outcome]) -> Outcome:
    """Return what ``make`` makes of a folder that all workers share; the first to ask makes it, the others wait.

    Nothing may change what is in it.
    """
    own = factory.getbasetemp()
    shared = own.parent if own.name.startswith("popen-") else own
    with FileLock(shared / f"{name}.lock"):
        return make(shared / name)
