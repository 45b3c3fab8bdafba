"""Which perceived attributes come together when a text names none of them?

Shares of women and of dark skin can both look even while every dark-skinned picture is of a woman: only the
intersections show that. A judge of labels is asked for two attributes at once, in a question such as ``tone_gender``
whose answers are ``light_woman``, ``light_man`` and so on; so one look at an image gives the pair, and both of its
parts. What is read is perceived: how a picture looks to a judge, never who somebody is. Every share stands beside its
numbers of images and prompts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np
import pandas as pd

from audit.evidence import Evidence
from audit.lenses.common.cards import AnswersTable, LensCard, MetricCard
from audit.lenses.common.labelled import (
    Labelled,
    answer_estimates,
    answer_shares,
    estimate_rows,
    labelled_suites,
    over_concepts,
    read_rows,
    recognised_share,
)
from audit.lenses.common.protocol import WHOLE_SUITE, LensAnswer, as_real, flat_row, make_answer
from audit.lenses.common.verdicts import UNDETERMINED, names, size
from audit.records import ASKS_LABELS, Finding, Method
from audit.stats import ClusterEstimate, cluster_mean, cluster_share, jackknife_difference, singles, welch_difference

QUESTIONS: Final = ("tone_gender", "age_gender")
"""Questions that the lens knows: two attributes, whose values an answer names in the same order, as light_woman."""

_WORDS: Final = {
    "tone_gender": ("perceived skin tone and gender", "tone and gender"),
    "age_gender": ("perceived age and gender", "age and gender"),
}
"""What is read, and the same in short."""


def card_of(question: str, metric: str) -> MetricCard:
    """Return the card of a metric for one question."""
    return _BY_NAME[f"attributes.{question}_{metric}"]


def _cards(question: str) -> tuple[MetricCard, ...]:
    pair, short = _WORDS[question]
    said = short[0].upper() + short[1:]
    return (
        MetricCard(
            name=f"attributes.{question}_excess",
            title=f"Largest excess of {short}",
            statement=f"For {{where}}, one intersection of perceived {short} is commoner than for the other concepts.",
            signed=True,
            drawn=True,
            ranked=True,
            smallest_effect=0.1,
            unit="share",
            neutral=0.0,
            direction="neutral",
            span=(-1.0, 1.0),
            meaning=f"Share of that intersection of {pair} which the concept has most in excess of the other concepts "
            "of its suite, less their mean share of it: what the judge sees everywhere cancels.",
        ),
        MetricCard(
            name=f"attributes.{question}_interaction",
            title=f"{said} beyond their parts",
            signed=True,
            unit="share",
            neutral=0.0,
            direction="neutral",
            span=(-0.25, 0.25),
            is_mean=False,
            meaning=f"How far the share of an intersection of {pair} lies beyond the product of the shares of its two "
            "parts, for the one that lies farthest: what neither part shows by itself.",
        ),
        MetricCard(
            name=f"attributes.{question}_undetermined_share",
            title=f"{said} undetermined",
            unit="share",
            neutral=None,
            direction="lower",
            meaning=f"Images whose {pair} could not be told together.",
        ),
        MetricCard(
            name=f"attributes.{question}_recognised_share",
            title=f"Known {short} recognised",
            unit="share",
            neutral=None,
            direction="higher",
            meaning=f"Images of prompts that state {pair} which the judge reads as stated.",
        ),
    )


ATTRIBUTE_METRICS: Final = tuple(card for question in QUESTIONS for card in _cards(question))
"""Every metric of the lens."""

_BY_NAME: Final = {card.name: card for card in ATTRIBUTE_METRICS}


_LARGEST: Final = 0.25
"""Largest difference between a share and the product of its margins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pairs:
    """What was found on the intersections of one concept."""

    shares: Mapping[str, ClusterEstimate]
    others: Mapping[str, float]
    """Mean share over the other concepts of the suite."""
    excess: Mapping[str, ClusterEstimate]
    """Share less that of the other concepts; the intervals hold for all intersections together."""
    n: tuple[int, int]


LENS: Final = LensCard(
    name="attributes",
    question="Which perceived attributes come together when a text names none of them?",
    metrics=ATTRIBUTE_METRICS,
    place="first",
    asks=ASKS_LABELS,
    judge="labels:CHECKPOINT",
    answers=(
        AnswersTable(
            table="attributes_joint",
            answer="Intersection",
            caption="Commonest intersections of perceived attributes of the concepts of {suite}, of the images on "
            "which both could be told.",
        ),
    ),
)


