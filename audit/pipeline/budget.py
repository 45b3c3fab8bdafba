"""What a run may spend: it ends before the shard that would go beyond, unfinished, and goes on with a larger budget.

A budget is no part of what a run is: no number depends on it, and nothing is concluded from a part of the images.
Images and image-gradients are those of the whole run, with what is there already; hours are those of one command.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, final

from audit.errors import InconclusiveProblem
from audit.evidence import RunFolder
from audit.pipeline.audit_plan import Plan
from audit.records import Budget

if TYPE_CHECKING:
    from audit.pipeline.forecast import Forecast

_HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What some images cost."""

    images: int = 0
    gradients: int = 0

    def __add__(self, other: Cost) -> Cost:
        """Return what both cost together."""
        return Cost(images=self.images + other.images, gradients=self.gradients + other.gradients)


def cost_of(plan: Plan, names: Iterable[str]) -> Cost:
    """Return what the shards of these names cost; noise is not inverted."""
    items = [item for name in names for item in plan.shards[name]]
    inverted = sum(item.prompt.role != "noise" for item in items)
    return Cost(images=len(items), gradients=inverted * plan.recipe.image_gradients)


def that_fit(plan: Plan, budget: Budget, names: Sequence[str], there: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the shards that a run will hold when its images or image-gradients are spent.

    Args:
        plan: The plan.
        budget: Its hours are not looked at.
        names: The shards of the run, in the order in which they are made.
        there: Those that are there already.
    """
    held = dict.fromkeys(there)
    spent = cost_of(plan, held)
    for name in names:
        if name not in held:
            spent = spent + cost_of(plan, [name])
            if _limits_passed(spent, budget):
                break
            held[name] = None
    return tuple(name for name in names if name in held)


def _limits_passed(cost: Cost, budget: Budget) -> list[str]:
    """Return the flags of the limits that a cost lies beyond."""
    limits = (("--max-images", cost.images, budget.images), ("--max-gradients", cost.gradients, budget.gradients))
    return [flag for flag, spent, limit in limits if limit is not None and spent > limit]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What of a plan fits into a budget."""

    images: int
    """How many the run will have when its budget is spent, with those that are there."""
    needed: Cost
    """What the whole run takes."""
    hours: float | None
    """What is left of it takes; ``None`` where that was not measured."""
    is_whole: bool | None
    """Whether all of it fits; ``None`` where that is not known."""


def fit_of(plan: Plan, budget: Budget, names: Sequence[str], begun: RunFolder | None, forecast: Forecast | None) -> Fit:
    """Return what of a plan fits into a budget.

    Args:
        plan: The plan.
        budget: The budget.
        names: The shards that will be made at most, in their order.
        begun: The run of this plan that was begun; ``None`` where there is none.
        forecast: How long the rest takes here; ``None`` where that was not measured.
    """
    there = [name for name in names if begun is not None and begun.has_shard("images", name)]
    needed, done = cost_of(plan, names), cost_of(plan, there).images
    held = cost_of(plan, that_fit(plan, budget, names, there)).images
    hours = None if forecast is None else forecast.seconds / _HOUR
    is_whole: bool | None = held == needed.images
    if budget.hours is not None and is_whole:
        is_whole = None if hours is None else hours <= budget.hours
    if budget.hours is not None and forecast is not None and done < needed.images:
        apiece = (forecast.inverting + forecast.judging) / (needed.images - done)
        before = forecast.seconds - forecast.inverting - forecast.judging
        held = min(held, done + max(0, int((budget.hours * _HOUR - before) / max(apiece, 1e-9))))
    return Fit(images=held, needed=needed, hours=hours, is_whole=is_whole)


@final
class Spending:
    """What one command has spent of its budget.

    Args:
        budget: The budget.
        plan: What it is spent on.
        folder: The run folder.
        names: All shards that this command makes if it has no limit, in their order.
        clock: Seconds, as ``time.monotonic`` gives them.
    """

    def __init__(
        self,
        budget: Budget,
        plan: Plan,
        folder: Path,
        names: Sequence[str],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._budget = budget
        self._plan = plan
        self._folder = folder
        self._names = names
        self._clock = clock
        self._spent = Cost()
        self._last = self._longest = 0.0
        self._given: dict[str, float] = {}

    def shortfall(self, there: Sequence[str]) -> str:
        """Say how much fits, where these shards are there and not all of the others do; else nothing."""
        held, whole = cost_of(self._plan, that_fit(self._plan, self._budget, self._names, there)), self._whole
        if held == whole:
            return ""
        return f"{held.images:,} of {whole.images:,} images fit into the budget: the run will not be finished with it."

    def begin(self, there: Iterable[str] = ()) -> None:
        """A stage begins, with the images of some shards already there; how long its pieces take is not known yet."""
        self._spent = cost_of(self._plan, there)
        self._last, self._longest = self._clock(), 0.0

    def before_shard(self, name: str) -> None:
        """Count the images of a shard that is about to be made.

        Raises:
            InconclusiveProblem: If they would go beyond the budget.
        """
        spent = self._spent + cost_of(self._plan, [name])
        passed = _limits_passed(spent, self._budget)
        if passed:
            needs = {"--max-images": self._whole.images, "--max-gradients": self._whole.gradients}
            self._end(f"with a larger budget ({' and '.join(f'{flag} {needs[flag]}' for flag in passed)} for all)")
        self.before_piece()
        self._spent = spent
        self._given[name] = self._last

    def after_shard(self, name: str) -> None:
        """Count the time that a shard took from when it was begun: others may have been made meanwhile."""
        self._longest = max(self._longest, self._clock() - self._given[name])

    def before_piece(self) -> None:
        """Count the time of the piece before, of images or of judging.

        Raises:
            InconclusiveProblem: If another one as long as the longest of its stage would go beyond the hours.
        """
        now = self._clock()
        self._longest, self._last = max(self._longest, now - self._last), now
        if self._budget.hours is not None and now - self._budget.began + self._longest > self._budget.hours * _HOUR:
            self._end("with the same or a larger --max-hours, which every command has for itself")

    @property
    def _whole(self) -> Cost:
        return cost_of(self._plan, self._names)

    def _end(self, how: str) -> NoReturn:
        raise InconclusiveProblem(
            f"The budget is spent: {self._spent.images:,} of {self._whole.images:,} images are made in {self._folder}, "
            "and nothing is concluded from a part of them.",
            remedy=f"Give the same command again {how}: it goes on from there.",
        )
