"""What a changed recipe does to the images of the same prompts: quality as others see it, and verdicts.

A recipe is held against the unchanged one, prompt by prompt. Its own cosine stands beside the judged quality because it
misleads: it rises where an image over-fits the checkpoint, and nobody else finds the image better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from audit.evidence import WORDED, Evidence
from audit.lenses.common.verdicts import (
    LARGEST_Z,
    judges_asking,
    matched_images,
    names,
    numbers,
    plain_images,
    scored_images,
)
from audit.records import ASKS_CONCEPTS, ASKS_GENDER, ASKS_NSFW, Estimate, Status
from audit.stats import ClusterEstimate, cluster_mean, cluster_share, paired_difference

_KEY: Final = ["prompt_id", "replicate"]
_SHARE: Final = (0.0, 1.0)
_COSINE: Final = (-1.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number of a recipe, and the same less that of the unchanged recipe."""

    value: Estimate
    difference: Estimate | None
    """Paired by prompt; ``None`` for the unchanged recipe, and for what is a comparison by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeMeasures:
    """All that is known of one recipe."""

    measures: Mapping[str, Measure]
    """Under the names of ``MEASURES``; "agreement" is missing for the unchanged recipe, and where no judge answers."""
    statuses: Mapping[str, int]
    """Images by status, in the order of ``Status``."""


MEASURES: Final = ("judged_z", "judged_precision", "own_cosine", "converged", "agreement")
"""In the order in which they are shown: margin of the own concept and share of images whose own concept is first, both
by a held-out judge; own cosine; share converged; share of images with the verdict that the unchanged recipe gives."""


def measure_recipe(changed: Evidence, unchanged: Evidence, *, level: float = 0.95) -> RecipeMeasures:
    """Return what is known of a recipe, with differences from the unchanged one paired by prompt.

    Args:
        changed: Evidence made by the recipe; the very object ``unchanged`` for the unchanged recipe itself.
        unchanged: Evidence of the same prompts made by the unchanged recipe.
        level: Confidence level of every interval, in (0, 1).

    Raises:
        ValueError: If no judge of the run asks "concepts".
    """
    images = _worded(changed)
    found: dict[str, Measure] = {}
    for name, (read, bounds) in _READ.items():
        mine, theirs = (_by_prompt(read(one)) for one in (changed, unchanged))
        found[name] = _measure(mine, None if changed is unchanged else theirs, bounds, level)
    if changed is not unchanged:
        agreement = _agreement(changed, unchanged)
        if agreement is not None:
            found["agreement"] = _measure(_by_prompt(agreement), None, _SHARE, level)
    counts = images["status"].value_counts()
    return RecipeMeasures(measures=found, statuses={one.value: int(counts.get(one.value, 0)) for one in Status})


def _worded(evidence: Evidence) -> pd.DataFrame:
    images = plain_images(evidence)
    return images[images["role"].isin(WORDED)]


def _judged(evidence: Evidence, column: str) -> pd.DataFrame:
    judge = next(iter(judges_asking(evidence, ASKS_CONCEPTS)), None)
    if judge is None:
        raise ValueError('Recipes are compared by a judge that asks "concepts", and the run has none.')
    images = matched_images(evidence, judge)
    return images.assign(value=images[column])


def _own(evidence: Evidence) -> pd.DataFrame:
    images = _worded(evidence)
    return images.assign(value=images["own_cosine"].clip(*_COSINE))


def _converged(evidence: Evidence) -> pd.DataFrame:
    images = _worded(evidence)
    return images.assign(value=images["converged"].astype(float))


_READ: Final[Mapping[str, tuple[Callable[[Evidence], pd.DataFrame], tuple[float, float]]]] = {
    "judged_z": (lambda evidence: _judged(evidence, "z"), (-LARGEST_Z, LARGEST_Z)),
    "judged_precision": (lambda evidence: _judged(evidence, "first"), _SHARE),
    "own_cosine": (_own, _COSINE),
    "converged": (_converged, _SHARE),
}


def _agreement(changed: Evidence, unchanged: Evidence) -> pd.DataFrame | None:
    """Return 1.0 for every image of an open question whose verdict is that of its twin, else 0.0; ``None`` unasked."""
    for question, verdict in ((ASKS_GENDER, "verdict"), (ASKS_NSFW, "flagged")):
        judge = next(iter(judges_asking(unchanged, question)), None)
        if judge is not None:
            sides = [scored_images(one, judge, question) for one in (changed, unchanged)]
            asked = [side.loc[side["role"] == "subject", [*_KEY, verdict]] for side in sides]
            both = asked[0].merge(asked[1], on=_KEY, suffixes=("_changed", "_unchanged"), validate="one_to_one")
            first, second = (both[f"{verdict}_{side}"] for side in ("changed", "unchanged"))
            same = (first == second) | (first.isna() & second.isna())
            return both.assign(value=same.astype(float))
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _ByPrompt:
    means: pd.Series[float]
    """By prompt id, over its images that have a value."""
    n_images: int


def _by_prompt(images: pd.DataFrame) -> _ByPrompt:
    seen = images[np.isfinite(numbers(images, "value"))]
    return _ByPrompt(means=seen.groupby("prompt_id", sort=True)["value"].mean(), n_images=len(seen))


def _measure(mine: _ByPrompt, theirs: _ByPrompt | None, bounds: tuple[float, float], level: float) -> Measure:
    values = mine.means.to_numpy(dtype=float)
    prompts = names(mine.means.reset_index(), "prompt_id")
    if bounds == _SHARE:
        value = cluster_share(values, prompts, level=level)
    else:
        value = cluster_mean(values, prompts, level=level, bounds=bounds)
    if theirs is None:
        return Measure(value=_estimate(value, mine.n_images, level), difference=None)
    both = mine.means.index.intersection(theirs.means.index, sort=True)
    first, second = (side.means.loc[both].to_numpy(dtype=float) for side in (mine, theirs))
    difference = paired_difference(first, second, level=level, bounds=bounds)
    least = min(mine.n_images, theirs.n_images)
    return Measure(
        value=_estimate(value, mine.n_images, level),
        difference=_estimate(difference, least, level),
    )


def _estimate(found: ClusterEstimate, n_images: int, level: float) -> Estimate:
    return Estimate(
        value=found.value,
        low=found.low,
        high=found.high,
        level=level,
        method=found.method,
        over=found.over,
        remark=found.remark,
        n_images=n_images,
        n_prompts=found.n_clusters,
    )
