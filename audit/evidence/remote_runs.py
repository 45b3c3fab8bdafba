"""Runs that lie behind a URL, brought here by fsspec so that they are read, and held to their digests, as any folder.

What has a run is seen by its names alone; they become names here only where they can lead nowhere else.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs

from audit.carriers import call
from audit.errors import AuditProblem, EnvironmentProblem, UsageProblem
from audit.evidence.files import disk_problems
from audit.evidence.reading import FINDINGS_NAME
from audit.evidence.specs import SPEC_NAME
from audit.evidence.store import DECISION_NAME, RUN_NAME
from audit.opening import shown_address

_SMALL: Final = frozenset({SPEC_NAME, RUN_NAME, FINDINGS_NAME, DECISION_NAME, "policy.toml", "parts.json"})


@contextlib.contextmanager
def runs_behind(url: str, *, whole: bool) -> Iterator[Path]:
    """Bring the runs of a folder behind a URL into a temporary folder, which is gone at the end.

    Args:
        url: As fsspec writes them, such as ``s3://bucket/runs`` or ``zip://runs::file:///runs.zip``.
        whole: Whether every file is wanted, or those few that say what was found.

    Yields:
        The folder of the runs here.

    Raises:
        UsageProblem: If nothing can read such a URL, or nothing lies behind it.
        EnvironmentProblem: If a package is missing, the place does not answer, or the disk is full.
    """
    with tempfile.TemporaryDirectory(prefix="clip-audit-runs-") as place:
        try:
            system, root = url_to_fs(url)
            wanted = _wanted(system, root, whole=whole)
            _bring(system, wanted, Path(place))
        except Exception as error:
            raise remote_problem(url, error) from error
        if not wanted:
            raise UsageProblem(
                f"No run lies in {shown_address(url)}.", remedy="Name the folder that holds the folders of the runs."
            )
        call(Path(place), shown_address(url.rstrip("/")))
        yield Path(place)


def _wanted(system: AbstractFileSystem, root: str, *, whole: bool) -> dict[str, PurePosixPath]:
    """Return where each file of a run lies there, and its place here: the name of its run, and its place in it."""
    listed = system.find(root, maxdepth=None if whole else 2, detail=True)
    found = {
        path: PurePosixPath(path).relative_to(PurePosixPath(root))
        for path, about in listed.items()
        if about["type"] == "file" and "\0" not in path  # nothing waits for a pipe
    }
    runs = {name.parts[0] for name in found.values() if len(name.parts) == 2 and name.name == SPEC_NAME}
    return {
        path: name
        for path, name in found.items()
        if name.parts[0] in runs
        and ".." not in name.parts
        and (whole or (len(name.parts) == 2 and name.name in _SMALL))
    }


def _bring(system: AbstractFileSystem, wanted: Mapping[str, PurePosixPath], place: Path) -> None:
    with disk_problems("Making a folder", place):
        for folder in {place / name.parent for name in wanted.values()}:
            folder.mkdir(parents=True, exist_ok=True)
    system.get(list(wanted), [str(place / name) for name in wanted.values()])
    for path, name in wanted.items():
        if name.name == RUN_NAME:  # the day on which a run was finished is that of this file
            written = _written(system, path).timestamp()
            os.utime(place / name, (written, written))


def _written(system: AbstractFileSystem, path: str) -> dt.datetime:
    """Return when a file was written, as the place that it lies in says, in UTC where no zone is told.

    Raises:
        UsageProblem: If it does not say.
    """
    try:
        told: dt.datetime = system.modified(path)
    except NotImplementedError:
        parts = system.info(path).get("date_time")  # of a zip
        if parts is None:
            raise UsageProblem(
                "It is not said there when a file was written.", remedy="Copy the runs here, and name their folder."
            ) from None
        year, month, day, *_ = parts
        told = dt.datetime(year, month, day, tzinfo=dt.UTC)
    return told if told.tzinfo is not None else told.replace(tzinfo=dt.UTC)


def remote_problem(url: str, error: Exception, done: str = "read") -> AuditProblem:
    """Return what a file system of fsspec raised as a problem.

    Args:
        url: What it was raised about.
        error: What was raised, of whatever class: each of these systems has its own.
        done: What was being done there, "read" or "written to".
    """
    if isinstance(error, AuditProblem):
        return error
    if isinstance(error, ImportError):
        return EnvironmentProblem(
            f"{shown_address(url)} cannot be {done}: a package is missing.",
            remedy=f"{str(error).rstrip('.')} (pip install).",
        )
    if done == "read" and isinstance(error, (ValueError, FileNotFoundError, NotADirectoryError)):
        return UsageProblem(
            f"There is nothing that can be read at {shown_address(url)}.",
            remedy="Write it as fsspec does: s3://BUCKET/RUNS, gs://BUCKET/RUNS, or zip://RUNS::file:///path/to.zip.",
        )
    return EnvironmentProblem(
        f"{shown_address(url)} could not be {done} ({type(error).__name__}).",
        remedy="Check its address, your rights and the network, and give the command again.",
    )
