"""Engines: who runs the shards of a run. Nothing else differs between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Protocol, final, runtime_checkable


@runtime_checkable
class Engine(Protocol):
    """Runs every job once, or again where it cannot tell; a job's writes are the same each time."""

    @property
    def name(self) -> str:
        """Name under which the engine is listed."""
        ...

    def run(self, jobs: Sequence[str], work: Callable[[str], None]) -> Iterator[str]:
        """Yield each job once ``work`` on it has returned, in any order; raise what ``work`` raises."""
        ...


@final
class LocalEngine:
    """One process, one job after the other: the batch inside a job fills the machine."""

    @property
    def name(self) -> str:
        """Return "local"."""
        return "local"

    def run(self, jobs: Sequence[str], work: Callable[[str], None]) -> Iterator[str]:
        """Yield each job in order."""
        for job in jobs:
            work(job)
            yield job


ENGINES: Final[Mapping[str, Engine]] = {"local": LocalEngine()}
"""Every engine by name."""
