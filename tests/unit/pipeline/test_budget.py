"""A run that would go beyond its budget ends unfinished, and goes on with a larger one to the very same end."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from audit.errors import InconclusiveProblem, UsageProblem
from audit.evidence import differing_specs, open_run, read_run
from audit.pipeline import Forecast, Silence, run_audit
from audit.pipeline.budget import Spending, cost_of, fit_of, that_fit
from audit.records import NO_LIMIT, Budget


def contents(folder: Path) -> dict[str, bytes]:
    """Everything but the report, which carries its date, and what holds the report's digest."""
    reports = {"report.html", "report.pdf", "summary.md", "junit.xml", "run.json"}
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name not in reports]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if "figures" not in path.parts}


@pytest.mark.slow
def test_a_run_that_ran_out_goes_on_with_more_and_ends_as_one_without_a_budget(plan, ran, recorder, tmp_path):
    apiece = plan.recipe.image_gradients
    folder = tmp_path / "run"
    for budget, images in ((Budget(images=12), 10), (Budget(images=14), 10), (Budget(gradients=16 * apiece), 15)):
        with pytest.raises(InconclusiveProblem) as stopped:
            run_audit(plan, folder, recorder, budget=budget)
        assert f"{images} of {len(plan.items)} images" in stopped.value.what
        assert "larger budget (--max-" in stopped.value.remedy
        assert len(read_run(folder).read_shards("images", ["prompt_id"])) == images
        assert not (folder / "findings.json").exists()
        assert recorder.said[-1].startswith(f"{images} of {len(plan.items)} images fit")
    run_audit(plan, folder, recorder, budget=Budget(images=len(plan.items)))
    assert contents(folder) == contents(ran.folder)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_hours_end_before_the_piece_that_would_go_beyond(plan, tmp_path):
    clock = Clock()
    names = list(plan.shards)
    spending = Spending(Budget(hours=1.0, began=0.0), plan, tmp_path, names, clock=clock)
    spending.begin()
    for name, took in zip(names[:3], (900.0, 1100.0, 500.0), strict=True):
        spending.before_shard(name)
        clock.now += took
    spending.before_piece()  # 2500 s are gone, and the longest piece took 1100
    clock.now += 1
    with pytest.raises(InconclusiveProblem, match="15 of"):
        spending.before_shard(names[3])


def test_hours_count_a_shard_from_when_it_was_begun_though_others_are_made_beside_it(plan, tmp_path):
    clock = Clock()
    names = list(plan.shards)
    spending = Spending(Budget(hours=1.0, began=0.0), plan, tmp_path, names, clock=clock)
    spending.begin()
    for name in names[:3]:
        spending.before_shard(name)
        clock.now += 10.0
    clock.now = 1900.0
    spending.after_shard(names[0])
    with pytest.raises(InconclusiveProblem, match="15 of"):  # another one as long would go beyond
        spending.before_shard(names[3])


def test_how_long_images_take_says_nothing_of_judging(plan, tmp_path):
    clock = Clock()
    spending = Spending(Budget(hours=1.0, began=0.0), plan, tmp_path, list(plan.shards), clock=clock)
    spending.begin()
    spending.before_piece()
    clock.now = 3000.0
    spending.begin()
    for _ in range(6):
        spending.before_piece()
        clock.now += 90
    with pytest.raises(InconclusiveProblem, match="--max-hours"):
        spending.before_piece()


def test_what_fits_are_the_first_shards_and_those_that_are_there(plan):
    names = list(plan.shards)
    assert that_fit(plan, Budget(images=14), names) == tuple(names[:2])
    assert that_fit(plan, Budget(images=14), names, there=[names[3]]) == (names[0], names[3])
    assert that_fit(plan, NO_LIMIT, names) == tuple(names)


def test_noise_costs_an_image_and_no_gradient(plan):
    whole = cost_of(plan, plan.shards)
    noise = sum(item.prompt.role == "noise" for item in plan.items)
    assert noise > 0
    assert whole.images == len(plan.items)
    assert whole.gradients == (len(plan.items) - noise) * plan.recipe.image_gradients


FORECAST = Forecast(loading=50.0, first_use=50.0, reading=100.0, inverting=500.0, judging=100.0)


def test_what_fits_into_hours_is_told_from_the_forecast(plan):
    names = list(plan.shards)
    images = len(plan.items)
    half = fit_of(plan, Budget(hours=500 / 3600), names, None, FORECAST)
    assert (half.images, half.is_whole) == (images // 2, False)
    assert half.hours == pytest.approx(800 / 3600)
    enough = fit_of(plan, Budget(hours=801 / 3600), names, None, FORECAST)
    assert (enough.images, enough.is_whole) == (images, True)
    assert fit_of(plan, Budget(hours=100.0), names, None, None).is_whole is None
    both = fit_of(plan, Budget(hours=801 / 3600, images=7), names, None, FORECAST)
    assert (both.images, both.is_whole) == (5, False)


def test_images_that_are_there_count(plan, tmp_path):
    names = list(plan.shards)
    with open_run(tmp_path / "run", plan.spec()) as run:
        assert fit_of(plan, Budget(images=5), names, run, None).images == 5
    assert fit_of(plan, NO_LIMIT, names, run, None).is_whole


@pytest.mark.parametrize(
    ("name", "limit"),
    [("images", 0), ("gradients", -1), *(("hours", limit) for limit in (0.0, -0.5, float("nan"), float("inf")))],
)
def test_what_is_no_limit_is_refused(name, limit):
    with pytest.raises(UsageProblem, match=f"--max-{name}"):
        Budget(**{name: limit})


def test_a_budget_is_no_part_of_what_a_run_is(plan, tmp_path):
    smaller = dataclasses.replace(plan, judges={})
    with pytest.raises(InconclusiveProblem):
        run_audit(smaller, tmp_path / "run", Silence(), budget=Budget(images=1))
    assert differing_specs(read_run(tmp_path / "run").spec, smaller.spec()) == []
