"""Which worker does which job next, and what becomes of the jobs of one that is lost: decisions, and nothing else.

No process, no cluster and no clock of its own, so that a simulation can drive a thousand workers through the very code
that runs them. A worker that fails is lost, whatever it failed of: what ran out of memory may be poisoned. Its job goes
to another, on another machine where there is one. A machine where one after the other fails gets no more. Whoever has
nothing left to do repeats a job that takes long: what a job writes is whole or absent and the same each time, so the
first to finish wins and no harm comes of the other.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, final

from audit.errors import AuditProblem

Clock = Callable[[], float]
"""Seconds, as ``time.monotonic`` gives them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When something is given up."""

    attempts: int = 5
    """Workers that a job may lose before the run ends with what the last of them failed of."""
    strikes: int = 3
    """Failures in a row after which a machine gets no more workers, and after which a run without any worker ends."""
    silence: float = 300.0
    """Seconds without a sign of life after which a worker counts as lost."""
    patience: float = 900.0
    """Seconds without any worker after which the run ends."""
    slow: float = 1.5
    """Medians that a job has to take before an idle worker repeats it."""


STANDARD: Final = Rules()


@dataclass(slots=True)
class _Worker:
    place: str
    heard: float
    is_ready: bool = False
    job: str | None = None


@dataclass(slots=True)
class _Running:
    since: float
    by: set[str] = field(default_factory=set)


@final
class Scheduler:
    """Hands every job to workers until one has finished it, or the run has to end.

    Args:
        jobs: Names, each once; asked for the next one only when a worker is free for it. An ``AuditProblem`` that it
            raises ends the run, once the jobs that are begun are done.
        rules: When something is given up.
        clock: Seconds.
    """

    def __init__(self, jobs: Iterable[str], rules: Rules, clock: Clock) -> None:
        self._jobs: Iterator[str] = iter(jobs)
        self._rules = rules
        self._clock = clock
        self._are_all_given = False
        self._again: list[str] = []
        self._running: dict[str, _Running] = {}
        self._done: set[str] = set()
        self._tried: dict[str, list[str]] = {}
        self._workers: dict[str, _Worker] = {}
        self._strikes: Counter[str] = Counter()
        self._in_a_row = 0
        self._took: list[float] = []
        self._last_seen = clock()
        self._last_fault: Exception | None = None
        self.problem: Exception | None = None
        """Why the run has to end before all jobs are done."""

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to be done or waited for."""
        if self.problem is not None:
            return not self._running
        return self._are_all_given and not self._again and not self._running

    @property
    def shunned(self) -> tuple[str, ...]:
        """The machines that get no more workers."""
        return tuple(place for place, count in self._strikes.items() if place and count >= self._rules.strikes)

    @property
    def workers(self) -> tuple[str, ...]:
        """Those that have a place and are not lost."""
        return tuple(self._workers)

    def placed(self, worker: str, place: str) -> bool:
        """A worker has begun on a machine, and loads what it needs; tells whether it is wanted there."""
        if place in self.shunned:
            return False
        self._workers[worker] = _Worker(place=place, heard=self._clock())
        return True

    def ready(self, worker: str) -> None:
        """A worker has loaded what it needs."""
        self.heard(worker)
        self._workers[worker].is_ready = True

    def heard(self, worker: str) -> None:
        """A worker has given a sign of life."""
        if worker in self._workers:
            self._workers[worker].heard = self._clock()

    def silent(self) -> tuple[str, ...]:
        """Return the workers that have given no sign of life for too long."""
        too_old = self._clock() - self._rules.silence
        return tuple(name for name, worker in self._workers.items() if worker.heard < too_old)

    def idle(self) -> tuple[str, ...]:
        """Return the workers that wait for a job, while there may be one."""
        if self.problem is not None:
            return ()
        return tuple(name for name, worker in self._workers.items() if worker.is_ready and worker.job is None)

    def next_for(self, worker: str) -> str | None:
        """Return the job that an idle worker does next; nothing where it has to wait."""
        if self.problem is not None:
            return None
        mine = self._workers[worker]
        job = self._failed_elsewhere(mine.place) or self._new() or self._slow(mine.place)
        if job is not None:
            mine.job = job
            self._running.setdefault(job, _Running(since=self._clock())).by.add(worker)
        return job

    def finished(self, worker: str, job: str) -> bool:
        """A worker has done a job; tells whether it is the first."""
        mine = self._workers.get(worker)
        if mine is not None:
            mine.job = None
            self.heard(worker)
            self._strikes[mine.place] = 0
        self._in_a_row = 0
        if job in self._done:
            return False
        self._done.add(job)
        if job in self._again:
            self._again.remove(job)
        running = self._running.pop(job, None)
        if running is not None:
            insort(self._took, self._clock() - running.since)
        return True

    def lost(self, worker: str, fault: Exception, place: str = "") -> None:
        """A worker died, fell silent or failed, with or without a job.

        Args:
            worker: Its name; it need not have been placed.
            fault: What of, as it will be raised if the run ends of it.
            place: Its machine, where that is known and it was never placed.
        """
        gone = self._workers.pop(worker, None)
        place = place if gone is None else gone.place
        self._strikes[place] += 1
        self._in_a_row += 1
        self._last_fault = fault
        if gone is not None and gone.job is not None:
            self._give_back(worker, gone.job, gone.place, fault)
        if not self._workers and self._in_a_row >= self._rules.strikes:
            self._end(fault)
        self._last_seen = self._clock() if gone is not None else self._last_seen

    def check_presence(self, absent: Exception) -> None:
        """End the run if there was no worker for too long; ``absent`` says so where none was lost before."""
        if self._workers:
            self._last_seen = self._clock()
        elif self._clock() - self._last_seen > self._rules.patience:
            self._running.clear()
            self._end(self._last_fault or absent)

    def _give_back(self, worker: str, job: str, place: str, fault: Exception) -> None:
        if job in self._done:
            return
        self._tried.setdefault(job, []).append(place)
        running = self._running[job]
        running.by.discard(worker)
        if running.by:
            return
        del self._running[job]
        if len(self._tried[job]) >= self._rules.attempts:
            self._end(fault)
        else:
            self._again.append(job)

    def _end(self, problem: Exception) -> None:
        if self.problem is None:
            self.problem = problem

    def _failed_elsewhere(self, place: str) -> str | None:
        """Take a job that was given back; one that failed on this machine only where all workers are on such."""
        places = {worker.place for worker in self._workers.values()} if self._again else set()
        for job in self._again:
            if place not in self._tried[job] or places <= set(self._tried[job]):
                self._again.remove(job)
                return job
        return None

    def _new(self) -> str | None:
        if self._are_all_given:
            return None
        try:
            return next(self._jobs)
        except StopIteration:
            self._are_all_given = True
        except AuditProblem as problem:
            self._end(problem)
        return None

    def _slow(self, place: str) -> str | None:
        """Return the job that has run longest, if that is long and nobody repeats it yet."""
        if not self._took or self.problem is not None:
            return None
        began = self._clock() - self._rules.slow * self._took[len(self._took) // 2]
        for job, running in self._running.items():  # the oldest first
            if running.since > began:
                return None
            if len(running.by) == 1 and place not in self._tried.get(job, ()):
                return job
        return None
