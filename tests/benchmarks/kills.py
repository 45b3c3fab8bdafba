"""Kills commands at random calls into the operating system, gives them again, and compares every file with undisturbed.

    python -m tests.benchmarks.kills CHECKPOINT SUITE KEPT_RUN FOLDER KILLS [COMMAND ...]

One process imports and loads everything once and forks a child for each kill, and for all else that could start
threads, which no fork survives. PDF and figures take seconds and are written as every other file is, so short texts
stand for them, and a few lenses for all. What is called is what lies right below the commands; the loading of a
checkpoint, which writes nothing, stands before the fork.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from audit.__main__ import main as clip_audit
from audit.checkpoints import LoadOptions
from audit.evidence import files, read_run
from audit.labelling.label_session import begin_session, make_label_folder
from audit.lenses import CONTROLS, LENSES
from audit.pipeline import (
    AuditRequest,
    Plan,
    Silence,
    conclude,
    examine,
    judge_again,
    make_plan,
    report_again,
    run_audit,
)
from audit.pipeline.one_part import run_part
from audit.records import Part
from audit.watching import rounds
from audit.watching.audits import Audited
from audit.watching.sources_file import read_watch
from tests.kept_run import POLICY

CALLS = ("open", "replace", "rename", "unlink", "mkdir", "fsync", "write", "close", "listdir", "scandir")
NOON = "2026-11-30T12:00:00Z"
JUDGE = "zero_shot:phantom:judge"
SOURCES = """schema_version = 1
[profile.small]
effort = "quick"
suites = ["controls"]
[[source]]
name = "models"
profile = "small"
folder = "models"
"""

Act = Callable[[Path], None]


def acts(plan: Plan, checkpoint: Path, kept: Path) -> dict[str, tuple[Act, Act]]:
    """Return for each command what lies in its folder beforehand, and the command; ``kept`` is a finished run."""

    def nothing(folder: Path) -> None:
        folder.mkdir()

    def a_run(folder: Path) -> None:
        shutil.copytree(kept, folder / "run")
        (folder / "policy.toml").write_text(POLICY, encoding="utf-8")

    def a_new_run(folder: Path) -> None:
        folder.mkdir()
        run_audit(plan, folder / "run", Silence())

    def checkpoints(folder: Path) -> None:
        shutil.copytree(checkpoint, folder / "models" / "one")
        (folder / "sources.toml").write_text(SOURCES, encoding="utf-8")

    def in_parts(folder: Path) -> None:
        for number in (1, 2):
            run_part(plan, folder / "run", Part(number=number, of=2), Silence())
        report_again(folder / "run", Silence())

    def audited(_checkpoint: str, _profile: object, folder: Path, _baseline: Path | None) -> Audited:
        return Audited(verdict=run_audit(plan, folder, Silence()).decision.verdict.value)

    def watch(folder: Path) -> None:
        file = folder / "sources.toml"
        rounds.run_round(
            rounds.Watcher(watch=read_watch(file), file=file, audit=audited, say=lambda _: None, now=lambda: NOON)
        )

    return {
        "run": (nothing, lambda folder: _ignored(run_audit(plan, folder / "run", Silence()))),
        "run --shard": (nothing, in_parts),
        "report": (a_run, lambda folder: _ignored(report_again(folder / "run", Silence()))),
        "judge": (a_new_run, lambda folder: _ignored(judge_again(folder / "run", [JUDGE], "cpu", Silence()))),
        "gate": (a_run, lambda folder: said(folder, "gate", "run", "--policy", "policy.toml")),
        "label": (a_run, label),
        "history --export": (a_run, lambda folder: said(folder, "history", ".", "--export", "table.csv")),
        "watch --once": (checkpoints, watch),
    }


def _ignored(_outcome: object) -> None:
    return


def said(folder: Path, *words: str) -> None:
    """Call the command line in a folder."""
    os.chdir(folder)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as errors:
        code = clip_audit([*words, "--json"])
    if code not in {0, 1, 3}:
        raise RuntimeError(f"{words[0]} left as {code}: {errors.getvalue()[-2000:]}")


def label(folder: Path) -> None:
    """Say something of eight pictures, as the page writes it down."""
    make_label_folder(folder / "labels")
    session = begin_session(folder / "run", folder / "labels", "anna", 8)
    while (wanted := session.next) is not None:
        session.answer(wanted.place, wanted.asked.question, list(wanted.asked.answers)[wanted.place % 2])
    session.write_labels()


def in_child(act: Act, folder: Path, *, die_after: int | None = None, tell: Path | None = None) -> int:
    """Do it in a child, which dies at a call into the operating system, or tells how many it made.

    Returns:
        How it ended.
    """
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    made = 0

    def counted(true: Callable[..., object]) -> Callable[..., object]:
        def call(*given: object, **more: object) -> object:
            nonlocal made
            made += 1
            if made == die_after:
                os.kill(os.getpid(), signal.SIGKILL)
            return true(*given, **more)

        return call

    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))
    try:
        act(folder)
    except BaseException:  # noqa: BLE001  (a child of the fork must not go on as its parent)
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    if tell is not None:
        tell.write_text(str(made))
    os._exit(0)


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file but locks; of what a watcher keeps, not how often an audit was begun, and of which inode."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    kept = {name: content for name, content in found.items() if not Path(name).name.startswith(".lock")}
    for name in [name for name in kept if name.startswith("watched/") and name.count("/") == 1]:
        alike = re.sub(rb'"commit": "[0-9a-f]+"|"(attempts|number|rounds)": \d+', b"", kept[name])
        kept[name] = re.sub(rb'\[\s*"[0-9a-f]{64}"', b"[", alike)
    return kept


def whole_run(folder: Path) -> None:
    """Read the run in a folder, which is refused where anything is not as it was written."""
    read_run(folder / "run", finished=True)


def kill(name: str, prepare: Act, act: Act, root: Path, kills: int) -> None:
    """Kill one command so many times, each time in a folder as it was before, and compare."""
    root.mkdir()
    start, folder = root / "start", root / "here"  # always the same place: a watcher names runs after it
    assert in_child(prepare, start) == 0, name
    shutil.copytree(start, folder)
    assert in_child(act, folder, tell=root / "made") == 0, name
    made, expected = int((root / "made").read_text()), contents(folder)
    shutil.rmtree(folder)
    rng = np.random.default_rng([20, *name.encode()])
    for spot in rng.choice(np.arange(1, made + 1), size=min(kills, made), replace=False):
        shutil.copytree(start, folder)
        assert in_child(act, folder, die_after=int(spot)) == -signal.SIGKILL, (name, spot)
        assert in_child(act, folder) == 0, (name, spot)
        found = contents(folder)
        assert sorted(found) == sorted(expected), (name, spot, sorted(set(found) ^ set(expected)))
        differ = [one for one in expected if found[one] != expected[one]]
        assert not differ, (name, spot, differ)
        if (folder / "run").is_dir():
            assert in_child(whole_run, folder) == 0, (name, spot)
        shutil.rmtree(folder)
    print(f"{name}: {min(kills, made)} kills among {made} calls", flush=True)


def main(words: list[str]) -> None:
    """Kill each command its share of times."""
    checkpoint, suite, kept, root, kills = Path(words[0]), words[1], Path(words[2]), Path(words[3]), int(words[4])
    torch.set_num_threads(1)
    files.ABANDONED_S = -1.0  # type: ignore[misc]
    conclude.render_pdf = lambda _report: b"pdf"  # type: ignore[assignment]
    conclude.draw_figures = lambda _report: {"a.svg": b"<svg/>"}  # type: ignore[assignment]
    examine.LENSES = {name: LENSES[name] for name in {CONTROLS, *list(LENSES)[:3]}}  # type: ignore[misc]
    asked = AuditRequest(
        checkpoint=str(checkpoint), suites=(suite,), effort="quick", options=LoadOptions(waive_sanity=True)
    )
    plan = make_plan(asked)
    plan = dataclasses.replace(plan, recipe=dataclasses.replace(plan.recipe, steps=2), shard_size=9)
    commands = acts(plan, checkpoint, kept)
    only = words[5:] or list(commands)
    for place, (name, (prepare, act)) in enumerate(commands.items()):
        if name not in only:
            continue
        share = kills // len(commands) + (place < kills % len(commands))
        kill(name, prepare, act, root / str(place), share)


if __name__ == "__main__":
    main(sys.argv[1:])
