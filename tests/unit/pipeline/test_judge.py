"""Judging beside the inversion gives what judging after it gives."""

from __future__ import annotations

import shutil
import threading
from dataclasses import dataclass, field

import pytest

from audit.errors import EnvironmentProblem
from audit.evidence import RunFolder, continue_run
from audit.judges.judge_protocol import Judge
from audit.pipeline.execute import judge_run, judging_beside, unjudged


@dataclass
class Watched:
    """A real judge, and the threads in which it was asked."""

    inner: Judge
    fails: bool = False
    threads: set[int] = field(default_factory=set)

    @property
    def card(self):
        return self.inner.card

    def score(self, images):
        self.threads.add(threading.get_ident())
        if self.fails:
            raise EnvironmentProblem("The judge has left.", remedy="Call another.")
        return self.inner.score(images)


@pytest.fixture
def judge(plan) -> Watched:
    return Watched(next(iter(plan.judges.values())))


@pytest.fixture
def run(ran, tmp_path) -> RunFolder:
    """The images of a run, and no scores yet."""
    copy = shutil.copytree(ran.folder, tmp_path / "copy")
    shutil.rmtree(copy / "scores")
    for name in ("run.json", "decision.json"):  # of a run that is not finished
        (copy / name).unlink()
    with continue_run(copy) as run:
        run.reopen()
        yield run


def scores(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "scores").rglob("*")) if path.is_file()}


def test_scores_made_beside_are_those_made_after(run, ran, judge):
    with judging_beside(run, [judge]) as take:
        for name in run.shard_names("images"):
            take(name)
    assert unjudged(run, judge, run.shard_names("images")) == []
    assert scores(run.path) == scores(ran.folder)
    assert judge.threads
    assert threading.get_ident() not in judge.threads


def test_what_was_judged_beside_is_not_judged_again(run, judge, recorder):
    names = run.shard_names("images")
    with judging_beside(run, [judge]) as take:
        take(names[0])
    judge.threads.clear()
    judge_run(run, judge, recorder)
    assert recorder.stages == [(f"judging by {judge.card.name}", len(names), 1)]
    assert judge.threads == {threading.get_ident()}


def test_a_problem_of_the_judge_comes_through(run, judge):
    judge.fails = True
    with pytest.raises(EnvironmentProblem, match="has left"), judging_beside(run, [judge]) as take:
        take(run.shard_names("images")[0])


def test_an_interruption_leaves_whole_shards_and_a_run_that_goes_on(run, ran, judge, recorder):
    def interrupted() -> None:
        with judging_beside(run, [judge]) as take:
            for name in run.shard_names("images"):
                take(name)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    judge_run(run, judge, recorder)
    assert scores(run.path) == scores(ran.folder)
