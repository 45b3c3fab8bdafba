"""How long a run will take: the arithmetic on a clock that only the work moves, and the probe on a real plan."""

from __future__ import annotations

import dataclasses
import math
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from audit.pipeline import earlier_run, predict, probe, work_left
from audit.pipeline.forecast import Costs, JudgeCost, Load, ShardCost, Work, measure_judge, measure_shard, share_out

FULL = Load(images=48, inverted=48)
COSTS = Costs(
    sample=FULL,
    shard=ShardCost(first_use=3.0, apart=0.5, step=0.25),
    judges={"a": JudgeCost(first_use=1.0, image=0.01), "b": JudgeCost(first_use=2.0, image=0.1)},
)


@dataclass
class Clock:
    """Stands still but for the work."""

    now: float = 0.0
    ran: list[int] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def shards(self, *, ready: float, cold: float, apart: float, step: float) -> Callable[[int], Callable[[], None]]:
        def prepare(steps: int) -> Callable[[], None]:
            self.now += ready

            def work() -> None:
                self.now += (cold if not self.ran else 0.0) + apart + steps * step
                self.ran.append(steps)

            return work

        return prepare

    def judge(self, *, cold: float, image: float) -> Callable[[int], None]:
        def look(count: int) -> None:
            self.now += (cold if not self.ran else 0.0) + image * count
            self.ran.append(count)

        return look


@pytest.mark.parametrize(("apart", "step"), [(0.5, 0.25), (0.0, 0.01), (0.3, 40.0)])
def test_a_shard_is_told_apart_into_steps_and_the_rest(apart, step):
    clock = Clock()
    cost = measure_shard(clock.shards(ready=1.0, cold=2.0, apart=apart, step=step), clock)
    assert cost.step == pytest.approx(step)
    assert cost.apart == pytest.approx(apart)
    assert cost.first_use == pytest.approx(3.0)


@pytest.mark.parametrize(("step", "steps"), [(0.01, [1, 1, 25]), (0.5, [1, 1, 9]), (60.0, [1, 1, 3])])
def test_the_probe_takes_as_many_steps_as_its_time_allows_and_two_more_at_least(step, steps):
    clock = Clock()
    measure_shard(clock.shards(ready=0.0, cold=0.0, apart=0.0, step=step), clock)
    assert clock.ran == steps


def test_noise_on_the_clock_makes_no_cost_negative():
    times = iter([0.0, 0.0, 0.0, 1.0, 1.0, 2.5, 2.5, 3.0])
    cost = measure_shard(lambda _steps: lambda: None, lambda: next(times))
    assert cost == ShardCost(first_use=0.0, apart=1.5, step=0.0)


@pytest.mark.parametrize(("image", "counts"), [(0.001, [1, 48]), (0.1, [1, 15]), (30.0, [1, 1])])
def test_a_judge_is_timed_on_as_many_images_as_its_time_allows(image, counts):
    clock, given = Clock(), []
    cost = measure_judge(clock.judge(cold=0.0, image=image), given.append, 48, clock)
    assert clock.ran == given == counts
    assert cost.image == pytest.approx(image)


def test_what_a_judge_does_once_is_told_from_what_it_does_for_each_image():
    clock = Clock()
    cost = measure_judge(clock.judge(cold=0.5, image=0.05), lambda _count: None, 48, clock)
    assert cost.image == pytest.approx(0.05)
    assert cost.first_use == pytest.approx(0.5)


def test_getting_images_ready_for_a_judge_is_not_timed():
    clock = Clock()

    def give(_count: int) -> None:
        clock.now += 100.0

    assert measure_judge(clock.judge(cold=0.0, image=0.05), give, 48, clock).image == pytest.approx(0.05)


def test_a_forecast_is_the_sum_over_what_is_left():
    work = Work(shards=(FULL, FULL, FULL), steps=100, unjudged={"a": 144, "b": 144})
    told = predict(work, COSTS, loading=5.0)
    assert told.loading == 5.0
    assert told.first_use == pytest.approx(3 + 1 + 2)
    assert told.inverting == pytest.approx(3 * (0.5 + 100 * 0.25))
    assert told.judging == pytest.approx(144 * 0.11)
    assert told.seconds == pytest.approx(5 + 6 + 76.5 + 15.84)


