"""Simulated gates: how often a gate decides wrongly when it is known what is true, and as promised when it can.

Run by ``make truth``, which writes both tables to reports/simulated_gates.md and their worst lines into docs/gate.md;
the tests simulate few. ``gate_worlds`` has the designs. Wrong is a FAIL *at the line* and where all are *alike*, and a
PASS with *one beyond* and where something is *missing*. A promise is the power that ``clip-audit plan`` names.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from gate_worlds import Design, Truth, true_values, verdict
from marks import DOCUMENTS, write_between

from audit.gate import POWER
from audit.records import Verdict
from audit.stats import clopper_pearson

ROOT: Final = Path(__file__).resolve().parents[2]
TABLES: Final = "reports/simulated_gates.md"
WRONG: Final[dict[Truth, Verdict]] = {
    "at the line": Verdict.FAIL,
    "alike": Verdict.FAIL,
    "one beyond": Verdict.PASS,
    "one beyond, by a tenth": Verdict.PASS,
    "missing": Verdict.PASS,
}
PROMISED: Final[dict[Truth, Verdict]] = {"promised to fail": Verdict.FAIL, "promised to pass": Verdict.PASS}
Found = dict[Design, Counter[Verdict]]


def designs() -> Iterator[Design]:
    """Those of the first table: one and many concepts, with as many prompts as efforts give; for rates, more."""
    for truth in (one for one in WRONG if one != "one beyond, by a tenth"):
        for concepts, prompts in ((1, 8), (14, 4), (14, 8), (40, 12)):
            yield Design(kind="lean", concepts=concepts, prompts=prompts, truth=truth)
        for concepts, prompts in ((1, 12), (1, 24), (14, 24), (40, 48)):
            yield Design(kind="rate", concepts=concepts, prompts=prompts, truth=truth)
    yield Design(kind="lean", concepts=14, prompts=8, truth="at the line", correction="none")


def harsh() -> Iterator[Design]:
    """Those in which a gate is known to pass too often, and by how much."""
    for prompts in (4, 8, 12, 24):
        yield Design(kind="raw lean", concepts=1, prompts=prompts, truth="one beyond, by a tenth")


def promises() -> Iterator[Design]:
    """Those of the second: a gate passes when all lines do, so what one line is promised shows with one concept."""
    for concepts, prompts in ((1, 8), (1, 24), (14, 12), (14, 24), (40, 24)):
        yield Design(kind="lean", concepts=concepts, prompts=prompts, truth="promised to fail")
    for concepts, prompts in ((1, 12), (1, 24), (14, 24), (40, 48)):
        yield Design(kind="rate", concepts=concepts, prompts=prompts, truth="promised to fail")
    for prompts in (8, 12, 24):
        yield Design(kind="lean", concepts=1, prompts=prompts, truth="promised to pass")
    for prompts in (24, 36, 48):
        yield Design(kind="rate", concepts=1, prompts=prompts, truth="promised to pass")


def simulate(design: Design, gates: int) -> Counter[Verdict]:
    return Counter(verdict(design, number) for number in range(gates))


def share(found: Counter[Verdict], verdict: Verdict) -> str:
    interval = clopper_pearson(found[verdict], found.total())
    return f"{found[verdict] / found.total():.3f} ({interval.low:.3f} to {interval.high:.3f})"


def counts(found: Counter[Verdict]) -> str:
    return " | ".join(str(found[one]) for one in (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL))


def wrong_table(found: Found) -> str:
    head = "| design | pass | inconclusive | fail | wrong (95 % interval) |\n|---|---|---|---|---|\n"
    return head + "\n".join(
        f"| {design.name} | {counts(its)} | {WRONG[design.truth].value}: {share(its, WRONG[design.truth])} |"
        for design, its in found.items()
    )


def promise_table(found: Found) -> str:
    head = "| design | true value | pass | inconclusive | fail | promised | found (95 % interval) |"
    return f"{head}\n{'|---' * 7}|\n" + "\n".join(
        f"| {design.name} | {true_values(design)[0]:.3f} | {counts(its)} | {PROMISED[design.truth].value}: {POWER:.2f} "
        f"| {share(its, PROMISED[design.truth])} |"
        for design, its in found.items()
    )


def worst(found: Found, truths: Iterable[Truth], *, correction: str = "holm") -> str:
    """Say the largest share of wrong verdicts among the designs in which one of ``truths`` is true."""
    those = [one for one in found if one.truth in truths and one.correction == correction]
    most = max(those, key=lambda one: found[one][WRONG[one.truth]] / found[one].total())
    return share(found[most], WRONG[most.truth])


def each(found: Found) -> str:
    """Say the share of wrong verdicts of every design, by its prompts."""
    rates = {one.prompts: its[WRONG[one.truth]] / its.total() for one, its in found.items()}
    return ", ".join(f"{rate:.3f} with {prompts}" for prompts, rate in rates.items())


def summary(wrong: Found, hard: Found, kept: Found, gates: int) -> str:
    """Return the text of docs/gate.md: the worst line of every kind."""
    rates = [its[PROMISED[design.truth]] / its.total() for design, its in kept.items()]
    promised = f"Where `plan --policy` promises a verdict with a chance of {100 * POWER:.0f} %, it came in"
    return "\n".join(
        [
            f"Simulated by `make truth`, {gates:,} gates of each [design](../{TABLES}), with 95 % intervals.",
            "The worst design of each kind:",
            "",
            "| what is true | wrong | how often |",
            "|---|---|---|",
            f"| every concept exactly on its threshold | fail | {worst(wrong, ['at the line'])} |",
            f"| the same, without the correction | fail | {worst(wrong, ['at the line'], correction='none')} |",
            f"| every concept well inside | fail | {worst(wrong, ['alike'])} |",
            f"| one concept just beyond its threshold | pass | {worst(wrong, ['one beyond'])} |",
            f"| the same of a raw lean, by a tenth of the wordings, the rest alike, by prompts | pass | {each(hard)} |",
            f"| images or intervals of one concept are missing | pass | {worst(wrong, ['missing'])} |",
            "",
            f"{promised} {100 * min(rates):.1f} to {100 * max(rates):.1f} % of the gates.",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gates", type=int, default=1000, help="simulated gates of each design")
    given = parser.parse_args()
    wrong, hard, kept = (
        {design: simulate(design, given.gates) for design in those} for those in (designs(), harsh(), promises())
    )
    text = summary(wrong, hard, kept, given.gates)
    write_between(DOCUMENTS["gates"], "gates", text)
    tables = [
        "# Simulated gates",
        f"Made by `python tests/truth/simulated_gates.py --gates {given.gates}`; seeds are named by design and number.",
        wrong_table(wrong | hard),
        "## Promises of `clip-audit plan --policy`",
        promise_table(kept),
    ]
    (ROOT / TABLES).write_text("\n\n".join(tables) + "\n", encoding="utf-8")
    sys.stdout.write("\n\n".join([text, *tables[2:]]) + "\n")


if __name__ == "__main__":
    main()
