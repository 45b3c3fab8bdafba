"""Which pictures people look at: a sample by lot, the same for all who label a run.

Every concept gives as many pictures, as far as it has them. Within a concept the pictures stand in the order of what
the judges say and of how well the checkpoint itself finds them to match, and every k-th is taken from a start by lot
(systematic sampling: Cochran 1977, Sampling Techniques, 3rd edition, chapter 8). So high and low scores and all grades
of quality are there in their proportions, and each picture of a concept has the same chance: rates of error that are
counted in the sample are those of the concept. Taking as many flagged as unflagged pictures instead would overstate how
much a judge finds (verification bias: Begg and Greenes 1983, Biometrics 39(1):207-215, doi:10.2307/2530820).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import pandas as pd

from audit.errors import InconclusiveProblem
from audit.evidence import Evidence, concept_column
from audit.labelling.asked import Asked
from audit.lenses.common.verdicts import judges_asking, names, numbers, scored_images
from audit.seeding import derive_seed

_KEY: Final = ["prompt_id", "replicate"]
_THIRDS: Final = 3
_Item = TypeVar("_Item")
_Group = TypeVar("_Group", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """One picture of the sample."""

    prompt_id: str
    replicate: int
    group: str
    """Suite and concept, as ``concept_column`` has them."""


def draw_sample(evidence: Evidence, asked: Sequence[Asked], count: int, *, seed: str) -> tuple[Sampled, ...]:
    """Draw a sample of the pictures that a judge could read.

    Pictures that did not converge, or that no judge could read, are undetermined whatever people say of them, and are
    left out.

    Args:
        evidence: Of the run.
        asked: The questions.
        count: How many pictures, if there are as many.
        seed: What identifies the run; the same run gives the same sample.

    Returns:
        Pictures by concept; who labels them gets them in an order of their own.

    Raises:
        InconclusiveProblem: If no judge could read a picture.
    """
    rows = _readable(evidence, asked)
    if rows.empty:
        raise InconclusiveProblem(
            "No picture of this run converged and could be read by a judge, so there is nothing to label.",
            remedy="See the quality in its report, and run again with more --effort or another judge.",
        )
    rng = np.random.default_rng(derive_seed("blind sample", seed))
    groups = {str(group): _in_order(table, asked) for group, table in rows.groupby("group", sort=True)}
    quotas = share_out({group: len(table) for group, table in groups.items()}, count, rng)
    drawn = []
    for group, table in groups.items():
        chosen = table.iloc[every_kth(len(table), quotas[group], rng)]
        drawn += [
            Sampled(prompt_id=prompt, replicate=int(number), group=group)
            for prompt, number in zip(names(chosen, "prompt_id"), chosen["replicate"], strict=True)
        ]
    return tuple(drawn)


def shuffled(items: Sequence[_Item], *seeds: str) -> tuple[_Item, ...]:
    """Return items in an order by lot that depends on some names."""
    order = np.random.default_rng(derive_seed("order of labelling", *seeds)).permutation(len(items))
    return tuple(items[place] for place in order)


def share_out(sizes: Mapping[_Group, int], count: int, rng: np.random.Generator) -> dict[_Group, int]:
    """Return how many to take of each group: as many of each, or all it has; what is left over falls by lot.

    Example:
        >>> share_out({"a": 9, "b": 1, "c": 9}, 7, np.random.default_rng(0))
        {'a': 3, 'b': 1, 'c': 3}
    """
    quotas = dict.fromkeys(sizes, 0)
    left = min(count, sum(sizes.values()))
    groups = list(sizes)
    while left:
        unfilled = [group for group in groups if quotas[group] < sizes[group]]
        taken = [unfilled[place] for place in rng.permutation(len(unfilled))[:left]]
        for group in taken:
            quotas[group] += 1
        left -= len(taken)
    return quotas


def every_kth(size: int, count: int, rng: np.random.Generator) -> list[int]:
    """Return ``count`` places of ``size`` at even distances, from a start by lot.

    Example:
        >>> every_kth(8, 4, np.random.default_rng(1))
        [1, 3, 5, 7]
    """
    step = size / count if count else 0.0
    start = rng.random()
    return [min(size - 1, int((start + place) * step)) for place in range(count)]


def _readable(evidence: Evidence, asked: Sequence[Asked]) -> pd.DataFrame:
    """Return the pictures that a judge read for one question at least, with ``group`` and a column for each score."""
    table: pd.DataFrame | None = None
    usable = None
    for one in asked:
        rows = scored_images(evidence, judges_asking(evidence, one.question)[0], one.question)
        score = rows[one.column].where(rows["usable"])
        table = rows[[*_KEY, "suite", "concept", "own_percentile"]] if table is None else table
        table = table.assign(**{one.column: score})
        usable = rows["usable"] if usable is None else usable | rows["usable"]
    if table is None or usable is None:
        raise ValueError("A sample is drawn for one question at least.")
    pairs = zip(names(table, "suite"), names(table, "concept"), strict=True)
    groups = [concept_column(suite, name) for suite, name in pairs]
    return table.assign(group=groups)[usable]


def _in_order(table: pd.DataFrame, asked: Sequence[Asked]) -> pd.DataFrame:
    """Return pictures of one concept by thirds of each score, then by quality, with turns: neighbours are alike."""
    keys = [_third(numbers(table, one.column)) for one in asked]
    quality = numbers(table, "own_percentile")
    turned = np.where(np.sum(keys, axis=0) % 2 == 0, quality, -quality)
    return table.iloc[np.lexsort((np.nan_to_num(turned), *reversed(keys)))]


def _third(values: np.ndarray) -> np.ndarray:
    ranks = np.argsort(np.argsort(np.nan_to_num(values, nan=-np.inf), kind="stable"), kind="stable")
    return ranks * _THIRDS // max(1, len(values))
