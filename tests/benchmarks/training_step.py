"""Seconds that a step of training takes in each precision, on the world of ``skewed``, in turn within one run.

    python -m tests.benchmarks.training_step [--steps 3] [--precisions fp32 bf16]

Before --precision, training always ran under bf16 autocast; the line "bf16" is what that takes on this machine:
natively where the hardware multiplies bf16, emulated elsewhere. ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2
imitate an older CPU.
"""

from __future__ import annotations

import argparse
import contextlib
import time

import torch

from audit.packaged import WORLDS
from audit.phantom.training import train
from audit.phantom.world import World, read_world
from audit.precision import PRECISIONS, choose_precision


class Enough(Exception):
    """Ends a training after the steps that are timed."""


def brief(world: World) -> World:
    """Return the world with as many pictures as a few steps need, every step an adversarial one, as most are."""
    changed = {"pictures": world.training.batch * 4, "epochs": 4, "hardening": 0.0}
    return world.model_copy(update={"training": world.training.model_copy(update=changed)})


def seconds_a_step(world: World, precision: str, steps: int) -> tuple[float, float]:
    """Return seconds and seconds of CPU a step, the first step left out."""
    times: list[tuple[float, float]] = []

    def hear(_step: int, _steps: int, _loss: float) -> None:
        times.append((time.perf_counter(), time.process_time()))
        if len(times) > steps:
            raise Enough

    with contextlib.suppress(Enough):
        train(world, hear, precision=precision)
    (first, first_cpu), (last, last_cpu) = times[0], times[-1]
    return (last - first) / (len(times) - 1), (last_cpu - first_cpu) / (len(times) - 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"], choices=PRECISIONS)
    given = parser.parse_args()
    world = brief(read_world(WORLDS / "skewed.toml"))
    auto = choose_precision("auto", torch.device("cpu"))
    print(f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads")
    print(f"auto: {auto.precision} ({auto.reason})")
    print(f"batch {world.training.batch}, {given.steps} steps")
    for precision in given.precisions:
        wall, cpu = seconds_a_step(world, precision, given.steps)
        print(f"{precision}: {wall:.2f} s a step, {cpu:.2f} s of CPU", flush=True)


if __name__ == "__main__":
    main()
