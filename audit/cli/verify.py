"""``clip-audit verify``: whether a finished run is as it was left, and which link of it is broken."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from audit.cli import options as o
from audit.cli.talk import Talk, paragraph
from audit.early_checks import check_run_folder
from audit.errors import ExitCode


def verify(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.", show_default=False)],
    as_json: o.JsonOption = False,
) -> None:
    """Check a finished run, link by link.

    From the columns of its shards over the record of all files to its decision. Every command checks a run before it
    reads it, and refuses one that was touched; this one says which link is broken. Exits 0 if all hold, 5 if not.
    Whoever can write the folder can also write it anew as a whole: keep the digest that is shown with the release.
    """
    talk = Talk(as_json=as_json)
    check_run_folder(run, finished=True)
    talk.say(f"Reading {run}")
    from audit.evidence.chain import check_chain
    from audit.evidence.files import file_digest

    links = check_chain(run)
    broken = [link for link in links if not link.holds]
    digest = file_digest(run / "run.json")
    rows = [(link.name, "holds" if link.holds else "broken", link.problem or link.about) for link in links]
    talk.table(("link", "state", "what it is, or what is wrong"), rows, concluding=True)
    told = "The run is as it was left" if not broken else f"Broken: {', '.join(link.name for link in broken)}"
    talk.conclude([(paragraph(f"{told}. SHA-256 of run.json: {digest}"), "bold red" if broken else "bold green")])
    talk.answer(
        {
            "run": run,
            "holds": not broken,
            "digest": digest,
            "links": [{**dataclasses.asdict(link), "holds": link.holds} for link in links],
        }
    )
    raise typer.Exit(int(ExitCode.ENVIRONMENT if broken else ExitCode.OK))
