"""The protocol of an engine, and what it is given and gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import NamedTuple, Protocol, runtime_checkable

Job = Callable[[str, int], str]
"""Does what a name stands for, and returns what identifies its result, such as a digest. The number says how many
processes ran out of memory at it: what is done at once is halved as many times."""
Begin = Callable[[], Job]
"""Called once in each process that works; returns what does a job there."""
Before = Callable[[str], None]
"""Called with each job before it is first given to anybody."""


class Done(NamedTuple):
    """A job that is done."""

    job: str
    answer: str
    """What identifies its result."""


@runtime_checkable
class Engine(Protocol):
    """Does every job once, or again where it cannot tell; a job's writes are the same each time."""

    @property
    def name(self) -> str:
        """Name under which the engine is listed."""
        ...

    @property
    def is_elsewhere(self) -> bool:
        """Whether jobs are done in other processes, to which what does them is carried as bytes."""
        ...

    def __enter__(self) -> Engine:
        """Keep what it starts until the block ends."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give back what it has started."""
        ...

    def run(self, jobs: Sequence[str], begin: Begin, before: Before | None = None) -> Iterator[Done]:
        """Yield each job once it is done, in any order; raise what doing it raises.

        Args:
            jobs: Names, each once.
            begin: Called once in each process that works.
            before: Called in this process; a problem that it raises ends the run, once what is begun is done.
        """
        ...
