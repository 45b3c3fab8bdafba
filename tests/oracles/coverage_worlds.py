"""What a design of coverage is, how it is measured, and the worlds that its images come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from audit.seeding import derive_seed

Ends = tuple[float | None, float | None]
ALIKE: Final = 0.4
"""Correlation of two images of one prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    method: str
    world: str
    truth: float
    look: Callable[[np.random.Generator], Ends]
    conservative: bool

    @property
    def name(self) -> str:
        return f"{self.method}: {self.world}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    covered: float
    """Share of the worlds with an interval in which it holds the truth."""
    without: float
    """Share of the worlds without an interval."""
    width: float
    """Median width."""


def measure(design: Design, worlds: int) -> Coverage:
    """Cover the truth of ``worlds`` seeded worlds of a design, or fail to."""
    rng = np.random.default_rng(derive_seed("coverage", design.name))
    looks = [design.look(rng) for _ in range(worlds)]
    ends = np.array([(low, high) for low, high in looks if low is not None and high is not None])
    held = (ends[:, 0] <= design.truth + 1e-12) & (design.truth - 1e-12 <= ends[:, 1])
    return Coverage(
        covered=float(held.mean()),
        without=1 - len(ends) / worlds,
        width=float(np.median(ends[:, 1] - ends[:, 0])),
    )


def draw_hits(rng, *, prompts, replicates, share, alike=ALIKE):
    """Images of prompts whose own shares differ: ``alike`` is the correlation of two images of one prompt."""
    if share in (0.0, 1.0):
        return np.full((prompts, replicates), share)
    size = share * (1 / alike - 1), (1 - share) * (1 / alike - 1)
    return rng.binomial(1, rng.beta(*size, size=prompts)[:, None], (prompts, replicates)).astype(float)


def draw_leans(rng, *, prompts, replicates, lean=0.0):
    """Signed scores of images: the wording of a prompt moves them, and so does the seed."""
    return lean + np.tanh(rng.normal(0, 0.5, (prompts, 1)) + rng.normal(0, 0.3, (prompts, replicates)))


def labels(prompts, replicates):
    return [str(number) for number in np.repeat(np.arange(prompts), replicates)]
