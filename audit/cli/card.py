"""``clip-audit card``: what a run found as a section and metadata for a model card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from audit.cli import options as o
from audit.cli.talk import Talk
from audit.early_checks import check_choice, check_run_folder, repo_and_revision
from audit.errors import UsageProblem

_FILES: Final = {
    "markdown": "model_card.md",
    "cyclonedx": "model_card.cdx.json",
    "in-toto": "test_result.intoto.json",
    "sarif": "findings.sarif",
    "document": "document.html",
}
"""Form -> file that is written beside the run."""


def card(
    run: o.RunArgument,
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The file that is written.  [default: in RUN, by its form]"),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--form",
            metavar="|".join(_FILES),
            help="Markdown for a hub; a CycloneDX bill of materials; an in-toto test result; SARIF; or a document "
            "for a release, HTML and PDF.",
        ),
    ] = "markdown",
    document: Annotated[
        Path | None,
        typer.Option(
            "--document",
            metavar="FILE",
            help="With --form document: a TOML file of what no run knows, such as who audited and who signs.",
        ),
    ] = None,
    push: Annotated[
        str | None,
        typer.Option(
            "--push",
            metavar="ORG/REPO",
            help="Propose the card to this model of the Hugging Face hub, in a pull request. Its own text stays.",
        ),
    ] = None,
    pseudonymise: o.PseudonymiseOption = False,
    as_json: o.JsonOption = False,
) -> None:
    """Write a model card of a run.

    A section in Markdown, and the model-index metadata of the Hugging Face hub; or, with --form, what other tools read
    of a model, bound to the digest of its weights. Nothing is sent anywhere, unless --push names the model that the
    card is proposed to.
    """
    talk = Talk(as_json=as_json)
    check_choice("form", form, tuple(_FILES))
    if document is not None and form != "document":
        raise UsageProblem(
            f"--document belongs to --form document, not to {form}.", remedy="Add --form document, or leave it out."
        )
    if push is not None:
        repo_and_revision(f"{push}@main")
        if form != "markdown":
            raise UsageProblem(f"A hub takes no card in the form {form}.", remedy="Leave out --form or --push.")
    check_run_folder(run)
    talk.say(f"Reading {run}")
    from audit.cli.progress_bars import show_progress
    from audit.codec import pretty_json
    from audit.evidence.files import write_atomically
    from audit.pipeline.export_copy import model_card, release_document, statement
    from audit.report.release_file import ReleaseFile, read_release_file

    told_besides = ReleaseFile() if document is None else read_release_file(document)
    place = out or run / _FILES[form]
    with show_progress(talk) as progress:
        if form == "markdown":
            files = {place: model_card(run, progress, pseudonymise=pseudonymise).encode("utf-8")}
        elif form == "document":
            made = release_document(run, told_besides, progress, pseudonymise=pseudonymise)
            files = {
                place.with_suffix(suffix): content if isinstance(content, bytes) else content.encode("utf-8")
                for suffix, content in made.items()
            }
        else:
            files = {place: pretty_json(statement(run, form, progress, pseudonymise=pseudonymise))}
    for path, content in files.items():
        write_atomically(path, content)
    hint = (
        "Propose it in a pull request to the model." if form == "markdown" else "Sign it, and keep it with the weights."
    )
    address = None if push is None else _push(talk, push, files[place].decode())
    told = f"nothing was sent. {hint}" if address is None else f"proposed as {address}"
    named = " and ".join(map(str, files))
    talk.conclude([(f"Wrote {named}; {told}", "bold")])
    talk.answer({"card": next(iter(files)), "form": form, "pseudonymised": pseudonymise, "pull_request": address})


def _push(talk: Talk, repo: str, text: str) -> str:
    from audit.checkpoints.hub_proposal import propose_card

    talk.say(f"Proposing the card to {repo}")
    return propose_card(repo, text)
