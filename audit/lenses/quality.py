"""Did the inversions find images that the checkpoint itself recognises? Without that, no other lens has evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np
import pandas as pd

from audit.evidence import Evidence
from audit.lenses.common.cards import LensCard, MetricCard
from audit.lenses.common.protocol import WHOLE_SUITE, LensAnswer, Subject, flat_row, make_answer
from audit.lenses.common.verdicts import LARGEST_Z, judges_asking, matched_images, names, numbers, plain_images, size
from audit.records import ASKS_CONCEPTS, Finding
from audit.stats import cluster_mean, cluster_share, singles, two_level_means

_COSINES: Final = (-1.0, 1.0)
_PERCENTILES: Final = (0.0, 100.0)
_OWN_COSINE: Final = MetricCard(
    name="quality.own_cosine",
    title="Own cosine",
    unit="cosine",
    neutral=None,
    direction="higher",
    span=_COSINES,
    meaning="Cosine of an image with its own text on fresh views, by the audited checkpoint. A high one is no proof of "
    "a good image: inversion can over-fit.",
)
_CONVERGED: Final = MetricCard(
    name="quality.converged_share",
    title="Share converged",
    unit="share",
    neutral=None,
    direction="higher",
    meaning="Inversions that the checkpoint tells apart from those of other texts; only these are evidence.",
)
_PERCENTILE: Final = MetricCard(
    name="quality.own_percentile",
    title="Own percentile",
    unit="percentile",
    neutral=50.0,
    direction="higher",
    span=_PERCENTILES,
    meaning="Place of the own cosine among the checkpoint's cosines of unmatched pairs, from 0 to 100.",
)
_PRECISION: Final = MetricCard(
    name="quality.judged_precision",
    title="Recognised by a held-out judge",
    trend_place=1,
    unit="share",
    neutral=None,
    direction="higher",
    asks=ASKS_CONCEPTS,
    meaning="Inversions for which a checkpoint that had no part in them finds the own concept more similar than every "
    "other concept of the suite (R-precision). Converged or not, all of them count.",
)
_MARGIN: Final = MetricCard(
    name="quality.judged_z",
    title="Margin by a held-out judge",
    signed=True,
    trend_place=0,
    unit="standard deviations",
    neutral=0.0,
    direction="higher",
    span=(-LARGEST_Z, LARGEST_Z),
    asks=ASKS_CONCEPTS,
    meaning="By the same checkpoint, the cosine of an inversion with its own concept less the mean of those with the "
    "other concepts of the suite, in their standard deviations; 0 where it is like any other.",
)
_CARDS: Final = (_OWN_COSINE, _PERCENTILE, _CONVERGED, _PRECISION, _MARGIN)
_COLUMNS: Final = ((_OWN_COSINE, "own_cosine", _COSINES), (_PERCENTILE, "own_percentile", _PERCENTILES))
_ROUNDING: Final = 1e-6  # a cosine of two single-precision vectors can pass 1 by this much


LENS: Final = LensCard(
    name="quality",
    question="Did the inversions find pictures that the checkpoint itself recognises?",
    metrics=_CARDS,
    place="last",
    is_instrument=True,
    has_suites=False,
)


@final
@dataclass(frozen=True, slots=True)
class QualityLens:
    """Quality of the inversions of each suite, noise controls left out."""

    @property
    def card(self) -> LensCard:
        """What is to be known of the lens."""
        return LENS

    def examine(self, evidence: Evidence, *, level: float = 0.95) -> LensAnswer:
        """Answer for every suite. Table: ``quality_suites``."""
        every = plain_images(evidence)
        cards = {card.name: card for card in _CARDS}
        judged = _judged_findings(evidence, level=level)
        findings: list[Finding] = []
        table_rows: list[dict[str, object]] = []
        for suite, rows in every[every["role"] != "noise"].groupby("suite", sort=True):
            found = (*_suite_findings(rows, str(suite), level=level), *judged.get(str(suite), ()))
            statuses = {f"n_{status}": int(count) for status, count in rows["status"].value_counts().items()}
            table_rows.append({"suite": str(suite), "n_images": len(rows), **statuses, **flat_row(found, cards)})
            findings += found
        table = pd.DataFrame(table_rows)
        statuses_seen = [column for column in table.columns if column.startswith("n_")]
        table[statuses_seen] = table[statuses_seen].fillna(0).astype(int)
        return make_answer(findings, {"quality_suites": table})


def _suite_findings(rows: pd.DataFrame, suite: str, *, level: float) -> tuple[Finding, ...]:
    shares = _concept_means(rows, rows["converged"].to_numpy(dtype=float))
    converged = cluster_share(shares, singles(shares), level=level, unit="concepts")
    about = Subject(lens=LENS.name, suite=suite, name=WHOLE_SUITE, n_unscored=0, note="")
    findings = [about.finding(_CONVERGED, converged, level=level, n=size(rows))]
    for card, column, (smallest, largest) in _COLUMNS:
        finite = rows[np.isfinite(numbers(rows, column))]
        values = numbers(finite, column)
        if len(values) and not (smallest - _ROUNDING <= values.min() and values.max() <= largest + _ROUNDING):
            raise ValueError(f"{column} lies between {smallest} and {largest}; found {values.min()} to {values.max()}.")
        means = _concept_means(finite, values.clip(smallest, largest))
        mean = cluster_mean(means, singles(means), level=level, bounds=(smallest, largest), unit="concepts")
        about = Subject(lens=LENS.name, suite=suite, name=WHOLE_SUITE, n_unscored=len(rows) - len(finite), note="")
        findings.append(about.finding(card, mean, level=level, n=size(finite)))
    return tuple(findings)


def _judged_findings(evidence: Evidence, *, level: float) -> dict[str, tuple[Finding, ...]]:
    """Return what the first judge that tells concepts apart finds of every suite; nothing where there is none."""
    judge = next(iter(judges_asking(evidence, ASKS_CONCEPTS)), None)
    if judge is None:
        return {}
    return {
        str(suite): tuple(_judged(rows, str(suite), judge, column, level=level) for column in ("first", "z"))
        for suite, rows in matched_images(evidence, judge).groupby("suite", sort=True)
    }


def _judged(rows: pd.DataFrame, suite: str, judge: str, column: str, *, level: float) -> Finding:
    seen = rows[np.isfinite(numbers(rows, column))]
    means = _concept_means(seen, numbers(seen, column))
    if column == "first":
        card, found = _PRECISION, cluster_share(means, singles(means), level=level, unit="concepts")
    else:
        card, found = _MARGIN, cluster_mean(means, singles(means), level=level, bounds=_MARGIN.span, unit="concepts")
    about = Subject(
        lens=LENS.name, suite=suite, name=WHOLE_SUITE, n_unscored=len(rows) - len(seen), note=f"Judge: {judge}."
    )
    return about.finding(card, found, level=level, n=size(seen))


def _concept_means(rows: pd.DataFrame, values: np.ndarray) -> np.ndarray:
    return two_level_means(values, names(rows, "prompt_id"), names(rows, "concept"))
