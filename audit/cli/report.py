"""``clip-audit report``: findings, decision and report anew from what a run stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from audit.cli import options as o
from audit.cli.events import EventsOption, begin_events
from audit.cli.talk import Talk
from audit.early_checks import check_run_folder


def report(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", parser=o.folder_named, help="The folder of a run, or its URL.", show_default=False
        ),
    ],
    *,
    images: o.ImagesOption = None,
    labels: o.LabelsOption = None,
    pseudonymise: o.PseudonymiseOption = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            parser=o.folder_named,
            help="Export a copy to pass on there, without images and scores, and leave the run as it is.  "
            "[default: RUN, or RUN-pseudonymised]",
        ),
    ] = None,
    events: EventsOption = None,
    as_json: o.JsonOption = False,
) -> None:
    """Write findings, decision and report anew.

    From the stored images and scores of a run; nothing is inverted or judged again. With --out or --pseudonymise the
    run stays as it is, and an export is written, a copy to pass on.
    """
    talk = Talk(as_json=as_json)
    telling = o.pick_telling(talk, images, pseudonymise=pseudonymise)
    check_run_folder(run)
    begin_events(events, run, talk)
    told = o.pick_labels(labels)
    talk.say(f"Reading {run}")
    from audit.cli.outcome import finish
    from audit.cli.progress_bars import show_progress
    from audit.evidence.specs import read_spec
    from audit.pipeline import report_again
    from audit.pipeline.export_copy import share_report

    spec = read_spec(run)
    kept = f"Images and scores are kept in {run}: give the same command again."
    with o.resumable(talk, kept), show_progress(talk) as progress:
        if out is None and not pseudonymise:
            outcome = report_again(run, progress, pictured=telling.pictured, labels=told)
        else:
            copy = out or o.beside(run, "pseudonymised")
            outcome = share_report(
                run, copy, progress, pictured=telling.pictured, pseudonymise=pseudonymise, labels=told
            )
    o.write_all_pictures(talk, run, telling)
    raise finish(talk, outcome, spec)
