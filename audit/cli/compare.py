"""``clip-audit compare``: what became of a checkpoint's findings in another one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from audit.cli import options as o
from audit.cli.progress_bars import Progress, show_progress
from audit.cli.talk import Talk, paragraph
from audit.early_checks import check_run_folder
from audit.errors import ExitCode, UsageProblem

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit.studies.compare import Comparison, ManyRuns

_MOST: Final = 12
"""Rows of each outcome that are shown."""


def compare(
    baseline: Annotated[
        Path,
        typer.Argument(
            metavar="BASELINE",
            parser=o.folder_named,
            help="The folder of the run to compare with, or its URL.",
            show_default=False,
        ),
    ],
    candidate: Annotated[
        Path,
        typer.Argument(
            metavar="CANDIDATE",
            parser=o.folder_named,
            help="The folder of the run that is compared, or its URL.",
            show_default=False,
        ),
    ],
    more: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[MORE]...",
            parser=o.folder_named,
            help="Further runs: each is compared with the first too, and all are set over an axis.",
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
            parser=o.folder_named,
            help="Also write report.html, report.pdf, summary.md, changes.json and tables/changes there.",
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            "--margin",
            metavar="X",
            help="Largest difference that does not matter, in the unit of each metric; what surely lies within it is "
            "called unchanged.",
        ),
    ] = None,
    level: Annotated[
        float, typer.Option("--level", metavar="L", help="Confidence level of every interval, between 0 and 1.")
    ] = 0.95,
    across_precision: Annotated[
        bool,
        typer.Option(
            "--across-precision",
            help="Compare two runs of different precision; intervals hold what that makes, where it was measured.",
        ),
    ] = False,
    as_json: o.JsonOption = False,
) -> None:
    """Say what changed from one run to another.

    Says what got worse, what got better, and what cannot be told. Both runs have to be made with the same suites,
    recipe, effort, seed, precision and judges; otherwise they are refused (exit code 2), with every difference named.
    Exits 0 once they are compared, whatever was found: a comparison is no gate. Exits 3 if the controls of either run
    failed or a run is not finished, and 5 if its files are damaged.

    Of three runs or more, every one is compared with the first, and every measure of a whole suite is set over all of
    them: its value in each run, and its slope, with intervals.
    """
    talk = Talk(as_json=as_json)
    for run in (baseline, candidate, *(more or ())):
        check_run_folder(run, finished=True)
    places = None if scale is None else _places(scale)
    if across_precision and (more or places is not None):
        raise UsageProblem("Runs over an axis are of one precision.", remedy="Compare them two by two.")
    if more or places is not None:
        _compare_many(talk, [baseline, candidate, *(more or ())], out, places=places, level=level, margin=margin)
    else:
        asked = {"level": level, "margin": margin, "across_precision": across_precision}
        _compare_two(talk, baseline, candidate, out, asked)


def _places(scale: str) -> list[float]:
    try:
        return [float(number) for number in scale.split(",")]
    except ValueError as error:
        raise UsageProblem(
            f"{scale!r} is no list of numbers.", remedy="Write them with commas, as in --scale 1000,4000,16000."
        ) from error


def _compare_two(talk: Talk, baseline: Path, candidate: Path, out: Path | None, asked: Mapping[str, Any]) -> None:
    talk.say(f"Comparing {candidate} with {baseline}")
    from audit.studies.compare import changes_document, check_folder, compare_runs, write_comparison
    from audit.studies.compare.comparison_pages import comparison_pages

    if out is not None:
        check_folder(out)
    with show_progress(talk) as progress:
        found = compare_runs(baseline, candidate, on_fold=_shown(progress), **asked)
    if out is not None:
        write_comparison(out, found, comparison_pages(found))
    for warning in found.warnings:
        talk.warn(warning)
    _conclude(talk, found, out)
    talk.answer({**changes_document(found), "folder": out})
    raise _exit(found)


def _compare_many(
    talk: Talk, folders: list[Path], out: Path | None, *, places: list[float] | None, level: float, margin: float | None
) -> None:
    from audit.studies.compare import FEWEST, TRENDS_NAME, axis_of, check_folder, compare_many, many_document
    from audit.studies.compare.many_page import write_scale

    if len(folders) < FEWEST:
        raise UsageProblem(
            f"A scale needs at least {FEWEST} runs; got {len(folders)}.", remedy="Name more, or leave --scale out."
        )
    axis_of(places, len(folders))
    if out is not None:
        check_folder(out, mark=TRENDS_NAME)
    talk.say(f"Comparing {len(folders) - 1} runs with {folders[0]}")
    with show_progress(talk) as progress:
        found = compare_many(folders, scale=places, level=level, margin=margin, on_fold=_shown(progress))
    if out is not None:
        write_scale(out, found)
    for one in found.comparisons:
        for warning in one.warnings:
            talk.warn(f"{one.candidate.folder}: {warning}")
    _conclude_many(talk, found, out)
    talk.answer({**many_document(found), "folder": out})
    raise _exit(found)


def _shown(progress: Progress) -> Callable[[int, int], None]:
    return lambda done, total: progress.advance(1) if done else progress.begin("comparing", total)


def _exit(found: Comparison | ManyRuns) -> typer.Exit:
    return typer.Exit(int(ExitCode.OK if found.is_conclusive else ExitCode.INCONCLUSIVE))


def _conclude(talk: Talk, found: Comparison, out: Path | None) -> None:
    from audit.studies.compare import Outcome
    from audit.studies.compare.comparison_pages import CHANGE_COLUMNS, change_row, comparison_verdict, shown_changes

    talk.conclude([(comparison_verdict(found), "bold" if found.is_conclusive else "bold yellow")])
    talk.conclude((f"  {paragraph(doubt)}", "") for doubt in found.doubts)
    rows = [
        (outcome.value, *change_row(one))
        for outcome in (Outcome.WORSE, Outcome.BETTER, Outcome.OPEN)
        for one in shown_changes(found, outcome)[:_MOST]
    ]
    if rows:
        talk.table(("outcome", *CHANGE_COLUMNS), rows, concluding=True)
    hidden = len(found.told) - len(rows)
    if hidden:
        where = f"in {out}" if out is not None else "written with --out, or by --json"
        talk.conclude(
            [(f"... and {hidden} more changes, which say less or the same in other words; all are {where}.", "")]
        )


def _conclude_many(talk: Talk, found: ManyRuns, out: Path | None) -> None:
    from audit.studies.compare.many_page import scale_columns, scale_page, scale_row, trend_sentence

    page = scale_page(found)
    talk.conclude([(trend_sentence(page), "bold" if found.is_conclusive else "bold yellow")])
    talk.conclude((f"  {paragraph(sentence)}", "") for sentence in page.sentences)
    for one in found.comparisons:
        talk.conclude((f"  {one.candidate.folder}: {paragraph(doubt)}", "") for doubt in one.doubts)
    talk.table(scale_columns(page), [scale_row(one) for one in found.trends], concluding=True)
    if out is not None:
        talk.conclude([(f"Written: {out}/summary.md, with scale.svg, {out}/trends.json and the pairs beside it", "")])
