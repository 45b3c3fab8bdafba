"""``clip-audit judge``: more judges for the images of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from audit.cli import options as o
from audit.cli.talk import Talk
from audit.early_checks import check_run_folder
from audit.judges import check_judge


def judge(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.", show_default=False)],
    judges: Annotated[
        list[str],
        typer.Option(
            "--judge",
            metavar="JUDGE",
            help=f"{o.JUDGE_FORMS}; repeat for more.",
            show_default=False,
        ),
    ],
    device: o.DeviceOption = "auto",
    as_json: o.JsonOption = False,
) -> None:
    """Let more judges look at the images of a run.

    Then decides and reports anew; nothing is inverted again. A judge that shares lineage with the audited
    checkpoint is refused.
    """
    talk = Talk(as_json=as_json)
    check_run_folder(run)
    for name in judges:
        check_judge(name)
    talk.say(f"Reading {run}")
    from audit.cli.outcome import finish
    from audit.cli.progress_bars import show_progress
    from audit.evidence.specs import read_spec
    from audit.pipeline import judge_again

    spec = read_spec(run)
    kept = f"What is complete is kept in {run}: give the same command again and it goes on from there."
    with o.resumable(talk, kept), show_progress(talk) as progress:
        outcome = judge_again(run, judges, o.pick_device(device), progress)
    raise finish(talk, outcome, spec)
