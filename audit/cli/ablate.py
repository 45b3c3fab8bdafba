"""``clip-audit ablate``: what each part of a recipe is worth, on one checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.cli import options as o
from audit.cli.talk import Talk

if TYPE_CHECKING:
    from audit.studies.ablate.ablating import Ablation


def ablate(
    *,
    checkpoint: o.CheckpointArgument = None,
    named: o.CheckpointOption = None,
    suite: o.SuiteOption = None,
    judge: o.JudgeOption = None,
    recipe: o.RecipeOption = "fast",
    part: Annotated[
        list[str] | None,
        typer.Option(
            "--part",
            metavar="views|noise|low-pass|tv|l1",
            help="A part to switch off, weaken and strengthen; repeat for more. Without it: all.",
        ),
    ] = None,
    effort: o.EffortOption = "quick",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            parser=o.folder_named,
            help="The folder of the ablation.  [default: runs/NAME-ablation]",
        ),
    ] = None,
    device: o.DeviceOption = "auto",
    precision: o.PrecisionOption = "auto",
    seed: o.SeedOption = 0,
    arch: o.ArchOption = None,
    preprocess: o.PreprocessOption = None,
    allow_pickle: o.PickleOption = False,
    waive_sanity: o.WaiveOption = False,
    as_json: o.JsonOption = False,
) -> None:
    """Measure what each part of a recipe is worth.

    Inverts the same prompts with each part of the recipe off, weaker and stronger, and says what a held-out judge
    (matching:CHECKPOINT) makes of the images, what the audited checkpoint's own cosine says, and how many verdicts
    stay. Given again, it goes on where it stopped.
    """
    name = o.pick_checkpoint(checkpoint, named)
    settings = o.Settings(
        recipe=recipe,
        effort=effort,
        device=device,
        precision=precision,
        seed=seed,
        audit_seeds=1,
        arch=arch,
        preprocess=preprocess,
        allow_pickle=allow_pickle,
        waive_sanity=waive_sanity,
    )
    o.check_names(name, settings, suite, judge)
    talk = Talk(as_json=as_json)
    talk.say(f"Loading {name}")
    from audit.cli.progress_bars import show_progress
    from audit.studies.ablate.ablating import run_ablation, write_ablation

    request = o.make_request(name, settings, suites=suite, judges=judge)
    folder = out or Path("runs") / f"{o.slug(name)}-ablation"
    kept = f"What is complete is kept in {folder}: give the same command again and it goes on from there."
    with o.resumable(talk, kept), show_progress(talk) as progress:
        found = run_ablation(request, part or (), folder, progress)
    for warning in found.warnings:
        talk.warn(warning)
    _tell(talk, found, write_ablation(found, folder))


def _tell(talk: Talk, found: Ablation, files: tuple[Path, ...]) -> None:
    from audit.studies.ablate.ablating import ablation_document
    from audit.studies.ablate.ablation_result import ablation_columns, measure_cells

    talk.table(ablation_columns(), [(row.line.name, *measure_cells(row.line.found)) for row in found.rows])
    if found.without_effect:
        talk.show(f"Without effect on {found.recipe}: {', '.join(found.without_effect)}")
    talk.show(f"Written: {', '.join(map(str, files))}")
    talk.answer({"files": list(files), **ablation_document(found)})
