"""``clip-audit compare`` with more than two runs: each against the first, and all over an axis."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from audit.cli.compare import pages_of, verdict_of
from audit.cli.talk import Talk, paragraph
from audit.errors import ExitCode, UsageProblem

if TYPE_CHECKING:
    from audit.studies.compare import ManyRuns
    from audit.studies.compare.many_page import ScalePage


def compare_several(
    talk: Talk, folders: list[Path], settings: tuple[str | None, float, float | None], out: Path | None
) -> typer.Exit:
    """Compare at least three runs, say what came of it, and return the exit that it asks for.

    Args:
        talk: How the command speaks.
        folders: Of the runs, the first of which the others are compared with.
        settings: The axis as it was written, if it was; the level; the margin, if any.
        out: The folder that everything is written into, if any.

    Raises:
        UsageProblem: If there are two runs only, or an option is wrong.
    """
    scale, level, margin = settings
    from audit.cli.progress_bars import show_progress
    from audit.studies.compare import FEWEST, TRENDS_NAME, axis_of, check_folder, compare_many, many_document

    if len(folders) < FEWEST:
        raise UsageProblem(
            f"A scale needs at least {FEWEST} runs; got {len(folders)}.", remedy="Name more, or leave --scale out."
        )
    numbers = None if scale is None else _numbers(scale)
    axis_of(numbers, len(folders))
    if out is not None:
        check_folder(out, mark=TRENDS_NAME)
    talk.say(f"Comparing {len(folders) - 1} runs with {folders[0]}")
    with show_progress(talk) as progress:

        def hear(done: int, total: int) -> None:
            progress.advance(1) if done else progress.begin("comparing", total)

        found = compare_many(folders, scale=numbers, level=level, margin=margin, on_round=hear)
    page = _page(found)
    if out is not None:
        _write(out, found, page)
    for one in found.comparisons:
        for warning in one.warnings:
            talk.warn(f"{one.candidate.folder}: {warning}")
    _conclude(talk, found, page, out)
    talk.answer({**many_document(found), "folder": out})
    return typer.Exit(int(ExitCode.OK if found.is_conclusive else ExitCode.INCONCLUSIVE))


def _numbers(scale: str) -> list[float]:
    try:
        return [float(number) for number in scale.split(",")]
    except ValueError as error:
        raise UsageProblem(
            f"{scale!r} is no list of numbers.", remedy="Write them with commas, as in --scale 1000,4000,16000."
        ) from error


def _page(found: ManyRuns) -> ScalePage:
    from audit.studies.compare import ONE_TRAINING
    from audit.studies.compare.many_page import ScalePage

    told = [f"{one.candidate.checkpoint.name} beside the first: {verdict_of(one)}" for one in found.comparisons]
    return ScalePage(
        checkpoints=[run.checkpoint.name for run in found.runs],
        axis=found.axis.name,
        places=found.axis.places,
        labels=found.axis.labels,
        level=found.level,
        sentences=[ONE_TRAINING, *told],
        trends=found.trends,
    )


def _write(out: Path, found: ManyRuns, page: ScalePage) -> None:
    from audit.studies.compare import write_comparison, write_many
    from audit.studies.compare.many_page import draw_scale, render_scale

    write_many(out, found, {"summary.md": render_scale(page), "scale.svg": draw_scale(page)})
    for number, one in enumerate(found.comparisons, start=2):
        write_comparison(out / "pairs" / f"{number}-with-1", one, pages_of(one))


def _conclude(talk: Talk, found: ManyRuns, page: ScalePage, out: Path | None) -> None:
    from audit.studies.compare.many_page import scale_columns, scale_row, trend_sentence

    talk.conclude([(trend_sentence(page), "bold" if found.is_conclusive else "bold yellow")])
    talk.conclude((f"  {paragraph(sentence)}", "") for sentence in page.sentences)
    for one in found.comparisons:
        talk.conclude((f"  {one.candidate.folder}: {paragraph(doubt)}", "") for doubt in one.doubts)
    talk.table(scale_columns(page), [scale_row(one) for one in found.trends], concluding=True)
    if out is not None:
        talk.conclude([(f"Written: {out}/summary.md, with scale.svg, {out}/trends.json and the pairs beside it", "")])
