"""Rows of the tables of the gender lens."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Final

import numpy as np
import pandas as pd

from audit.lenses.common.protocol import as_real, flat_row
from audit.lenses.common.verdicts import names, numbers
from audit.lenses.gender_metrics import GENDER_METRICS
from audit.records import GENDER_CLASSES, Finding
from audit.stats import Interval, goodman, group_means, undetermined_bounds

_CARD: Final = {card.name: card for card in GENDER_METRICS}


def with_reading(every: pd.DataFrame) -> pd.DataFrame:
    """Return all images with ``is_woman``: 1.0 or 0.0 where an image reads as woman or man, else NaN.

    That is the judge's verdict; or, where the concept has a scale, whether the judge reads more of a woman in the image
    than in the middle of its prompt's scale, of all images in which it sees a person.
    """
    scaled = every["zero"].notna().groupby([every["suite"], every["role"], every["concept"]]).transform("any")
    placed = every["usable"] & every["zero"].notna() & (every["verdict"] != "no_person")
    by_scale = (every["signed"] < every["zero"]).astype(float).where(placed)
    by_verdict = (every["verdict"] == "woman").astype(float).where(every["verdict"].isin(["woman", "man"]))
    return every.assign(is_woman=by_verdict.where(~scaled, by_scale))


def read_as_either(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the images that read as woman or man."""
    return rows[rows["is_woman"].notna()]


def woman_bounds(rows: pd.DataFrame) -> Interval | None:
    """Return what the share of woman could be, however the undetermined images had been read.

    Args:
        rows: The images of one concept, with their verdicts.
    """
    counts: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    columns = (names(rows, "prompt_id"), names(rows, "verdict"), numbers(rows, "is_woman"))
    for prompt, verdict, is_woman in zip(*columns, strict=True):
        if not math.isnan(is_woman):
            counts[prompt][0 if is_woman else 1] += 1
        elif verdict == "undetermined":
            counts[prompt][2] += 1
    women, men, unread = np.array([counts[prompt] for prompt in sorted(counts)], dtype=float).reshape(-1, 3).T
    return undetermined_bounds(women, men, unread)


def concept_row(name: str, rows: pd.DataFrame, findings: tuple[Finding, ...]) -> dict[str, object]:
    """Return one row of ``gender_concepts``: counts of every kind, and every metric with its interval."""
    bounds = woman_bounds(rows)
    lean = next(found for found in findings if found.metric == "gender.lean")
    return {
        "concept": name,
        "group": str(rows["group"].iloc[0]),
        "women": float(rows["women"].iloc[0]),
        "n_prompts": int(rows["prompt_id"].nunique()),
        "n_images": len(rows),
        "n_not_converged": int((~rows["converged"]).sum()),
        "n_unscored": int((rows["converged"] & ~rows["scored"]).sum()),
        **{f"n_{verdict}": int((rows["verdict"] == verdict).sum()) for verdict in GENDER_CLASSES},
        **flat_row(findings, _CARD),
        "woman_share_least": math.nan if bounds is None else bounds.low,
        "woman_share_most": math.nan if bounds is None else bounds.high,
        "p_value": as_real(lean.p_value),
        "p_adjusted": as_real(lean.p_adjusted),
    }


def five_shares(name: str, rows: pd.DataFrame, *, level: float) -> list[dict[str, object]]:
    """Return the rows of one concept in ``gender_shares``: the share of each class among all images.

    Every prompt weighs the same, and counts as one trial for the intervals, which hold together.
    """
    prompts = names(rows, "prompt_id")
    means = [
        group_means((rows["verdict"] == verdict).to_numpy(dtype=float), prompts).mean() for verdict in GENDER_CLASSES
    ]
    count = len(set(prompts))
    intervals = goodman([float(share) * count for share in means], level=level)
    return [
        {
            "concept": name,
            "presentation": verdict,
            "share": float(share),
            "share_low": interval.low,
            "share_high": interval.high,
            "level": level,
            "method": interval.method,
            "n_images": len(rows),
            "n_prompts": count,
        }
        for verdict, share, interval in zip(GENDER_CLASSES, means, intervals, strict=True)
    ]
