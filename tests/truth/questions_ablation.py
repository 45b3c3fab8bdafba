"""What each part of the recipe is worth on a phantom, and whether the own cosine tells.

    python tests/truth/questions_ablation.py

Some minutes at effort ``quick``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from question_rows import Row

from audit.pipeline import AuditRequest, Silence
from audit.pipeline.ablating import UNCHANGED, Ablation, run_ablation
from audit.pipeline.ablation_writing import write_ablation

ROOT = Path(__file__).resolve().parents[2]
SUITES = ("phantom/professions", "phantom/controls")


def truth_ablation(out: Path, *, checkpoint: str = "phantom:skewed", effort: str = "quick") -> list[Row]:
    """Return the rows of the table of questions that are about the recipe."""
    request = AuditRequest(checkpoint=checkpoint, suites=SUITES, effort=effort)
    ablation = run_ablation(request, (), out, Silence())
    write_ablation(ablation, out)
    return [
        Row(
            f"Ablations: what is {row.line.name} worth?",
            f"`{checkpoint}`, recipe `{ablation.recipe}`",
            "; ".join(difference(row.line.found.measures[name], name) for name in ("judged_z", "own_cosine")),
            "shown",
        )
        for row in ablation.rows
        if row.line.name != UNCHANGED
    ] + [misled(ablation)]


def difference(measure, name: str) -> str:
    one = measure.difference
    return f"{name} {one.value:+.3f} ({one.low:+.3f} to {one.high:+.3f})"


def misled(ablation: Ablation) -> Row:
    """Return in how many recipes the own cosine surely moves and the judged margin does not follow."""
    parted = []
    for row in ablation.rows:
        own, judged = (row.line.found.measures[name].difference for name in ("own_cosine", "judged_z"))
        if own is None or own.low is None or own.low <= 0 <= own.high:
            continue
        follows = judged.low is not None and not judged.low <= 0 <= judged.high and judged.value * own.value > 0
        parted += [] if follows else [row.line.name]
    return Row(
        "Ablations: where does the own cosine mislead?",
        "-",
        f"it moves and the held-out margin does not follow in {len(parted)} of {len(ablation.rows) - 1} recipes"
        + (f" ({', '.join(parted)})" if parted else ""),
        "shown",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--effort", default="quick", choices=("quick", "standard", "full"))
    parser.add_argument("--checkpoint", default="phantom:skewed")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "ablation")
    given = parser.parse_args()
    for row in truth_ablation(given.out, checkpoint=given.checkpoint, effort=given.effort):
        print(row)


if __name__ == "__main__":
    main()
