"""``clip-audit runs``: which runs there are, which are finished, and what to do with each."""

from __future__ import annotations

import dataclasses
import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from audit.cli import options as o
from audit.cli.talk import Talk
from audit.errors import EnvironmentProblem, UsageProblem
from audit.opening import entries, is_folder, is_there

app = typer.Typer(help="List runs, finished and unfinished, with what to do.", rich_markup_mode=None)


@app.callback()
def _only_by_its_commands() -> None:
    """Keep ``list`` a command of its own, though it is alone."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One run folder."""

    run: Path
    state: str
    """One of: finished, unfinished, damaged."""
    checkpoint: str = ""
    effort: str = ""
    verdict: str = ""
    """Of a finished run."""
    missing: str = ""
    """Of an unfinished run that is made in parts: what each part lacks."""
    next: str
    """What to read, or the command that goes on."""


@app.command("list", epilog=o.example("clip-audit runs list", "clip-audit runs list my-runs --json"))
def list_them(
    folder: Annotated[
        str, typer.Argument(metavar="FOLDER", help="The folder that holds the folders of runs, or its URL.")
    ] = "runs",
    as_json: o.JsonOption = False,
) -> None:
    """List the runs in a folder.

    Of a finished one where its report is, of an unfinished one the command that goes on with it, and of one in parts
    (--shard) which of them lack something.
    """
    talk = Talk(as_json=as_json)
    if "://" in folder:
        found = _behind(folder)
    elif folder != "runs" and not is_folder(Path(folder)):
        raise UsageProblem(f"{folder} is not a folder.", remedy="Name the folder that holds the folders of runs.")
    else:
        found = [look_at(path) for path in entries(Path(folder)) if is_there(path / "spec.json")]
    fields = [field.name for field in dataclasses.fields(Listed)]
    if found:
        talk.table(fields, [[getattr(one, name) or "-" for name in fields] for one in found])
    else:
        talk.show(f"No runs in {folder}. `clip-audit run phantom:skewed --effort quick` makes one.")
    talk.answer({"runs": [dataclasses.asdict(one) for one in found]})


def _behind(url: str) -> list[Listed]:
    """Return what the runs behind a URL say of themselves; those in parts that are not whole are brought."""
    from audit.evidence.remote_runs import runs_behind

    with runs_behind(url, whole=False) as place:
        folders = [path for path in entries(place) if is_there(path / "spec.json")]
        in_parts = [path for path in folders if is_there(path / "parts.json") and not is_there(path / "run.json")]
        whole = {path: o.folder_named(f"{url.rstrip('/')}/{path.name}") for path in in_parts}
        return [look_at(whole.get(path, path)) for path in folders]


def look_at(folder: Path) -> Listed:
    """Return what a run folder says of itself, by its small files alone."""
    from audit.evidence.specs import read_json, read_spec, repeat_command, stored_verdict

    try:
        spec = read_spec(folder)
        finished = is_there(folder / "run.json")
        decision = read_json(folder / "decision.json") if finished else {}
        policy = folder / "policy.toml"
        named = str(policy) if is_there(policy) else None
        again = repeat_command(spec, policy=named, baseline=_baseline(folder), out=str(folder))
        missing, again = ("", again) if finished else _in_parts(folder, again)
    except (UsageProblem, EnvironmentProblem) as problem:
        return Listed(run=folder, state="damaged", next=str(problem))
    except KeyError as key:
        return Listed(run=folder, state="damaged", next=f"Its spec.json does not say {key}; start another run.")
    checkpoint, effort = spec["checkpoint"], spec["effort"]
    return Listed(
        run=folder,
        state="finished" if finished else "unfinished",
        checkpoint=str(checkpoint["name"]) if isinstance(checkpoint, dict) else "",
        effort=str(effort["name"]) if isinstance(effort, dict) else "",
        verdict=stored_verdict(decision) + (" with waivers" if decision.get("passed_with_waivers") else ""),
        missing=missing,
        next=f"read {shlex.quote(str(folder / 'report.html'))}" if finished else again,
    )


def _in_parts(folder: Path, again: str) -> tuple[str, str]:
    """Return what the parts of an unfinished run lack, and the command that goes on: of the first of these parts.

    A run that is not made in parts lacks nothing here. Once all parts are there, ``report`` goes on.
    """
    if not is_there(folder / "parts.json"):
        return "", again
    from audit.evidence import read_run
    from audit.evidence.parts import lacking_sentence, what_lacks

    lacks = what_lacks(read_run(folder), unscored=True)
    if not lacks:
        return "", f"clip-audit report {shlex.quote(str(folder))}"
    first = lacks[0].part
    return lacking_sentence(lacks), f"{again} --shard {first.number}/{first.of}"


def _baseline(folder: Path) -> str | None:
    """Return the run that this one was compared with; ``None`` where nothing says so."""
    from audit.evidence.specs import read_json

    if not is_there(folder / "decision.json"):
        return None
    card = read_json(folder / "decision.json").get("baseline")
    return str(Path(os.path.normpath(folder / str(card.get("folder"))))) if isinstance(card, dict) else None
