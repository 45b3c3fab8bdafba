"""Towers of full size on a GPU: how fast each recipe goes, what share of the card it uses, and whether bf16 is right.

    python -m tests.benchmarks.gpu             on a GPU: ViT-B-32, ViT-B-16, ViT-L-14 and RN50
    python -m tests.benchmarks.gpu --small     anywhere: towers of some hundred thousand weights

The weights are random, which costs the same time; nothing is fetched. A step is timed as the difference between a
longer and a shorter inversion, so what is done once per batch stays out; its bare tower is timed in turns with it, at
the same batch and precision. The table goes to reports/gpu/, named by day and device, and says what was not measured.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import shlex
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import torch

from audit.inversion import RECIPES, Recipe, batch_size
from audit.inversion.loop import Tower, invert
from tests.benchmarks.timing import machine, seconds
from tests.benchmarks.towers import FULL, SMALL, Made, bare_pass, flops_of_an_image_gradient, gradient_cosines, make

ROOT: Final = Path(__file__).resolve().parents[2]
ARMS: Final = ("reference", "reference-batched", "fast", "careful")
AIM: Final = 0.99
"""Cosine of gradients in bf16 with those in fp32 that the project asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """One recipe on one tower."""

    recipe: Recipe
    precision: str
    images: int
    step: float
    """Seconds of a step of the batch."""
    bare: float
    """Seconds of the bare tower at the same batch and precision."""
    view_bytes: float | None
    """Memory that one more view takes; unknown on a CPU."""

    @property
    def views(self) -> int:
        """Views in a step."""
        return self.images * self.recipe.views

    @property
    def image_gradients(self) -> float:
        """Image-gradients in a second."""
        return self.views / self.step

    @property
    def inversions(self) -> float:
        """Inversions in an hour, steps alone."""
        return 3600 * self.images / (self.step * self.recipe.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One tower."""

    name: str
    size: int
    flops: int
    cosines: tuple[float, float]
    """Mean and least."""
    speeds: tuple[Speed, ...]


def matmul_peak(device: torch.device, side: int, rounds: int = 9) -> float:
    """Return the floating-point operations per second of a square bf16 matrix product, the best of some rounds."""
    left, right = (torch.randn((side, side), device=device, dtype=torch.bfloat16) for _ in range(2))
    return 2 * side**3 / min(seconds(lambda: left @ right, device) for _ in range(rounds))


def measure_recipe(made: Made, recipe: Recipe, rounds: int, steps: int) -> Speed:
    """Time a recipe and its bare tower in turns; the published loop runs on the tower as the checkpoint has it."""
    device = made.device
    precision = recipe.choose_precision("auto", device).precision
    images = batch_size(recipe, made.size, device)
    tower = made.tower(precision, plain=recipe.together == 1)
    targets = made.targets(images)

    def loop(count: int) -> float:
        short = dataclasses.replace(recipe, steps=count)
        return seconds(lambda: invert(tower, targets, list(range(images)), short), device)

    bare = bare_pass(tower, images * recipe.views, device)
    loop(2), bare()  # what the first call loads and plans
    found = [((loop(2 + steps) - loop(2)) / steps, seconds(bare, device)) for _ in range(rounds)]
    return Speed(
        recipe=recipe,
        precision=precision,
        images=images,
        step=statistics.median(step for step, _ in found),
        bare=statistics.median(one for _, one in found),
        view_bytes=memory_per_view(made, tower, dataclasses.replace(recipe, steps=2), images),
    )


def memory_per_view(made: Made, tower: Tower, recipe: Recipe, images: int) -> float | None:
    """Return the bytes that one more view in a step takes, from the peaks of two batches; ``None`` on a CPU."""
    if made.device.type != "cuda":
        return None
    peaks = []
    for count in (images, 2 * images):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(made.device)
        invert(tower, made.targets(count), list(range(count)), recipe)
        peaks.append(torch.cuda.max_memory_allocated(made.device))
    return (peaks[1] - peaks[0]) / (images * recipe.views)


def measure_tower(name: str, device: torch.device, arms: Sequence[str], rounds: int, steps: int) -> Line:
    """Measure every arm on one tower."""
    made = make(name, device)
    cosines = gradient_cosines(made, 16)
    speeds = []
    for arm in arms:
        speeds.append(measure_recipe(made, RECIPES[arm], rounds, steps))
        say(f"  {name}, {arm}: {speeds[-1].image_gradients:,.0f} image-gradients/s")
    return Line(
        name=name,
        size=made.size,
        flops=flops_of_an_image_gradient(made),
        cosines=(float(cosines.mean()), float(cosines.min())),
        speeds=tuple(speeds),
    )


def tables(lines: Sequence[Line], peak: float, device: torch.device, *, small: bool) -> str:
    """Return the page."""
    parts = [
        (
            f"Measured on {datetime.now(UTC).date().isoformat()} on {machine(device)}, torch {torch.__version__}, by "
            f"`{shlex.join(['python', '-m', 'tests.benchmarks.gpu', *sys.argv[1:]])}`. Weights are random."
        ),
        f"A square bf16 matrix product reaches {peak / 1e12:.2f} TFLOP/s here; shares are shares of that.",
        *missing(device, small=small),
        "\n".join(_towers(lines)),
        "\n".join(_recipes(lines, peak)),
        (
            "One image-gradient: one view forward through the tower and back to its pixels. Overhead: a step over its "
            "bare tower at the same batch and precision. Inversions count their steps alone, without quality, pictures "
            "and disk."
        ),
    ]
    return "\n\n".join(parts) + "\n"


def missing(device: torch.device, *, small: bool) -> list[str]:
    """Say what the page does not show."""
    lacks = []
    if small:
        lacks.append("the towers of full size")
    if device.type != "cuda":
        lacks += ["a GPU, and so its speed, its memory per view and its bf16", "whether a step waits for the device"]
    return [f"**Not measured:** {'; '.join(lacks)}."] if lacks else []


def _towers(lines: Sequence[Line]) -> list[str]:
    return [
        f"| tower | side | GFLOP an image-gradient | bf16 gradients: mean cosine with fp32 | least of 16 | > {AIM} |",
        "|---|---|---|---|---|---|",
        *(
            f"| {one.name} | {one.size} | {one.flops / 1e9:.2f} | {one.cosines[0]:.4f} | {one.cosines[1]:.4f} "
            f"| {'yes' if one.cosines[0] > AIM else 'no'} |"
            for one in lines
        ),
    ]


def _recipes(lines: Sequence[Line], peak: float) -> list[str]:
    rows = [
        (
            "| tower | recipe | precision | images x views | ms a step | image-gradients/s | share of peak | overhead "
            "| inversions/hour | MB a view | seconds against `reference` |"
        ),
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for line in lines:
        published = next((one.inversions for one in line.speeds if one.recipe.name == "reference"), None)
        for one in line.speeds:
            memory = "not measured" if one.view_bytes is None else f"{one.view_bytes / 1e6:.1f}"
            gain = "-" if published is None else f"1/{one.inversions / published:,.0f}"
            rows.append(
                f"| {line.name} | `{one.recipe.name}` | {one.precision} | {one.images} x {one.recipe.views} "
                f"| {one.step * 1e3:.1f} | {one.image_gradients:,.0f} | {one.image_gradients * line.flops / peak:.1%} "
                f"| {one.step / one.bare - 1:+.0%} | {one.inversions:,.1f} | {memory} | {gain} |"
            )
    return rows


def say(line: str) -> None:
    """Write one line for people."""
    sys.stderr.write(f"{line}\n")


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="small towers, as on a CPU")
    parser.add_argument("--towers", nargs="+", help="names that open_clip knows, or those of --small")
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=sorted(RECIPES))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8, help="steps in the difference that is timed")
    parser.add_argument("--out", type=Path, help="file to write  [reports/gpu/DAY-DEVICE.md]")
    given = parser.parse_args()
    device = torch.device(given.device)
    if device.type != "cuda" and not given.small and not given.towers:
        parser.error("there is no GPU here: add --small, or name --towers and bring time.")
    names = given.towers or (SMALL if given.small else FULL)
    peak = matmul_peak(device, 8192 if device.type == "cuda" else 1024)
    lines = [measure_tower(name, device, given.arms, given.rounds, given.steps) for name in names]
    page = tables(lines, peak, device, small=set(names) <= set(SMALL))
    slug = re.sub(r"[^a-z0-9]+", "-", machine(device).lower()).strip("-")
    out = given.out or ROOT / "reports" / "gpu" / f"{datetime.now(UTC).date().isoformat()}-{slug}.md"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(f"# Speed of towers, {machine(device)}\n\n{page}", encoding="utf-8")
    print(page)
    say(f"Written to {out}.")


if __name__ == "__main__":
    main()
