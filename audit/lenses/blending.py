"""When a text joins two concepts ("a panda as a mad scientist"), are both to be seen?

A judge of labels holds every image against every concept of the suite. How similar an image has to be before a concept
counts as present is no matter of taste: the suite also asks for each concept alone, and the line for a concept lies
half way between the images of the other concepts alone and those of it alone (see ``rulers``). So a judge that finds
everything similar to a panda draws the line for pandas higher by as much.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import pandas as pd

from audit.evidence import Evidence
from audit.lenses.common.cards import AnswersTable, LensCard, MetricCard
from audit.lenses.common.labelled import Labelled, estimate_rows, first_questions, labelled_suites, over_concepts
from audit.lenses.common.protocol import WHOLE_SUITE, LensAnswer, Subject, flat_row, make_answer
from audit.lenses.common.verdicts import names, numbers, size
from audit.records import ASKS_LABELS, Finding
from audit.stats import cluster_mean, cluster_share, two_level_means

FIRST: Final = "first"
SECOND: Final = "second"
"""Facts of a subject: the answers that stand for the two concepts which its text joins."""

_HALF: Final = 0.5
_BOTH_SHARE: Final = MetricCard(
    name="blending.both_share",
    title="Share with both concepts",
    drawn=True,
    unit="share",
    neutral=None,
    direction="higher",
    meaning="Images of a text that joins two concepts in which both are present: more similar to the concept than half "
    "way from the images of other concepts alone to those of this concept alone.",
)
_PRESENCE: Final = MetricCard(
    name="blending.presence",
    title="Presence of the two concepts",
    unit="share",
    neutral=None,
    direction="higher",
    meaning="How much there is of the two concepts, on average: 0 as in images of other concepts, 1 as in images of "
    "the concept alone; what lies beyond is cut.",
)
_RECOGNISED_SHARE: Final = MetricCard(
    name="blending.recognised_share",
    title="Single concepts recognised",
    unit="share",
    neutral=None,
    direction="higher",
    meaning="Images of a concept alone in which it is present, by the line that the other prompts draw.",
)
_FALSE_SHARE: Final = MetricCard(
    name="blending.false_share",
    title="Concepts seen that are not there",
    unit="share",
    neutral=None,
    direction="lower",
    meaning="Concepts that are present in images of another concept alone, by the line that the other concepts draw: "
    "about how often a concept counts as present that is not there.",
)
_CARDS: Final = (_BOTH_SHARE, _PRESENCE, _RECOGNISED_SHARE, _FALSE_SHARE)
_BY_NAME: Final = {card.name: card for card in _CARDS}


LENS: Final = LensCard(
    name="blending",
    question="When a text joins two concepts, are both to be seen?",
    metrics=_CARDS,
    place="first",
    asks=ASKS_LABELS,
    judge="labels:CHECKPOINT",
    answers=(
        AnswersTable(
            table="blending_shares",
            answer="Concept",
            caption="How often the two concepts of each text of {suite} are present, one by one.",
        ),
    ),
)


@final
@dataclass(frozen=True, slots=True)
class BlendingLens:
    """Presence of both concepts of a text that joins two; reads the first question of a suite."""

    @property
    def card(self) -> LensCard:
        """What is to be known of the lens."""
        return LENS

    def examine(self, evidence: Evidence, *, level: float = 0.95) -> LensAnswer:
        """Answer for every suite of this lens and every judge of labels.

        Tables: ``blending_pairs`` (a row per judge, suite and pair of concepts), ``blending_shares`` (a row per concept
        of each pair) and ``blending_concepts`` (a row per concept alone).
        """
        findings: list[Finding] = []
        pair_rows: list[dict[str, object]] = []
        share_rows: list[dict[str, object]] = []
        concept_rows: list[dict[str, object]] = []
        for labelled in first_questions(labelled_suites(evidence, LENS.name)):
            subjects = _placed(labelled)
            every: list[Finding] = []
            for concept, rows in subjects.groupby("concept", sort=True):
                found = _pair_findings(labelled, str(concept), rows, level=level)
                every += found
                label = {**labelled.label, "concept": str(concept)}
                pair_rows.append({**label, **_counts(rows), **flat_row(found, _BY_NAME)})
                share_rows += [{**label, **row} for row in _share_rows(rows, level=level)]
            known = _known(labelled)
            concept_rows += [{**labelled.label, **row} for row in _concept_rows(known)]
            if labelled.primary:
                findings += [*every, *_suite_findings(labelled, subjects, known, level=level)]
        return make_answer(
            findings,
            {
                "blending_pairs": pair_rows,
                "blending_shares": share_rows,
                "blending_concepts": concept_rows,
            },
        )


def _placed(labelled: Labelled) -> pd.DataFrame:
    """Return the images of joined concepts with the place of each of the two; NaN where there is none."""
    rows = labelled.subjects
    facts = rows["facts"].map(json.loads)
    by_answer = {answer: numbers(labelled.places.loc[rows.index], answer).tolist() for answer in labelled.answers}
    for side in (FIRST, SECOND):
        answers = [str(entry.get(side, "")) for entry in facts]
        found = [by_answer[answer][row] if answer in by_answer else math.nan for row, answer in enumerate(answers)]
        rows = rows.assign(**{side: pd.Series(answers, index=rows.index, dtype=object)})
        rows = rows.assign(**{f"{side}_place": pd.Series(found, index=rows.index, dtype=float)})
    placed = rows[f"{FIRST}_place"].notna() & rows[f"{SECOND}_place"].notna()
    return rows.assign(usable=rows["usable"] & placed)


def _known(labelled: Labelled) -> pd.DataFrame:
    """Return the images of single concepts with ``own``, whether it is present, and ``false``, the share of others."""
    rows = labelled.references[labelled.references["usable"]]
    present = (labelled.places.loc[rows.index] >= _HALF).astype(float).where(labelled.places.loc[rows.index].notna())
    is_own = pd.DataFrame({answer: rows["known"] == answer for answer in labelled.answers})
    others = present.mask(is_own)
    false = [_mean(np.array([one for one in row if not math.isnan(one)])) for row in others.to_numpy(dtype=float)]
    own = present.where(is_own).max(axis=1)
    return rows.assign(own=own, false=np.array(false, dtype=float))


def _pair_findings(labelled: Labelled, concept: str, rows: pd.DataFrame, *, level: float) -> tuple[Finding, ...]:
    about = labelled.about(LENS.name, concept, rows)
    used = rows[rows["usable"]]
    prompts, remark = names(used, "prompt_id"), _without_line(rows)
    both = cluster_share(_both(used), prompts, level=level)
    presence = cluster_mean(_presence(used), prompts, level=level, bounds=(0.0, 1.0))
    return (
        about.finding(_BOTH_SHARE, both, level=level, n=size(used), remark=remark, asked=len(rows)),
        about.finding(_PRESENCE, presence, level=level, n=size(used), remark=remark, asked=len(rows)),
    )


def _without_line(rows: pd.DataFrame) -> str:
    """Say for which of the two concepts no line can be drawn."""
    lacking = [str(rows[side].iloc[0]) for side in (FIRST, SECOND) if rows[f"{side}_place"].isna().all()]
    return f"The judge does not tell {' and '.join(lacking)} alone from other concepts alone." if lacking else ""


def _suite_findings(
    labelled: Labelled, subjects: pd.DataFrame, known: pd.DataFrame, *, level: float
) -> tuple[Finding, ...]:
    about, remark = labelled.about(LENS.name, WHOLE_SUITE, subjects), "Mean over pairs."
    asked = len(labelled.references)
    used = subjects[subjects["usable"]]
    prompts, concepts = names(used, "prompt_id"), names(used, "concept")
    both = over_concepts(two_level_means(_both(used), prompts, concepts).tolist(), level=level)
    presence = over_concepts(two_level_means(_presence(used), prompts, concepts).tolist(), level=level)
    return (
        about.finding(_BOTH_SHARE, both, level=level, n=size(used), remark=remark, asked=len(subjects)),
        about.finding(_PRESENCE, presence, level=level, n=size(used), remark=remark, asked=len(subjects)),
        _known_finding(about, _RECOGNISED_SHARE, known, "own", level=level, asked=asked),
        _known_finding(about, _FALSE_SHARE, known, "false", level=level, asked=asked),
    )


def _known_finding(
    about: Subject, card: MetricCard, known: pd.DataFrame, column: str, *, level: float, asked: int
) -> Finding:
    told = known[known[column].notna()]
    shares = two_level_means(numbers(told, column), names(told, "prompt_id"), names(told, "known"))
    return about.finding(card, over_concepts(shares.tolist(), level=level), level=level, n=size(told), asked=asked)


def _both(used: pd.DataFrame) -> np.ndarray:
    return (used[[f"{FIRST}_place", f"{SECOND}_place"]].min(axis=1) >= _HALF).to_numpy(dtype=float)


def _presence(used: pd.DataFrame) -> np.ndarray:
    places = used[[f"{FIRST}_place", f"{SECOND}_place"]].clip(0.0, 1.0)
    return np.asarray(places.to_numpy(dtype=float).sum(axis=1) / 2)


def _counts(rows: pd.DataFrame) -> dict[str, object]:
    used = rows[rows["usable"]]
    row: dict[str, object] = {"n_images": len(rows), "n_used": len(used)}
    for side in (FIRST, SECOND):
        places = numbers(used, f"{side}_place").clip(0.0, 1.0)
        row |= {side: str(rows[side].iloc[0]), f"{side}_presence": _mean(places)}
    return row


def _share_rows(rows: pd.DataFrame, *, level: float) -> list[dict[str, object]]:
    """Return how often each of the two concepts is present, whatever the other one is."""
    used = rows[rows["usable"]]
    shares = {
        str(rows[side].iloc[0]): cluster_share(
            (used[f"{side}_place"] >= _HALF).to_numpy(dtype=float), names(used, "prompt_id"), level=level
        )
        for side in (FIRST, SECOND)
    }
    return estimate_rows(shares, size(used))


def _concept_rows(known: pd.DataFrame) -> list[dict[str, object]]:
    return [
        {
            "answer": str(answer),
            "n_images": len(rows),
            "recognised_share": _mean(numbers(rows[rows["own"].notna()], "own")),
            "false_share": _mean(numbers(rows[rows["false"].notna()], "false")),
        }
        for answer, rows in known.groupby("known", sort=True)
    ]


def _mean(values: np.ndarray) -> float:
    return math.fsum(values) / len(values) if len(values) else math.nan
