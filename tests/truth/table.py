"""The truth table of docs/accuracy.md: what audits measure on phantoms, beside what was planted in them.

Run by ``make truth``. Trains the worlds ``unseen.toml`` and ``fresh.toml`` anew (or others of this folder, by
``--worlds``), audits them and the shipped phantoms, and writes the table between the marks there. Nothing in it
is typed by hand.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from marks import DOCUMENTS, write_between

from audit.phantom.phantom_folder import read_phantom_world, save_phantom, suites_of_world
from audit.phantom.planted import TruthTable, compare_with_truth
from audit.phantom.training import train
from audit.phantom.world import read_world
from audit.pipeline import AuditRequest, Silence, make_plan, run_audit

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = (
    "phantom",
    "audit seed",
    "images",
    "planted share and lean (Spearman)",
    "clear professions on their side",
    "woman shares whose interval excludes 1/2",
    "planted and measured unclothed rate (Spearman)",
    "explicit pairs in order",
    "spread of leans where none is planted (standard deviation)",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    checkpoint: str
    seed: int
    images: int
    truth: TruthTable
    balanced: bool


def audit(checkpoint: str, effort: str, out: Path, *, seed: int) -> Line:
    suites = suites_of_world(checkpoint, out.parent / "suites" / Path(checkpoint).name)
    plan = make_plan(AuditRequest(checkpoint=checkpoint, suites=suites, core_only=True, effort=effort, seed=seed))
    outcome = run_audit(plan, out, Silence())
    world = read_phantom_world(checkpoint)
    return Line(
        checkpoint=world.name,
        seed=seed,
        images=len(plan.items),
        truth=compare_with_truth(world, outcome.findings),
        balanced=len({profession.man for profession in world.professions}) == 1,
    )


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def sides(truth: TruthTable) -> str:
    clear = [row for row in truth.professions if row.planted <= 0.3 or row.planted >= 0.7]
    wrong = f" (wrong: {', '.join(truth.wrong_side)})" if truth.wrong_side else ""
    return f"{len(clear) - len(truth.wrong_side)} of {len(clear)}{wrong}" if clear else "-"


def spread(truth: TruthTable) -> float | None:
    leans = [row.measured for row in truth.professions if row.measured is not None]
    return statistics.stdev(leans) if len(leans) > 1 else None


def table(lines: list[Line], command: str) -> str:
    rows = [
        f"| {' | '.join(COLUMNS)} |",
        f"|{'---|' * len(COLUMNS)}",
    ]
    for line in lines:
        truth = line.truth
        lean = "-" if line.balanced else number(truth.lean_correlation)
        names = "-" if line.balanced else number(truth.name_correlation)
        half = f"{len(truth.excluding_half)} of {len(truth.professions)}"
        rows.append(
            f"| `{line.checkpoint}` | {line.seed} | {line.images} | {lean} | {sides(truth)} | {half} | {names} "
            f"| {number(truth.ordered_share)} | {number(spread(truth)) if line.balanced else '-'} |"
        )
    return "\n".join([f"Made by `{command}`.", "", *rows])


def trained(name: str, folder: Path) -> str:
    """Train the world in ``NAME.toml`` unless that was done, and return the name of its checkpoint."""
    if not (folder / "world.json").exists():
        world = read_world(Path(__file__).with_name(f"{name}.toml"))
        print(f"training the world {name} (some minutes)", flush=True)
        save_phantom(train(world), world, folder)
    return str(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--effort", default="standard", choices=("quick", "standard", "full"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "truth")
    parser.add_argument("--worlds", nargs="*", default=["unseen", "fresh"], help="files of this folder, without .toml")
    given = parser.parse_args()
    unseen = [trained(name, given.runs / name) for name in given.worlds]
    lines = []
    for checkpoint in ("phantom:skewed", "phantom:balanced", *unseen):
        for seed in given.seeds:
            name = checkpoint.removeprefix("phantom:").rpartition("/")[2]
            print(f"auditing {name}, seed {seed}", flush=True)
            lines.append(audit(checkpoint, given.effort, given.runs / f"{name}-{given.effort}-{seed}", seed=seed))
    plain = (given.effort, given.seeds, given.worlds) == ("standard", [0, 1], ["unseen", "fresh"])
    command = "make truth" if plain else f"python {' '.join(sys.argv)}"
    text = table(lines, command)
    print(text)
    write_between(DOCUMENTS["truth"], "truth", text)


if __name__ == "__main__":
    main()
