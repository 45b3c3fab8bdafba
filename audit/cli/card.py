"""``clip-audit card``: what a run found as a section and metadata for a model card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from audit.cli import options as o
from audit.cli.talk import Talk
from audit.early_checks import check_run_folder


def card(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The file that is written.  [default: RUN/model_card.md]"),
    ] = None,
    pseudonymise: o.PseudonymiseOption = False,
    as_json: o.JsonOption = False,
) -> None:
    """Write a model card of a run.

    A section in Markdown, and the model-index metadata of the Hugging Face hub. Nothing is sent anywhere: propose the
    file in a pull request to the model, or copy it into the card that you keep.
    """
    talk = Talk(as_json=as_json)
    check_run_folder(run)
    talk.say(f"Reading {run}")
    from audit.cli.progress_bars import show_progress
    from audit.evidence.files import write_atomically
    from audit.pipeline.export_copy import model_card

    with show_progress(talk) as progress:
        text = model_card(run, progress, pseudonymise=pseudonymise)
    place = out or run / "model_card.md"
    write_atomically(place, text.encode("utf-8"))
    talk.conclude([(f"Model card: {place}; nothing was sent. Propose it in a pull request to the model.", "bold")])
    talk.answer({"card": place, "pseudonymised": pseudonymise})
