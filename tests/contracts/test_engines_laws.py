"""Laws that every engine obeys; a new entry of ENGINES is picked up without being listed here.

Work leaves its mark on the disk, as the work of a run does, so that the laws hold for engines with other processes.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from audit.engines import ENGINES, Begin, Engine
from audit.errors import EnvironmentProblem, InconclusiveProblem

JOBS = [f"{number:05d}" for number in range(7)]


def mark(folder: Path, job: str, _halvings: int) -> str:
    (folder / job).write_text(job, encoding="utf-8")
    return job.upper()


def fail_at(bad: str, folder: Path, job: str, halvings: int) -> str:
    if job == bad:
        raise EnvironmentProblem(f"No room for {job}.", remedy="Make room.")
    return mark(folder, job, halvings)


def marks(folder: Path) -> Begin:
    return partial(partial, mark, folder)


def fails_at(bad: str, folder: Path) -> Begin:
    return partial(partial, fail_at, bad, folder)


@pytest.fixture(params=ENGINES, scope="module")
def engine(request) -> Iterator[Engine]:
    if request.param == "ray":
        ray = pytest.importorskip("ray", reason="the extra [ray] is not installed")
        ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # which its workers cannot import
    with ENGINES[request.param] as begun:
        yield begun


def test_every_engine_is_listed_under_its_own_name():
    assert all(isinstance(engine, Engine) and engine.name == name for name, engine in ENGINES.items())
    assert "local" in ENGINES


def test_every_job_is_told_exactly_once(engine, tmp_path):
    assert Counter(engine.run(JOBS, marks(tmp_path))) == Counter((job, job.upper()) for job in JOBS)


def test_a_job_that_was_told_is_done(engine, tmp_path):
    for job, _ in engine.run(JOBS, marks(tmp_path)):
        assert (tmp_path / job).read_text(encoding="utf-8") == job


def test_nothing_is_done_where_there_is_nothing_to_do(engine, tmp_path):
    assert list(engine.run([], marks(tmp_path))) == []
    assert list(tmp_path.iterdir()) == []


def test_a_problem_comes_through_and_its_job_is_never_told(engine, tmp_path):
    told = []
    with pytest.raises(EnvironmentProblem, match="No room for 00003"):
        told.extend(done.job for done in engine.run(JOBS, fails_at("00003", tmp_path)))
    assert not (tmp_path / "00003").exists()
    assert all((tmp_path / job).exists() for job in told)


def test_an_engine_can_be_used_again_after_a_problem(engine, tmp_path):
    with pytest.raises(EnvironmentProblem):
        list(engine.run(JOBS[:1], fails_at(JOBS[0], tmp_path)))
    assert sorted(done.job for done in engine.run(JOBS, marks(tmp_path))) == JOBS


def test_what_is_asked_before_a_job_ends_the_run_once_what_is_begun_is_done(engine, tmp_path):
    def until_the_fifth(job: str) -> None:
        if job == JOBS[4]:
            raise InconclusiveProblem("The budget is spent.", remedy="Give more.")

    told = []
    with pytest.raises(InconclusiveProblem, match="The budget is spent"):
        told.extend(done.job for done in engine.run(JOBS, marks(tmp_path), until_the_fifth))
    assert sorted(told) == JOBS[:4]
