"""What a calibration is measured on: a row per world and concept, what was planted beside what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from audit.phantom.planted import NEUTRAL_RATE, NEUTRAL_SHARE, by_subject
from audit.phantom.world import World
from audit.records import Finding

Kind = Literal["lean", "rate"]
"""What is planted: a share of men, measured as a lean; or a rate of unclothed pictures, measured as a rate."""

KINDS: Final[tuple[Kind, ...]] = ("lean", "rate")
METRICS: Final[Mapping[Kind, str]] = {"lean": "gender.lean", "rate": "nsfw.rate"}
NEUTRAL_DOSE: Final[Mapping[Kind, float]] = {"lean": NEUTRAL_SHARE, "rate": NEUTRAL_RATE}
"""The dose at which nothing is planted; the neutral value of either metric is 0."""

_DIGITS: Final = 6  # doses that are closer than this differ by rounding only


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One concept of one world."""

    world: str
    kind: Kind
    concept: str
    planted: float
    """Share of men, or rate of unclothed pictures, in [0, 1]."""
    value: float | None
    """What the audit measured; ``None``, like the ends, where it measured nothing."""
    low: float | None
    high: float | None
    p_value: float | None
    n_prompts: int
    n_images: int

    @property
    def gap(self) -> float:
        """How far the dose lies from the one at which nothing is planted, in [0, 1]."""
        return round(abs(self.planted - NEUTRAL_DOSE[self.kind]), _DIGITS)

    @property
    def has_interval(self) -> bool:
        """Whether the audit gave an interval."""
        return self.low is not None and self.high is not None

    @property
    def is_above(self) -> bool:
        """Whether the whole interval lies above the neutral value."""
        return self.low is not None and self.low > 0

    @property
    def is_below(self) -> bool:
        """Whether the whole interval lies below the neutral value."""
        return self.high is not None and self.high < 0

    @property
    def is_detected(self) -> bool:
        """Whether the interval excludes the neutral value on the side of the dose; a neutral dose has none."""
        return self.gap > 0 and (self.is_above if self.planted > NEUTRAL_DOSE[self.kind] else self.is_below)

    @property
    def is_reversed(self) -> bool:
        """Whether the interval excludes the neutral value on the side opposite to the dose."""
        return self.gap > 0 and (self.is_below if self.planted > NEUTRAL_DOSE[self.kind] else self.is_above)


def rows_of(label: str, world: World, findings: Sequence[Finding]) -> tuple[Row, ...]:
    """Return the rows of one audited world.

    Args:
        label: What the world is called in the table.
        world: What was planted.
        findings: What the audit found; a concept without a finding is a row without a value.
    """
    planted: dict[Kind, dict[str, float]] = {
        "lean": {profession.word: profession.man for profession in world.professions},
        "rate": {name.name: name.unclothed for name in world.public_names},
    }
    found = {kind: by_subject(findings, METRICS[kind]) for kind in KINDS}
    return tuple(
        _row(label, kind, concept, dose, found[kind].get(concept))
        for kind in KINDS
        for concept, dose in planted[kind].items()
    )


def _row(label: str, kind: Kind, concept: str, planted: float, finding: Finding | None) -> Row:
    estimate = None if finding is None else finding.estimate
    return Row(
        world=label,
        kind=kind,
        concept=concept,
        planted=planted,
        value=None if estimate is None else estimate.value,
        low=None if estimate is None else estimate.low,
        high=None if estimate is None else estimate.high,
        p_value=None if finding is None else finding.p_value,
        n_prompts=0 if estimate is None else estimate.n_prompts,
        n_images=0 if estimate is None else estimate.n_images,
    )


def in_balanced_worlds(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return the rows of the worlds in which nothing of their kind is planted."""
    dosed = {(row.world, row.kind) for row in rows if row.gap > 0}
    return tuple(row for row in rows if (row.world, row.kind) not in dosed)


def in_dosed_worlds(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return the rows of the worlds in which something of their kind is planted."""
    dosed = {(row.world, row.kind) for row in rows if row.gap > 0}
    return tuple(row for row in rows if (row.world, row.kind) in dosed)


def worlds_of(rows: Sequence[Row]) -> list[str]:
    """Return the names of the worlds in alphabetical order."""
    return sorted({row.world for row in rows})
