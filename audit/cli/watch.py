"""``clip-audit watch``: new checkpoints of hubs, folders and registries, each audited once, decided, compared, told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.cli import options as o
from audit.cli.talk import VERDICT_SAID, Talk, paragraph
from audit.errors import ExitCode

if TYPE_CHECKING:
    from audit.watching.rounds import Round


def watch(
    sources: Annotated[
        Path,
        typer.Argument(metavar="SOURCES", help="The .toml file of sources, profiles and webhooks.", show_default=False),
    ],
    once: Annotated[
        bool,
        typer.Option("--once", help="Do one round: look, audit what is new, compare, tell. Without it, look only."),
    ] = False,
    as_json: o.JsonOption = False,
) -> None:
    """Audit new checkpoints of hubs, folders and MLflow, each once.

    Of MLflow it looks at the registered models of a server. For a timer (cron, systemd, a job of a cluster):
    docs/watch.md has an example of each. A checkpoint is new if the files that it is made of are. Runs, state and feeds
    go where the file says. Exits 1 if a checkpoint of this round failed its policy, 3 if one is inconclusive, 5 if
    something was in the way; a later round takes up what is left.
    """
    talk = Talk(as_json=as_json)
    from audit.watching.sources_file import read_watch

    watched = read_watch(sources)
    talk.say(f"Looking at {len(watched.source)} sources of {sources}")
    from audit.cli.progress_bars import show_progress
    from audit.watching.audits import WholeAudit
    from audit.watching.rounds import Watcher, preview, run_round

    with show_progress(talk) as progress:
        watcher = Watcher(watch=watched, file=sources, audit=WholeAudit(progress), say=talk.say)
        done = run_round(watcher) if once else preview(watcher)
    for trouble in done.troubles:
        talk.warn(trouble)
    _conclude(talk, done, once=once)
    talk.answer(
        {
            "seen": done.seen,
            "audited": [one.document() for one in done.concluded],
            "waiting": [one.document() for one in done.waiting],
            "told": done.told,
            "place": watcher.place,
            "warnings": talk.warnings,
        }
    )
    raise _exit(done)


def _conclude(talk: Talk, done: Round, *, once: bool) -> None:
    talk.conclude((paragraph(one.sentence), "bold yellow" if one.is_trouble else "bold") for one in done.concluded)
    rows = [(one.checkpoint, one.profile, one.attempts) for one in done.waiting]
    if rows:
        talk.table(("waiting for an audit", "profile", "attempts"), rows, concluding=True)
    what = f"{len(done.concluded)} audited or given up, {done.told} notices sent, " if once else "Nothing was audited: "
    talk.conclude([(f"{what}{len(rows)} waiting, {done.seen} seen.", "")])


def _exit(done: Round) -> typer.Exit:
    verdicts = {one.verdict for one in done.concluded}
    VERDICT_SAID.set("fail" in verdicts)
    code = ExitCode.OK
    if "fail" in verdicts:
        code = ExitCode.GATE_FAILED
    elif "inconclusive" in verdicts:
        code = ExitCode.INCONCLUSIVE
    elif done.troubles:
        code = ExitCode.ENVIRONMENT
    return typer.Exit(int(code))
