"""Gates whose truth is known: images drawn for every prompt of every concept, held against a policy.

The numbers of a run and their intervals are those of ``audit.stats`` that the lenses take. Each design says what is
true of its concepts:

- *at the line*: every concept lies exactly on its threshold, the worst case that is still good.
- *alike*: every concept is well inside.
- *one beyond*: one concept lies just beyond its threshold, the others well inside.
- *one beyond, by a tenth*: the same, and a tenth of all wordings lie at the end of the scale while the rest agree, so
  that few prompts may hold none of that tenth. A lean is read off a scale and has no such end; this is of raw leans.
- *missing*: every concept is well inside, and one has lost its images or its interval.
- *promised to fail*, *promised to pass*: one concept lies as far beyond (inside) its threshold as ``clip-audit plan``
  names for the promised power, and its prompts are as far apart as the plan assumes; the others are well inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final, Literal

import numpy as np
import pandas as pd

from audit.gate import Asked, LinePower, Measured, Policy, Rule, Size, Threshold, apply_policy, decide, power_of_policy
from audit.lenses.gender import _LEANS as RAW_LEANS
from audit.lenses.gender import _UNSEEN as UNSEEN
from audit.records import Estimate, Finding, Verdict
from audit.seeding import derive_seed
from audit.stats import ClusterEstimate, cluster_mean, cluster_share

TODAY: Final = date(2026, 11, 25)
LINE: Final = {"lean": 0.5, "raw lean": 0.5, "rate": 0.2}
INSIDE: Final = {"lean": 0.0, "raw lean": 0.0, "rate": 0.02}
BEYOND: Final = {"lean": 0.51, "raw lean": 0.51, "rate": 0.21}
METRIC: Final = {"lean": "gender.lean", "raw lean": "gender.raw_lean", "rate": "nsfw.raw_rate"}
IMAGE_SD: Final = 0.1
"""Standard deviation of leans between the images of one prompt."""

A_TENTH: Final = 0.1

Truth = Literal[
    "at the line", "alike", "one beyond", "one beyond, by a tenth", "missing", "promised to fail", "promised to pass"
]
CONTROLS: Final = pd.DataFrame({"control": ["c"], "passed": [True], "reason": ["held"]})


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """One kind of gate: what is measured on how many concepts and prompts."""

    kind: Literal["lean", "raw lean", "rate"]
    concepts: int
    prompts: int
    truth: Truth
    correction: Literal["holm", "none"] = "holm"
    replicates: int = 2

    @property
    def name(self) -> str:
        return f"{self.kind}, {self.concepts} x {self.prompts} prompts, {self.truth}, {self.correction}"

    @property
    def concept_names(self) -> tuple[str, ...]:
        return tuple(f"c{number:02d}" for number in range(self.concepts))

    @property
    def asked(self) -> Asked:
        size = Size(prompts=self.prompts, images=self.prompts * self.replicates)
        sizes = {("s", name): size for name in ("*", *self.concept_names)}
        return Asked(suites=("s",), concepts={"s": self.concept_names}, sizes=sizes)


def policy(design: Design) -> Policy:
    line = LINE[design.kind]
    rule = Rule(
        rule_id="r",
        metric=METRIC[design.kind],
        suite="s",
        subject="each",
        threshold=Threshold(low=None if design.kind == "rate" else -line, high=line),
    )
    return Policy(
        name="simulated", level=0.95, correction=design.correction, rules=(rule,), waivers=(), text="", digest=""
    )


@cache
def promise(design: Design) -> LinePower:
    """Return what ``clip-audit plan`` says of the first concept's line."""
    return power_of_policy(
        policy(design), design.asked, {("s", name): design.prompts for name in design.concept_names}
    )[0]


def true_values(design: Design) -> tuple[float, float]:
    """Return what is true of the first concept, and of the others."""
    line, inside = LINE[design.kind], INSIDE[design.kind]
    if design.truth == "promised to fail":
        return line + promise(design).fails_beyond, inside
    if design.truth == "promised to pass":
        return line - promise(design).passes_inside, inside
    beyond = BEYOND[design.kind]
    first = {"at the line": line, "one beyond": beyond, "one beyond, by a tenth": beyond}.get(design.truth, inside)
    return first, line if design.truth == "at the line" else inside


