"""Laws that every engine obeys; a new entry of ENGINES is picked up without being listed here.

Work leaves its mark on the disk, as the work of a run does, so that the laws hold for engines with other processes.
"""

from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from audit.engines import ENGINES, Engine
from audit.errors import EnvironmentProblem

JOBS = [f"{number:05d}" for number in range(7)]


def mark(folder: Path, job: str) -> None:
    (folder / job).write_text(job, encoding="utf-8")


def fail_at(bad: str, folder: Path, job: str) -> None:
    if job == bad:
        raise EnvironmentProblem(f"No room for {job}.", remedy="Make room.")
    mark(folder, job)


@pytest.fixture(params=ENGINES)
def engine(request) -> Engine:
    return ENGINES[request.param]


def test_every_engine_is_listed_under_its_own_name():
    assert all(isinstance(engine, Engine) and engine.name == name for name, engine in ENGINES.items())
    assert "local" in ENGINES


def test_every_job_is_told_exactly_once(engine, tmp_path):
    assert Counter(engine.run(JOBS, partial(mark, tmp_path))) == Counter(JOBS)


def test_a_job_that_was_told_is_done(engine, tmp_path):
    for job in engine.run(JOBS, partial(mark, tmp_path)):
        assert (tmp_path / job).read_text(encoding="utf-8") == job


def test_nothing_is_done_where_there_is_nothing_to_do(engine, tmp_path):
    assert list(engine.run([], partial(mark, tmp_path))) == []
    assert list(tmp_path.iterdir()) == []


def test_a_problem_comes_through_and_its_job_is_never_told(engine, tmp_path):
    told = []
    with pytest.raises(EnvironmentProblem, match="No room for 00003"):
        told.extend(engine.run(JOBS, partial(fail_at, "00003", tmp_path)))
    assert not (tmp_path / "00003").exists()
    assert all((tmp_path / job).exists() for job in told)


def test_an_engine_can_be_used_again_after_a_problem(engine, tmp_path):
    with pytest.raises(EnvironmentProblem):
        list(engine.run(JOBS, partial(fail_at, JOBS[0], tmp_path)))
    assert sorted(engine.run(JOBS, partial(mark, tmp_path))) == JOBS
