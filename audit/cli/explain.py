"""``clip-audit explain``: the words and the regions that one finding rests on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from audit.cli import options as o
from audit.cli.talk import Talk, paragraph
from audit.early_checks import check_run_folder


def explain(
    run: o.RunArgument,
    subject: Annotated[
        str,
        typer.Option(
            "--subject",
            metavar="CONCEPT",
            help="The concept whose finding is explained; left out, the one farthest from its neutral value.",
            show_default=False,
        ),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FOLDER",
            parser=o.folder_named,
            help="Where to write; left out, RUN with -explained behind it.",
        ),
    ] = None,
    device: o.DeviceOption = "auto",
    as_json: o.JsonOption = False,
) -> None:
    """Show which words and regions carry a finding.

    Leaves each word of the prompts out in turn, in the text and with new inversions, and hides parts of typical
    pictures from the judge. Writes explanation.html (with pixelated pictures) and explanation.json; the run stays as
    it is. Exits 3 if no finding of the run is clear enough to be explained.
    """
    talk = Talk(as_json=as_json)
    check_run_folder(run, finished=True)
    talk.say(f"Reading {run}")
    from audit.cli.progress_bars import show_progress
    from audit.report.text import show_interval, show_number
    from audit.studies.explain.explaining import explain as find
    from audit.studies.explain.explanation_page import explanation_document, write_explanation

    with show_progress(talk) as progress:
        found = find(run, progress, subject=subject, device=o.pick_device(device))
    folder = out or run.with_name(f"{run.name}-explained")
    write_explanation(folder, run, found)
    rows = [
        (
            one.word,
            *(
                part
                for e in (one.text, one.image)
                for part in (show_number(e.value, signed=True), show_interval(e, signed=True))
            ),
        )
        for one in found.words
    ]
    talk.conclude([(paragraph(f"What the words carry of {found.finding.finding_id}:"), "bold")])
    talk.table(("word", "in the text", "interval", "in the image", "interval"), rows, concluding=True)
    talk.conclude((paragraph(f"  “{one.text}”: the score rests most on the {one.place}"), "") for one in found.regions)
    talk.conclude([(f"Page: {folder / 'explanation.html'}", "")])
    talk.answer({**explanation_document(found), "folder": folder})
