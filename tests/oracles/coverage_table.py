"""The table of coverage by method and design: how often each 95 % interval holds the truth of a seeded world.

Run by ``python -m tests.oracles.coverage_table``, with ``--worlds N`` for another number of worlds per line than 500.
"""

from __future__ import annotations

import argparse
import sys

from tests.oracles.coverage_designs import every_design
from tests.oracles.coverage_worlds import measure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=500)
    parser.add_argument("--method", default="", help="lines of this method only")
    asked = parser.parse_args()
    out = sys.stdout
    out.write(f"{asked.worlds} worlds a line; a 95 % interval covers 93 to 97 %, a conservative one at least 93 %.\n\n")
    out.write("| method | world | covers | asked | without interval | median width |\n|---|---|---|---|---|---|\n")
    for design in every_design():
        if asked.method in ("", design.method):
            found = measure(design, asked.worlds)
            wanted = ">= 93 %" if design.conservative else "93 to 97 %"
            numbers = f"{found.covered:.1%} | {wanted} | {found.without:.1%} | {found.width:.3f}"
            out.write(f"| {design.method} | {design.world} | {numbers} |\n")
            out.flush()


if __name__ == "__main__":
    main()