@final
@dataclass(frozen=True, slots=True)
class AttributesLens:
    """Intersections of two perceived attributes by concept."""

    @property
    def card(self) -> LensCard:
        """What is to be known of the lens."""
        return LENS

    def examine(self, evidence: Evidence, *, level: float = 0.95) -> LensAnswer:
        """Answer for every suite of this lens, every judge of labels, and every question that is known.

        Tables: ``attributes_concepts`` (a row per judge, suite, question and concept), ``attributes_joint`` (a row per
        intersection besides) and ``attributes_margins`` (a row per value of each of the two attributes).
        """
        findings: list[Finding] = []
        concept_rows: list[dict[str, object]] = []
        joint_rows: list[dict[str, object]] = []
        margin_rows: list[dict[str, object]] = []
        for labelled in labelled_suites(evidence, LENS.name):
            if labelled.question not in QUESTIONS:
                continue
            every: list[Finding] = []
            prompts = _prompt_shares(labelled)
            for concept, rows in labelled.subjects.groupby("concept", sort=True):
                label = {**labelled.label, "concept": str(concept)}
                pairs = _pairs(labelled, str(concept), rows, prompts, level=level)
                found = _concept_findings(labelled, str(concept), rows, pairs, level=level)
                every += found
                concept_rows.append({**label, "n_images": len(rows), "n_read": pairs.n[0], **flat_row(found, _BY_NAME)})
                joint_rows += [{**label, **row} for row in _joint_rows(pairs)]
                margin_rows += [{**label, **row} for row in _margin_rows(labelled, rows, level=level)]
            if labelled.primary:
                findings += [*every, *_suite_findings(labelled, every, level=level)]
        return make_answer(
            findings,
            {
                "attributes_concepts": concept_rows,
                "attributes_joint": joint_rows,
                "attributes_margins": margin_rows,
            },
        )


def _prompt_shares(labelled: Labelled) -> dict[str, np.ndarray]:
    """Return concept -> share of each intersection in each of its prompts."""
    return {
        str(concept): answer_shares(read_rows(rows), labelled.answers)
        for concept, rows in labelled.subjects.groupby("concept", sort=True)
    }


def _pairs(
    labelled: Labelled, concept: str, rows: pd.DataFrame, prompts: Mapping[str, np.ndarray], *, level: float
) -> _Pairs:
    together = 1 - (1 - level) / len(labelled.answers)  # Bonferroni
    means = [_mean(shares) for other, shares in prompts.items() if other != concept and len(shares)]
    excess, others = {}, {}
    for place, answer in enumerate(labelled.answers):
        other = np.array([mean[place] for mean in means], dtype=float)
        found = welch_difference(prompts[concept][:, place], other, level=together, shares=True)
        others[answer] = math.fsum(other) / len(other) if len(other) else math.nan
        excess[answer] = replace(found, remark=f"Bonferroni over {len(labelled.answers)} intersections")
    shares = answer_estimates(labelled, rows, level=level)
    return _Pairs(shares=shares, others=others, excess=excess, n=size(read_rows(rows)))


def _concept_findings(
    labelled: Labelled, concept: str, rows: pd.DataFrame, pairs: _Pairs, *, level: float
) -> tuple[Finding, ...]:
    about = labelled.about(LENS.name, concept, rows)
    measured = {answer: found.value for answer, found in pairs.excess.items() if found.value is not None}
    top = max(measured, key=lambda answer: measured[answer]) if measured else labelled.answers[0]
    remark = ""
    if measured:
        remark = f"{top}: {pairs.shares[top].value:.2f}, and {pairs.others[top]:.2f} over the other concepts."
    bound, what = _interaction(answer_shares(read_rows(rows), labelled.answers), labelled.answers, level=level)
    unknown = (rows["answer"] == UNDETERMINED).to_numpy(dtype=float)
    undetermined = cluster_share(unknown, names(rows, "prompt_id"), level=level)
    question, n, asked = labelled.question, pairs.n, len(rows)
    return (
        about.finding(card_of(question, "excess"), pairs.excess[top], level=level, n=n, remark=remark, asked=asked),
        about.finding(card_of(question, "interaction"), bound, level=level, n=n, remark=what, asked=asked),
        about.finding(card_of(question, "undetermined_share"), undetermined, level=level, n=size(rows)),
    )


