"""How often the judge of a lens is wrong, by labels that people gave to images of the same run.

What an image shows is what all say who could tell; where they disagree, or none could tell, it shows nothing to learn
from, and is counted. The rates are those of the very reading that the lens counts, scale and thresholds included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np
import pandas as pd

from audit.evidence import CANNOT_TELL, Evidence, concept_column
from audit.lenses.common.verdicts import names, numbers
from audit.stats import ClusterEstimate, Neither, PooledRate, Rate, agreement, rogan_gladen

_KEY: Final = ["prompt_id", "replicate"]
_NEITHER: Final = "neither"


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgeErrors:
    """The errors of one judge at one question, by concept."""

    found: PooledRate
    """Of images that show the thing, how many the judge reads so."""
    alarms: PooledRate
    """Of images that show its opposite, how many the judge reads as the thing."""
    other: PooledRate
    """Of the images that the judge reads either way, how many show neither."""
    other_read: PooledRate
    """Of those, how many it reads as the thing."""

    @property
    def usable(self) -> bool:
        """Whether there are labelled images with the thing and without it."""
        return bool(self.found.images and self.alarms.images)

    def correct(self, read: ClusterEstimate, concept: str | None, *, level: float) -> ClusterEstimate:
        """Return the share of images that show the thing behind the share that is read so; see ``rogan_gladen``.

        Args:
            read: The share, in [0, 1].
            concept: ``concept_column`` of whose images; ``None`` for a mean over concepts.
            level: Of the interval of ``read``.
        """
        if not self.usable:
            return read

        def rate(pooled: PooledRate) -> Rate:
            return pooled.overall(level=level) if concept is None else pooled.of(concept, level=level)

        neither = Neither(share=rate(self.other), read=rate(self.other_read))
        exact = not any(happened for happened, _ in self.other.counts.values())
        found, alarms = rate(self.found), rate(self.alarms)
        return rogan_gladen(read, found, alarms) if exact else rogan_gladen(read, found, alarms, neither=neither)


def judge_errors(
    rows: pd.DataFrame, column: str, evidence: Evidence, *, question: str, sides: tuple[str, str]
) -> JudgeErrors | None:
    """Return how a judge errs by the labels of a run; ``None`` where nobody labelled for this question.

    Args:
        rows: Images with the reading of one judge, of all suites and roles.
        column: 1.0 where the judge reads the thing, 0.0 where its opposite, NaN where neither.
        evidence: With the labels.
        question: Of the labels.
        sides: Labels of the thing and of its opposite; other labels show neither.
    """
    table = _labelled(rows, evidence, question, sides)
    if table is None:
        return None
    read = table[table[column].notna() & (table["shown"] != "")]
    hits = read.assign(hit=numbers(read, column) > 0, is_other=read["shown"] == _NEITHER)

    def pooled(of: pd.DataFrame, counted: str) -> PooledRate:
        groups = of.groupby("key", sort=True)[counted].agg(["sum", "count"])
        return PooledRate({str(key): (int(row["sum"]), int(row["count"])) for key, row in groups.iterrows()})

    return JudgeErrors(
        found=pooled(hits[hits["shown"] == sides[0]], "hit"),
        alarms=pooled(hits[hits["shown"] == sides[1]], "hit"),
        other=pooled(hits, "is_other"),
        other_read=pooled(hits[hits["is_other"]], "hit"),
    )


def error_rows(
    errors: JudgeErrors | None,
    rows: pd.DataFrame,
    evidence: Evidence,
    *,
    question: str,
    sides: tuple[str, str],
    level: float,
) -> list[dict[str, object]]:
    """Return a table of what is known of a judge's errors: the whole first, then every labelled concept."""
    table = _labelled(rows, evidence, question, sides)
    if errors is None or table is None:
        return []
    said = {str(key): [str(one).split() for one in images["said"]] for key, images in table.groupby("key", sort=True)}
    agreed = agreement(said, level=level)
    whole = {
        "suite": "*",
        "concept": "*",
        **_counts(table, sides),
        **_rates(errors, None, level),
        "agreement": agreed.value,
        "agreement_low": agreed.low,
        "agreement_high": agreed.high,
        "raters": int(evidence.labels.loc[evidence.labels["question"] == question, "rater"].nunique()),
    }
    nothing = {"agreement": None, "agreement_low": None, "agreement_high": None, "raters": 0}
    found = [whole]
    for (suite, concept), images in table.groupby(["suite", "concept"], sort=True):
        key = concept_column(str(suite), str(concept))
        row = {"suite": str(suite), "concept": str(concept), **_counts(images, sides), **_rates(errors, key, level)}
        found.append({**row, **nothing})
    return [{name: np.nan if value is None else value for name, value in row.items()} for row in found]


def _labelled(rows: pd.DataFrame, evidence: Evidence, question: str, sides: tuple[str, str]) -> pd.DataFrame | None:
    """Return the labelled images with ``key``, ``said`` (all labels) and ``shown``: a side, "neither", or nothing."""
    labels = evidence.labels[evidence.labels["question"] == question]
    if labels.empty:
        return None
    told = labels[labels["label"] != CANNOT_TELL].groupby(_KEY)["label"].agg(["nunique", "first"])
    said = labels.groupby(_KEY)["label"].agg(lambda all_of: " ".join(sorted(all_of))).rename("said")
    agreed = told.loc[told["nunique"] == 1, "first"]
    shown = agreed.where(agreed.isin(sides), _NEITHER).rename("shown")
    table = rows.merge(said, left_on=_KEY, right_index=True).merge(shown, left_on=_KEY, right_index=True, how="left")
    keys = [
        concept_column(suite, concept)
        for suite, concept in zip(names(table, "suite"), names(table, "concept"), strict=True)
    ]
    return table.assign(shown=table["shown"].astype(object).where(table["shown"].notna(), ""), key=keys)


def _counts(table: pd.DataFrame, sides: tuple[str, str]) -> dict[str, object]:
    agreed = table["shown"] != ""
    tried = ~table["said"].map(lambda said: set(str(said).split()) == {CANNOT_TELL}).astype(bool)
    return {
        "n_labelled": len(table),
        "n_cannot_tell": int((~tried).sum()),
        "n_disputed": int((tried & ~agreed).sum()),
        "n_with": int((table["shown"] == sides[0]).sum()),
        "n_without": int((table["shown"] == sides[1]).sum()),
        "n_neither": int((table["shown"] == _NEITHER).sum()),
    }


def _rates(errors: JudgeErrors, concept: str | None, level: float) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, pooled in (("found", errors.found), ("alarms", errors.alarms)):
        if not pooled.images:
            found |= {name: None, f"{name}_low": None, f"{name}_high": None}
            continue
        rate = pooled.overall(level=level) if concept is None else pooled.of(concept, level=level)
        found |= {name: rate.value, f"{name}_low": rate.low, f"{name}_high": rate.high}
    return found