def draw(design: Design, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw the images of every concept: a row per prompt, a column per replicate; replicates of a prompt are alike."""
    first, others = true_values(design)
    shape = (design.prompts, design.replicates)
    if design.kind == "rate":
        return [
            _hits(rate, shape, rng, flips=design.truth.startswith("promised")) for rate in _each(design, first, others)
        ]
    if design.truth == "one beyond, by a tenth":
        apart = [_of_a_tenth(lean, shape, rng) for lean in _each(design, first, others)]
        return [np.clip(prompts + rng.normal(0, 0.001, shape), *RAW_LEANS) for prompts in apart]
    between = _between(design)
    return [
        lean + rng.normal(0, between, (design.prompts, 1)) + rng.normal(0, IMAGE_SD, shape)
        for lean in _each(design, first, others)
    ]


def _each(design: Design, first: float, others: float) -> list[float]:
    return [first, *[others] * (design.concepts - 1)]


def _of_a_tenth(mean: float, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw prompts of which a tenth lie at the end of the scale and the rest agree, with this mean over all."""
    rest = (mean - A_TENTH * RAW_LEANS[1]) / (1 - A_TENTH)
    far = rng.random((shape[0], 1)) < A_TENTH
    return np.where(far, RAW_LEANS[1], rest) + np.zeros(shape)


def _between(design: Design) -> float:
    """Return the standard deviation between wordings; of a promise, so that prompt means have the planned one."""
    if not design.truth.startswith("promised"):
        return 0.2
    planned = promise(design).spread.sd
    return float(np.sqrt(planned**2 - IMAGE_SD**2 / design.replicates))


def _hits(rate: float, shape: tuple[int, int], rng: np.random.Generator, *, flips: bool) -> np.ndarray:
    """Draw which images are hits; with ``flips``, images of a prompt are all alike, as the plan takes for the worst."""
    chances = rng.random((shape[0], 1)) < rate if flips else rng.beta(rate * 4, (1 - rate) * 4, (shape[0], 1))
    return (rng.random(shape) < chances).astype(float)


def lose(drawn: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """Take from the first concept, by turns: all images, all prompts but one, or more than half of its images."""
    left = [drawn[0][:0], drawn[0][:1], drawn[0][: (len(drawn[0]) - 1) // 2]][rng.integers(3)]
    return [left, *drawn[1:]]


def estimate(design: Design, images: np.ndarray, level: float) -> ClusterEstimate:
    prompts = [str(number) for number in range(len(images)) for _ in range(images.shape[1])]
    values = images.ravel()
    if design.kind == "lean":
        return cluster_mean(values, prompts, level=level)
    if design.kind == "raw lean":
        return cluster_mean(values, prompts, level=level, bounds=RAW_LEANS, unseen=UNSEEN)
    return cluster_share(values, prompts, level=level)


def measured(design: Design, drawn: list[np.ndarray]) -> Measured:
    metric, size = METRIC[design.kind], design.prompts * design.replicates

    def findings_at(level: float) -> list[Finding]:
        findings = []
        for name, images in zip(design.concept_names, drawn, strict=True):
            found = estimate(design, images, level)
            number = Estimate(
                value=found.value,
                low=found.low,
                high=found.high,
                level=level,
                method=found.method,
                n_images=found.n,
                n_prompts=found.n_clusters,
            )
            findings.append(
                Finding(
                    lens=metric.partition(".")[0],
                    suite="s",
                    subject=name,
                    metric=metric,
                    unit="",
                    neutral=0.0,
                    estimate=number,
                    n_unscored=size - found.n,
                )
            )
        return findings

    return Measured(asked=design.asked, findings_at=findings_at)


def verdict(design: Design, number: int) -> Verdict:
    """Decide one simulated gate."""
    rng = np.random.default_rng(derive_seed("gate", design.name, number))
    drawn = draw(design, rng)
    if design.truth == "missing":
        drawn = lose(drawn, rng)
    run = measured(design, drawn)
    ruling = apply_policy(policy(design), run, TODAY)
    return decide(run.findings_at(0.95), CONTROLS, ruling=ruling).verdict
