"""What many workers make of an audit: a simulation of clusters, and two workers beside one on this machine.

    python -m tests.benchmarks.workers simulate     # some minutes: times shards, then simulates 64 and 1,024 workers
    python -m tests.benchmarks.workers pair         # two workers of Ray on two cores beside one pinned to one core

``simulate`` makes the shards of a quick audit of a phantom on one thread, takes the processor time of each, and draws
jobs from them. They go through ``audit.engines.scheduling``, which hands out the shards of real runs. ``pair`` counts
the shards of images a second, from the first shard of each worker on, in turns.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from audit.engines.simulated_cluster import Weather, simulate
from audit.seeding import derive_seed

CHECKPOINT = "phantom:skewed"
WEATHER = Weather(loading=15.0, between_deaths=7200.0, noticed=10.0, restart=60.0)
"""A worker loads for 15 s, dies every two hours on average, which is noticed after 10 s, and is back a minute later."""
CLUSTERS = tuple((workers, shards) for workers in (64, 1024) for shards in (5, 10, 20, 40))
SEEDS = 5


def timed_shards() -> list[float]:
    """Return the processor time of each shard of a quick audit, in seconds, on one thread."""
    import torch

    from audit.inversion import Inverter
    from audit.pipeline import AuditRequest, make_plan
    from audit.pipeline.execute import embed_references, image_shard

    torch.set_num_threads(1)
    plan = make_plan(AuditRequest(checkpoint=CHECKPOINT, effort="quick", recipe="fast", precision="fp32"))
    inverter = Inverter(plan.checkpoint, plan.recipe, plan.precision)
    references = embed_references(inverter, plan.prompts)
    whole = [items for items in plan.shards.values() if len(items) == plan.shard_size]
    found = []
    for items in whole:
        began = time.process_time()
        image_shard(items, inverter, references, plan.recipe.steps)
        found.append(time.process_time() - began)
    return found


def draw(times: list[float], count: int, seed: int) -> list[float]:
    """Return that many shard times, drawn from the measured ones."""
    generator = np.random.default_rng(derive_seed("shard times", count, seed))
    return [float(one) for one in generator.choice(times, size=count)]


def simulated(times: list[float]) -> list[str]:
    """Return the rows of the table: medians over some seeds."""
    rows = ["| workers | shards of each | seconds | efficiency | workers that died | shards given twice |"]
    rows.append("|---|---|---|---|---|---|")
    for workers, each in CLUSTERS:
        runs = [simulate(draw(times, workers * each, seed), workers, WEATHER, seed=seed) for seed in range(SEEDS)]
        seconds, efficiency, deaths, repeated = (
            statistics.median(getattr(run, name) for run in runs)
            for name in ("seconds", "efficiency", "deaths", "repeated")
        )
        rows.append(f"| {workers:,} | {each} | {seconds:,.0f} | {efficiency:.1%} | {deaths:.0f} | {repeated:.0f} |")
    return rows


def stage(workers: int, shards: int) -> float:
    """Return the shards of images a second that workers of Ray make here, from the first of each worker on."""
    from audit.engines import RayEngine
    from audit.evidence import open_run
    from audit.pipeline import AuditRequest, make_plan
    from audit.pipeline.elsewhere import order_images

    plan = make_plan(AuditRequest(checkpoint=CHECKPOINT, effort="quick", recipe="fast", precision="fp32"))
    plan = dataclasses.replace(plan, shard_size=48, recipe=dataclasses.replace(plan.recipe, steps=16))
    names = list(plan.shards)[:shards]
    with (
        tempfile.TemporaryDirectory() as place,
        open_run(Path(place, "run"), plan.spec()) as run,
        RayEngine(workers=workers) as engine,
    ):
        ends = [time.perf_counter() for _ in engine.run(names, order_images(run, plan, names))]
    return (len(ends) - workers) / (ends[-1] - ends[workers - 1])


def pair(turns: int, shards: int) -> None:
    """Print the rates of two workers on two cores and of one on one core, in turns."""
    first, second = sorted(os.sched_getaffinity(0))[:2]
    rates: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(turns):
        for workers, cores in ((1, {first}), (2, {first, second})):
            words = [sys.executable, "-m", "tests.benchmarks.workers", "stage", str(workers), str(shards)]
            done = subprocess.run(
                words,
                check=True,
                stdout=subprocess.PIPE,
                text=True,
                preexec_fn=lambda cores=cores: os.sched_setaffinity(0, cores),  # type: ignore[misc]
            )
            rates[workers].append(json.loads(done.stdout.splitlines()[-1]))
            load = os.getloadavg()[0]
            print(f"turn {turn + 1}, {workers} workers: {rates[workers][-1]:.3f} shards/s; load {load:.1f}", flush=True)
    one, two = statistics.median(rates[1]), statistics.median(rates[2])
    print(f"medians: {one:.3f} and {two:.3f} shards/s; ratio {two / one:.2f}")


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("simulate").add_argument(
        "--times", type=float, nargs="+", help="shard times, not measured anew"
    )
    both = commands.add_parser("pair")
    both.add_argument("--turns", type=int, default=3)
    both.add_argument("--shards", type=int, default=12)
    one = commands.add_parser("stage")
    one.add_argument("workers", type=int)
    one.add_argument("shards", type=int)
    asked = parser.parse_args()
    if asked.command == "simulate":
        times = asked.times or timed_shards()
        print(f"shard times: {', '.join(f'{one:.1f}' for one in times)} s")
        print("\n".join(simulated(times)))
    elif asked.command == "pair":
        pair(asked.turns, asked.shards)
    else:
        print(json.dumps(stage(asked.workers, asked.shards)))


if __name__ == "__main__":
    main()
