"""``clip-audit history``: how findings moved over many runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.cli import options as o
from audit.cli.talk import Talk, paragraph
from audit.early_checks import policy_path
from audit.errors import UsageProblem
from audit.opening import is_folder, shown_address

if TYPE_CHECKING:
    from audit.studies.run_history import Bound


def history(
    folder: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER",
            help="The folder that holds the folders of runs, or its URL as fsspec has them: s3://, gs://, zip:// ...",
            show_default=False,
        ),
    ],
    policy: Annotated[
        str | None,
        typer.Option("--policy", metavar="POLICY", help=f"Draw its lines, and its concepts. {o.POLICY_HELP}"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            parser=o.folder_named,
            help="Where history.html, .pdf and .json go.  [default: FOLDER]",
        ),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export",
            metavar="FILE",
            help="Write one table of all findings of all finished runs, however they were made, as .csv or .parquet, "
            "and no page.",
        ),
    ] = None,
    as_json: o.JsonOption = False,
) -> None:
    """Show how findings moved over many runs.

    Every finished run in the folder takes part, in the order of the names; runs that differ from the last one in more
    than their checkpoint are left out, and it is said why. Nothing is tested: `compare` does that, in pairs.
    """
    talk = Talk(as_json=as_json)
    remote = "://" in folder
    if not remote and not is_folder(Path(folder)):
        raise UsageProblem(f"{folder} is not a folder.", remedy="Name the folder that holds the folders of runs.")
    if export is not None:
        if policy is not None or out is not None:
            raise UsageProblem(
                "--export writes a table, and neither lines of a policy nor a page.",
                remedy="Leave out --policy and --out, or give a second command without --export.",
            )
        _export(talk, folder, export)
        return
    if remote and out is None:
        raise UsageProblem("Nothing is written behind a URL.", remedy="Say with --out DIR where the page goes.")
    if policy is not None:
        policy_path(policy)
    bounds, name = _bounds(policy)
    talk.say(f"Reading the runs in {shown_address(folder)}")
    from audit.codec import pretty_json
    from audit.evidence import refuse_foreign
    from audit.evidence.files import disk_problems, write_atomically
    from audit.report import render_paper_html, render_paper_pdf
    from audit.report.text import today
    from audit.studies.run_history import history_document, history_paper, read_history, trends

    place = out or Path(folder)
    refuse_foreign(place, ("history.html", "history.pdf", "history.json"), mark="history.json")
    with _runs_in(folder, whole=True) as runs:
        found = read_history(runs)
    told = trends(found.runs, bounds)
    document = history_document(found.runs, told, found.left_out)
    paper = history_paper(found.runs, told, left_out=found.left_out, policy=name, created=today())
    with disk_problems("Making the folder", place):
        place.mkdir(parents=True, exist_ok=True)
    for file, content in (
        ("history.html", render_paper_html(paper).encode("utf-8")),
        ("history.pdf", render_paper_pdf(paper)),
        ("history.json", pretty_json(document)),
    ):
        write_atomically(place / file, content)
    for reason in found.left_out:
        talk.warn(f"Left out: {reason}")
    talk.conclude([(f"{paragraph(paper.verdict_word)}: {place / 'history.html'}, and history.pdf beside it", "bold")])
    talk.answer({**document, "report": place / "history.html", "warnings": talk.warnings})


@contextlib.contextmanager
def _runs_in(folder: str, *, whole: bool) -> Iterator[Path]:
    """Give the folder of the runs, or one to which they are brought from behind a URL until the end."""
    if "://" not in folder:
        yield Path(folder)
        return
    from audit.evidence.remote_runs import runs_behind

    with runs_behind(folder, whole=whole) as place:
        yield place


def _export(talk: Talk, folder: str, place: Path) -> None:
    from audit.evidence.runs_table import check_ending, export_runs

    check_ending(place)
    talk.say(f"Reading the runs in {shown_address(folder)}")
    with _runs_in(folder, whole=False) as runs:
        written = export_runs(runs, place)
    for reason in written.left_out:
        talk.warn(f"Left out: {reason}")
    talk.conclude([(f"{written.rows:,} findings of {written.runs:,} run{'s'[: written.runs != 1]}: {place}", "bold")])
    talk.answer(
        {
            "table": place,
            "runs": written.runs,
            "rows": written.rows,
            "left_out": list(written.left_out),
            "warnings": talk.warnings,
        }
    )


def _bounds(policy: str | None) -> tuple[list[Bound], str]:
    """Return the lines of a policy and its name; lines that compare with a baseline are none of a history."""
    if policy is None:
        return [], ""
    from audit.gate import load_policy
    from audit.lenses import CARDS
    from audit.studies.run_history import Bound

    loaded = load_policy(policy)
    bounds = [
        Bound(
            rule=f"{CARDS[rule.metric].title} {rule.threshold.words}",
            metric=rule.metric,
            suite=rule.suite,
            subject=rule.subject,
            low=rule.threshold.low,
            high=rule.threshold.high,
        )
        for rule in loaded.rules
        if not rule.threshold.compared
    ]
    return bounds, loaded.name
