"""The result as Markdown for docs/inversion.md, and as JSON for programs."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from tests.benchmarks.arms import PUBLISHED
from tests.benchmarks.costs import Middle
from tests.benchmarks.headline import Ranged, medians
from tests.benchmarks.held_out import CONDITIONS
from tests.benchmarks.results import BARE, Against, CheckpointResult, Row, agreements

BEGIN: Final = "<!-- bench: begin -->"
END: Final = "<!-- bench: end -->"

_COLUMNS: Final = (
    "arm",
    "prompts",
    "image-gradients",
    "seconds an image",
    "over its tower",
    "z",
    f"z under {', '.join(CONDITIONS)}",
    "R-precision (exact)",
    "diversity",
    "faster a gradient",
)


Summed = Sequence[tuple[CheckpointResult, Sequence[Row]]]
"""Every checkpoint with its rows, from ``results.sum_up``."""


def table(results: Summed, *, which: str, command: str) -> str:
    """Return everything that is said, as Markdown."""
    parts = [f"Made by `{command}`. {_legend(results, which)}"]
    for result, rows in results:
        parts += [
            "",
            f"**{result.name}** ({result.architecture}), judged by {', '.join(result.judges)}{_timed(result)}",
            "",
        ]
        parts += [*rule(_COLUMNS), *map(_line, rows), ""]
        parts += against_the_published_loop(result, rows)
    return "\n".join(parts)


def _legend(results: Summed, which: str) -> str:
    prompts = max((len(result.prompts) for result, _ in results), default=0)
    seeds = max((result.seeds for result, _ in results), default=0)
    return (
        f"At most {prompts} prompts of the {which} set x {seeds} seeds; images clamped and in 8 bits; z (median) and "
        "R-precision (own text first among those of other concepts; exact: among those of its own in other words too) "
        "by checkpoints that share neither weights nor world nor image tower with the audited one; intervals of 95 %, "
        "over prompts, and of seconds over turns of the clock. Seconds are those of the loop alone. R0's images are "
        "made in fp32 batches, which are those of one prompt at a time up to rounding; its seconds are taken one "
        "prompt at a time, on the checkpoint's own tower, without the debugging mode and the saving of the published "
        "script."
    )


def _timed(result: CheckpointResult) -> str:
    return f"; timed on {result.timed_on}" if result.costs else "; not timed"


def rule(columns: Sequence[str]) -> list[str]:
    """Return the head of a Markdown table and the rule below it."""
    return [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]


def _line(row: Row) -> str:
    seconds = None if row.seconds is None else row.seconds.value * row.arm.recipe.image_gradients
    cells = [
        row.arm.label,
        f"{row.prompts}",
        f"{row.arm.recipe.image_gradients:,}",
        "-" if seconds is None else f"{seconds:.3g}",
        "-" if row.overhead is None else f"{row.overhead.value:+.0%}",
        _spread(row.z, ".2f"),
        ", ".join(f"{z:.2f}" for z in row.z_under.values()),
        f"{row.first:.1%} ({row.exact:.1%})",
        f"{row.diversity:.3f}",
        "-" if row.engineering is None else f"x {_spread(row.engineering, ',.3g')}",
    ]
    return f"| {' | '.join(cells)} |"


def against_the_published_loop(result: CheckpointResult, rows: Sequence[Row]) -> list[str]:
    """Return a table of what is asked of our arms: a line per question, a column per arm; empty without R0."""
    compared = [(row, row.against) for row in rows if row.arm.name != PUBLISHED and row.against is not None]
    if not compared:
        return []
    lines = rule(["beside R0, in pairs", *(row.arm.label for row, _ in compared), "asked"])
    for question, asked, answer in _QUESTIONS:
        lines.append(f"| {' | '.join([question, *(answer(row, against) for row, against in compared), asked])} |")
    for (which, bare), (name, asked) in itertools.product(BARE.items(), {"careful": ">= 95%", PUBLISHED: ""}.items()):
        arms = [row.arm.name for row, _ in compared]
        found = [None if arm == name else agreements(result, arm, name, bare=bare) for arm in arms]
        for words, shares in (
            ("equal seeds", [one and one.all_seeds for one in found]),
            ("other seeds", [one and one.other_seeds for one in found]),
        ):
            cells = ["-" if share is None else _spread(share, ".1%") for share in shares]
            label = "R0" if name == PUBLISHED else name
            lines.append(f"| {' | '.join([f'same verdicts as {label}, {words}, {which}', *cells, asked])} |")
    itself = {which: agreements(result, PUBLISHED, PUBLISHED, bare=bare) for which, bare in BARE.items()}
    said = [f"{which} {_spread(a.other_seeds, '.1%')}" for which, a in itself.items() if a and a.other_seeds]
    if said:
        lines += ["", f"R0 has the same verdicts as itself under other seeds on {', '.join(said)}."]
    return lines


def _reached(row: Row, against: Against) -> str:
    del row
    cost = against.reach.cost
    return f"{_at_most(against)}{_spread(cost, ',.0f')}" if math.isfinite(cost.value) else "never"


def _at_most(against: Against) -> str:
    return "at most " if against.reach.at_most else ""


def _share(gain: Ranged | None, against: Against) -> str:
    """Return a gain as one in so many, its interval turned round with it."""
    if gain is None or gain.value == 0:
        return "-"
    one, low, high = (
        f"1/{_number(value, ',.3g')}" if value > 0 else "never" for value in (gain.value, gain.low, gain.high)
    )
    return f"{_at_most(against)}{one} ({high} to {low})"


def _lost(row: Row, against: Against, which: str) -> str:
    del row
    found = against.agreement_lost[which]
    return "-" if found is None else _points(found)


_QUESTIONS: Final[tuple[tuple[str, str, Callable[[Row, Against], str]], ...]] = (
    ("image-gradients to R0's z", "", _reached),
    ("the same, of R0's whole loop", "<= 1/100", lambda _, a: _share(a.reach.gain, a)),
    ("the same, of where R0's own curve first comes there", "", lambda _, a: _share(a.reach.gain_on_curve, a)),
    ("seconds to R0's z, of R0's whole loop", "<= 1/300", lambda _, a: _share(a.total, a)),
    ("z, less R0's", "> 0 (careful)", lambda _, a: _spread(a.z_difference, "+.2f")),
    ("R-precision, less R0's, points", ">= -2", lambda _, a: _points(a.first_difference)),
    (
        "diversity, of R0's",
        ">= 0.95",
        lambda _, a: "-" if a.diversity_ratio is None else _spread(a.diversity_ratio, ".2f"),
    ),
    *(
        (f"R0's verdicts, {which}: R0 meets its own more often by, points", "<= 2", partial(_lost, which=which))
        for which in BARE
    ),
)


def _points(share: Ranged) -> str:
    return _spread(Ranged(value=100 * share.value, low=100 * share.low, high=100 * share.high), "+.1f")


def _spread(number: Ranged | Middle, form: str) -> str:
    ends = f"{_number(number.low, form)} to {_number(number.high, form)}"
    return f"{_number(number.value, form)} ({ends})"


def _number(value: float, form: str) -> str:
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "never"
    whole = form.endswith("g") and abs(value) >= 1000  # where "g" would turn to powers of ten
    return format(float(f"{value:.3g}") if whole else value, ",.0f" if whole else form).replace("-", "\N{MINUS SIGN}")


def as_json(results: Summed, *, which: str) -> str:
    """Return all numbers, the curves included."""
    found = [
        {
            "checkpoint": result.name,
            "architecture": result.architecture,
            "judges": result.judges,
            "prompts": [prompt.text for prompt in result.prompts],
            "seeds": result.seeds,
            "timed_on": result.timed_on,
            "rows": {row.arm.name: _row_json(result, row) for row in rows},
        }
        for result, rows in results
    ]
    return json.dumps(_finite({"set": which, "results": found}), indent=1)


def _row_json(result: CheckpointResult, row: Row) -> dict[str, object]:
    readings = result.arms[row.arm.name]
    cost = result.costs.get(row.arm.name)
    return {
        **{name: value for name, value in dataclasses.asdict(row).items() if name != "arm"},
        "recipe": {**dataclasses.asdict(row.arm.recipe), "digest": row.arm.recipe.digest},
        "prices": row.arm.prices,
        "median_z": medians(readings.z).tolist(),
        "median_z_by_judge": {name: medians(z).tolist() for name, z in readings.z_by_judge.items()},
        "r_precision": readings.first.mean(axis=(0, 1)).tolist(),
        "exact_text_first": readings.exact.mean(axis=(0, 1)).tolist(),
        "cost": None if cost is None else dataclasses.asdict(cost),
    }


def _finite(value: object) -> object:
    """Return a value with every number that JSON lacks as ``None`` (not a number) or a word (infinite)."""
    if isinstance(value, Mapping):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    if isinstance(value, float | np.floating):
        return None if math.isnan(value) else float(value) if math.isfinite(value) else "infinite"
    return value


def write_between(document: Path, text: str) -> bool:
    """Write ``text`` between the marks in ``document``; false where it has none."""
    head, mark, rest = document.read_text(encoding="utf-8").partition(BEGIN)
    if not mark or END not in rest:
        return False
    document.write_text(f"{head}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    return True
