"""``clip-audit export``: a finished run as a run of MLflow or W&B."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from audit.cli import options as o
from audit.cli.talk import VERDICT_SAID, Talk, paragraph
from audit.early_checks import check_choice, check_run_folder
from audit.errors import ExitCode, UsageProblem

if TYPE_CHECKING:
    from audit.pipeline.trackers import Placed, Tracked

_TRACKERS: Final = ("mlflow", "wandb")
_ADDRESS: Final = "MLFLOW_TRACKING_URI"


def export(
    run: o.RunArgument,
    *,
    to: Annotated[
        str, typer.Option("--to", metavar="|".join(_TRACKERS), help="The tracker of experiments.", show_default=False)
    ],
    tracking_uri: Annotated[
        str | None,
        typer.Option("--tracking-uri", metavar="URI", help=f"Of MLflow's server.  [default: that in {_ADDRESS}]"),
    ] = None,
    experiment: Annotated[
        str, typer.Option("--experiment", metavar="NAME", help="MLflow's experiment, or W&B's project.")
    ] = "clip-audit",
    register: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--register",
            metavar="MODEL VERSION",
            help="Tag this version of a model in MLflow's registry where the gate passed, and take the tag away "
            "where it did not.",
        ),
    ] = None,
    images: o.ImagesOption = None,
    pseudonymise: o.PseudonymiseOption = False,
    as_json: o.JsonOption = False,
) -> None:
    """Tell MLflow or W&B of a finished run.

    Its parameters, the findings of whole suites with the ends of their intervals, and the files of an export: report,
    tables and decision, without flagged pictures. Given twice, it says so and adds nothing. With --register the exit
    code is that of the gate, else 0.
    """
    talk = Talk(as_json=as_json)
    check_choice("to", to, _TRACKERS)
    if images == "all":
        raise UsageProblem("Pictures are not sent as they are.", remedy="Leave out --images all.")
    telling = o.pick_telling(talk, images, pseudonymise=pseudonymise)
    address = tracking_uri or os.environ.get(_ADDRESS)
    if to == "mlflow" and not address:
        raise UsageProblem(
            "It is not said where MLflow's server is.",
            remedy=f"Give --tracking-uri http://HOST:PORT, or set {_ADDRESS}.",
        )
    if to == "wandb" and (tracking_uri is not None or register is not None):
        raise UsageProblem(
            "--tracking-uri and --register belong to --to mlflow.",
            remedy="Leave them out; W&B is set up by its own variables, such as WANDB_BASE_URL and WANDB_MODE.",
        )
    check_run_folder(run, finished=True)
    talk.say(f"Reading {run}")
    from audit.cli.progress_bars import show_progress
    from audit.pipeline.trackers import tracked

    tell = _teller(to, str(address), experiment, register)
    with tempfile.TemporaryDirectory(prefix="clip-audit-") as place:
        with show_progress(talk) as progress:
            told = tracked(run, Path(place), progress, pictured=telling.pictured, pseudonymise=pseudonymise)
        talk.say(f"Telling {to}")
        placed = tell(told)
    begins = "It is there already" if placed.was_there else "Told"
    lines = [(paragraph(f"{begins}: {placed.address}"), "bold")]
    if register is not None:
        named = f"version {register[1]} of {register[0]}"
        tagged = f"Tagged as passed: {named}" if placed.registered else f"Not tagged, as the gate did not pass: {named}"
        lines.append((paragraph(tagged), "bold green" if placed.registered else "bold red"))
    talk.conclude(lines)
    talk.answer(
        {
            "run": told.digest,
            "to": to,
            "address": placed.address,
            "was_there": placed.was_there,
            "metrics": len(told.metrics),
            "verdict": told.verdict.value,
            "registered": None if register is None else placed.registered,
        }
    )
    VERDICT_SAID.set(register is not None)
    raise typer.Exit(int(told.exit_code if register is not None else ExitCode.OK))


def _teller(to: str, address: str, experiment: str, version: tuple[str, str] | None) -> Callable[[Tracked], Placed]:
    """Return what tells a tracker; that its package is missing is said before a run is read."""
    if to == "mlflow":
        from audit.pipeline.mlflow_settings import set_up_mlflow

        set_up_mlflow()
        from audit.pipeline.mlflow_tracker import to_mlflow

        return lambda told: to_mlflow(told, address, experiment, version)
    from audit.pipeline.wandb_tracker import to_wandb

    return lambda told: to_wandb(told, experiment)
