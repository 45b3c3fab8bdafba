"""A cluster in a simulation: workers that load, work, die and come back, driven by the code that drives real ones."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np

from audit.engines.scheduling import STANDARD, Rules, Scheduler
from audit.errors import EnvironmentProblem
from audit.seeding import derive_seed

_TICK: Final = 1.0
"""Seconds between two looks at what takes long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How a cluster behaves, in seconds."""

    loading: float = 0.0
    """From the start of a worker until it takes its first job."""
    between_deaths: float = float("inf")
    """Mean time that a worker lives; how long each does is drawn from an exponential distribution."""
    noticed: float = 10.0
    """Until the driver hears of a death."""
    restart: float = 60.0
    """From then until the worker that takes its place is ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """What came of a simulated run."""

    seconds: float
    """From the first start to the last job."""
    efficiency: float
    """Time that the jobs take by themselves, as a share of what all workers took together."""
    deaths: int
    repeated: int
    """Jobs that were given to more than one worker."""


def simulate(
    seconds: Sequence[float], workers: int, weather: Weather, *, rules: Rules = STANDARD, seed: int = 0
) -> Simulated:
    """Run jobs on simulated workers through :class:`Scheduler`.

    Args:
        seconds: What each job takes.
        workers: How many there are, each on a machine of its own.
        weather: How they behave.
        rules: When something is given up.
        seed: Of the deaths.

    Raises:
        EnvironmentProblem: If a job lost as many workers as it may.

    Example:
        >>> simulate([10.0] * 8, 2, Weather())
        Simulated(seconds=40.0, efficiency=1.0, deaths=0, repeated=0)
    """
    cluster = _Cluster(seconds, workers, weather, rules, seed)
    cluster.run()
    worked = float(sum(seconds))
    return Simulated(
        seconds=cluster.now,
        efficiency=worked / (workers * cluster.now) if cluster.now else 1.0,
        deaths=cluster.deaths,
        repeated=cluster.given - len(seconds),
    )


@final
class _Cluster:
    def __init__(self, seconds: Sequence[float], workers: int, weather: Weather, rules: Rules, seed: int) -> None:
        self.now = 0.0
        self.deaths = self.given = 0
        self._seconds = {str(number): float(one) for number, one in enumerate(seconds)}
        self._scheduler = Scheduler(self._seconds, rules, lambda: self.now)
        self._weather = weather
        self._draws = np.random.default_rng(derive_seed("simulated cluster", seed))
        self._order = itertools.count()
        self._events: list[tuple[float, int, str, str, str]] = []
        self._dead: set[str] = set()
        self._is_ticking = False
        for number in range(workers):
            self._at(weather.loading, "ready", f"{number}.0")

    def run(self) -> None:
        """Let time pass until the run is over."""
        while self._scheduler.problem is None:
            self._hand_out()
            if self._scheduler.is_over:
                return
            self.now, _, what, worker, job = heapq.heappop(self._events)
            if what == "ready":
                self._begin(worker)
            elif what == "dies":
                self._dead.add(worker)
                self._at(self._weather.noticed, "lost", worker)
            elif what == "lost":
                self._replace(worker)
            elif what == "done" and worker not in self._dead:
                self._scheduler.finished(worker, job)
            else:
                self._is_ticking = self._is_ticking and what != "tick"
        raise self._scheduler.problem

    def _hand_out(self) -> None:
        waiting = False
        for worker in self._scheduler.idle():
            job = self._scheduler.next_for(worker)
            if job is None:
                waiting = True
            else:
                self.given += 1
                self._at(self._seconds[job], "done", worker, job)
        if waiting and not self._is_ticking:
            self._is_ticking = True
            self._at(_TICK, "tick", "")

    def _begin(self, worker: str) -> None:
        self._scheduler.placed(worker, worker.partition(".")[0])
        self._scheduler.ready(worker)
        if self._weather.between_deaths < float("inf"):
            self._at(float(self._draws.exponential(self._weather.between_deaths)), "dies", worker)

    def _replace(self, worker: str) -> None:
        self.deaths += 1
        self._scheduler.lost(worker, EnvironmentProblem("A simulated worker died.", remedy="Simulate fewer deaths."))
        place, _, life = worker.partition(".")
        self._at(self._weather.restart, "ready", f"{place}.{int(life) + 1}")

    def _at(self, delay: float, what: str, worker: str, job: str = "") -> None:
        heapq.heappush(self._events, (self.now + delay, next(self._order), what, worker, job))
