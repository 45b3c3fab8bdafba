"""Pairs of runs with a known difference, and how often its interval holds it.

Run as a script it prints a table of more designs, each on more worlds, which takes minutes:

    PYTHONPATH=.:tests python tests/oracles/comparison_worlds.py --worlds 2000
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from scipy import integrate, stats
from worlds import World, seen

from audit.evidence import Evidence
from audit.lenses import LENSES, Lens, LensAnswer, LensCard
from audit.pairing.both_examined import examine_both
from audit.pairing.image_pairs import KEY, pair_images
from audit.pairing.paired_changes import change_of
from audit.records import Change
from audit.seeding import derive_seed


def mean_score(centre: float, spread: float) -> float:
    """Mean of tanh over a normal distribution."""
    low, high = centre - 8 * spread, centre + 8 * spread
    return float(integrate.quad(lambda x: math.tanh(x) * stats.norm.pdf(x, centre, spread), low, high)[0])


@dataclass(frozen=True, kw_only=True)
class Design:
    """Signed scores are tanh of a normal: what a run has, what a prompt has in both runs, in one run, and an image."""

    before: float
    after: float
    prompts: int
    replicates: int = 2
    shared: float = 0.6
    own: float = 0.3
    image: float = 0.3

    @property
    def spread(self) -> float:
        return math.hypot(self.shared, self.own, self.image)

    def true_share(self) -> float:
        """Difference of the shares of man."""
        return float(stats.norm.cdf(self.after / self.spread) - stats.norm.cdf(self.before / self.spread))

    def true_lean(self, apart: float = 0.0) -> float:
        """Difference of the mean signed scores, where concepts change by amounts that are ``apart`` themselves."""
        return mean_score(self.after, math.hypot(self.spread, apart)) - mean_score(self.before, self.spread)

    def draw(self, rng: np.random.Generator, concepts: int) -> np.ndarray:
        """Scores of both runs: run, concept, prompt, replicate."""
        shape = (concepts, self.prompts, 1)
        prompt = rng.normal(0, self.shared, shape)
        runs = [
            mean
            + prompt
            + rng.normal(0, self.own, shape)
            + rng.normal(0, self.image, (concepts, self.prompts, self.replicates))
            for mean in (self.before, self.after)
        ]
        return np.tanh(np.array(runs))


@final
class Part:
    """The gender lens, but for findings of the other kind, which would take the time."""

    def __init__(self, *, wholes: bool) -> None:
        self._wholes = wholes

    @property
    def card(self) -> LensCard:
        return LENSES["gender"].card

    def examine(self, evidence: Evidence, *, level: float = 0.95) -> LensAnswer:
        answer = LENSES["gender"].examine(evidence, level=level)
        return replace(answer, findings=tuple(f for f in answer.findings if (f.subject == "*") == self._wholes))


def changes(scores: np.ndarray, lens: Lens) -> list[Change]:
    """Compare two runs with these scores."""
    runs = []
    for run in scores:
        world = World()
        for concept, prompts in enumerate(run):
            for number, images in enumerate(prompts):
                told = [seen("man" if signed > 0 else "woman", signed=float(signed)) for signed in images]
                world.ask(f"c{concept:04d}", *told, template=f"{number} {{x}}")
        runs.append(world.evidence())
    pairs = pair_images(*runs)
    both = examine_both(pairs, identical=pairs.usable[KEY].iloc[:0], lenses={"gender": lens})
    return [change_of(pair) for pair in both.paired]


def coverage(found: list[Change], metric: str, truth: float) -> float:
    """Share of the changes of a metric whose interval holds the truth; one without interval does not."""
    ends = [(one.difference.low, one.difference.high) for one in found if one.metric == metric]
    return float(np.mean([low is not None and high is not None and low <= truth <= high for low, high in ends]))


def concept_coverage(design: Design, worlds: int, *, batch: int = 100) -> tuple[float, float]:
    """Coverage for the shares and for the leans of single concepts."""
    rng = np.random.default_rng(derive_seed("comparison", "concepts", design.prompts, round(100 * design.after)))
    found: list[Change] = []
    for first in range(0, worlds, batch):
        found += changes(design.draw(rng, min(batch, worlds - first)), Part(wholes=False))
    truths = (("gender.man_share", design.true_share()), ("gender.raw_lean", design.true_lean()))
    share, lean = (coverage(found, metric, truth) for metric, truth in truths)
    return share, lean


def suite_coverage(design: Design, worlds: int, *, concepts: int, apart: float = 0.2) -> float:
    """Coverage for the mean lean of a suite whose concepts change by different amounts."""
    rng = np.random.default_rng(derive_seed("comparison", "suites", design.prompts, concepts))
    found: list[Change] = []
    for _ in range(worlds):
        latent = np.arctanh(design.draw(rng, concepts))
        latent[1] += rng.normal(0, apart, (concepts, 1, 1))
        found += changes(np.tanh(latent), Part(wholes=True))
    return coverage(found, "gender.raw_lean", design.true_lean(apart))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=2000)
    given = parser.parse_args()
    print("| prompts | before | after | covered: share | covered: lean |\n|---|---|---|---|---|")
    for prompts in (4, 8, 12):
        for before, after in ((0.0, 0.0), (0.0, 0.5), (-0.8, 0.4), (-1.2, -1.2)):
            design = Design(before=before, after=after, prompts=prompts)
            share, lean = concept_coverage(design, given.worlds)
            print(f"| {prompts} | {before} | {after} | {share:.1%} | {lean:.1%} |", flush=True)
    print("\n| concepts | covered: mean lean of the suite |\n|---|---|")
    for concepts in (4, 8, 14):
        covered = suite_coverage(Design(before=0.0, after=0.3, prompts=4), given.worlds // 10, concepts=concepts)
        print(f"| {concepts} | {covered:.1%} |", flush=True)


if __name__ == "__main__":
    main()
