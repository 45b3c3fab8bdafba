"""``--events FILE``: what happens in a run, one JSON object a line, for dashboards and logs.

Every line has ``schema_version``, ``time`` (UTC) and ``event``: planned, shard_done, judged, decided, failed or ended.
A line is written whole and at once, to the end of the file, so that several commands can share one. Nothing that
happens to this file stops a run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Annotated, Final, final

import typer

from audit.cli.talk import Talk, plain_value
from audit.errors import UsageProblem
from audit.opening import open_to_append, os_problem

SCHEMA_VERSION: Final = 1

EventsOption = Annotated[
    Path | None,
    typer.Option(
        "--events",
        metavar="FILE",
        help="Append what happens to this file as JSON lines: planned, shard_done, judged, decided, failed, ended.",
    ),
]


@final
class EventFile:
    """A file that is open for events.

    Args:
        file: Where they go.
        path: Its name.
        talk: Where it is said, once, that they cannot be written.
    """

    def __init__(self, file: FileIO, path: Path, talk: Talk) -> None:
        self._file = file
        self._path = path
        self._talk = talk
        self._is_told = self._is_torn = False

    def write(self, event: str, facts: Mapping[str, object]) -> None:
        """Append one event; a disk that takes none is spoken of once, and tried again with the next."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        value = {"schema_version": SCHEMA_VERSION, "time": now, "event": event, **facts}
        line = json.dumps(plain_value(value), ensure_ascii=True, allow_nan=False).encode("ascii") + b"\n"
        data = b"\n" + line if self._is_torn else line
        try:
            written = self._file.write(data) or 0
        except OSError as error:
            self._tell(os_problem(error, "Writing", self._path).what)
            return
        self._is_torn = 0 < written < len(data) or (self._is_torn and not written)
        if written < len(data):
            self._tell(f"Writing {self._path} stopped in the middle of a line.")

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):
            self._file.close()

    def _tell(self, what: str) -> None:
        if not self._is_told:
            self._is_told = True
            self._talk.warn(f"{what} The run goes on; the file of events lacks what happened meanwhile.")


EVENTS: ContextVar[EventFile | None] = ContextVar("EVENTS", default=None)
"""The file of the command that runs, if it has one."""


def happened(event: str, facts: Mapping[str, object]) -> None:
    """Append an event to the file of the command that runs, if it has one."""
    file = EVENTS.get()
    if file is not None:
        file.write(event, facts)


def begin_events(path: Path | None, folder: Path, talk: Talk) -> None:
    """Open the file of events, before anything heavy is loaded.

    Args:
        path: Its name; ``None`` for none.
        folder: The run folder, which holds nothing that changes after the run was finished.
        talk: How the command speaks.

    Raises:
        UsageProblem: If it lies in the run folder.
        EnvironmentProblem: If it cannot be opened.
    """
    if path is None:
        return
    if _real(folder) in _real(path).parents:
        raise UsageProblem(
            f"The file of events {path} lies in the run folder {folder}, whose files must not change once it is done.",
            remedy="Name a file elsewhere with --events, as one beside the folder.",
        )
    try:
        EVENTS.set(EventFile(open_to_append(path), path, talk))
    except OSError as error:
        raise os_problem(error, "Opening the file of events", path) from error


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # which, unlike resolve(), has an answer for links in a circle


@contextmanager
def events_of_a_command() -> Iterator[None]:
    """Let a command that runs in this block open a file of events; it is closed after it."""
    EVENTS.set(None)
    try:
        yield
    finally:
        file = EVENTS.get()
        EVENTS.set(None)
        if file is not None:
            file.close()
