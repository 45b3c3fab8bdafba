"""What each part of the recipe is worth on a phantom, and whether the own cosine tells.

    python tests/truth/questions_ablation.py

Some minutes at effort ``quick``.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from question_rows import Row, above, below, said

from audit.inversion import PARTS
from audit.pipeline import AuditRequest, Silence
from audit.records import Estimate
from audit.studies.ablate.ablating import OTHER_SEED, UNCHANGED, run_ablation, write_ablation
from audit.studies.ablate.ablation_result import RecipeMeasures

ROOT = Path(__file__).resolve().parents[2]
SUITES = ("phantom/professions", "phantom/controls")


def truth_ablation(out: Path, *, checkpoint: str = "phantom:skewed", effort: str = "quick") -> list[Row]:
    """Return a row for every part of the recipe, and one for what the own cosine says of them.

    Args:
        out: Folder of the ablation.
        checkpoint: Whose inversions are judged by a phantom that had no part in them.
        effort: Of every recipe.
    """
    request = AuditRequest(checkpoint=checkpoint, suites=SUITES, effort=effort)
    ablation = run_ablation(request, (), out, Silence())
    write_ablation(ablation, out)
    found = {row.line.name: row.line.found for row in ablation.rows if row.line.name != UNCHANGED}
    noise = _difference(found[OTHER_SEED], "judged_z")
    held = f"`{checkpoint}`, `{ablation.recipe}` under another seed: {said(noise)}"
    rows = [
        Row(f"ablate: held-out margin without, with less and with more {part}", held, _strengths(found, part), "shown")
        for part in PARTS
    ]
    return [*rows, misled(found)]


def _strengths(found: Mapping[str, RecipeMeasures], part: str) -> str:
    names = [name for name in found if name.rpartition("-")[0] == part]
    return "; ".join(f"{name.rpartition('-')[2]} {_told(found[name], 'judged_z')}" for name in names)


def misled(found: Mapping[str, RecipeMeasures]) -> Row:
    """Return which recipes the own cosine surely praises though a held-out judge surely finds their images worse."""
    names = [
        name
        for name, one in found.items()
        if above(_difference(one, "own_cosine"), 0.0) and below(_difference(one, "judged_z"), 0.0)
    ]
    told = "; ".join(
        f"{name}: own cosine {_told(found[name], 'own_cosine', '+.3f')}, margin {_told(found[name], 'judged_z')}"
        for name in names
    )
    return Row(
        "ablate: does the own cosine mislead?",
        f"{len(found) - 1} changed recipes",
        told or "nowhere",
        "higher cosine, lower margin, in at least one",
        bool(names),
    )


def _told(found: RecipeMeasures, name: str, form: str = "+.2f") -> str:
    return said(_difference(found, name), form)


def _difference(found: RecipeMeasures, name: str) -> Estimate:
    difference = found.measures[name].difference
    assert difference is not None  # only the unchanged recipe has none
    return difference


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
