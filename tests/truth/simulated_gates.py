"""Simulated gates: how often a gate decides wrongly when it is known what is true.

Run by ``make truth``; the tests simulate few. Images are drawn for every prompt of every concept; the numbers of a run
and their intervals are those of ``audit.stats`` that the lenses take. Each design says what is true, and wrong is what
no gate may do then:

- *at the line*: every concept lies exactly on its threshold, the worst case that is still good. Wrong: a FAIL.
- *alike*: every concept is well inside. Wrong: a FAIL.
- *one beyond*: one concept lies just beyond its threshold, the others well inside. Wrong: a PASS.
- *missing*: every concept is well inside, and one has lost its images or its interval. Wrong: a PASS.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

import numpy as np
import pandas as pd

from audit.gate import Asked, Measured, Policy, Rule, Size, Threshold, apply_policy, decide
from audit.records import Estimate, Finding, Verdict
from audit.seeding import derive_seed
from audit.stats import ClusterEstimate, clopper_pearson, cluster_mean, cluster_share

TODAY: Final = date(2026, 11, 25)
LINE: Final = {"lean": 0.5, "rate": 0.2}
INSIDE: Final = {"lean": 0.0, "rate": 0.02}
BEYOND: Final = {"lean": 0.51, "rate": 0.21}
Truth = Literal["at the line", "alike", "one beyond", "missing"]
TRUTHS: Final[tuple[Truth, ...]] = ("at the line", "alike", "one beyond", "missing")
WRONG: Final = {
    "at the line": Verdict.FAIL,
    "alike": Verdict.FAIL,
    "one beyond": Verdict.PASS,
    "missing": Verdict.PASS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """One kind of gate: what is measured on how many concepts and prompts."""

    kind: Literal["lean", "rate"]
    concepts: int
    prompts: int
    truth: Truth
    correction: Literal["holm", "none"] = "holm"
    replicates: int = 2

    @property
    def name(self) -> str:
        return f"{self.kind}, {self.concepts} x {self.prompts} prompts, {self.truth}, {self.correction}"


def designs() -> Iterator[Design]:
    """Those of the table: one and many concepts; for leans as many prompts as the efforts give, for rare rates more."""
    for truth in TRUTHS:
        for concepts, prompts in ((1, 8), (14, 4), (14, 8), (40, 12)):
            yield Design(kind="lean", concepts=concepts, prompts=prompts, truth=truth)
        for concepts, prompts in ((1, 12), (1, 24), (14, 24), (40, 48)):
            yield Design(kind="rate", concepts=concepts, prompts=prompts, truth=truth)
    yield Design(kind="lean", concepts=14, prompts=8, truth="at the line", correction="none")


def draw(design: Design, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw the images of every concept: a row per prompt, a column per replicate; replicates of a prompt are alike."""
    true = {"at the line": LINE, "alike": INSIDE, "one beyond": INSIDE, "missing": INSIDE}[design.truth][design.kind]
    shape = (design.prompts, design.replicates)
    drawn = []
    for number in range(design.concepts):
        centre = BEYOND[design.kind] if design.truth == "one beyond" and number == 0 else true
        if design.kind == "lean":
            wording = rng.normal(0, 0.2, (design.prompts, 1))
            drawn.append(centre + wording + rng.normal(0, 0.1, shape))
        else:
            rates = rng.beta(centre * 4, (1 - centre) * 4, (design.prompts, 1))
            drawn.append((rng.random(shape) < rates).astype(float))
    return drawn


def estimate(design: Design, images: np.ndarray, level: float) -> ClusterEstimate:
    prompts = [str(number) for number in range(len(images)) for _ in range(images.shape[1])]
    values = images.ravel()
    if design.kind == "lean":
        return cluster_mean(values, prompts, level=level)
    return cluster_share(values, prompts, level=level)


def measured(design: Design, drawn: list[np.ndarray]) -> Measured:
    metric = {"lean": "gender.lean", "rate": "nsfw.raw_rate"}[design.kind]
    names = tuple(f"c{number:02d}" for number in range(design.concepts))
    size = Size(prompts=design.prompts, images=design.prompts * design.replicates)

    def findings_at(level: float) -> list[Finding]:
        findings = []
        for name, images in zip(names, drawn, strict=True):
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
                    n_unscored=size.images - found.n,
                )
            )
        return findings

    asked = Asked(suites=("s",), concepts={"s": names}, sizes={("s", name): size for name in ("*", *names)})
    return Measured(asked=asked, findings_at=findings_at)


def policy(design: Design) -> Policy:
    line = LINE[design.kind]
    rule = Rule(
        rule_id="r",
        metric={"lean": "gender.lean", "rate": "nsfw.raw_rate"}[design.kind],
        suite="s",
        subject="each",
        threshold=Threshold(low=-line if design.kind == "lean" else None, high=line),
    )
    return Policy(
        name="simulated", level=0.95, correction=design.correction, rules=(rule,), waivers=(), text="", digest=""
    )


def lose(drawn: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """Take from the first concept, by turns: all images, all prompts but one, or more than half of its images."""
    left = [drawn[0][:0], drawn[0][:1], drawn[0][: (len(drawn[0]) - 1) // 2]][rng.integers(3)]
    return [left, *drawn[1:]]


def verdict(design: Design, number: int, controls: pd.DataFrame) -> Verdict:
    """Decide one simulated gate."""
    rng = np.random.default_rng(derive_seed("gate", design.name, number))
    drawn = draw(design, rng)
    if design.truth == "missing":
        drawn = lose(drawn, rng)
    run = measured(design, drawn)
    ruling = apply_policy(policy(design), run, TODAY)
    return decide(run.findings_at(0.95), controls, ruling=ruling).verdict


def simulate(design: Design, gates: int, say: Callable[[str], None] = lambda _: None) -> Counter[Verdict]:
    controls = pd.DataFrame({"control": ["c"], "passed": [True], "reason": ["held"]})
    found = Counter(verdict(design, number, controls) for number in range(gates))
    say(row(design, found))
    return found


def row(design: Design, found: Counter[Verdict]) -> str:
    gates, wrong = found.total(), found[WRONG[design.truth]]
    interval = clopper_pearson(wrong, gates)
    counts = " | ".join(str(found[one]) for one in (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL))
    what = WRONG[design.truth].value
    return f"| {design.name} | {counts} | {what}: {wrong / gates:.3f} ({interval.low:.3f} to {interval.high:.3f}) |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gates", type=int, default=1000, help="simulated gates of each design")
    given = parser.parse_args()
    print(f"{given.gates} gates of each design; seeds are named by design and number.\n")
    print("| design | pass | inconclusive | fail | wrong (95 % interval) |\n|---|---|---|---|---|", flush=True)
    for design in designs():
        simulate(design, given.gates, lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
