"""``clip-audit label``: people look at pictures of a run, and say what they see."""

from __future__ import annotations

import webbrowser
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.cli import options as o
from audit.cli.talk import Talk, paragraph
from audit.early_checks import check_run_folder

if TYPE_CHECKING:
    from audit.labelling.label_session import LabelSession


def label(
    *,
    run: o.RunArgument,
    rater: Annotated[
        str, typer.Option("--rater", metavar="NAME", help="Who labels; labels of two people are kept apart.")
    ],
    count: Annotated[
        int | None,
        typer.Option(
            "--count",
            min=1,
            max=5000,
            help="How many pictures; all who label a run see the same.  [default: 200, or those drawn before]",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            parser=o.folder_named,
            help="Where the labels go.  [default: RUN-labels]",
            show_default=False,
        ),
    ] = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Of the page; 0 for any that is free.")] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Say the address, and open no browser.")] = False,
    as_json: o.JsonOption = False,
) -> None:
    """Label pictures of a run in a browser.

    Serves a page on this machine alone. A sample by lot is shown, balanced over concepts, without prompts and scores
    and blurred until asked; every
    answer is kept at once, and the same command goes on after any end. `report RUN --labels` then corrects shares for
    what the judge gets wrong. The run itself is not changed.
    """
    talk = Talk(as_json=as_json)
    check_run_folder(run, finished=True)
    from audit.evidence.folder_lock import lock_folder
    from audit.labelling.label_server import LabelPage, open_port, serve_page
    from audit.labelling.label_session import begin_session, check_rater, make_label_folder

    check_rater(rater)
    folder = out or o.beside(run, "labels")
    make_label_folder(folder)
    with ExitStack() as held:
        held.callback(lock_folder(folder).release)
        opened = held.enter_context(open_port(port))
        talk.say(f"Reading {run}")
        session = begin_session(run, folder, rater, count)
        page = LabelPage(session, opened.getsockname()[1])
        talk.say(f"{session.done:,} of {session.total:,} labels are given. The page: {page.address}", style="bold")
        if not no_browser:
            webbrowser.open(page.address)
        with o.resumable(talk, f"Every label is kept in {folder}: give the same command again and it goes on."):
            serve_page(page, opened)
    _tell(talk, run, session)


def _tell(talk: Talk, run: Path, session: LabelSession) -> None:
    """Say what was labelled, how far people agree, and what to do with it."""
    from audit.evidence import LABELS_NAME

    agreements = session.agreements()
    rows = [
        (name, *("-" if end is None else f"{end:.2f}" for end in (found.value, found.low, found.high)), found.n)
        for name, found in agreements.items()
    ]
    if rows:
        talk.table(("question", "agreement", "low", "high", "pictures"), rows, concluding=True)
    path = session.folder / LABELS_NAME
    then = f"clip-audit report {run} --labels {path}" if session.done else "nothing was labelled"
    talk.conclude([(paragraph(f"{session.done:,} of {session.total:,} labels are given. Next: {then}"), "bold")])
    talk.answer(
        {
            "run": run,
            "rater": session.log.rater,
            "labels": path if session.done or session.others else None,
            "given": session.done,
            "of": session.total,
            "complete": session.next is None,
            "agreement": {
                name: {"value": found.value, "low": found.low, "high": found.high, "n_images": found.n}
                for name, found in agreements.items()
            },
        }
    )
