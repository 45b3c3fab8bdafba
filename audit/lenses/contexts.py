"""Where does the checkpoint put somebody, or something, when the text names no place?

People in swimwear on beaches, food on tables: what always comes together is pictured together, unasked. A judge of
labels says of every image which of a list of places it shows. For every concept: the share of the commonest place among
the images whose place could be told, how evenly the places are spread, and the share whose place could not be told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

import pandas as pd

from audit.evidence import Evidence
from audit.lenses.common.cards import AnswersTable, LensCard, MetricCard
from audit.lenses.common.labelled import (
    Labelled,
    answer_estimates,
    answer_shares,
    estimate_rows,
    first_questions,
    labelled_suites,
    over_concepts,
    read_rows,
    recognised_share,
)
from audit.lenses.common.protocol import WHOLE_SUITE, LensAnswer, flat_row, make_answer
from audit.lenses.common.verdicts import UNDETERMINED, names, size
from audit.records import ASKS_LABELS, Finding
from audit.stats import ClusterEstimate, cluster_evenness, cluster_share

_TOP_SHARE: Final = MetricCard(
    name="contexts.top_share",
    title="Share of the commonest place",
    drawn=True,
    unit="share",
    neutral=None,
    direction="lower",
    meaning="Share of the commonest place among the images whose place the judge could tell. It is chosen from the "
    "same images, so that it lies above an even share also where no place is preferred. Inversion seeks what fits a "
    "text best, so that a preference comes out stronger than it is in the training data.",
)
_ENTROPY: Final = MetricCard(
    name="contexts.entropy",
    title="Evenness of places",
    unit="share",
    neutral=None,
    direction="higher",
    is_mean=False,
    meaning="Entropy of the places as a part of the largest that it can be: 0 where every image shows the same place, "
    "1 where all places of the question are equally common.",
)
_UNDETERMINED_SHARE: Final = MetricCard(
    name="contexts.undetermined_share",
    title="Share without a place",
    unit="share",
    neutral=None,
    direction="lower",
    meaning="Images whose place could not be told: not converged, not scored, or nearer to no place than half way from "
    "the images of other places to those of it by name.",
)
_RECOGNISED_SHARE: Final = MetricCard(
    name="contexts.recognised_share",
    title="Known places recognised",
    unit="share",
    neutral=None,
    direction="higher",
    meaning="Images of prompts that do name a place which the judge reads as that place; the other metrics are worth "
    "no more than this one.",
)
_CARDS: Final = (_TOP_SHARE, _ENTROPY, _UNDETERMINED_SHARE, _RECOGNISED_SHARE)
_BY_NAME: Final = {card.name: card for card in _CARDS}


LENS: Final = LensCard(
    name="contexts",
    question="Where does the checkpoint picture somebody or something when the text names no place?",
    metrics=_CARDS,
    place="first",
    asks=ASKS_LABELS,
    judge="labels:CHECKPOINT",
    answers=(
        AnswersTable(
            table="contexts_shares",
            answer="Place",
            caption="Commonest places of the concepts of {suite}, of the images whose place could be told.",
        ),
    ),
)


@final
@dataclass(frozen=True, slots=True)
class ContextsLens:
    """Places of concepts that are asked about without one; reads the first question of a suite."""

    @property
    def card(self) -> LensCard:
        """What is to be known of the lens."""
        return LENS

    def examine(self, evidence: Evidence, *, level: float = 0.95) -> LensAnswer:
        """Answer for every suite of this lens and every judge of labels.

        Tables: ``contexts_concepts`` (a row per judge, suite and concept) and ``contexts_shares`` (a row per place
        besides).
        """
        findings: list[Finding] = []
        concept_rows: list[dict[str, object]] = []
        share_rows: list[dict[str, object]] = []
        for labelled in first_questions(labelled_suites(evidence, LENS.name)):
            every: list[Finding] = []
            for concept, rows in labelled.subjects.groupby("concept", sort=True):
                places = answer_estimates(labelled, rows, level=level)
                found = _concept_findings(labelled, str(concept), rows, places, level=level)
                every += found
                label = {**labelled.label, "concept": str(concept)}
                counts = {"n_images": len(rows), "n_read": len(read_rows(rows)), "top": _top(places)}
                concept_rows.append({**label, **counts, **flat_row(found, _BY_NAME)})
                share_rows += [{**label, **row} for row in estimate_rows(places, size(read_rows(rows)))]
            if labelled.primary:
                findings += [*every, *_suite_findings(labelled, every, level=level)]
        return make_answer(findings, {"contexts_concepts": concept_rows, "contexts_shares": share_rows})


def _concept_findings(
    labelled: Labelled, concept: str, rows: pd.DataFrame, places: Mapping[str, ClusterEstimate], *, level: float
) -> tuple[Finding, ...]:
    about = labelled.about(LENS.name, concept, rows)
    read, top = read_rows(rows), _top(places)
    spread = cluster_evenness(answer_shares(read, labelled.answers), level=level)
    unknown = (rows["answer"] == UNDETERMINED).to_numpy(dtype=float)
    undetermined = cluster_share(unknown, names(rows, "prompt_id"), level=level)
    share = next(iter(places.values())) if not top else places[top]
    remark, of = f"Commonest: {top}." if top else "", f"Of {len(labelled.answers)} places."
    return (
        about.finding(_TOP_SHARE, share, level=level, n=size(read), remark=remark, asked=len(rows)),
        about.finding(_ENTROPY, spread, level=level, n=size(read), remark=of, asked=len(rows)),
        about.finding(_UNDETERMINED_SHARE, undetermined, level=level, n=size(rows)),
    )


def _suite_findings(labelled: Labelled, every: Sequence[Finding], *, level: float) -> tuple[Finding, ...]:
    rows = labelled.subjects
    about = labelled.about(LENS.name, WHOLE_SUITE, rows)
    found = []
    for card in (_TOP_SHARE, _ENTROPY, _UNDETERMINED_SHARE):
        values = [one.estimate.value for one in every if one.metric == card.name and one.estimate.value is not None]
        mean = over_concepts(values, level=level)
        used = rows if card is _UNDETERMINED_SHARE else read_rows(rows)
        n, remark = size(used), "Mean over concepts."
        found.append(about.finding(card, mean, level=level, n=n, remark=remark, asked=len(rows)))
    recognised, n = recognised_share(labelled, level=level)
    known = len(labelled.references)
    return (*found, about.finding(_RECOGNISED_SHARE, recognised, level=level, n=n, asked=known))


def _top(places: Mapping[str, ClusterEstimate]) -> str:
    """Return the commonest place, the first of several; nothing where no place could be told."""
    told = {place: found.value for place, found in places.items() if found.value is not None}
    return max(told, key=lambda place: told[place]) if told else ""
