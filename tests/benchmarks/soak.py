"""Does a process that goes on and on grow? Runs, reports, gates and checks in a row, with memory and handles looked at.

    python -m tests.benchmarks.soak                   200 rounds in one process, then 200 in processes of their own
    python -m tests.benchmarks.soak --rounds 40 --processes 0

A round reports a kept run of the first release anew, decides on it by a policy, and verifies it; every tenth also
audits a phantom from prompts to report. Looked at are: resident memory (after a collection), file handles, threads,
what was left among temporary files, and what lies in the caches of clip-audit.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from audit.__main__ import main as clip_audit
from tests.kept_run import KEPT, POLICY

WARM: Final = 20
"""The round that others are compared with: by then every library has been loaded and has made its own caches."""
RUN_EVERY: Final = 10
SUITE: Final = """
schema_version = 1
name = "soak"
version = "1.0"
lens = "gender"
purpose = "As few prompts as there can be."
source = "None."
licence = "Apache-2.0"
[slots]
profession = [ { concept = "nurse" } ]
[[block]]
role = "subject"
templates = ["a photo of {a_profession}"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a process holds after a round."""

    rounds: int
    resident: int
    """Bytes of memory."""
    handles: int
    threads: int
    temporary: int
    """Files and folders in the folder for temporary files."""
    cached: int
    """Bytes below the cache folder."""


def look(rounds: int, place: Path) -> Look:
    """Look at this process (Linux)."""
    gc.collect()
    told = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    return Look(
        rounds=rounds,
        resident=int(told["VmRSS"].split()[0]) * 1024,
        handles=sum(1 for _ in Path("/proc/self/fd").iterdir()),
        threads=int(told["Threads"]),
        temporary=sum(1 for _ in (place / "tmp").rglob("*")),
        cached=sum(path.stat().st_size for path in (place / "cache").rglob("*") if path.is_file()),
    )


@contextlib.contextmanager
def prepared() -> Iterator[Path]:
    """Yield a folder with the run, the policy and the suite of a round, where temporary files and caches go too."""
    before = {name: os.environ.get(name) for name in ("TMPDIR", "XDG_CACHE_HOME")}
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for folder in ("tmp", "cache"):
            (place / folder).mkdir()
        shutil.copytree(KEPT, place / "run")
        (place / "policy.toml").write_text(POLICY, encoding="utf-8")
        (place / "soak.toml").write_text(SUITE, encoding="utf-8")
        os.environ |= {"TMPDIR": str(place / "tmp"), "XDG_CACHE_HOME": str(place / "cache")}
        tempfile.tempdir = None
        try:
            yield place
        finally:
            for key, value in before.items():
                os.environ.pop(key, None) if value is None else os.environ.update({key: value})
            tempfile.tempdir = None


def commands(place: Path, *, with_run: bool) -> list[tuple[tuple[object, ...], set[int]]]:
    """Return the commands of a round, with the exit codes that are right for each."""
    run, policy, suite, new = place / "run", place / "policy.toml", place / "soak.toml", place / "new"
    audit = ("run", "phantom:skewed", "--suite", suite, "--judge", "zero_shot:phantom:judge", "--effort", "quick")
    again: list[tuple[tuple[object, ...], set[int]]] = [
        (("report", run, "--json"), {0, 3}),
        (("gate", run, "--policy", policy, "--json"), {0, 1, 3}),
        (("verify", run, "--json"), {0}),
    ]
    return [*again, ((*audit, "--out", new, "--json"), {0, 3})] if with_run else again


def soak(rounds: int, looked_at: Collection[int], *, run_every: int = RUN_EVERY) -> Iterator[Look]:
    """Go through rounds in this process, and look after some of them; ``run_every`` 0 leaves the audits out."""
    with prepared() as place:
        for number in range(1, rounds + 1):
            for words, right in commands(place, with_run=run_every > 0 and number % run_every == 1):
                with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
                    code = clip_audit([str(word) for word in words])
                if code not in right:
                    raise SystemExit(f"Round {number}: {words[0]} ended as {code}: {said.getvalue()[-1000:]}")
            shutil.rmtree(place / "new", ignore_errors=True)
            if number in looked_at:
                yield look(number, place)


def soak_processes(rounds: int) -> tuple[int, int]:
    """Verify the run in a process for each round; return the temporary files and cached bytes that are left."""
    with prepared() as place:
        for _ in range(rounds):
            words = [str(word) for word in commands(place, with_run=False)[-1][0]]
            subprocess.run([sys.executable, "-m", "audit", *words], check=True, capture_output=True)
        last = look(rounds, place)
    return last.temporary, last.cached


HEAD: Final = (
    "| round | memory | of round 20 | handles | threads | temporary files | cache |\n|---|---|---|---|---|---|---|"
)


def row(one: Look, warm: Look | None) -> str:
    """Return what was seen after a round as a row of Markdown."""
    share = "" if warm is None else f"{one.resident / warm.resident:.3f}"
    size = f"{one.resident / 2**20:,.0f} MiB"
    return f"| {one.rounds} | {size} | {share} | {one.handles} | {one.threads} | {one.temporary} | {one.cached:,} B |"


def main() -> None:
    """Soak, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="in one process")
    parser.add_argument("--processes", type=int, default=200, help="`verify` in a process each")
    asked = parser.parse_args()
    print(HEAD, flush=True)
    warm = None
    for one in soak(asked.rounds, {1, WARM, *range(40, asked.rounds, 20), asked.rounds}):
        warm = one if one.rounds == WARM else warm
        print(row(one, warm), flush=True)
    if asked.processes:
        temporary, cached = soak_processes(asked.processes)
        print(f"{asked.processes} processes: {temporary} temporary files left, {cached:,} bytes in the cache.")


if __name__ == "__main__":
    main()
