"""Do whole audits come to the same verdicts, whichever recipe made their images?

    python -m tests.benchmarks.audits                       phantom:skewed and phantom:balanced, fast beside careful
    python -m tests.benchmarks.audits my-folder --effort quick

A verdict is what a reader takes from a finding: above its neutral value, below it, or open, as its interval says.
Beside the other recipe stands the same recipe under another seed: two recipes cannot agree more than one with itself.
Intervals count findings as independent trials (Wilson), and differences are bootstrapped over findings.
The published loop is not among them: a whole audit of it would take days.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from scipy.stats import spearmanr

from audit.phantom.phantom_folder import suites_of_world
from audit.pipeline import AuditRequest, Silence, make_plan, run_audit
from audit.records import Finding
from audit.stats import wilson
from tests.benchmarks.headline import Ranged, over_prompts, resample
from tests.benchmarks.tables import rule

ROOT: Final = Path(__file__).resolve().parents[2]
METRICS: Final = ("gender.lean", "nsfw.excess")
"""One for each question of an audit: where other metrics ask the same, they are not counted twice."""

Verdict = Literal["below", "open", "above"]
Findings = Mapping[str, Finding]
"""Of one audit, by their id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two audits, finding by finding."""

    findings: int
    same: int
    settled: int
    """Both say a side, the same one or not."""
    opposite: int
    """One says above and the other below."""
    correlation: float
    """Spearman's, of the values."""


def verdict(finding: Finding) -> Verdict:
    """Return on which side of its neutral value the whole interval of a finding lies; open where it has no interval."""
    low, high, neutral = finding.estimate.low, finding.estimate.high, finding.neutral
    if low is None or high is None or neutral is None or low <= neutral <= high:
        return "open"
    return "above" if low > neutral else "below"


def shared(*audits: Findings) -> list[str]:
    """Return the ids of the findings that all audits have a value for."""
    return [key for key in audits[0] if all(key in one and one[key].estimate.value is not None for one in audits)]


def compare(one: Findings, other: Findings) -> Comparison:
    """Compare the findings that both audits have a value for."""
    keys = shared(one, other)
    pairs = [(verdict(one[key]), verdict(other[key])) for key in keys]
    values = np.array([[audit[key].estimate.value for key in keys] for audit in (one, other)], dtype=float)
    return Comparison(
        findings=len(keys),
        same=sum(a == b for a, b in pairs),
        settled=sum("open" not in pair for pair in pairs),
        opposite=sum({a, b} == {"above", "below"} for a, b in pairs),
        correlation=float(spearmanr(*values).statistic) if len(keys) > 2 else float("nan"),
    )


def lost(one: Sequence[Findings], yardstick: Sequence[Findings]) -> Ranged:
    """Return how much more often the yardstick has its own verdict under its other seed than the other recipe has it.

    Args:
        one: The audits of a recipe under two seeds.
        yardstick: Likewise, of the other.
    """
    keys = shared(*one, *yardstick)
    ours, theirs = ([[verdict(audit[key]) for key in keys] for audit in audits] for audits in (one, yardstick))
    with_itself = _same(theirs[0], theirs[1])
    with_it = (_same(ours[0], theirs[1]) + _same(ours[1], theirs[0])) / 2
    return over_prompts(with_itself - with_it, lambda values: float(values.mean()), resample(len(keys)))


def _same(one: Sequence[Verdict], other: Sequence[Verdict]) -> np.ndarray:
    return np.array([a == b for a, b in zip(one, other, strict=True)], dtype=float)


def audit(checkpoint: str, recipe: str, effort: str, seed: int, runs: Path) -> dict[str, Finding]:
    """Run one audit, or take up where it stopped, and return the findings of ``METRICS`` about single concepts."""
    suites = suites_of_world(checkpoint, runs / "suites" / Path(checkpoint).name)
    request = AuditRequest(
        checkpoint=checkpoint, suites=suites, core_only=True, recipe=recipe, effort=effort, seed=seed
    )
    plan = make_plan(request)
    name = Path(checkpoint.removeprefix("phantom:")).name
    outcome = run_audit(plan, runs / f"{name}-{recipe}-{effort}-{seed}", Silence())
    return {one.finding_id: one for one in outcome.findings if one.metric in METRICS and one.subject != "*"}


def lines(checkpoint: str, recipes: Sequence[str], effort: str, runs: Path) -> list[str]:
    """Return the rows of one checkpoint: the first recipe beside the others, and each beside itself."""
    found = {(name, seed): audit(checkpoint, name, effort, seed, runs) for name in recipes for seed in (0, 1)}
    first, *rest = recipes
    beside = [((first, ours), (name, theirs)) for name in rest for ours, theirs in ((0, 0), (1, 1), (0, 1), (1, 0))]
    pairs = beside + [((name, 0), (name, 1)) for name in recipes]
    rows = [_line(checkpoint, one, other, compare(found[one], found[other])) for one, other in pairs]
    for name in rest:
        ours, theirs = ([found[recipe, seed] for seed in (0, 1)] for recipe in (first, name))
        less = lost(ours, theirs)
        said = f"{100 * less.value:+.1f} points ({100 * less.low:+.1f} to {100 * less.high:+.1f})"
        rows += [
            "",
            f"`{name}` meets its own verdicts under another seed more often than `{first}` does by {said}.",
            "",
        ]
    return rows


def _line(checkpoint: str, one: tuple[str, int], other: tuple[str, int], found: Comparison) -> str:
    names = [f"{name}, seed {seed}" for name, seed in (one, other)]
    agreeing = found.settled - found.opposite
    counts = [_share(found.same, found.findings), _share(agreeing, found.settled), str(found.opposite)]
    return f"| `{checkpoint}` | {' | '.join((*names, *counts))} | {found.correlation:.2f} |"


def _share(hits: int, n: int) -> str:
    if n == 0:
        return "0 of 0"
    between = wilson(hits, n)
    return f"{hits} of {n}, {hits / n:.0%} ({between.low:.0%} to {between.high:.0%})"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", nargs="*", default=["phantom:skewed", "phantom:balanced"])
    parser.add_argument("--recipes", nargs="+", default=["fast", "careful"])
    parser.add_argument("--effort", default="standard", choices=("quick", "standard", "full"))
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "verdicts")
    given = parser.parse_args()
    columns = ("checkpoint", "one audit", "another", "same verdict", "same side where both say one", "opposite")
    for checkpoint in given.checkpoint:
        print("\n".join(rule((*columns, "values (Spearman)"))), flush=True)
        print("\n".join(lines(checkpoint, given.recipes, given.effort, given.runs)), flush=True)


if __name__ == "__main__":
    main()
