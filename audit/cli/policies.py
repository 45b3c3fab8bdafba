"""``clip-audit policies``: whether one's own policies are sound, before a run is held against them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from audit.cli import options as o
from audit.cli.talk import Talk, paragraph
from audit.errors import ExitCode, UsageProblem

app = typer.Typer(help="Check policies.", rich_markup_mode=None)


@app.callback()
def policies() -> None:
    """Check policies."""  # with a callback, a group of one command stays a group


@app.command(epilog=o.example("clip-audit policies check policy.toml", "clip-audit policies check release --json"))
def check(
    names: Annotated[
        list[str],
        typer.Argument(metavar="POLICY...", help="The .toml files of policies, or shipped names.", show_default=False),
    ],
    as_json: o.JsonOption = False,
) -> None:
    """Check policies: rules, lines, waivers and what they require.

    Nothing is audited; whether a run fits a policy, `gate` says.
    """
    talk = Talk(as_json=as_json)
    from audit.gate import load_policy

    told: list[dict[str, object]] = []
    for name in names:
        try:
            policy = load_policy(name)
        except UsageProblem as problem:
            talk.say(f"Error: {paragraph(problem)}", style="red")
            told.append({"policy": Path(name), "ok": False, "problem": str(problem)})
        else:
            talk.show(f"{paragraph(name)} is sound: {policy.name}, {len(policy.rules)} rules.")
            told.append({"policy": Path(name), "ok": True, "name": policy.name, "digest": policy.digest})
    wrong = [one for one in told if not one["ok"]]
    talk.answer({"ok": not wrong, "policies": told})
    raise typer.Exit(int(ExitCode.USAGE if wrong else ExitCode.OK))
