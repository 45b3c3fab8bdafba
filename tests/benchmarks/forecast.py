"""What ``clip-audit plan`` predicts beside what ``clip-audit run`` then takes.

    python tests/benchmarks/forecast.py phantom:skewed --effort quick
    python tests/benchmarks/forecast.py phantom:skewed phantom:balanced --rounds 3 -- --suite phantom/controls

Words after ``--`` go to both commands. Both are started as a user starts them, in processes of their own; the measured
time is that of the whole process. On a machine that does other things meanwhile, neither number means much.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

AIM = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    checkpoint: str
    predicted: float
    measured: float
    planning: float

    @property
    def ratio(self) -> float:
        return self.predicted / self.measured


def call(*words: str) -> tuple[str, float]:
    """Run a command; its answer on stdout, and its seconds."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "audit", *words], stdout=subprocess.PIPE, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode not in {0, 3}:  # 3: inconclusive, as brief runs are
        sys.exit(f"clip-audit {' '.join(words)} ended with {done.returncode}.")
    return done.stdout, seconds


def compare(checkpoint: str, words: list[str]) -> Line:
    with tempfile.TemporaryDirectory() as place:
        out = ["--out", str(Path(place, "run")), "--json"]
        planned, planning = call("plan", checkpoint, *words, *out)
        _, measured = call("run", checkpoint, *words, *out)
    forecast = json.loads(planned)["forecast"]
    print(f"{checkpoint}: {forecast['parts']}", flush=True)
    return Line(checkpoint=checkpoint, predicted=forecast["seconds"], measured=measured, planning=planning)


def table(lines: list[Line]) -> str:
    rows = [
        "| checkpoint | predicted (s) | measured (s) | predicted / measured | the prediction took (s) |",
        "|---|---|---|---|---|",
    ]
    rows += [
        f"| `{one.checkpoint}` | {one.predicted:.1f} | {one.measured:.1f} | {one.ratio:.2f} | {one.planning:.1f} |"
        for one in lines
    ]
    within = sum(abs(one.ratio - 1) <= AIM for one in lines)
    return "\n".join([*rows, "", f"Within {AIM:.0%}: {within} of {len(lines)}."])


def main() -> None:
    said = sys.argv[1:]
    cut = said.index("--") if "--" in said else len(said)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", nargs="*", default=["phantom:skewed"])
    parser.add_argument("--effort", default="quick", choices=("quick", "standard", "full"))
    parser.add_argument("--recipe", default="fast")
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args(said[:cut])
    more = ["--effort", given.effort, "--recipe", given.recipe, *said[cut + 1 :]]
    print(table([compare(name, more) for _ in range(given.rounds) for name in given.checkpoints]))


if __name__ == "__main__":
    main()
