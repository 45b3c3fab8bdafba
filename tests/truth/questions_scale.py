"""Whether inversions get better with training data: phantoms of one world, trained on more and more of its pictures.

    python tests/truth/questions_scale.py

Trains the phantoms that are missing under ``--runs``, at low priority: many minutes each. All take the same number of
optimisation steps, so that what differs is how many pictures they saw and not how long they learnt; equal epochs would
leave the smallest untrained.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from question_rows import Row, above

from audit.evidence import Evidence
from audit.packaged import WORLDS
from audit.phantom.phantom_folder import read_phantom_world, save_phantom
from audit.phantom.training import train
from audit.phantom.world import World, read_world
from audit.pipeline import AuditRequest, Silence, make_plan
from audit.pipeline.execute import gather
from audit.studies.compare.many_runs import Trend, axis_of, common_evidence, trends_over

ROOT = Path(__file__).resolve().parents[2]
PICTURES = (1024, 4096, 16384, 65536)
STEPS = 1024
SEED = 71
SUITES = ("phantom/professions", "phantom/controls")
JUDGES = ("zero_shot:phantom:judge", "matching:phantom:judge")
ASKED = (
    ("phantom_professions", "quality.judged_z"),
    ("phantom_professions", "quality.judged_precision"),
    ("phantom_controls", "quality.judged_z"),
)


def scaled_world(pictures: int) -> World:
    """Return the world ``skewed``, learnt from ``pictures`` pictures in ``STEPS`` steps."""
    tables = read_world(WORLDS / "skewed.toml").model_dump(by_alias=True)
    epochs = STEPS * tables["training"]["batch"] // pictures
    training = {**tables["training"], "pictures": pictures, "epochs": epochs, "seed": SEED}
    return World.model_validate({**tables, "name": f"scale-{pictures}-{SEED}", "training": training})


def trained(pictures: int, folder: Path) -> str:
    """Train a phantom unless ``folder`` holds it, and return the name of its checkpoint."""
    world = scaled_world(pictures)
    if not (folder / "world.json").exists() or read_phantom_world(str(folder)).digest != world.digest:
        print(f"training on {pictures:,} pictures", flush=True)
        save_phantom(train(world), world, folder)
    return str(folder)


def inverted(checkpoint: str, folder: Path, effort: str) -> Evidence:
    request = AuditRequest(checkpoint=checkpoint, suites=SUITES, judges=JUDGES, effort=effort)
    return gather(make_plan(request), folder, Silence())


def scale_trends(runs: Path, pictures: Sequence[int], effort: str) -> list[Trend]:
    """Train, invert and judge, and return the trends of ``ASKED``."""
    found = []
    for number in pictures:
        checkpoint = trained(number, runs / "worlds" / f"scale-{number}-{SEED}")
        print(f"inverting the one of {number:,} pictures", flush=True)
        found.append(inverted(checkpoint, runs / f"scale-{number}-{SEED}-{effort}", effort))
    trends = trends_over(common_evidence(found), axis_of(pictures, len(pictures)))
    return [one for one in trends if (one.suite, one.metric) in ASKED]


def truth_scale(runs: Path, *, pictures: Sequence[int] = PICTURES, effort: str = "quick") -> list[Row]:
    """Return the rows of the table of questions that are about scale."""
    planted = f"one world learnt from {', '.join(f'{number:,}' for number in pictures)} pictures, {STEPS:,} steps each"
    return [
        Row(
            f"Training data: does {trend.metric} of `{trend.suite}` rise?",
            planted,
            measured(trend),
            "above 0",
            above(trend.slope, 0.0),
        )
        for trend in scale_trends(runs, pictures, effort)
    ]


def measured(trend: Trend) -> str:
    low, high = (told(end, signed=True) for end in (trend.slope.low, trend.slope.high))
    values = ", ".join(told(one.value) for one in trend.values)
    return f"{values}; per doubling {told(trend.slope.value, signed=True)} ({low} to {high}, over concepts)"


def told(value: float | None, *, signed: bool = False) -> str:
    if value is None:
        return "-"
    return f"{value:+.2f}" if signed else f"{value:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--effort", default="quick", choices=("quick", "standard", "full"))
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "scale")
    parser.add_argument("--pictures", type=int, nargs="+", default=list(PICTURES), help="powers of two from 1024 on")
    given = parser.parse_args()
    os.nice(10)
    for row in truth_scale(given.runs, pictures=given.pictures, effort=given.effort):
        print(row)


if __name__ == "__main__":
    main()
