"""How long ``clip-audit history --export`` takes for a folder of many runs, and how much memory.

    python -m tests.benchmarks.many_runs                       # 10,000 runs of 200 findings each
    python -m tests.benchmarks.many_runs --runs 1000 --findings 50 --ending .csv

The runs are made up: the small files of a finished run, with the digests that belong to them, and no pictures. The
command is started as a user starts it, in a process of its own, and its time and memory are those of the whole process.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from audit.codec import document_text, pretty_json
from audit.evidence import findings_text, read_findings, spec_digest

KEPT = Path(__file__).parents[1] / "data" / "first_release_run"


def make_runs(place: Path, runs: int, findings: int) -> int:
    """Write the runs; return the bytes of the findings of one."""
    known = read_findings(KEPT / "findings.json")
    told = [replace(known[one % len(known)], subject=f"concept {one}") for one in range(findings)]
    text = findings_text(told).encode()
    decision = document_text({"schema_version": 1, "verdict": "none", "exit_code": 0, "results": []}).encode()
    spec = json.loads((KEPT / "spec.json").read_bytes())
    digests = {"findings.json": hashlib.sha256(text).hexdigest(), "decision.json": hashlib.sha256(decision).hexdigest()}
    for number in range(runs):
        folder = place / f"run-{number}"
        folder.mkdir()
        spec["checkpoint"]["name"] = f"models/step-{number}"
        record = {"schema_version": 1, "spec": spec_digest(spec), "files": digests}
        for name, data in (
            ("findings.json", text),
            ("decision.json", decision),
            ("spec.json", pretty_json(spec)),
            ("run.json", pretty_json(record)),
        ):
            (folder / name).write_bytes(data)
    return len(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--findings", type=int, default=200)
    parser.add_argument("--ending", choices=(".parquet", ".csv"), default=".parquet")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        size = make_runs(Path(place), asked.runs, asked.findings)
        table = Path(place, f"table{asked.ending}")
        began = time.perf_counter()
        words = [sys.executable, "-m", "audit", "history", place, "--export", str(table), "--json"]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as child:
            answer = json.loads(child.stdout.read()) if child.stdout else {}
            _, code, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(code)
        seconds = time.perf_counter() - began
        print(f"{answer['runs']:,} runs, {answer['rows']:,} rows, findings.json of {size:,} bytes each")
        print(
            f"{seconds:.1f} s by the clock, {used.ru_utime + used.ru_stime:.1f} s of processor time, "
            f"{used.ru_maxrss / 2**20:.2f} GiB of memory at most, {table.stat().st_size / 2**20:.1f} MiB written"
        )


if __name__ == "__main__":
    main()
