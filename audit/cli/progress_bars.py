"""How far the work is: bars with the time left on a terminal, plain lines anywhere else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol, final, runtime_checkable

from audit.cli.events import happened
from audit.cli.talk import Talk, clean, paragraph

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

LONGEST_SILENCE: Final = 15.0
"""Seconds after which a plain line comes, even if nothing is done since the last one."""
_LEAST_SILENCE: Final = 1.0
_SHARE: Final = 0.1
_SPEED_OVER: Final = 900.0
"""Seconds over which bars measure the speed: a shard may take a minute, so less would forget the one before."""


@runtime_checkable
class Progress(Protocol):
    """What ``audit.pipeline.Progress`` is, stated anew so that torch stays away from here."""

    def begin(self, stage: str, total: int, done: int = 0) -> None:
        """A stage of ``total`` pieces begins, ``done`` of which are there already."""

    def advance(self, count: int) -> None:
        """``count`` more pieces are done."""

    def say(self, text: str) -> None:
        """Something a person should know."""

    def happened(self, event: str, **facts: object) -> None:
        """Something a program may wait for."""


@contextmanager
def show_progress(talk: Talk) -> Iterator[Progress]:
    """Show on stderr how far the work in this block is."""
    if talk.is_interactive:
        with bars_on(talk.errors) as bars:
            yield Bars(bars, lambda text: talk.say(paragraph(text), style="yellow"))
        return
    lines = Lines(talk)
    with lines.beating():
        yield lines


def bars_on(console: Console) -> RichProgress:
    """Return bars that are shown on a console, in a terminal or a notebook."""
    from rich import progress as rich_progress

    columns = (
        rich_progress.SpinnerColumn(),
        rich_progress.TextColumn("{task.description}", markup=False),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TimeElapsedColumn(),
        rich_progress.TextColumn("left", markup=False),
        rich_progress.TimeRemainingColumn(),
    )
    return rich_progress.Progress(*columns, console=console, speed_estimate_period=_SPEED_OVER)


@final
class Bars:
    """One bar per stage; finished ones stay."""

    def __init__(self, bars: RichProgress, say: Callable[[str], None]) -> None:
        self._bars = bars
        self._say = say
        self._task: TaskID | None = None

    def begin(self, stage: str, total: int, done: int = 0) -> None:
        """Add a bar."""
        if self._task is not None:
            self._bars.stop_task(self._task)
        self._task = self._bars.add_task(clean(stage), total=total, completed=done)

    def advance(self, count: int) -> None:
        """Move the bar on."""
        if self._task is not None:
            self._bars.advance(self._task, count)

    def say(self, text: str) -> None:
        """Say it above the bars."""
        self._say(text)

    def happened(self, event: str, **facts: object) -> None:
        """Write it to the file of events, if there is one."""
        happened(event, facts)


@final
class Lines:
    """A line at about every tenth of a stage, and whenever the last one is long ago."""

    def __init__(self, talk: Talk, clock: Callable[[], float] = time.monotonic) -> None:
        self._talk = talk
        self._clock = clock
        self._lock = threading.Lock()
        self._stage = ""
        self._total = self._done = self._before = self._told = 0
        self._began = self._spoke = clock()

    def begin(self, stage: str, total: int, done: int = 0) -> None:
        """Say that a stage begins."""
        with self._lock:
            self._stage, self._total, self._done, self._before = stage, total, done, done
            self._began = self._clock()
            self._tell()

    def advance(self, count: int) -> None:
        """Say so if another tenth is done and the last line is not just out, or if all of it is done."""
        with self._lock:
            self._done += count
            another = self._done - self._told >= _SHARE * self._total
            if self._done >= self._total or (another and self._clock() - self._spoke >= _LEAST_SILENCE):
                self._tell()

    def say(self, text: str) -> None:
        """Say it."""
        with self._lock:
            self._talk.say(paragraph(text), style="yellow")

    def happened(self, event: str, **facts: object) -> None:
        """Write it to the file of events, if there is one."""
        happened(event, facts)

    def beat(self) -> None:
        """Say how far the stage is if the last line is ``LONGEST_SILENCE`` ago."""
        with self._lock:
            if self._stage and self._done < self._total and self._clock() - self._spoke >= LONGEST_SILENCE:
                self._tell()

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Call :meth:`beat` every second as long as the block runs."""
        stop = threading.Event()

        def run() -> None:
            while not stop.wait(1.0):
                self.beat()

        thread = threading.Thread(target=run, name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _tell(self) -> None:
        self._spoke, self._told = self._clock(), self._done
        share = f" ({self._done / self._total:.0%})" if self._total else ""
        spent = self._spoke - self._began
        parts = [f"{self._stage}: {self._done} of {self._total}{share}"]
        if spent >= 1:
            parts.append(f"{show_seconds(spent)} so far")
        if self._before < self._done < self._total and spent >= 1:
            left = spent / (self._done - self._before) * (self._total - self._done)
            parts.append(f"about {show_seconds(left)} left")
        self._talk.say(", ".join(parts))


def show_seconds(seconds: int | float) -> str:
    """Write a length of time for people.

    Example:
        >>> show_seconds(75), show_seconds(7300), show_seconds(0.4)
        ('1 min 15 s', '2 h 1 min', '0 s')
    """
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
