"""The result as Markdown for README.md, and as JSON for programs."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from tests.benchmarks.arms import PUBLISHED
from tests.benchmarks.costs import Middle
from tests.benchmarks.headline import Ranged, medians
from tests.benchmarks.held_out import CONDITIONS
from tests.benchmarks.results import CheckpointResult, Row, agreements

BEGIN: Final = "<!-- bench: begin -->"
END: Final = "<!-- bench: end -->"

_COLUMNS: Final = (
    "arm",
    "image-gradients",
    "seconds an image",
    "over its tower",
    "z",
    f"z under {', '.join(CONDITIONS)}",
    "R-precision (exact)",
    "diversity",
    "image-gradients to R0's z",
    "fewer image-gradients",
    "faster a gradient",
    "faster to R0's z",
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
        parts += [f"| {' | '.join(_COLUMNS)} |", f"|{'---|' * len(_COLUMNS)}", *map(_line, rows), ""]
        parts += [f"- {claim}" for row in rows for claim in _claims(row)]
        parts += [f"- {claim}" for claim in _agreements(result)]
    return "\n".join(parts)


def _legend(results: Summed, which: str) -> str:
    prompts = max((len(result.prompts) for result, _ in results), default=0)
    seeds = max((result.seeds for result, _ in results), default=0)
    return (
        f"{prompts} prompts of the {which} set x {seeds} seeds; images clamped and in 8 bits; z (median) and "
        "R-precision (own text first among those of other concepts; exact: among those of its own in other words too) "
        "by checkpoints that share neither weights nor world nor image tower with the audited one; intervals of 95 %, "
        "over prompts, and of seconds over turns of the clock. Seconds are those of the loop alone. R0's images are "
        "made in fp32 batches, which are those of one prompt at a time up to rounding; its seconds are taken one "
        "prompt at a time, on the checkpoint's own tower, without the debugging mode and the saving of the published "
        "script."
    )


def _timed(result: CheckpointResult) -> str:
    return f"; timed on {result.timed_on}" if result.costs else "; not timed"


def _line(row: Row) -> str:
    seconds = None if row.seconds is None else row.seconds.value * row.arm.recipe.image_gradients
    cells = [
        row.arm.label,
        f"{row.arm.recipe.image_gradients:,}",
        "-" if seconds is None else f"{seconds:.3g}",
        "-" if row.overhead is None else f"{row.overhead.value:+.0%}",
        _spread(row.z, ".2f"),
        ", ".join(f"{z:.2f}" for z in row.z_under.values()),
        f"{row.first:.1%} ({row.exact:.1%})",
        f"{row.diversity:.3f}",
        *_gains(row),
    ]
    return f"| {' | '.join(cells)} |"


def _gains(row: Row) -> list[str]:
    if row.reach is None:
        return ["-"] * 4
    cost = row.reach.cost
    sign = "at most " if row.reach.at_most else ""
    reached = f"{sign}{_spread(cost, ',.0f')}" if math.isfinite(cost.value) else "never"
    at_least = "at least " if row.reach.at_most else ""
    total = "-" if row.total is None else f"{at_least}x {_spread(row.total, ',.3g')}"
    gains = [f"{at_least}x {_spread(row.reach.gain, ',.3g')}", "-", total]
    if row.engineering is not None:
        gains[1] = f"x {_spread(row.engineering, ',.3g')}"
    return [reached, *gains] if math.isfinite(cost.value) else [reached, "-", gains[1], "-"]


def _claims(row: Row) -> list[str]:
    if row.arm.name == PUBLISHED or row.z_difference is None or row.first_difference is None or row.reach is None:
        return []
    claim = (
        f"{row.arm.label} less R0, in pairs: z {_spread(row.z_difference, '+.2f')}; R-precision "
        f"{_points(row.first_difference)} points"
    )
    if row.reach.gain_on_curve.value > 0:
        fewer = _spread(row.reach.gain_on_curve, ",.3g")
        claim += f"; x {fewer} fewer image-gradients than where R0's own curve first comes to its final z"
    if row.diversity_ratio is not None and math.isfinite(row.diversity_ratio.value):
        claim += f"; diversity {_spread(row.diversity_ratio, '.2f')} of R0's"
    if row.agreement_lost is not None:
        claim += (
            "; on prompts that leave gender open, its verdicts agree with R0's under other seeds "
            f"{_points(row.agreement_lost)} points less than R0's with themselves"
        )
    return [claim + "."]


def _agreements(result: CheckpointResult) -> list[str]:
    lines = []
    for one, other in (("fast", "careful"), ("fast", PUBLISHED), ("careful", PUBLISHED), (PUBLISHED, PUBLISHED)):
        whole, bare = (agreements(result, one, other, bare=bare) for bare in (False, True))
        if whole is None:
            continue
        words = [] if one == other else [f"equal seeds, all prompts {_spread(whole.all_seeds, '.1%')}"]
        if bare is not None and one != other:
            words.append(f"equal seeds, prompts that leave gender open {_spread(bare.all_seeds, '.1%')}")
        for name, found in (("all prompts", whole), ("prompts that leave gender open", bare)):
            if found is not None and found.other_seeds is not None:
                words.append(f"other seeds, {name} {_spread(found.other_seeds, '.1%')}")
        if words:
            with_whom = "itself" if one == other else result.arms[other].arm.label
            lines.append(f"Verdicts of {result.arms[one].arm.label} agree with {with_whom}: {'; '.join(words)}.")
    return lines


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


def write_between(readme: Path, text: str) -> bool:
    """Write ``text`` between the marks in ``readme``; false where it has none."""
    head, mark, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    if not mark or END not in rest:
        return False
    readme.write_text(f"{head}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    return True
