"""How long a run will take here: a short probe of the real work, summed over what is left of it.

The probe makes one shard of the plan with fewer steps and lets the judges look at it, in a folder that is thrown away.
What examining and reporting take is not foreseen: it is little beside the images. It is the code that the run will
execute, on the checkpoint, the recipe and the device of the run. What a recipe schedules stands at a share of its
steps, so a shortened inversion has the same mixture of steps as the whole one.

A large tower takes minutes for a shard on a CPU. There the probe makes as few of its images as its time allows, and
what they take counts for each of the others: on a CPU time goes by images. On a GPU, where nobody knows how speed grows
with the batch before it is measured, it makes them all. Texts are timed over some, too.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from audit.engines.simulated_cluster import Weather, simulate
from audit.evidence import IMAGE_SHARD, TEXT_SHARD, RunFolder, build_table, differing_specs, open_run, read_run
from audit.inversion import Inverter
from audit.opening import is_file
from audit.pipeline.audit_plan import Plan, PlannedItem
from audit.pipeline.execute import (
    embed_references,
    image_shard,
    inverted_texts,
    judge_shard,
    read_by,
    texts_to_read,
    unjudged,
)
from audit.pipeline.progress import Silence

Clock = Callable[[], float]

_STEPS_BUDGET: Final = 4.0
"""Seconds that the longer of the two timed shards may take, as far as whole steps allow."""
_JUDGE_BUDGET: Final = 1.5
"""Seconds for which a judge is timed, at least one image."""
_FEWEST_STEPS: Final = 2
_MOST_STEPS: Final = 24
_IMAGES_BUDGET: Final = 3.0
"""Seconds that one step of the images of the timed shard may take on a CPU, as far as whole images allow."""
_TEXTS: Final = 128
"""Texts that are timed: as many as the tower reads at once, where that takes no longer than ``_TEXTS_BUDGET``."""
_FEW_TEXTS: Final = 8
_TEXTS_BUDGET: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a shard holds."""

    images: int
    inverted: int
    """Images that are inverted; the others are noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is left to do of a plan."""

    shards: tuple[Load, ...]
    """Those without images yet."""
    steps: int
    unjudged: Mapping[str, int]
    """Images that each judge has yet to look at."""
    texts: int = 0
    """Texts that the text tower has yet to read."""
    references: int = 0
    """Texts that it reads once more, for what is inverted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardCost:
    """What a shard costs, in seconds."""

    first_use: float
    """What the first shard costs more than the next: texts, copies of the tower, what libraries load late."""
    apart: float
    """A shard without its steps: draws, quality, pictures, disk."""
    step: float


_NO_SHARD: Final = ShardCost(first_use=0.0, apart=0.0, step=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeCost:
    """What a judge costs, in seconds."""

    first_use: float
    image: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What the probe found."""

    sample: Load
    """The shard that was timed."""
    shard: ShardCost
    judges: Mapping[str, JudgeCost]
    text: float = 0.0
    """Seconds for a text that the text tower reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a run will take, in seconds, by part."""

    loading: float
    """From the command to the plan: imports, checkpoint, judges, their checks."""
    first_use: float
    reading: float
    """Embedding the texts."""
    inverting: float
    judging: float
    """On a GPU judges work beside the inversion, so that this is the most that they add."""

    @property
    def seconds(self) -> float:
        """The whole run but for examining and reporting."""
        return self.loading + self.first_use + self.reading + self.inverting + self.judging


