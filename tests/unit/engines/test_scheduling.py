"""Which worker does which job, and what becomes of those that are lost."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.engines.scheduling import STANDARD, Scheduler
from audit.engines.simulated_cluster import Weather, simulate
from audit.errors import EnvironmentProblem, InconclusiveProblem

QUICK = dataclasses.replace(STANDARD, silence=10.0, patience=100.0)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def fault(what: str = "It broke.") -> EnvironmentProblem:
    return EnvironmentProblem(what, remedy="Mend it.")


def crew(clock: Clock, jobs, *places: str) -> Scheduler:
    """Workers "0", "1", ... on places, ready."""
    scheduler = Scheduler(jobs, QUICK, clock)
    for number, place in enumerate(places):
        scheduler.placed(str(number), place)
        scheduler.ready(str(number))
    return scheduler


def test_a_worker_that_is_lost_gives_its_job_to_one_on_another_machine(clock):
    scheduler = crew(clock, "ab", "here", "here", "there")
    assert [scheduler.next_for("0"), scheduler.next_for("2")] == ["a", "b"]
    scheduler.lost("0", fault())
    assert scheduler.next_for("1") is None
    scheduler.finished("2", "b")
    assert scheduler.next_for("2") == "a"


def test_a_job_comes_back_to_the_same_machine_where_there_is_no_other(clock):
    scheduler = crew(clock, "a", "here", "here")
    assert scheduler.next_for("0") == "a"
    scheduler.lost("0", fault())
    assert scheduler.next_for("1") == "a"


def test_a_job_that_loses_worker_after_worker_ends_the_run_with_what_the_last_failed_of(clock):
    places = [str(number) for number in range(QUICK.attempts + 1)]
    scheduler = crew(clock, "ab", *places)
    assert scheduler.next_for(places[-1]) == "a"
    for place in places[:-1]:
        assert scheduler.next_for(place) == "b"
        scheduler.lost(place, fault(f"On {place}."))
    assert str(scheduler.problem).startswith(f"On {places[-2]}.")
    assert not scheduler.is_over  # what is begun may end
    assert scheduler.finished(places[-1], "a")
    assert scheduler.is_over


def test_a_machine_where_one_after_the_other_fails_gets_no_more_workers(clock):
    scheduler = crew(clock, "abcdef", "good", "bad", "bad", "bad", "fair", "fair", "fair")
    for worker in ("1", "2", "3"):
        scheduler.lost(worker, fault())
    assert scheduler.shunned == ("bad",)
    assert not scheduler.placed("7", "bad")
    for worker in ("4", "5"):
        scheduler.lost(worker, fault())
    scheduler.finished("6", str(scheduler.next_for("6")))  # then a job is done there
    scheduler.lost("6", fault())
    assert scheduler.shunned == ("bad",)


def test_a_run_of_which_every_worker_fails_to_start_ends_with_why(clock):
    scheduler = crew(clock, "a")
    for number in range(QUICK.strikes):
        assert scheduler.problem is None
        scheduler.lost(str(number), fault("No checkpoint."))
    assert str(scheduler.problem).startswith("No checkpoint.")
    assert scheduler.is_over


def test_a_run_without_any_worker_waits_and_then_ends(clock):
    scheduler = crew(clock, "a")
    clock.now = QUICK.patience
    scheduler.check_presence(fault("No room."))
    assert scheduler.problem is None
    clock.now += 1.0
    scheduler.check_presence(fault("No room."))
    assert str(scheduler.problem).startswith("No room.")


def test_a_worker_is_silent_once_it_gave_no_sign_of_life_for_long(clock):
    scheduler = crew(clock, "ab", "here", "there")
    clock.now = 6.0
    scheduler.heard("1")
    clock.now = 11.0
    assert scheduler.silent() == ("0",)


def test_who_has_nothing_to_do_repeats_what_takes_long_once_and_the_first_to_finish_counts(clock):
    scheduler = crew(clock, "abc", "0", "1", "2")
    assert [scheduler.next_for(worker) for worker in "012"] == ["a", "b", "c"]
    clock.now = 10.0
    assert scheduler.finished("1", "b")
    assert scheduler.next_for("1") is None
    clock.now = 15.0
    assert scheduler.next_for("1") == "a"
    assert scheduler.finished("2", "c")
    assert scheduler.next_for("2") is None
    assert scheduler.finished("1", "a")
    assert not scheduler.finished("0", "a")
    assert scheduler.next_for("0") is None
    assert scheduler.is_over
    assert scheduler.problem is None


def test_a_job_that_another_is_repeating_is_not_given_again_when_one_of_both_dies(clock):
    scheduler = crew(clock, "ab", "0", "1")
    assert [scheduler.next_for(worker) for worker in "01"] == ["a", "b"]
    clock.now = 10.0
    scheduler.finished("1", "b")
    clock.now = 20.0
    assert scheduler.next_for("1") == "a"
    scheduler.lost("0", fault())
    assert not scheduler.is_over
    assert scheduler.finished("1", "a")


def test_a_budget_that_is_spent_ends_the_run_once_what_is_begun_is_done(clock):
    def jobs():
        yield "a"
        raise InconclusiveProblem("The budget is spent.", remedy="Give more.")

    scheduler = crew(clock, jobs(), "0", "1")
    assert scheduler.next_for("0") == "a"
    assert scheduler.next_for("1") is None
    assert isinstance(scheduler.problem, InconclusiveProblem)
    assert not scheduler.is_over
    assert scheduler.finished("0", "a")
    assert scheduler.is_over


class Chaos:
    """Anything may happen at any time: a worker joins, finishes, reports late, falls silent or dies."""

    def __init__(self, jobs: int, places: int, bad: float, seed: int) -> None:
        self.draw, self.clock, self.bad, self.places = np.random.default_rng(seed), Clock(), bad, places
        self.names = [str(number) for number in range(jobs)]
        self.scheduler = Scheduler(self.names, QUICK, self.clock)
        self.told: Counter[str] = Counter()
        self.given_to: dict[str, str] = {}
        self.late: list[tuple[str, str]] = []
        self.fresh = iter(f"w{number}" for number in range(100_000))

    def happens(self, chance: float) -> bool:
        return self.draw.random() < chance

    def recruit(self, workers: int) -> None:
        while self.scheduler.problem is None and len(self.scheduler.workers) < workers:
            worker, place = next(self.fresh), str(self.draw.integers(self.places))
            if self.happens(self.bad / 2):
                self.scheduler.lost(worker, fault(), place=place)
            elif self.scheduler.placed(worker, place):
                self.scheduler.ready(worker)
            elif len(self.scheduler.shunned) == self.places:
                self.clock.now += QUICK.patience + 1.0
                self.scheduler.check_presence(fault())
                return

    def hand_out(self) -> None:
        for worker in self.scheduler.idle():
            job = self.scheduler.next_for(worker)
            if job is not None:
                self.given_to[worker] = job

    def let_pass(self) -> None:
        self.clock.now += float(self.draw.exponential(1.0))
        for worker in self.scheduler.workers:
            self.scheduler.heard(worker)
            job = self.given_to.get(worker)
            if self.happens(self.bad / 4):
                self.late += [(worker, self.given_to.pop(worker))] if job else []
                self.scheduler.lost(worker, fault())
            elif job is not None and self.happens(0.5):
                self.told[self.given_to.pop(worker)] += self.scheduler.finished(worker, job)
        if self.late and self.happens(0.2):
            self.told[self.late[-1][1]] += self.scheduler.finished(*self.late.pop())


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    jobs=st.integers(0, 12),
    workers=st.integers(1, 5),
    places=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
    bad=st.floats(0.0, 0.6),
)
def test_every_job_ends_exactly_once_or_the_run_ends_with_a_fault(jobs, workers, places, seed, bad):
    chaos = Chaos(jobs, places, bad, seed)
    for _ in range(2000):
        if chaos.scheduler.is_over:
            break
        chaos.recruit(workers)
        chaos.hand_out()
        chaos.let_pass()
    assert chaos.scheduler.is_over
    counts = {job: count for job, count in chaos.told.items() if count}
    assert set(counts.values()) <= {1}
    if chaos.scheduler.problem is None:
        assert sorted(counts) == sorted(chaos.names)
    else:
        assert isinstance(chaos.scheduler.problem, EnvironmentProblem)


def test_a_simulation_loses_no_job_and_no_more_time_than_its_deaths_explain():
    calm = simulate([10.0] * 640, 16, Weather())
    assert (calm.seconds, calm.efficiency, calm.deaths) == (400.0, 1.0, 0)
    rough = simulate([10.0] * 640, 16, Weather(between_deaths=1000.0, noticed=10.0, restart=60.0))
    assert 400.0 < rough.seconds < 500.0
    assert rough.deaths > 0
    assert simulate([10.0] * 640, 16, Weather(between_deaths=1000.0), seed=1) != rough


def test_a_simulation_of_jobs_that_outlive_every_worker_ends():
    with pytest.raises(EnvironmentProblem, match="simulated worker died"):
        simulate([1e6], 2, Weather(between_deaths=10.0))


def test_a_job_that_is_slow_by_chance_does_not_hold_up_the_end():
    alone = simulate([10.0] * 31 + [10.0], 4, Weather())
    assert alone.repeated == 0
    stuck = simulate([10.0] * 31 + [30.0], 4, Weather())
    assert stuck.repeated == 1