def _interaction(shares: np.ndarray, answers: tuple[str, ...], *, level: float) -> tuple[ClusterEstimate, str]:
    """Return how far the intersection that is most beyond its margins lies beyond them, and which one that is."""
    if not len(shares):
        return ClusterEstimate(value=None, low=None, high=None, method=Method.NOTHING, n=0, n_clusters=0), ""
    beyond = _beyond(shares, answers)
    place = int(np.argmax(beyond))
    left_out = [
        _beyond(np.delete(shares, row, axis=0), answers)[place] for row in range(len(shares)) if len(shares) > 1
    ]
    together = 1 - (1 - level) / len(answers)
    found = jackknife_difference(float(beyond[place]), np.array(left_out, dtype=float), level=together, unit="prompts")
    if found.low is not None and found.high is not None:
        low, high = max(-_LARGEST, found.low), min(_LARGEST, found.high)
        found = replace(found, low=low, high=high, remark=f"Bonferroni over {len(answers)} intersections")
    return found, f"{answers[place]}, beyond what its two parts give."


def _beyond(shares: np.ndarray, answers: tuple[str, ...]) -> np.ndarray:
    """Return the mean share of each intersection less the product of those of its two parts."""
    mean = dict(zip(answers, _mean(shares), strict=True))
    parts = {answer: answer.split("_") for answer in answers}
    return np.array(
        [
            share
            - math.fsum(one for answer_, one in mean.items() if parts[answer_][0] == parts[answer][0])
            * math.fsum(one for answer_, one in mean.items() if parts[answer_][1] == parts[answer][1])
            for answer, share in mean.items()
        ],
        dtype=float,
    )


def _suite_findings(labelled: Labelled, every: list[Finding], *, level: float) -> tuple[Finding, ...]:
    rows, question = labelled.subjects, labelled.question
    about = labelled.about(LENS.name, WHOLE_SUITE, rows)

    def values(metric: str) -> list[float]:
        name = card_of(question, metric).name
        return [one.estimate.value for one in every if one.metric == name and one.estimate.value is not None]

    largest = np.array(values("excess"), dtype=float)
    excess = cluster_mean(largest, singles(largest), level=level, bounds=(-1.0, 1.0), unit="concepts")
    undetermined = over_concepts(values("undetermined_share"), level=level)
    recognised, n = recognised_share(labelled, level=level)
    used, known, remark = size(read_rows(rows)), len(labelled.references), "Mean over concepts."
    return (
        about.finding(card_of(question, "excess"), excess, level=level, n=used, remark=remark, asked=len(rows)),
        about.finding(card_of(question, "undetermined_share"), undetermined, level=level, n=size(rows)),
        about.finding(card_of(question, "recognised_share"), recognised, level=level, n=n, asked=known),
    )


def _joint_rows(pairs: _Pairs) -> list[dict[str, object]]:
    rows = estimate_rows(pairs.shares, pairs.n)
    for row, (answer, excess) in zip(rows, pairs.excess.items(), strict=True):
        row["others_share"] = pairs.others[answer]
        row["excess"] = as_real(excess.value)
        row["excess_low"] = as_real(excess.low)
        row["excess_high"] = as_real(excess.high)
    return rows


def _margin_rows(labelled: Labelled, rows: pd.DataFrame, *, level: float) -> list[dict[str, object]]:
    """Return the shares of the values of each attribute by itself, of the images whose intersection could be told."""
    found = []
    read = read_rows(rows)
    prompts = names(read, "prompt_id")
    for place, attribute in enumerate(labelled.question.split("_")):
        told = read["answer"].map(lambda answer, place=place: answer.split("_")[place])
        values = dict.fromkeys(answer.split("_")[place] for answer in labelled.answers)
        by_value = {
            value: cluster_share((told == value).to_numpy(dtype=float), prompts, level=level) for value in values
        }
        found += [{"attribute": attribute, **row} for row in estimate_rows(by_value, size(read))]
    return found


def _mean(shares: np.ndarray) -> list[float]:
    return [math.fsum(column) / len(shares) for column in shares.T.tolist()]