def predict(work: Work, costs: Costs, *, loading: float) -> Forecast:
    """Return the time that ``work`` takes at ``costs``; a smaller shard than the timed one costs its share.

    Args:
        work: What is left.
        costs: From :func:`probe`.
        loading: Seconds that making the plan took.
    """
    judges = [(costs.judges[name], count) for name, count in work.unjudged.items() if count]
    return Forecast(
        loading=loading,
        first_use=(costs.shard.first_use if work.shards else 0.0) + sum(cost.first_use for cost, _ in judges),
        reading=costs.text * (work.texts + work.references),
        inverting=sum(_making(work, costs)),
        judging=sum(cost.image * count for cost, count in judges),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What a run will take on workers of a cluster."""

    workers: int
    seconds: float
    """By the clock, but for examining and reporting, which the driver does."""
    efficiency: float
    """Time that its shards take by themselves, as a share of what all workers take together."""


_DEATHS: Final = 7200.0
"""Seconds that a worker lives on average in this forecast, as on machines that are lent and taken back."""


def share_out(work: Work, costs: Costs, forecast: Forecast, workers: int) -> Shared:
    """Return the time that ``work`` takes on workers of which each is like this machine as it was timed.

    The shards go through the code that hands them to real workers, of which each dies every two hours and is replaced
    after a minute.

    Args:
        work: What is left.
        costs: From :func:`probe`, on as many threads as a worker has.
        forecast: The same for one worker.
        workers: How many there are.
    """
    made = _making(work, costs)
    looks = max(len(made), 1 if forecast.judging else 0)
    looked = [forecast.judging / looks] * looks
    first_looks = forecast.first_use - (costs.shard.first_use if made else 0.0)
    begun = forecast.loading + costs.shard.first_use, forecast.loading + first_looks
    stages = [
        simulate(seconds, workers, Weather(loading=loading, between_deaths=_DEATHS)).seconds
        for seconds, loading in zip((made, looked), begun, strict=True)
        if seconds
    ]
    seconds = forecast.loading + forecast.reading + sum(stages)
    return Shared(workers=workers, seconds=seconds, efficiency=(sum(made) + sum(looked)) / (workers * seconds))


def _making(work: Work, costs: Costs) -> list[float]:
    """Return the seconds that each shard takes, judges apart."""
    image = costs.shard.apart / max(1, costs.sample.images)
    inversion = work.steps * costs.shard.step / max(1, costs.sample.inverted)
    return [image * load.images + inversion * load.inverted for load in work.shards]


def earlier_run(plan: Plan, folder: Path) -> RunFolder | None:
    """Return the run of this plan that was begun in ``folder``; ``None`` where there is none, or another's.

    Raises:
        UsageProblem: If a newer version wrote it.
        EnvironmentProblem: If it is damaged.
    """
    if not is_file(folder / "spec.json"):
        return None
    run = read_run(folder)
    return None if differing_specs(run.spec, plan.spec()) else run


def work_left(plan: Plan, run: RunFolder | None, shards: Collection[str] | None = None) -> Work:
    """Return what is left of a plan, given what an earlier run of it has done.

    Args:
        plan: The plan.
        run: The earlier run; ``None`` where there is none.
        shards: The shards that count; ``None`` for all.

    Raises:
        EnvironmentProblem: If a shard of the earlier run is damaged.
    """
    wanted = [name for name in plan.shards if shards is None or name in shards]
    missing = [name for name in wanted if run is None or not run.has_shard("images", name)]
    there = [name for name in wanted if name not in missing]
    return Work(
        shards=tuple(_load(plan.shards[name]) for name in missing),
        steps=plan.recipe.steps,
        unjudged={
            name: sum(
                len(plan.shards[shard])
                for shard in [*missing, *(unjudged(run, judge, there) if run is not None else there)]
            )
            for name, judge in plan.judges.items()
        },
        texts=0 if run is not None and run.has_shard(*TEXT_SHARD) else len(texts_to_read(plan)),
        references=len(inverted_texts(plan.prompts)) if missing else 0,
    )


def probe(plan: Plan, clock: Clock = time.perf_counter) -> Costs:
    """Time a little of everything that a run of ``plan`` does; leaves nothing behind.

    Raises:
        EnvironmentProblem: If there is no room for a shard, on disk or in memory.
    """
    items: Sequence[PlannedItem] = max(plan.shards.values(), key=lambda items: _load(items).inverted, default=())
    with (
        tempfile.TemporaryDirectory(prefix="clip-audit-") as place,
        open_run(Path(place, "probe"), plan.spec()) as run,
    ):
        began = clock()
        begun = Inverter(plan.checkpoint, plan.recipe, plan.precision).with_recipe(plan.recipe)
        copied = clock() - began  # the copy of the tower is made once in a run

        def prepare(steps: int, items: Sequence[PlannedItem]) -> Callable[[], None]:
            inverter = begun.with_recipe(dataclasses.replace(plan.recipe, steps=steps))
            references = embed_references(inverter, [item.prompt for item in items])
            return lambda: run.write_shard("images", "whole", image_shard(items, inverter, references, steps))

        text = measure_text(plan, clock)
        if items and plan.checkpoint.device.type == "cpu":
            first = [item for item in items if item.prompt.role != "noise"] or items
            alone = _timed(prepare(1, first[:1]), clock)
            items = (
                first[: max(1, int(_IMAGES_BUDGET / max(alone, 1e-9)))]
                if alone * len(items) > _IMAGES_BUDGET
                else items
            )
        shard = measure_shard(lambda steps: prepare(steps, items), clock) if items else _NO_SHARD
        images = run.read_shard("images", "whole") if items else build_table(IMAGE_SHARD, [])

        def look(judge_name: str, count: int) -> None:
            judge_shard(run, plan.judges[judge_name], f"part-{count}")

        def give(count: int) -> None:
            run.write_shard("images", f"part-{count}", images.head(count))

        judges = {
            name: measure_judge(lambda count, name=name: look(name, count), give, len(images), clock)  # type: ignore[misc]
            for name in plan.judges
            if items
        }
    shard = dataclasses.replace(shard, first_use=shard.first_use + copied)
    return Costs(sample=_load(items), shard=shard, judges=judges, text=text)


def measure_text(plan: Plan, clock: Clock) -> float:
    """Return the seconds that the text tower takes for a text, over one full batch of them where time allows."""
    texts = texts_to_read(plan)[:_TEXTS]
    read_by(plan.checkpoint, texts[:1], Silence())  # what is done once

    def each(count: int) -> float:
        return _timed(lambda: read_by(plan.checkpoint, texts[:count], Silence()), clock) / max(1, count)

    few = each(min(_FEW_TEXTS, len(texts)))
    allowed = min(len(texts), int(_TEXTS_BUDGET / max(few, 1e-9)))
    return each(allowed) if allowed > _FEW_TEXTS else few


def measure_shard(prepare: Callable[[int], Callable[[], None]], clock: Clock) -> ShardCost:
    """Tell the cost of a shard from that of its steps by timing it with one step and with more.

    Args:
        prepare: Gets ready a shard with so many steps, and returns what makes it.
        clock: Seconds.
    """
    began = clock()
    one_step = prepare(1)
    ready = clock() - began
    cold, warm = _timed(one_step, clock), _timed(one_step, clock)
    more = max(_FEWEST_STEPS, min(_MOST_STEPS, int(_STEPS_BUDGET / max(warm, 1e-9))))
    longer = _timed(prepare(1 + more), clock)
    step = max(0.0, longer - warm) / more
    return ShardCost(first_use=ready + max(0.0, cold - warm), apart=max(0.0, warm - step), step=step)


def measure_judge(look: Callable[[int], None], give: Callable[[int], None], most: int, clock: Clock) -> JudgeCost:
    """Tell what a judge costs once from what it costs for each image.

    Args:
        look: Lets the judge look at so many images.
        give: Gets them ready for it.
        most: How many there are.
        clock: Seconds.
    """
    give(1)
    alone = _timed(lambda: look(1), clock)
    count = max(1, min(most, int(_JUDGE_BUDGET / max(alone, 1e-9))))
    give(count)
    image = _timed(lambda: look(count), clock) / count
    return JudgeCost(first_use=max(0.0, alone - image), image=image)


def _timed(work: Callable[[], object], clock: Clock) -> float:
    began = clock()
    work()
    return clock() - began


def _load(items: Sequence[PlannedItem]) -> Load:
    return Load(images=len(items), inverted=sum(item.prompt.role != "noise" for item in items))
