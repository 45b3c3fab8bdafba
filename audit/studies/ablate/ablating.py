"""A recipe without one of its parts: the same prompts are inverted again for every change, judged, and written down.

The folder of an ablation holds ``rows/`` (a run folder for every recipe) and what came of them. Each row is continued
where it stopped.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from audit.codec import SCHEMA_VERSION, pretty_json, record_document
from audit.errors import UsageProblem
from audit.evidence import (
    WORDED,
    Evidence,
    concept_texts,
    prompts_table,
    read_pictures,
    read_run,
    write_folder,
)
from audit.evidence.files import disk_problems
from audit.inversion import PARTS, STRENGTHS, Recipe, ablate, changes_anything
from audit.judges import load_judge
from audit.lenses.common.protocol import as_real
from audit.pipeline.audit_plan import AuditRequest, Plan, make_plan
from audit.pipeline.defaults import has_closed_vocabulary
from audit.pipeline.execute import gather
from audit.pipeline.progress import Progress
from audit.records import Estimate, Status
from audit.report.text import show_level
from audit.studies.ablate.ablation_result import (
    MEASURES,
    AblationPage,
    RecipeLine,
    choose_images,
    measure_recipe,
    render_ablation,
    render_sheet,
    row_pictures,
)
from audit.suites import keep_roles

HELD_OUT: Final = "matching:phantom:judge"
"""Who judges phantoms, where the user names nobody."""
LEVEL: Final = 0.95
UNCHANGED: Final = "unchanged"
OTHER_SEED: Final = "other-seed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationRow:
    """One recipe and what came of it."""

    recipe: Recipe
    line: RecipeLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablation:
    """A recipe and its changes on one checkpoint."""

    checkpoint: str
    digest: str
    """Of the checkpoint."""
    recipe: str
    judges: tuple[str, ...]
    seed: int
    effort: str
    level: float
    rows: tuple[AblationRow, ...]
    without_effect: tuple[str, ...]
    """Changes that leave this recipe as it is, as switching off what is off."""
    warnings: tuple[str, ...]


def run_ablation(request: AuditRequest, parts: Sequence[str], out: Path, progress: Progress) -> Ablation:
    """Invert and judge the prompts of ``request`` under the recipe and every change of ``parts`` in the folder ``out``.

    Args:
        request: What is audited and how; scales, texts and noise of its suites are left out.
        parts: Some of ``audit.inversion.PARTS``; empty for all.
        out: The folder of the ablation; made where it does not exist.
        progress: Shows every row.

    Raises:
        UsageProblem: If a part or another name is wrong, there is no held-out judge, or ``out`` holds other rows.
        RefusedProblem: If the checkpoint or a judge is refused.
        EnvironmentProblem: If ``out`` cannot be written.
    """
    _check_parts(parts)
    plan = ablation_plan(request)
    with disk_problems("Making the folder", out):
        (out / "rows").mkdir(parents=True, exist_ok=True)
    rows: list[AblationRow] = []
    unchanged: Evidence | None = None
    shown: tuple[tuple[str, int], ...] = ()
    plans, idle = _row_plans(plan, parts or tuple(PARTS))
    for number, (name, one) in enumerate(plans.items(), start=1):
        progress.say(f"Recipe {number} of {len(plans)}: {name}")
        folder = out / "rows" / name
        evidence = gather(one, folder, progress)
        if unchanged is None:
            unchanged, shown = evidence, choose_images(evidence)
        files = read_pictures(read_run(folder, finished=True), shown)
        line = RecipeLine(
            name=name,
            found=measure_recipe(evidence, unchanged, level=LEVEL),
            pictures=row_pictures(evidence, shown, files),
        )
        rows.append(AblationRow(recipe=one.recipe, line=line))
    return Ablation(
        checkpoint=plan.checkpoint.card.name,
        digest=plan.checkpoint.card.digest,
        recipe=request.recipe,
        judges=tuple(plan.judges),
        seed=request.seed,
        effort=request.effort,
        level=LEVEL,
        rows=tuple(rows),
        without_effect=idle,
        warnings=plan.warnings,
    )


def ablation_plan(request: AuditRequest) -> Plan:
    """Return the plan of the unchanged recipe: prompts whose text names their concept, and a held-out judge.

    Raises:
        UsageProblem: If no judge tells concepts apart and none fits by itself, or no suite has a prompt to invert.
    """
    plan = make_plan(dataclasses.replace(request, core_only=True))
    suites = tuple(one for suite in plan.suites if (one := keep_roles(suite, WORDED)).prompts)
    if not suites:
        raise UsageProblem("No suite has a prompt to invert.", remedy="Name one with --suite, such as professions.")
    plan = dataclasses.replace(plan, suites=suites)
    if any("concepts" in judge.card.asks for judge in plan.judges.values()):
        return plan
    if not has_closed_vocabulary(plan.checkpoint):
        raise UsageProblem(
            "No held-out judge is named, which alone says how good an inversion is.",
            remedy="Name a checkpoint that shares nothing with this one: --judge nudenet --judge matching:CHECKPOINT.",
        )
    judge = load_judge(
        HELD_OUT,
        device=request.device,
        audited=plan.checkpoint.card,
        concepts=concept_texts(prompts_table(plan.prompts)),
    )
    return dataclasses.replace(plan, judges={**plan.judges, HELD_OUT: judge})


def _row_plans(plan: Plan, parts: Sequence[str]) -> tuple[dict[str, Plan], tuple[str, ...]]:
    """Return the plan of every row, and the names of the changes that change nothing."""
    other = dataclasses.replace(plan.request, seed=plan.request.seed + 1)
    plans = {UNCHANGED: plan, OTHER_SEED: dataclasses.replace(plan, request=other)}
    idle = []
    for name, recipe in _changes(plan.recipe, parts):
        if changes_anything(plan.recipe, recipe):
            named = dataclasses.replace(plan.request, recipe=recipe.name)
            plans[name] = dataclasses.replace(plan, recipe=recipe, request=named)
        else:
            idle.append(name)
    return plans, tuple(idle)


def _changes(recipe: Recipe, parts: Sequence[str]) -> Iterator[tuple[str, Recipe]]:
    for part in parts:
        for strength in STRENGTHS:
            yield f"{part}-{strength}", ablate(recipe, part, strength)


def _check_parts(parts: Sequence[str]) -> None:
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        raise UsageProblem(
            f"A recipe has no part {unknown[0]!r}.", remedy=f"Choose some of: {', '.join(PARTS)}; or none for all."
        )


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
        "recipe": {**record_document(row.recipe), "digest": row.recipe.digest},
        "statuses": dict(row.line.found.statuses),
        "measures": {name: record_document(measure) for name, measure in row.line.found.measures.items()},
    }


def _part(name: str) -> tuple[str, str]:
    if name in {UNCHANGED, OTHER_SEED}:
        return "", ""
    part, _, strength = name.rpartition("-")
    return part, strength


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
