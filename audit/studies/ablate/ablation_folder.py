"""The files of an ablation: for programs, for people, and its sheet of pictures."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd

from audit.evidence import pretty_json, write_folder
from audit.lenses import estimate_document
from audit.lenses.common.protocol import as_real
from audit.records import Estimate, Status
from audit.report.text import show_level
from audit.studies.ablate.ablating import OTHER_SEED, UNCHANGED, Ablation, AblationRow
from audit.studies.ablate.ablation_measures import MEASURES, Measure
from audit.studies.ablate.ablation_page import AblationPage, render_ablation, render_sheet

SCHEMA_VERSION = 1


def write_ablation(ablation: Ablation, out: Path) -> tuple[Path, ...]:
    """Write everything that an ablation is told by into ``out``, and return the files that people open.

    Raises:
        EnvironmentProblem: If a file cannot be written.
    """
    page = ablation_page(ablation)
    write_folder(
        out,
        source=ablation.digest,
        texts={
            "ablation.json": pretty_json(ablation_document(ablation)),
            "ablation.html": render_ablation(page),
            "sheet.png": render_sheet(page),
        },
        tables={"ablation": ablation_table(ablation)},
    )
    return tuple(out / name for name in ("ablation.html", "sheet.png", "ablation.json", "tables/ablation.csv"))


def ablation_page(ablation: Ablation) -> AblationPage:
    """Return what the page of an ablation says."""
    idle = f" Changes without effect on it: {', '.join(ablation.without_effect)}." if ablation.without_effect else ""
    return AblationPage(
        checkpoint=ablation.checkpoint,
        digest=ablation.digest,
        sentences=(
            (
                f"The recipe “{ablation.recipe}” at effort {ablation.effort}, seed {ablation.seed}, and the same with "
                f"one part off, weaker or stronger; “{OTHER_SEED}” is the unchanged recipe from other noise, and says "
                f"how much of a difference is chance.{idle}"
            ),
            (
                f"Judges: {', '.join(ablation.judges)}. The margin of the own concept and the share of images whose "
                "own concept is first come from a checkpoint that had no part in the inversion; the own cosine comes "
                "from the audited one, and rises with over-fitting too. “Same verdict” is the share of open prompts' "
                "images on which the first judge says what it says of the unchanged recipe's."
            ),
            f"Intervals of {show_level(ablation.level)} over prompts, not corrected for the number of recipes.",
        ),
        lines=tuple(row.line for row in ablation.rows),
    )


def ablation_document(ablation: Ablation) -> dict[str, object]:
    """Return an ablation as plain lists and dictionaries."""
    return {
        "schema_version": SCHEMA_VERSION,
        "checkpoint": {"name": ablation.checkpoint, "digest": ablation.digest},
        "recipe": ablation.recipe,
        "judges": list(ablation.judges),
        "effort": ablation.effort,
        "seed": ablation.seed,
        "level": ablation.level,
        "without_effect": list(ablation.without_effect),
        "rows": [_row(row) for row in ablation.rows],
        "warnings": list(ablation.warnings),
    }


def ablation_table(ablation: Ablation) -> pd.DataFrame:
    """Return one row per recipe; missing numbers are NaN."""
    return pd.DataFrame([_flat(row) for row in ablation.rows])


def _row(row: AblationRow) -> dict[str, object]:
    return {
        "name": row.line.name,
        "part": _part(row.line.name)[0],
        "strength": _part(row.line.name)[1],
        "recipe": {**dataclasses.asdict(row.recipe), "digest": row.recipe.digest},
        "statuses": dict(row.line.found.statuses),
        "measures": {name: _measure(measure) for name, measure in row.line.found.measures.items()},
    }


def _part(name: str) -> tuple[str, str]:
    if name in {UNCHANGED, OTHER_SEED}:
        return "", ""
    part, _, strength = name.rpartition("-")
    return part, strength


def _measure(measure: Measure) -> dict[str, object]:
    difference = measure.difference
    return {
        "value": estimate_document(measure.value),
        "difference": None if difference is None else estimate_document(difference),
    }


def _flat(row: AblationRow) -> dict[str, object]:
    part, strength = _part(row.line.name)
    flat: dict[str, object] = {"name": row.line.name, "part": part, "strength": strength, "digest": row.recipe.digest}
    for name in MEASURES:
        measure = row.line.found.measures.get(name)
        flat |= _ends(name, measure.value if measure else None)
        flat |= _ends(f"{name}_difference", measure.difference if measure else None)
    return flat | {f"n_{status.value}": row.line.found.statuses[status.value] for status in Status}


def _ends(name: str, estimate: Estimate | None) -> dict[str, float]:
    ends = (None, None, None) if estimate is None else (estimate.value, estimate.low, estimate.high)
    return dict(zip((name, f"{name}_low", f"{name}_high"), map(as_real, ends), strict=True))
