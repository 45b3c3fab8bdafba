"""Tables of a calibration, made by hand or simulated with everything known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import norm

from audit.phantom.planted import doses
from audit.studies.calibrate import Kind, Row


def row(
    planted: float,
    low: float | None,
    high: float | None,
    *,
    world: str = "w1",
    concept: str = "",
    kind: Kind = "lean",
    p_value: float | None = None,
) -> Row:
    """One row whose value is the middle of its interval."""
    return Row(
        world=world,
        kind=kind,
        concept=concept or f"at {planted}",
        planted=planted,
        value=None if low is None or high is None else (low + high) / 2,
        low=low,
        high=high,
        p_value=p_value,
        n_prompts=8,
        n_images=16,
    )


def simulate(
    respond: Callable[[float], float],
    planted: Sequence[float],
    *,
    worlds: int,
    error: float,
    spread: float = 0.0,
    seed: int = 0,
    name: str = "sim",
) -> list[Row]:
    """Leans that are ``respond(planted)`` plus a normal error whose size the intervals and p-values know.

    ``spread`` is the size of what a world adds to each concept, which they do not know.
    """
    rng = np.random.default_rng(seed)
    half = float(norm.ppf(0.975)) * error
    rows = []
    for number in range(worlds):
        for place, dose in enumerate(planted):
            value = respond(dose) + spread * rng.standard_normal() + error * rng.standard_normal()
            rows.append(
                Row(
                    world=f"{name}-{number:03d}",
                    kind="lean",
                    concept=f"concept {place}",
                    planted=dose,
                    value=value,
                    low=value - half,
                    high=value + half,
                    p_value=2 * float(norm.sf(abs(value) / error)),
                    n_prompts=8,
                    n_images=16,
                )
            )
    return rows


DOSES = doses(14)
NOTHING = [0.5] * 14


def linear(dose: float) -> float:
    """From -1 where no man is planted to +1 where all are."""
    return 2 * dose - 1
