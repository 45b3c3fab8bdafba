"""Who is audited and who judges: phantoms of ``bench.toml``, trained where they are missing."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from audit.checkpoints import Checkpoint
from audit.errors import UsageProblem
from audit.packaged import WORLDS
from audit.phantom.phantom_folder import read_phantom_world, save_phantom
from audit.phantom.training import train
from audit.phantom.world import World, read_world
from audit.records import CheckpointCard

PLAN: Final = Path(__file__).with_name("bench.toml")
LEAST_JUDGES: Final = 2

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchPlan:
    """The content of ``bench.toml``."""

    worlds: Mapping[str, World]
    audited: tuple[str, ...]
    judges: tuple[str, ...]


def read_plan(which: str, path: Path = PLAN) -> BenchPlan:
    """Return the worlds, the audited checkpoints and the judges of the set ``which``."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    skewed = read_world(WORLDS / "skewed.toml")
    return BenchPlan(
        worlds={name: bench_world(skewed, name, change) for name, change in tables["checkpoints"].items()},
        audited=tuple(tables[which]["audited"]),
        judges=tuple(tables[which]["judges"]),
    )


def bench_world(skewed: World, name: str, change: Mapping[str, Any]) -> World:
    """Return the world ``skewed`` with another name and other settings of its training."""
    tables = skewed.model_dump(by_alias=True)
    return World.model_validate({**tables, "name": f"bench-{name}", "training": {**tables["training"], **change}})


def provide(name: str, worlds: Mapping[str, World], folder: Path, say: Say) -> str:
    """Return what to load for ``name``: itself, or the folder of a phantom of the plan.

    The phantom is trained into ``folder`` unless it lies there, and anew where its world has changed since.
    """
    if name not in worlds:
        return name
    world, place = worlds[name], folder / name
    if (place / "world.json").exists() and read_phantom_world(str(place)).digest == world.digest:
        return str(place)
    say(f"training {name} ({world.training.tower}, seed {world.training.seed}); some minutes")
    save_phantom(train(world), world, place)
    return str(place)


def tower_name(card: CheckpointCard) -> str:
    """Return the architecture of the image tower alone.

    Every phantom has the same text tower, and texts are encoded once; what may err alike is how images are seen.
    """
    return card.architecture.partition(", text")[0]


def held_out(audited: Checkpoint, judges: Mapping[str, Checkpoint], texts: Sequence[str]) -> dict[str, Checkpoint]:
    """Return the judges that share neither weights, nor world, nor image tower with ``audited``.

    Raises:
        UsageProblem: If fewer than ``LEAST_JUDGES`` are left, or one does not know all words of the prompts.
    """
    own = {audited.card.digest, *audited.card.lineage}
    apart = {
        name: judge
        for name, judge in judges.items()
        if not own & {judge.card.digest, *judge.card.lineage} and tower_name(judge.card) != tower_name(audited.card)
    }
    for name, judge in apart.items():
        unknown = sorted({word for text in texts for word in judge.unknown_words(text)})
        if unknown:
            raise UsageProblem(
                f"The judge {name} does not know the words {', '.join(unknown[:6])}.",
                remedy="Judge by checkpoints that were trained on the world of the prompts.",
            )
    if len(apart) < LEAST_JUDGES:
        raise UsageProblem(
            f"Of the judges named, {len(apart)} share nothing with {audited.card.name}; {LEAST_JUDGES} are needed.",
            remedy="Name judges of other architectures with --judge, or use those of tests/benchmarks/bench.toml.",
        )
    return apart
