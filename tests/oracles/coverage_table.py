"""The table of docs/intervals.md: how often each 95 % interval holds the truth of seeded worlds in which it is known.

Run by ``make truth``; ``python -m tests.oracles.coverage_table --worlds N`` takes another number of worlds a line than
300, and ``--method NAME`` shows the lines of one method without writing the page.
"""

from __future__ import annotations

import argparse
import math
import sys

from tests.oracles.coverage_designs import every_design
from tests.oracles.coverage_worlds import Coverage, Design, measure
from tests.truth.marks import DOCUMENTS, write_between

LEAST, MOST = 0.93, 0.97
COLUMNS = ("interval", "in which worlds", "covers", "verdict", "without an interval", "half the median width")


def verdict(design: Design, covered: float, error: float) -> str:
    """Say how a coverage stands to the level; two standard errors are allowed to chance."""
    if not design.claimed:
        return "for comparison"
    if covered < LEAST - 2 * error:
        return "**too low**"
    if covered <= MOST:
        return "holds"
    if design.conservative:
        return "conservative"
    return "holds" if covered <= MOST + 2 * error else "**too wide**"


def line(design: Design, found: Coverage, worlds: int) -> str:
    error = math.sqrt(max(found.covered * (1 - found.covered), 0.05 * 0.95) / worlds)
    covers = f"{found.covered:.3f} ± {error:.3f} | {verdict(design, found.covered, error)}"
    return f"| {design.method} | {design.world} | {covers} | {found.without:.3f} | {found.width / 2:.3f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=300)
    parser.add_argument("--method", default="", help="lines of this method only")
    asked = parser.parse_args()
    command = f"python -m tests.oracles.coverage_table --worlds {asked.worlds}"
    said = f"Made by `{command}`: that many worlds a line, ± the standard error of the simulation."
    lines = [said, "", f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    for design in every_design():
        if asked.method in ("", design.method):
            lines.append(line(design, measure(design, asked.worlds), asked.worlds))
            sys.stdout.write(f"{lines[-1]}\n")
            sys.stdout.flush()
    if not asked.method:
        write_between(DOCUMENTS["coverage"], "coverage", "\n".join(lines))


if __name__ == "__main__":
    main()
