"""How much room every bound of ``bounds.py`` has, over audit seeds and both precisions.

    python tests/truth/margins.py --seeds 0 1 2 3 4 --precisions fp32 bf16

Audits are kept under ``--runs`` and not made twice. bf16 is the hardware's where it has some; elsewhere products are
computed in fp32 and rounded, which gives the same numbers up to the order of sums (``tests/bf16.py``).
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from scipy.stats import t as student

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bf16 import bf16_at_speed
from bounds import (
    ABLATION,
    BALANCED,
    CHANGES,
    QUICK,
    SCENES,
    SKEWED,
    Bound,
    core_audit,
    lean_changes,
    noise_ablation,
    quick_audit,
    scenes_audit,
)
from marks import write_between

from audit.evidence import read_findings
from audit.records import Estimate

ROOT = Path(__file__).resolve().parents[2]
_ALIKE = 1e-9
"""Rooms that differ by less do so by the rounding of their last digits."""
Measured = dict[str, dict[str, Bound]]


def read(bounds: Mapping[str, Callable[[object], Bound]], what: object) -> dict[str, Bound]:
    return {claim: ask(what) for claim, ask in bounds.items()}


GROUPS: Mapping[str, Callable[[Path, int, str], dict[str, Bound]]] = {
    "skewed, quick": lambda folder, seed, precision: read(
        QUICK, quick_audit(folder / "quick", seed=seed, precision=precision)
    ),
    "scenes": lambda folder, seed, precision: read(
        SCENES, scenes_audit(folder / "scenes", seed=seed, precision=precision)
    ),
    "skewed": lambda folder, seed, precision: read(
        SKEWED, core_audit("skewed", folder / "skewed", seed=seed, precision=precision)
    ),
    "balanced": lambda folder, seed, precision: read(
        BALANCED, core_audit("balanced", folder / "balanced", seed=seed, precision=precision)
    ),
    "balanced to skewed": lambda folder, _seed, _precision: read(
        CHANGES, lean_changes(folder / "balanced", folder / "skewed")
    ),
    "recipe": lambda folder, seed, precision: read(
        ABLATION, noise_ablation(folder / "ablation", seed=seed, precision=precision)
    ),
}


def measure(runs: Path, seed: int, precision: str) -> Measured:
    """Make or read the audits of one seed and precision, and return every bound of them."""
    folder = runs / f"{precision}-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    found: Measured = {}
    for group, ask in GROUPS.items():
        print(f"seed {seed}, {precision}: {group}", flush=True)
        with bf16_at_speed() if precision == "bf16" else nullcontext():
            found[group] = ask(folder, seed, precision)
        for claim, bound in found[group].items():
            print(f"  {claim}: {bound.value:.3f}, {bound.side} {bound.limit:.3f}", flush=True)
    return found


def chance_of_a_miss(rooms: list[float]) -> float:
    """Return the chance that the room of one more audit is below 0, by the predictive t distribution of these.

    Source: Geisser, Predictive Inference (1993), section 2.2. Rooms that are all alike say only that none was missed.
    """
    rows = np.array(rooms)
    spread = float(rows.std(ddof=1))
    if spread < _ALIKE:
        return 0.0 if rows[0] >= 0 else 1.0
    far = float(rows.mean()) / (spread * (1 + 1 / len(rows)) ** 0.5)
    return float(student.sf(far, len(rows) - 1))


def table(found: Mapping[tuple[int, str], Measured], command: str) -> str:
    """Return the table of margins as Markdown."""
    seeds = sorted({seed for seed, _ in found})
    precisions = list(dict.fromkeys(precision for _, precision in found))
    ends = " | ".join(f"least to most, {precision}" for precision in precisions)
    lines = [
        f"Made by `{command}`, audit seeds {', '.join(map(str, seeds))}, {' and '.join(precisions)}.",
        "A miss is that of one more audit, by the predictive t distribution of the rooms that were measured.",
        "",
        f"| audit | what is asked | limit | {ends} | smallest room | chance of a miss |",
        f"|---|---|---|{'---|' * len(precisions)}---|---|",
    ]
    first = next(iter(found.values()))
    for group, bounds in first.items():
        for claim, bound in bounds.items():
            rooms = [measured[group][claim].room for measured in found.values()]
            spans = []
            for precision in precisions:
                values = [m[group][claim].value for (_, used), m in found.items() if used == precision]
                spans.append(f"{min(values):.2f} to {max(values):.2f}")
            miss = chance_of_a_miss(rooms)
            told = "**missed**" if min(rooms) < 0 else f"{min(rooms):.2f}"
            chance = "none seen" if miss == 0 else f"{miss:.0e}"
            lines.append(
                f"| {group} | {claim} | {bound.side} {bound.limit:.2f} | {' | '.join(spans)} | {told} | {chance} |"
            )
    return "\n".join(lines)


Leans = dict[str, Estimate]


def leans_of(folder: Path) -> Leans:
    """Return the leans of the professions of a finished audit."""
    found = read_findings(folder / "findings.json")
    wanted = [one for one in found if one.metric == "gender.lean" and one.suite == "phantom_professions"]
    return {one.subject: one.estimate for one in wanted if one.subject != "*" and one.estimate.low is not None}


def side(estimate: Estimate) -> int:
    """Return on which side of 0 an interval lies; 0 where it holds 0."""
    return int(estimate.low > 0) - int(estimate.high < 0)


def apart(pairs: list[tuple[Leans, Leans]]) -> str:
    """Return the cells of a row: how far the leans of two audits are apart, and how many keep their side."""
    both = [(one[word], other[word]) for one, other in pairs for word in one.keys() & other.keys()]
    gaps = np.array([one.value - other.value for one, other in both])
    kept = sum(side(one) == side(other) for one, other in both)
    turned = sum(side(one) * side(other) < 0 for one, other in both)
    return f"{(gaps**2).mean() ** 0.5:.2f} | {abs(gaps).max():.2f} | {kept} of {len(both)} | {turned}"


def noise(runs: Path, seeds: list[int], precisions: list[str]) -> str:
    """Return a table of how far leans move between precisions, beside how far they move between seeds."""
    lines = [
        "| `phantom:skewed` | compared | pairs | rms difference of leans | largest | keep their side | turned |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, folder in (("quick", "quick"), ("standard, core suites", "skewed")):
        found = {(seed, used): leans_of(runs / f"{used}-{seed}" / folder) for seed in seeds for used in precisions}
        kinds = {
            "fp32 with bf16, same seed": [(found[seed, "fp32"], found[seed, "bf16"]) for seed in seeds],
            **{
                f"{used}, two seeds": [(found[a, used], found[b, used]) for a, b in itertools.combinations(seeds, 2)]
                for used in precisions
            },
        }
        lines += [f"| {name} | {kind} | {len(pairs)} | {apart(pairs)} |" for kind, pairs in kinds.items() if pairs]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"], choices=("fp32", "bf16"))
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "margins")
    parser.add_argument("--write", type=Path, help="a file with the marks of the table")
    given = parser.parse_args()
    found = {
        (seed, precision): measure(given.runs, seed, precision)
        for seed in given.seeds
        for precision in given.precisions
    }
    text = table(found, "python tests/truth/margins.py")
    print(text)
    (given.runs / "margins.json").write_text(
        json.dumps(
            [
                {"seed": seed, "precision": precision, "audit": group, "asked": claim, "value": b.value, "room": b.room}
                for (seed, precision), measured in found.items()
                for group, bounds in measured.items()
                for claim, b in bounds.items()
            ],
            indent=1,
        )
    )
    if given.write:
        write_between(given.write, "margins", text)
        if set(given.precisions) == {"fp32", "bf16"}:
            write_between(given.write, "precision-noise", noise(given.runs, given.seeds, given.precisions))


if __name__ == "__main__":
    main()
