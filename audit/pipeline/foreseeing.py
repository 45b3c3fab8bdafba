"""How far a run in rounds will go: what each look adds, and how likely it is made if the checkpoint is clearly good."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from audit.evidence import RunFolder
from audit.gate import LinePower
from audit.gate.policy import WHOLE
from audit.pipeline.forecast import Costs, Forecast, predict, work_left
from audit.pipeline.plan import Plan
from audit.pipeline.rounds import LOOKS

Part = tuple[int, str]
"""A look and a suite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The parts of a run in rounds that may be made."""

    shards: Mapping[Part, tuple[str, ...]]
    images: Mapping[Part, int]
    chances: Mapping[Part, float]
    """Chance that each is made, if the truth of every line lies well inside, and lines are decided independently."""
    fixed: int
    """Images of a run of fixed size."""

    @property
    def by_look(self) -> tuple[int, ...]:
        """Images made by each look, if every suite goes on."""
        return tuple(sum(count for (at, _), count in self.images.items() if at <= look) for look in range(1, LOOKS + 1))

    def shards_by(self, look: int) -> frozenset[str]:
        """Return the shards that are made by a look, if every suite goes on."""
        return frozenset(name for (at, _), names in self.shards.items() if at <= look for name in names)

    @property
    def all_shards(self) -> frozenset[str]:
        """All that may be made."""
        return self.shards_by(LOOKS)

    @property
    def expected(self) -> float:
        """Mean number of images, if the truth of every line lies well inside."""
        return sum(count * self.chances[part] for part, count in self.images.items())

    def alone(self, power: LinePower) -> float:
        """Return the mean number of images if the truth of one line lies well inside and no other is open."""
        suite = power.line.suite
        return sum(
            count * (1.0 if at == 1 else (1 - power.passed_by[at - 2]) if suite in {of, WHOLE} else 0.0)
            for (at, of), count in self.images.items()
        )


def foresee(plan: Plan, powers: Sequence[LinePower]) -> Course:
    """Return what a plan in rounds may make, and how likely.

    Args:
        plan: A plan in rounds.
        powers: Of every line of the policy that ends it.
    """
    about = plan.request.rules_about
    shards = {part: names for part, names in plan.rounds.items() if part[0] == 1 or not about or part[1] in about}
    return Course(
        shards=shards,
        images={part: sum(len(plan.shards[name]) for name in names) for part, names in shards.items()},
        chances={part: _chance(*part, powers) for part in shards},
        fixed=len(plan.items),
    )


def foresee_time(
    plan: Plan, run: RunFolder | None, course: Course, costs: Costs, loading: float
) -> tuple[Forecast, ...]:
    """Return the time that is left by each look, if every suite goes on; and last, the mean as in ``expected``.

    Args:
        plan: A plan in rounds.
        run: What was begun of it; ``None`` where nothing was.
        course: Of the plan.
        costs: From :func:`audit.pipeline.forecast.probe`.
        loading: Seconds that making the plan took.

    Raises:
        EnvironmentProblem: If a shard of the earlier run is damaged.
    """
    by_look = [
        predict(work_left(plan, run, course.shards_by(look)), costs, loading=loading) for look in range(1, LOOKS + 1)
    ]
    parts = [
        (chance, predict(work_left(plan, run, course.shards[part]), costs, loading=0.0))
        for part, chance in course.chances.items()
    ]
    expected = replace(
        by_look[0],
        inverting=sum(chance * found.inverting for chance, found in parts),
        judging=sum(chance * found.judging for chance, found in parts),
    )
    return *by_look, expected


def _chance(look: int, suite: str, powers: Sequence[LinePower]) -> float:
    """Return the chance that a look is made of a suite: that one of its lines is open after the look before."""
    if look == 1:
        return 1.0
    passed = [power.passed_by[look - 2] for power in powers if power.line.suite in {suite, WHOLE}]
    return 1 - math.prod(passed)
