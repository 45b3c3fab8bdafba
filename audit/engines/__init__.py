"""Engines: who runs the shards of a run. Nothing else differs between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Final, final

from audit.engines.engine_protocol import Before, Begin, Done, Engine, Job
from audit.engines.ray_engine import RayEngine

__all__ = ["ENGINES", "LOCAL", "Begin", "Done", "Engine", "Job", "LocalEngine", "RayEngine"]


@final
class LocalEngine:
    """One process, one job after the other: the batch inside a job fills the machine."""

    @property
    def name(self) -> str:
        """Return "local"."""
        return "local"

    @property
    def is_elsewhere(self) -> bool:
        """Return that jobs are done in this process."""
        return False

    def __enter__(self) -> LocalEngine:
        """Start nothing."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """There is nothing to give back."""

    def run(self, jobs: Sequence[str], begin: Begin, before: Before | None = None) -> Iterator[Done]:
        """Yield each job in order."""
        if not jobs:
            return
        work = begin()
        for job in jobs:
            if before is not None:
                before(job)
            yield Done(job=job, answer=work(job, 0))


LOCAL: Final = LocalEngine()
ENGINES: Final[Mapping[str, Engine]] = {"local": LOCAL, "ray": RayEngine()}
"""Every engine by name, with its defaults."""
