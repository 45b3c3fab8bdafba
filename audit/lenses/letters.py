"""Are there letters in the pictures of a text, and are they those of the text itself?

Inversions of checkpoints that learnt from the web often hold written words: a text can be matched by the picture of its
letters. A judge that reads says of every image what stands there; where a suite of this lens asks a judge of labels
whether anything is written, its answers show writing that nobody could read. Both are compared with references of the
suite that name nothing written.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import pandas as pd

from audit.evidence import Evidence
from audit.lenses.common.labelled import (
    Labelled,
    estimate_rows,
    first_questions,
    labelled_suites,
    recognised_share,
)
from audit.lenses.common.protocol import WHOLE_SUITE, LensAnswer, MetricCard, flat_row, make_answer
from audit.lenses.common.verdicts import names, numbers, size
from audit.lenses.letters_metrics import (
    LETTERS_METRICS,
    RECOGNISED,
)
from audit.lenses.letters_rows import LettersPool, pools_read, pools_seen
from audit.records import Finding
from audit.stats import (
    ClusterEstimate,
    cluster_mean,
    cluster_share,
    group_means,
    singles,
    two_level_means,
    welch_difference,
)

_CARD: Final = {card.name: card for card in LETTERS_METRICS}


@final
@dataclass(frozen=True, slots=True)
class LettersLens:
    """How often images hold text, and how often it is the prompt's own."""

    @property
    def name(self) -> str:
        """Name of the lens."""
        return "letters"

    @property
    def metrics(self) -> tuple[MetricCard, ...]:
        """Every metric of the lens."""
        return LETTERS_METRICS

    def examine(self, evidence: Evidence, *, level: float = 0.95) -> LensAnswer:
        """Answer for every suite with subjects by each judge that reads, and for the lens's own by judges of labels.

        Tables: ``letters_concepts`` (a row per judge, suite, role and concept) and ``letters_read`` (a row per text
        that was read in images of a subject).
        """
        findings: list[Finding] = []
        concept_rows: list[dict[str, object]] = []
        read_rows: list[dict[str, object]] = []
        asked = tuple(first_questions(labelled_suites(evidence, self.name)))
        for pool in (*pools_read(evidence), *pools_seen(asked)):
            label: dict[str, object] = {"judge": pool.judge, "primary": pool.primary, "suite": pool.suite}
            for (role, concept), rows in pool.rows.groupby(["role", "concept"], sort=True):
                found = _concept_findings(pool, str(concept), str(role), rows, level=level)
                concept_rows.append({**label, **_counts(rows, str(concept), str(role)), **flat_row(found, _CARD)})
                findings += found if pool.primary and role == "subject" else ()
                read_rows += _read_rows(pool, label, str(concept), rows, level=level) if role == "subject" else ()
            for name, rows in pool.subjects.items() if pool.primary else ():
                findings += _suite_findings(pool, name, rows, level=level)
        findings += [_recognised(labelled, level=level) for labelled in asked if labelled.primary]
        return make_answer(findings, {"letters_concepts": concept_rows, "letters_read": read_rows})


def _concept_findings(
    pool: LettersPool, concept: str, role: str, rows: pd.DataFrame, *, level: float
) -> tuple[Finding, ...]:
    about, found = pool.about(concept, rows), []
    for column, card in pool.columns:
        used = _used(rows, column)
        mean = _mean(card, numbers(used, column), names(used, "prompt_id"), "prompts", level=level)
        found.append(about.finding(card, mean, level=level, n=size(used)))
    used, others = _used(rows, "shown"), pool.references([concept])
    if role == "reference" or not pool.matches.of[concept]:
        return tuple(found)
    means = [group_means(numbers(one, "shown"), names(one, "prompt_id")) for one in (used, others)]
    over = welch_difference(means[0], means[1], level=level, shares=True, trials=(len(used), len(others)))
    remark = f"Over {len(pool.matches.of[concept])} references, by prompts."
    n = size(pd.concat([used, others]))
    return (*found, about.finding(pool.excess, over, level=level, n=n, remark=remark))


def _suite_findings(pool: LettersPool, name: str, rows: pd.DataFrame, *, level: float) -> tuple[Finding, ...]:
    about, found = pool.about(name, rows), []
    for column, card in pool.columns:
        used = _used(rows, column)
        means = np.array([*_by_concept(used, column).values()], dtype=float)
        mean = _mean(card, means, singles(means), "concepts", level=level)
        found.append(about.finding(card, mean, level=level, n=size(used), remark="Mean over concepts."))
    subjects = sorted(set(names(rows, "concept")))
    if not any(pool.matches.of[subject] for subject in subjects):
        return tuple(found)
    used, others = _used(rows, "shown"), pool.references(subjects)
    over = _excess(pool, _by_concept(used, "shown"), _by_concept(others, "shown"), level=level)
    return (*found, about.finding(pool.excess, over, level=level, n=size(pd.concat([used, others]))))


def _used(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    return rows[rows["usable"] & rows[column].notna()]


def _mean(card: MetricCard, values: np.ndarray, units: list[str], unit: str, *, level: float) -> ClusterEstimate:
    """Return the mean of shares, or of differences of shares, whichever the metric is."""
    if card.span == (0.0, 1.0):
        return cluster_share(values, units, level=level, unit=unit)
    return cluster_mean(values, units, level=level, bounds=card.span, unit=unit)


def _excess(
    pool: LettersPool, shown: Mapping[str, float], others: Mapping[str, float], *, level: float
) -> ClusterEstimate:
    """Compare concepts: in pairs where every subject has references of its own, else as two independent sets."""
    if not pool.matches.paired:
        one, two = (np.array([*side.values()], dtype=float) for side in (shown, others))
        return welch_difference(one, two, level=level, shares=True)
    pairs = {name: [others[one] for one in pool.matches.of[name] if one in others] for name in shown}
    over = np.array([shown[name] - math.fsum(its) / len(its) for name, its in pairs.items() if its], dtype=float)
    return _mean(pool.excess, over, singles(over), "matched pairs", level=level)


def _by_concept(used: pd.DataFrame, column: str) -> dict[str, float]:
    """Return the mean of each concept, every prompt weighing the same."""
    concepts = names(used, "concept")
    means = two_level_means(numbers(used, column), names(used, "prompt_id"), concepts)
    return dict(zip(sorted(set(concepts)), means.tolist(), strict=True))


def _recognised(labelled: Labelled, *, level: float) -> Finding:
    share, n = recognised_share(labelled, level=level)
    return labelled.about("letters", WHOLE_SUITE, labelled.rows).finding(RECOGNISED, share, level=level, n=n)


def _counts(rows: pd.DataFrame, concept: str, role: str) -> dict[str, object]:
    used = rows[rows["usable"]]
    return {
        "concept": concept,
        "role": role,
        "n_prompts": int(rows["prompt_id"].nunique()),
        "n_images": len(rows),
        "n_used": len(used),
        "n_with_letters": int(used["shown"].sum()),
    }


def _read_rows(
    pool: LettersPool, label: Mapping[str, object], concept: str, rows: pd.DataFrame, *, level: float
) -> list[dict[str, object]]:
    """Return a row per text that was read in the images of a concept, with the share of images that hold it."""
    if not pool.reads:
        return []
    used = rows[rows["usable"]]
    texts = used["read"].astype(object)
    hits = {
        text: cluster_share((texts == text).to_numpy(dtype=float), names(used, "prompt_id"), level=level)
        for text in sorted(set(texts) - {""})
    }
    about = {**label, "question": "letters", "concept": concept}
    return [{**about, **row} for row in estimate_rows(hits, size(used))]
