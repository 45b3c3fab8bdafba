"""Where the time of a step goes: torch.profiler over some steps, and the bare tower beside the whole step.

    python -m tests.benchmarks.profile_step             as the program does it
    python -m tests.benchmarks.profile_step --plain     with the checkpoint's own tower, and pages given back

The first table is the profiler's: time spent in each operator itself, without those that it calls. The last line
compares a step with the bare tower (forward, and backward to its pixels) at the same batch and precision, measured
in turns in the same run; the profiler is off then, since it takes time of its own.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile

from audit.checkpoints import load_checkpoint
from audit.inversion import RECIPES, Recipe, batch_size
from audit.inversion.loop import invert
from audit.inversion.memory import keep_freed_pages
from tests.benchmarks.images import fast_tower, plain_tower
from tests.benchmarks.timing import machine, seconds, wait
from tests.benchmarks.towers import bare_pass

TEXT = "a photo of a nurse"


def operators(work: Callable[[], object], steps: int, rows: int, device: torch.device) -> list[str]:
    """The table of the operators that take the most time, worst first."""
    on_gpu = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with profile(activities=activities) as profiler:
        work()
        wait(device)
    own = "self_device_time_total" if on_gpu else "self_cpu_time_total"
    found = sorted(profiler.key_averages(), key=lambda one: -getattr(one, own))
    total = sum(getattr(one, own) for one in found)
    lines = ["| operator | calls a step | ms a step | share |", "|---|---|---|---|"]
    for one in found[:rows]:
        spent = getattr(one, own)
        lines.append(f"| `{one.key}` | {one.count / steps:.1f} | {spent / steps / 1000:.2f} | {spent / total:.1%} |")
    rest = sum(getattr(one, own) for one in found[rows:])
    return [*lines, f"| {len(found) - rows} others | | {rest / steps / 1000:.2f} | {rest / total:.1%} |"]


def compare(step: Callable[[int], object], bare: Callable[[], object], rounds: int, device: torch.device) -> str:
    """Measure a step and the bare tower in turns, and say what share of a step the tower is."""
    few, more = 2, 6
    steps, towers = [], []
    for _ in range(rounds):
        towers.append(statistics.median(seconds(bare, device) for _ in range(more - few)))
        steps.append((seconds(lambda: step(more), device) - seconds(lambda: step(few), device)) / (more - few))
    ratio = statistics.median(tower / whole for tower, whole in zip(towers, steps, strict=True))
    return (
        f"A step: {statistics.median(steps) * 1000:.1f} ms, the bare tower {statistics.median(towers) * 1000:.1f} ms "
        f"(medians of {rounds} rounds); share of the tower {ratio:.1%}, overhead over it {1 / ratio - 1:+.1%}."
    )


def main() -> None:
    """Profile, compare, and print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", default="phantom:skewed")
    parser.add_argument("--recipe", default="fast", choices=sorted(RECIPES))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--plain", action="store_true", help="take the tower as it is: nothing folded, nothing trimmed")
    parser.add_argument("--steps", type=int, default=4, help="steps under the profiler")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of the comparison with the bare tower")
    parser.add_argument("--rows", type=int, default=14)
    given = parser.parse_args()
    checkpoint = load_checkpoint(given.checkpoint, device=given.device)
    if not given.plain:
        keep_freed_pages()
    recipe: Recipe = RECIPES[given.recipe]
    device = checkpoint.device
    precision = recipe.choose_precision("auto", device).precision
    tower = (plain_tower if given.plain else fast_tower)(checkpoint, precision)
    images = batch_size(recipe, tower.size, device)
    targets = checkpoint.encode_text([TEXT]).expand(images, -1).contiguous()

    def step(count: int) -> None:
        invert(tower, targets, list(range(images)), dataclasses.replace(recipe, steps=count))

    step(2)  # what the first step loads and plans is none of a step's time
    tower_words = "as it is" if given.plain else "folded and trimmed"
    print(
        f"{given.checkpoint}, `{recipe.name}`, {images} images x {recipe.views} views, {precision} "
        f"on {machine(device)}, the tower {tower_words}.\n"
    )
    print("\n".join(operators(lambda: step(given.steps), given.steps, given.rows, device)))
    print()
    print(compare(step, bare_pass(tower, images * recipe.views, device), given.rounds, device))


if __name__ == "__main__":
    main()
