"""Seconds of an image-gradient: every arm and its bare tower, in turns, in one process."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from scipy.stats import binom

from audit.checkpoints import Checkpoint
from audit.inversion import batch_size
from audit.inversion.loop import Tower, invert
from audit.inversion.recipe import Recipe
from tests.benchmarks import timing
from tests.benchmarks.arms import PUBLISHED, Arm
from tests.benchmarks.checkpoints import Say
from tests.benchmarks.images import fast_tower, plain_tower
from tests.benchmarks.towers import bare_pass

_FEWEST_STEPS: Final = 2
_LEVEL: Final = 0.95
_TEXT: Final = "a photo of a nurse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What an image-gradient of one arm takes, round by round, and what its bare tower takes."""

    batch: int
    """Images at once."""
    precision: str
    seconds: tuple[float, ...]
    """Of one image-gradient within the arm, one number a round."""
    bare: tuple[float, ...]
    """Of one image forward through the tower and back to its pixels, at the same batch and precision."""

    @property
    def overhead(self) -> tuple[float, ...]:
        """Return what the arm takes beyond its tower, as a share of the tower, round by round."""
        return tuple(whole / tower - 1 for whole, tower in zip(self.seconds, self.bare, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Middle:
    """A median with the interval that order statistics give it."""

    value: float
    low: float
    high: float
    level: float
    """Coverage of the interval; below 0.95 where there are fewer than six numbers."""


def middle(values: Sequence[float]) -> Middle:
    """Return the median and the narrowest interval between order statistics that covers it at 0.95 or more.

    With n numbers in order, the k-th from below and the k-th from above hold the median between them with
    probability 1 - 2 P(Binomial(n, 1/2) < k), whatever they are drawn from.

    Example:
        >>> middle([5.0, 1.0, 2.0, 3.0, 4.0, 6.0])
        Middle(value=3.5, low=1.0, high=6.0, level=0.96875)
    """
    ordered = sorted(values)
    count, inside = len(ordered), 1
    while inside < count // 2 and 1 - 2 * binom.cdf(inside, count, 0.5) >= _LEVEL:
        inside += 1
    level = float(max(0.0, 1 - 2 * binom.cdf(inside - 1, count, 0.5)))
    return Middle(value=float(np.median(ordered)), low=ordered[inside - 1], high=ordered[-inside], level=level)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Runner:
    """One arm, ready to be timed over and over."""

    arm: Arm
    tower: Tower
    targets: torch.Tensor
    batch: int

    def arm_seconds(self, steps: int) -> float:
        """Return the seconds of one image-gradient in a loop of ``steps``; its stages are in proportion."""
        recipe = dataclasses.replace(self.arm.recipe, steps=steps)
        seeds = list(range(self.batch))
        spent = timing.seconds(lambda: invert(self.tower, self.targets, seeds, recipe), self.targets.device)
        return spent / (self.batch * recipe.image_gradients)

    def bare_seconds(self, times: int) -> float:
        """Return the seconds of one image forward through the tower and back to its pixels."""
        views, device = self.batch * self.arm.recipe.views, self.targets.device
        bare = bare_pass(self.tower, views, device)

        def work() -> None:
            for _ in range(times):
                bare()

        return timing.seconds(work, device) / (views * times)


def measure(checkpoint: Checkpoint, arms: Sequence[Arm], *, rounds: int, seconds: float, say: Say) -> dict[str, Cost]:
    """Return the cost of every arm; in each round, every arm and then its tower have their turn.

    The published loop is timed on the tower as the checkpoint has it, one prompt at a time; every other arm as an
    audit runs it.

    Args:
        checkpoint: Whose tower is timed.
        arms: What is timed.
        rounds: How often.
        seconds: About how long one turn takes.
        say: Told about progress.
    """
    runners = {arm.name: _runner(checkpoint, arm) for arm in arms}
    steps = {name: _steps(runner, seconds) for name, runner in runners.items()}
    found: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in runners}
    for turn in range(rounds):
        for name, runner in runners.items():
            found[name][0].append(runner.arm_seconds(steps[name]))
            found[name][1].append(runner.bare_seconds(steps[name]))
        say(f"  costs: round {turn + 1} of {rounds}")
    return {
        name: Cost(
            batch=runners[name].batch,
            precision="bf16" if runners[name].tower.dtype == torch.bfloat16 else "fp32",
            seconds=tuple(whole),
            bare=tuple(bare),
        )
        for name, (whole, bare) in found.items()
    }


def _runner(checkpoint: Checkpoint, arm: Arm) -> _Runner:
    recipe: Recipe = arm.recipe
    batch = batch_size(recipe, checkpoint.card.image_size, checkpoint.device)
    precision = recipe.choose_precision("auto", checkpoint.device).precision
    published = arm.name.startswith(PUBLISHED) and recipe.together == 1
    tower = plain_tower(checkpoint) if published else fast_tower(checkpoint, precision)
    return _Runner(arm=arm, tower=tower, targets=checkpoint.encode_text([_TEXT] * batch), batch=batch)


def _steps(runner: _Runner, seconds: float) -> int:
    """Return how many steps take about ``seconds``, after a warm-up; never more than the arm has."""
    runner.arm_seconds(_FEWEST_STEPS)
    runner.bare_seconds(1)
    each = runner.arm_seconds(_FEWEST_STEPS) * runner.batch * runner.arm.recipe.views
    return max(min(_FEWEST_STEPS, runner.arm.recipe.steps), min(runner.arm.recipe.steps, round(seconds / each)))


def keep_costs(out: Path, checkpoint: Checkpoint, arms: Sequence[Arm], costs: Mapping[str, Cost]) -> None:
    """Write down the costs of one checkpoint, and where they were measured."""
    arms_kept = {arm.name: {"recipe": arm.recipe.digest, **dataclasses.asdict(costs[arm.name])} for arm in arms}
    kept = {"machine": timing.machine(checkpoint.device), "arms": arms_kept}
    out.mkdir(parents=True, exist_ok=True)
    _costs_file(out, checkpoint).write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def kept_costs(out: Path, checkpoint: Checkpoint, arms: Sequence[Arm]) -> tuple[dict[str, Cost], str]:
    """Return the costs that were written down, and the machine; an arm whose recipe has changed since has none."""
    place = _costs_file(out, checkpoint)
    if not place.exists():
        return {}, ""
    kept = json.loads(place.read_text(encoding="utf-8"))
    found = {}
    for arm in arms:
        fields = kept["arms"].get(arm.name, {})
        if fields.pop("recipe", "") == arm.recipe.digest:
            found[arm.name] = Cost(**{key: tuple(v) if isinstance(v, list) else v for key, v in fields.items()})
    return found, kept["machine"]


def _costs_file(out: Path, checkpoint: Checkpoint) -> Path:
    return out / f"costs-{checkpoint.card.digest[:12]}.json"
