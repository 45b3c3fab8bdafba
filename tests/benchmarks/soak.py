"""Does a process that goes on and on grow? Runs, reports, gates and checks in a row, with memory and handles looked at.

    python -m tests.benchmarks.soak                   200 rounds in one process, then 200 in processes of their own
    python -m tests.benchmarks.soak --rounds 40 --processes 0

A round reports a kept run of the first release anew, decides on it by a policy, verifies it, and labels: it gets the
page, every picture asked about, and says something of each by the page's own way in, until the file of labels is whole;
every tenth round also audits a phantom from prompts to report. Looked at are: resident memory (after a collection),
file handles, threads, what was left among temporary files, and what lies in the caches of clip-audit. Processes take
turns: report, gate, verify, label, and now and then run; beside the same looks, whether one outlived its parent.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.testclient import TestClient

from audit.__main__ import main as clip_audit
from audit.evidence import LABELS_NAME, read_labels
from audit.labelling.label_server import LabelPage
from audit.labelling.label_session import begin_session, make_label_folder
from tests.kept_run import KEPT, POLICY
from tests.labelling_process import Labelling

WARM: Final = 20
"""The round that others are compared with: by then every library has been loaded and has made its own caches."""
RUN_EVERY: Final = 10
LABELLED: Final = 10
"""Pictures of a sample."""
PORT: Final = 8765
"""In addresses only: nothing listens."""
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
            label_all(place)
            shutil.rmtree(place / "new", ignore_errors=True)
            if number in looked_at:
                yield look(number, place)


def label_all(place: Path) -> None:
    """Label a sample anew: the page, each picture, a label for each, and the file of labels at the end."""
    folder = place / "labels"
    make_label_folder(folder)
    session = begin_session(place / "run", folder, "anna", LABELLED)
    page = LabelPage(session, PORT)
    client = TestClient(page.app(), base_url=page.address)
    right(client.get(""))
    while (wanted := session.next) is not None:
        right(client.get(f"picture/{wanted.place}"))
        said = {"place": wanted.place, "question": wanted.asked.question, "label": next(iter(wanted.asked.answers))}
        right(client.post("answer", json=said))
    client.close()
    session.write_labels()
    kept = len(read_labels(folder / LABELS_NAME))
    if kept != session.total:
        raise SystemExit(f"{kept} labels were kept of {session.total}.")
    shutil.rmtree(folder)


def label_in_process(place: Path) -> None:
    """The same in a process of its own, which the page ends."""
    folder = place / "labels"
    with Labelling(place / "run", "--rater", "anna", "--count", LABELLED, "--out", folder) as page:
        told = asked_of_page(page.address, "state")
        while (now := told["next"]) is not None:
            said = {"place": now["place"], "question": now["question"], "label": now["answers"][0]["label"]}
            told = asked_of_page(page.address, "answer", said)
        asked_of_page(page.address, "end", {})
        page.ended()
    kept = len(read_labels(folder / LABELS_NAME))
    if kept != told["total"]:
        raise SystemExit(f"{kept} labels were kept of {told['total']}.")
    shutil.rmtree(folder)


def asked_of_page(address: str, what: str, said: object = None) -> Any:
    """Return what the page answers."""
    body = None if said is None else json.dumps(said).encode()
    parts = urlsplit(address)
    connection = HTTPConnection(parts.netloc, timeout=60)
    with contextlib.closing(connection):
        connection.request(
            "GET" if body is None else "POST", parts.path + what, body, {"Content-Type": "application/json"}
        )
        return json.loads(connection.getresponse().read())


def right(answer: Any) -> None:
    """Stop where the page does not answer."""
    if answer.status_code >= 400:
        raise SystemExit(f"The page answered {answer.status_code} to {answer.request.url}: {answer.text[:200]}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What a row of processes left behind."""

    temporary: int
    cached: int
    orphans: int
    """Processes that outlived the one that they belong to."""


def soak_processes(count: int) -> Iterator[tuple[int, Left]]:
    """Give commands to a process each, in turns; yield how many there were and what they left, now and then."""
    with prepared() as place:
        done, due = 0, WARM
        while done < count:
            for words, right_codes in commands(place, with_run=done % (RUN_EVERY * 4) == 0)[: count - done]:
                asked = [sys.executable, "-m", "audit", *map(str, words)]
                ended = subprocess.run(asked, check=False, capture_output=True, text=True, start_new_session=True)
                if ended.returncode not in right_codes:
                    raise SystemExit(f"{words[0]} ended as {ended.returncode}: {ended.stderr[-1000:]}")
                done += 1
            if done < count:
                label_in_process(place)
                done += 1
            shutil.rmtree(place / "new", ignore_errors=True)
            if done >= due or done == count:
                due += WARM
                last = look(done, place)
                yield done, Left(temporary=last.temporary, cached=last.cached, orphans=orphans(place))


def orphans(place: Path) -> int:
    """Return how many processes still work on the folder, by what they were called with (Linux)."""
    found = 0
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found += str(place).encode() in entry.read_bytes()
    return found


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
    parser.add_argument("--processes", type=int, default=200, help="commands in a process each")
    asked = parser.parse_args()
    print(HEAD, flush=True)
    warm = None
    for one in soak(asked.rounds, {1, WARM, *range(40, asked.rounds, 20), asked.rounds}):
        warm = one if one.rounds == WARM else warm
        print(row(one, warm), flush=True)
    if asked.processes:
        print("| processes | temporary files | cache | orphans |\n|---|---|---|---|", flush=True)
        for done, left in soak_processes(asked.processes):
            print(f"| {done} | {left.temporary} | {left.cached:,} B | {left.orphans} |", flush=True)


if __name__ == "__main__":
    main()
