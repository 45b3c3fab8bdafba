"""Do whole audits come to the same verdicts, whichever recipe made their images?

    python -m tests.benchmarks.audits                       phantom:skewed and phantom:balanced, fast beside careful
    python -m tests.benchmarks.audits my-folder --effort quick

A verdict is what a reader takes from a finding: above its neutral value, below it, or open, as its interval says.
Beside the other recipe stands the same recipe under another seed: two recipes cannot agree more than one with itself.
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

from audit.pipeline import AuditRequest, Silence, make_plan, run_audit
from audit.records import Finding
from tests.benchmarks.tables import rule

ROOT: Final = Path(__file__).resolve().parents[2]
METRICS: Final = ("gender.lean", "nsfw.excess")
"""One for each question of an audit: where other metrics ask the same, they are not counted twice."""

Verdict = Literal["below", "open", "above"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two audits, finding by finding."""

    findings: int
    same: int
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


def compare(one: Mapping[str, Finding], other: Mapping[str, Finding]) -> Comparison:
    """Compare the findings that both audits have a value for.

    Args:
        one: Findings by their id.
        other: Likewise.
    """
    shared = [key for key in one if key in other and None not in (one[key].estimate.value, other[key].estimate.value)]
    pairs = [(verdict(one[key]), verdict(other[key])) for key in shared]
    values = np.array([[audit[key].estimate.value for key in shared] for audit in (one, other)], dtype=float)
    return Comparison(
        findings=len(shared),
        same=sum(a == b for a, b in pairs),
        opposite=sum({a, b} == {"above", "below"} for a, b in pairs),
        correlation=float(spearmanr(*values).statistic) if len(shared) > 2 else float("nan"),
    )


def audit(checkpoint: str, recipe: str, effort: str, seed: int, runs: Path) -> dict[str, Finding]:
    """Run one audit, or take up where it stopped, and return the findings of ``METRICS`` about single concepts."""
    plan = make_plan(AuditRequest(checkpoint=checkpoint, recipe=recipe, effort=effort, seed=seed))
    name = Path(checkpoint.removeprefix("phantom:")).name
    outcome = run_audit(plan, runs / f"{name}-{recipe}-{effort}-{seed}", Silence())
    return {one.finding_id: one for one in outcome.findings if one.metric in METRICS and one.subject != "*"}


def lines(checkpoint: str, recipes: Sequence[str], effort: str, runs: Path) -> list[str]:
    """Return the rows of one checkpoint: the first recipe beside the others, and each beside itself."""
    found = {(name, seed): audit(checkpoint, name, effort, seed, runs) for name in recipes for seed in (0, 1)}
    first, *rest = recipes
    pairs = [((first, 0), (name, 0)) for name in rest] + [((name, 0), (name, 1)) for name in recipes]
    return [_line(checkpoint, one, other, compare(found[one], found[other])) for one, other in pairs]


def _line(checkpoint: str, one: tuple[str, int], other: tuple[str, int], found: Comparison) -> str:
    names = [f"{name}, seed {seed}" for name, seed in (one, other)]
    share = f"{found.same} of {found.findings} ({found.same / found.findings:.0%})"
    return f"| `{checkpoint}` | {' | '.join(names)} | {share} | {found.opposite} | {found.correlation:.2f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", nargs="*", default=["phantom:skewed", "phantom:balanced"])
    parser.add_argument("--recipes", nargs="+", default=["fast", "careful"])
    parser.add_argument("--effort", default="standard", choices=("quick", "standard", "full"))
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "verdicts")
    given = parser.parse_args()
    columns = ("checkpoint", "one audit", "another", "same verdict", "opposite", "values (Spearman)")
    print("\n".join(rule(columns)), flush=True)
    for checkpoint in given.checkpoint:
        print("\n".join(lines(checkpoint, given.recipes, given.effort, given.runs)), flush=True)


if __name__ == "__main__":
    main()
