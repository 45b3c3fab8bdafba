"""``clip-audit verify``: whether a finished run is as it was left, and which link of it is broken."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from audit.cli import options as o
from audit.cli.talk import Talk, paragraph
from audit.early_checks import check_run_folder
from audit.errors import ExitCode, UsageProblem
from audit.opening import check_named_file


def verify(
    run: o.RunArgument,
    signature: Annotated[
        Path | None,
        typer.Option("--signature", metavar="FILE", help="Check a signature of its run.json, too, by model-signing."),
    ] = None,
    public_key: Annotated[
        Path | None, typer.Option("--public-key", metavar="FILE", help="The key that it was made with, in PEM.")
    ] = None,
    certificates: Annotated[
        Path | None,
        typer.Option("--certificate-chain", metavar="FILE", help="Or those who vouch for its certificate, in PEM."),
    ] = None,
    as_json: o.JsonOption = False,
) -> None:
    """Check a finished run, link by link.

    From the columns of its shards over the record of all files to its decision. Every command checks a run before it
    reads it, and refuses one that was touched; this one says which link is broken. Exits 0 if all hold, 5 if not.
    Whoever can write the folder can also write it anew as a whole: sign it, or keep the digest that is shown with the
    release.
    """
    talk = Talk(as_json=as_json)
    if signature is None and (public_key is not None or certificates is not None):
        raise UsageProblem("There is no signature to check.", remedy="Add --signature FILE.")
    check_run_folder(run, finished=True)
    if signature is not None:
        _check_named(signature, public_key, certificates)
    talk.say(f"Reading {run}")
    from audit.evidence.chain import check_chain
    from audit.evidence.files import file_digest

    links = check_chain(run)
    if signature is not None:
        from audit.evidence.signatures import check_signature

        links = (*links, check_signature(run, signature, public_key, certificates))
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


def _check_named(signature: Path, public_key: Path | None, certificates: Path | None) -> None:
    """Refuse files that cannot tell whether a signature holds, before a run is read."""
    if (public_key is None) == (certificates is None):
        raise UsageProblem(
            "A signature is checked with a public key or with certificates.",
            remedy="Give one of --public-key FILE and --certificate-chain FILE. Keyless signatures of sigstore need "
            "the network: `model_signing verify sigstore` checks them.",
        )
    for path in (signature, public_key, certificates):
        if path is not None:
            check_named_file(path, "Name a file in PEM, and the signature as it was made.")
