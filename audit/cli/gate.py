"""``clip-audit gate``: a finished run held against a policy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from audit.cli import options as o
from audit.cli.talk import Talk
from audit.early_checks import check_run_folder
from audit.errors import UsageProblem


def gate(
    run: o.RunArgument,
    *,
    policy: Annotated[
        str | None, typer.Option("--policy", metavar="POLICY", help=o.POLICY_HELP, show_default=False)
    ] = None,
    baseline: o.BaselineOption = None,
    labels: o.LabelsOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            parser=o.folder_named,
            help="Write decision.json, summary.md and junit.xml there, and leave the run as it is.  [default: RUN]",
        ),
    ] = None,
    pin: Annotated[
        bool,
        typer.Option("--pin", help="Write the block [requires] of a policy about runs made as this one."),
    ] = False,
    as_json: o.JsonOption = False,
) -> None:
    """Decide on a finished run by a policy.

    Checks every file of the run, and inverts and judges nothing. The run keeps the policy, and its decision and report
    are written anew; with --out it stays as it is. With --pin, nothing is decided: how the run was made is written as
    TOML, to be pasted into a policy.
    """
    talk = Talk(as_json=as_json)
    if policy is None and not pin:
        raise UsageProblem(
            "No policy is named.", remedy=f"Name one with --policy ({o.POLICY_HELP.rstrip('.')}), or ask for --pin."
        )
    check_run_folder(run, finished=True, broken_off=not pin and out is None)
    if pin or policy is None:
        _pin(talk, run)
        return
    asked = o.make_gate(policy, baseline)
    told = o.pick_labels(labels)
    talk.say(f"Reading {run}")
    from audit.cli.outcome import finish
    from audit.cli.progress_bars import show_progress
    from audit.evidence.specs import read_spec
    from audit.pipeline import gate_again

    spec = read_spec(run)
    kept = f"Images and scores are kept in {run}: give the same command again."
    with o.resumable(talk, kept), show_progress(talk) as progress:
        outcome = gate_again(run, asked, progress, out=out, labels=told)
    raise finish(talk, outcome, spec, beside=out)


def _pin(talk: Talk, run: Path) -> None:
    from audit.evidence import read_run
    from audit.pipeline.gating import pins_of

    block = pins_of(read_run(run, finished=True))
    for line in block.splitlines():
        talk.show(line)
    talk.answer({"requires": block})
