"""``clip-audit report``: findings, decision and report anew from what a run stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from audit.cli import options as o
from audit.cli.talk import Talk


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.", show_default=False)],
    as_json: o.JsonOption = False,
) -> None:
    """Write findings, decision and report anew.

    From the stored images and scores of a run; nothing is inverted or judged again.
    """
    talk = Talk(as_json=as_json)
    talk.say(f"Reading {run}")
    from audit.cli.outcome import finish
    from audit.cli.progress import show_progress
    from audit.evidence import read_run
    from audit.pipeline import report_again

    spec = read_run(run).spec
    kept = f"Images and scores are kept in {run}: give the same command again."
    with o.resumable(talk, kept), show_progress(talk) as progress:
        outcome = report_again(run, progress)
    raise finish(talk, outcome, spec)
