"""How a run folder is begun, continued and read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from audit.errors import EnvironmentProblem, InconclusiveProblem, UsageProblem
from audit.evidence.files import TEMPORARY_PREFIX, disk_problems, remove_leftovers
from audit.evidence.specs import (
    SCHEMA_VERSION,
    SPEC_NAME,
    read_json,
    read_spec,
    refuse_other_spec,
    spec_digest,
    write_spec,
)
from audit.evidence.store import RUN_NAME, RunFolder

_LOCK_NAME: Final = ".lock"


def open_run(path: Path, spec: Mapping[str, object]) -> RunFolder:
    """Begin a run, or continue the one that was begun in this folder with the same spec.

    Takes the lock of the folder until ``close`` (or the end of the process, however it ends), and removes what
    a killed process left half-written.

    Args:
        path: The run folder; made, for the owner only, where it does not exist.
        spec: All that decides the numbers of the run, as JSON values; ``schema_version`` has to be ours.

    Raises:
        UsageProblem: If the folder holds a run with another spec or by a newer version, or things that are no run.
        EnvironmentProblem: If another process has the run, or the folder cannot be written or is damaged.
        ValueError: If the spec has another ``schema_version``, or is not JSON.
    """
    if spec.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(f"A spec states schema_version {SCHEMA_VERSION}; got {spec.get('schema_version')!r}.")
    spec_digest(spec)
    _make_run_folder(path)
    lock = _take_lock(path)
    try:
        remove_leftovers(path)
        if (path / SPEC_NAME).is_file():
            refuse_other_spec(path, read_spec(path), spec)
        else:
            write_spec(path, spec)
        return RunFolder(path, spec=read_spec(path), lock=lock)
    except BaseException:
        lock.release()
        raise


def continue_run(path: Path) -> RunFolder:
    """Open an existing run for writing with the spec that it has, as for judging again.

    Raises:
        UsageProblem: If the folder is not a run folder, or was written by a newer version.
        EnvironmentProblem: If another process has the run, or the folder cannot be written or is damaged.
    """
    return open_run(path, read_spec(path))


def read_run(path: Path, *, finished: bool = False) -> RunFolder:
    """Open a run for reading only, without its lock.

    Args:
        path: The run folder.
        finished: Whether only a finished run will do.

    Raises:
        UsageProblem: If the folder is not a run folder, or was written by a newer version.
        InconclusiveProblem: If a finished run is required, and this one is not.
        EnvironmentProblem: If its spec or its ``run.json`` is damaged.
    """
    run = RunFolder(path, spec=read_spec(path), lock=None)
    if not finished:
        return run
    if not run.is_finished:
        raise InconclusiveProblem(
            f"The run in {path} is not finished: it has no {RUN_NAME}.",
            remedy="Give the command that began it again: it resumes.",
        )
    if read_json(path / RUN_NAME).get("spec") != run.spec_digest:
        raise EnvironmentProblem(
            f"{path / RUN_NAME} does not belong to the {SPEC_NAME} beside it.",
            remedy="Give the command that made the run again: it writes both anew.",
        )
    return run


def _make_run_folder(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise UsageProblem(f"{path} is a file.", remedy="Name a folder with --out.")
    with disk_problems("Making the run folder", path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        strangers = sorted(
            entry.name
            for entry in path.iterdir()
            if entry.name != _LOCK_NAME and not entry.name.startswith(TEMPORARY_PREFIX)
        )
    if strangers and SPEC_NAME not in strangers:
        raise UsageProblem(
            f"{path} is not empty and not a run folder: it holds {strangers[0]!r} and no {SPEC_NAME}.",
            remedy="Name a new or an empty folder with --out.",
        )


def _take_lock(path: Path) -> FileLock:
    lock = FileLock(path / _LOCK_NAME, timeout=0, mode=0o600, thread_local=False)
    with disk_problems("Locking", path):
        try:
            lock.acquire()
        except Timeout:
            raise EnvironmentProblem(
                f"Another clip-audit process is working in {path}.",
                remedy="Wait until it ends (or end it), or name another folder with --out.",
            ) from None
        except NotImplementedError as error:
            raise EnvironmentProblem(
                f"The file system of {path} has no locks.", remedy="Name a folder on a local drive with --out."
            ) from error
    return lock