def test_a_smaller_shard_costs_its_share_and_noise_takes_no_steps():
    part, noise = Load(images=24, inverted=12), Load(images=48, inverted=0)
    told = predict(Work(shards=(part, noise), steps=100, unjudged={}), COSTS, loading=0.0)
    assert told.inverting == pytest.approx(0.5 * (24 + 48) / 48 + 100 * 0.25 * 12 / 48)


def test_where_all_images_are_there_only_judging_costs():
    told = predict(Work(shards=(), steps=100, unjudged={"a": 10, "b": 0}), COSTS, loading=5.0)
    assert (told.inverting, told.first_use, told.judging) == (0.0, 1.0, pytest.approx(0.1))


def test_a_plan_of_noise_alone_can_be_forecast():
    costs = dataclasses.replace(COSTS, sample=Load(images=4, inverted=0))
    work = Work(shards=(Load(images=4, inverted=0),), steps=100, unjudged={})
    assert predict(work, costs, loading=0.0).inverting == pytest.approx(0.5)


def test_of_a_new_run_everything_is_left(plan, tmp_path):
    assert earlier_run(plan, tmp_path / "nowhere") is None
    work = work_left(plan, None)
    noise = sum(item.prompt.role == "noise" for item in plan.items)
    assert noise
    assert sum(load.images for load in work.shards) == len(plan.items)
    assert sum(load.inverted for load in work.shards) == len(plan.items) - noise
    assert work.unjudged == {name: len(plan.items) for name in plan.judges}
    assert work.steps == plan.recipe.steps


def test_of_a_run_that_has_begun_only_the_rest_is_left(plan, ran, tmp_path):
    copy = shutil.copytree(ran.folder, tmp_path / "copy")
    for name in ("run.json", "decision.json"):
        (copy / name).unlink()
    names = list(plan.shards)
    (copy / "images" / f"{names[0]}.parquet").unlink()
    for name in names[:2]:
        next((copy / "scores").rglob(f"{name}.parquet")).unlink()
    work = work_left(plan, earlier_run(plan, copy))
    assert [load.images for load in work.shards] == [len(plan.shards[names[0]])]
    assert set(work.unjudged.values()) == {sum(len(plan.shards[name]) for name in names[:2])}
    assert work_left(plan, earlier_run(plan, ran.folder)).shards == ()


def test_a_run_of_another_plan_is_no_beginning_of_this_one(plan, ran):
    other = dataclasses.replace(plan, request=dataclasses.replace(plan.request, seed=1))
    assert earlier_run(other, ran.folder) is None


@pytest.fixture
def elsewhere(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_probe_costs_something_everywhere_and_leaves_nothing_behind(plan, elsewhere):
    costs = probe(plan, lambda: time.perf_counter() / 1000)  # on a busy machine it would take fewer images
    assert costs.sample == max(work_left(plan, None).shards, key=lambda load: load.inverted)
    assert costs.judges.keys() == plan.judges.keys()
    assert costs.shard.step > 0
    assert all(cost.image > 0 for cost in costs.judges.values())
    assert math.isfinite(predict(work_left(plan, None), costs, loading=0.0).seconds)
    assert list(elsewhere.iterdir()) == []


def test_workers_share_what_one_would_take_and_each_loads_for_itself():
    whole = Load(images=COSTS.sample.images, inverted=COSTS.sample.inverted)
    work = Work(shards=(whole,) * 40, steps=100, unjudged={})
    alone = predict(work, COSTS, loading=5.0)
    one, four = (share_out(work, COSTS, alone, workers) for workers in (1, 4))
    assert one.seconds >= alone.seconds
    assert alone.inverting / 4 < four.seconds < one.seconds / 2
    assert 0.0 < four.efficiency <= 1.0
