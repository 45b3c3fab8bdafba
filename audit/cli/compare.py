"""``clip-audit compare``: what became of a checkpoint's findings in another one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from audit.cli import options as o
from audit.cli.talk import Talk, paragraph
from audit.early_checks import check_run_folder
from audit.errors import ExitCode, UsageProblem

if TYPE_CHECKING:
    from audit.records import Change
    from audit.studies.compare import Comparison, ManyRuns, Outcome
    from audit.studies.compare.many_page import ScalePage

_MOST: Final = 12
"""Rows of each outcome that are shown."""


def compare(
    baseline: Annotated[
        Path, typer.Argument(metavar="BASELINE", help="The folder of the run to compare with.", show_default=False)
    ],
    candidate: Annotated[
        Path, typer.Argument(metavar="CANDIDATE", help="The folder of the run that is compared.", show_default=False)
    ],
    more: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[MORE]...", help="Further runs: each is compared with the first too, and all are set over an axis."
        ),
    ] = None,
    *,
    scale: Annotated[
        str | None,
        typer.Option(
            "--scale",
            metavar="N,N,...",
            help="With three runs or more: training images of each checkpoint, in their order. Without it: the order.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FOLDER",
            help="Also write report.html, report.pdf, summary.md, changes.json and tables/changes there.",
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            "--margin",
            metavar="X",
            help="Largest difference that does not matter, in the unit of each metric; what surely lies within it is "
            "called no different.",
        ),
    ] = None,
    level: Annotated[
        float, typer.Option("--level", metavar="L", help="Confidence level of every interval, between 0 and 1.")
    ] = 0.95,
    as_json: o.JsonOption = False,
) -> None:
    """Say what changed from one run to another.

    Says what got worse, what got better, and what cannot be told. Both runs have to be made with the same suites,
    recipe, effort, seed and judges; otherwise they are refused (exit code 2), with every difference named. Exits 0
    once they are compared, whatever was found: a comparison is no gate. Exits 3 if the controls of either run failed
    or a run is not finished, and 5 if its files are damaged.

    Of three runs or more, every one is compared with the first, and every measure of a whole suite is set over all of
    them: its value in each run, and its slope, with intervals.
    """
    talk = Talk(as_json=as_json)
    for run in (baseline, candidate, *(more or ())):
        check_run_folder(run, finished=True)
    if more or scale is not None:
        from audit.cli.compare import compare_several

        raise compare_several(talk, [baseline, candidate, *(more or [])], (scale, level, margin), out)
    talk.say(f"Comparing {candidate} with {baseline}")
    from audit.cli.progress_bars import show_progress
    from audit.studies.compare import changes_document, check_folder, compare_runs, write_comparison

    if out is not None:
        check_folder(out)
    with show_progress(talk) as progress:

        def hear(done: int, total: int) -> None:
            progress.advance(1) if done else progress.begin("comparing", total)

        found = compare_runs(baseline, candidate, level=level, margin=margin, on_round=hear)
    if out is not None:
        write_comparison(out, found, pages_of(found))
    for warning in found.warnings:
        talk.warn(warning)
    _conclude(talk, found, out)
    talk.answer({**changes_document(found), "folder": out})
    raise typer.Exit(int(ExitCode.OK if found.is_conclusive else ExitCode.INCONCLUSIVE))


def _conclude(talk: Talk, found: Comparison, out: Path | None) -> None:
    from audit.studies.compare import Outcome
    from audit.studies.compare.comparison_pages import CHANGE_COLUMNS, change_row

    talk.conclude([(verdict_of(found), "bold" if found.is_conclusive else "bold yellow")])
    talk.conclude((f"  {paragraph(doubt)}", "") for doubt in found.doubts)
    shown = {outcome: _told(found, outcome) for outcome in (Outcome.WORSE, Outcome.BETTER, Outcome.OPEN)}
    rows = [(outcome.value, *change_row(one)) for outcome, every in shown.items() for one in every[:_MOST]]
    if rows:
        talk.table(("outcome", *CHANGE_COLUMNS), rows, concluding=True)
    hidden = len(found.told) - len(rows)
    if hidden:
        where = f"in {out}" if out is not None else "written with --out, or by --json"
        talk.conclude(
            [(f"... and {hidden} more changes, which say less or the same in other words; all are {where}.", "")]
        )


def verdict_of(found: Comparison) -> str:
    """Return what came of a comparison in a sentence."""
    from audit.studies.compare import Outcome

    counts = ", ".join(f"{len(found.with_outcome(outcome))} {outcome.value}" for outcome in Outcome)
    word = "Compared" if found.is_conclusive else "Inconclusive: the instruments do not allow it. What was seen"
    return f"{word}: of {len(found.told)} findings on {found.n_pairs} pairs of images, {counts}."


def pages_of(found: Comparison) -> dict[str, str | bytes]:
    """Return every form of a comparison by the name of its file."""
    from audit.report import render_paper_html, render_paper_pdf
    from audit.report.text import today
    from audit.studies.compare import Outcome
    from audit.studies.compare.comparison_pages import ChangePage, ChangeSection, comparison_paper, render_changes

    sections = [ChangeSection(title=outcome.value.capitalize(), changes=_told(found, outcome)) for outcome in Outcome]
    instruments = ChangeSection(title="Instruments", changes=[one.change for one in found.instruments])
    page = ChangePage(
        baseline=found.baseline.checkpoint.name,
        candidate=found.candidate.checkpoint.name,
        verdict=verdict_of(found),
        doubts=found.doubts,
        warnings=found.warnings,
        level=found.level,
        sections=[*sections, instruments],
    )
    paper = comparison_paper(page, conclusive=found.is_conclusive, created=today())
    return {
        "summary.md": render_changes(page),
        "report.html": render_paper_html(paper),
        "report.pdf": render_paper_pdf(paper),
    }


def _told(found: Comparison, outcome: Outcome) -> list[Change]:
    from audit.studies.compare.comparison_pages import is_told

    return [one.change for one in found.with_outcome(outcome) if is_told(one.change)]


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
        _write_many(out, found, page)
    for one in found.comparisons:
        for warning in one.warnings:
            talk.warn(f"{one.candidate.folder}: {warning}")
    _conclude_many(talk, found, page, out)
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


def _write_many(out: Path, found: ManyRuns, page: ScalePage) -> None:
    from audit.studies.compare import write_comparison, write_many
    from audit.studies.compare.many_page import draw_scale, render_scale

    write_many(out, found, {"summary.md": render_scale(page), "scale.svg": draw_scale(page)})
    for number, one in enumerate(found.comparisons, start=2):
        write_comparison(out / "pairs" / f"{number}-with-1", one, pages_of(one))


def _conclude_many(talk: Talk, found: ManyRuns, page: ScalePage, out: Path | None) -> None:
    from audit.studies.compare.many_page import scale_columns, scale_row, trend_sentence

    talk.conclude([(trend_sentence(page), "bold" if found.is_conclusive else "bold yellow")])
    talk.conclude((f"  {paragraph(sentence)}", "") for sentence in page.sentences)
    for one in found.comparisons:
        talk.conclude((f"  {one.candidate.folder}: {paragraph(doubt)}", "") for doubt in one.doubts)
    talk.table(scale_columns(page), [scale_row(one) for one in found.trends], concluding=True)
    if out is not None:
        talk.conclude([(f"Written: {out}/summary.md, with scale.svg, {out}/trends.json and the pairs beside it", "")])
