"""What a design of coverage is, how it is measured, and the worlds that its images come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from audit import stats as ours
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
    claimed: bool = True
    """Whether audits use this interval in this design; one that they do not is there to compare with."""

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


ALARMS: Final = (0.0, 0.0, 0.0, 0.0, 0.02, 0.02, 0.05, 0.05, 0.1, 0.25, 0.57)
"""False alarms of a judge by concept, as seen on people at work, who are always clothed in the drawn world."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedWorld:
    """One concept that a judge read, and what people said of images of this and other concepts."""

    share: float
    read: ours.ClusterEstimate
    found: dict[str, tuple[int, int]]
    alarms: dict[str, tuple[int, int]]

    def corrected(self):
        found, alarms = ours.PooledRate(self.found), ours.PooledRate(self.alarms)
        return ours.rogan_gladen(self.read, found.of("asked"), alarms.of("asked"))

    def corrected_by_one_rate(self):
        """Correct as if the judge erred alike on every concept, which is what pooling all labels says."""
        counts = [[sum(count[k] for count in side.values()) for k in (0, 1)] for side in (self.found, self.alarms)]
        return ours.rogan_gladen(self.read, *(ours.Rate.of(hits / n, ours.wilson(hits, n)) for hits, n in counts))

    def covers(self, estimate):
        return estimate.low is not None and estimate.low <= self.share <= estimate.high


def judged_world(rng, *, share, concept, labelled=16, prompts=8, replicates=4):
    """Draw a concept with this rate of false alarms, and labels on it and on the concepts of ``ALARMS``.

    ``labelled`` 0 leaves the concept itself without labels. People also labelled 6 controls that show the thing.
    """
    there = draw_hits(rng, prompts=prompts, replicates=replicates, share=share) > 0
    finds = rng.beta(0.85 * 12, 0.15 * 12)
    hits = np.where(there, rng.random(there.shape) < finds, rng.random(there.shape) < concept)
    picked = rng.permutation(there.size)[:labelled]
    true, said = there.ravel()[picked], hits.ravel()[picked]
    alarms = {"asked": (int((said & ~true).sum()), int((~true).sum()))}
    alarms |= {f"{place}": (int(rng.binomial(16, one)), 16) for place, one in enumerate(ALARMS)}
    found = {"asked": (int((said & true).sum()), int(true.sum()))}
    found |= {f"control {place}": (int(rng.binomial(8, rng.beta(0.85 * 12, 0.15 * 12))), 8) for place in range(6)}
    names = [str(place) for place in range(prompts)]
    return JudgedWorld(share=share, read=ours.cluster_share(hits.mean(axis=1), names), found=found, alarms=alarms)
