"""What a report opens with: the one figure that answers the main question, and pictures of both ends of it."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import pandas as pd

from audit.evidence import Evidence, still_unanswered
from audit.lenses import CARDS, QUESTIONS, MetricCard, said_best
from audit.records import GRADE, QUESTION, SCALE_OF, Finding, Status
from audit.report.findings import is_measured, is_whole
from audit.report.forests import forest_figure
from audit.report.images import may_be_shown, readings_of, shrink, unsafe_scores
from audit.report.model import ForestFigure, Opening, Picture, ReadPictures, ReportInput, Strip
from audit.report.text import MINUS, clean, count, show_number

MOST_ROWS: Final = 16
"""Concepts of the main figure, so that it fits on a first page."""
_NAME: Final = "main-figure"
_ENDS: Final = (-1.0, 1.0)
_LONGEST_PART: Final = 160


def make_opening(source: ReportInput, references: frozenset[tuple[str, str]]) -> Opening:
    """Choose figure and pictures, and say in a line what was not measured.

    Args:
        source: Everything that was found.
        references: (suite, concept) of what is only compared with.
    """
    answers = _main_answers(source.findings, references)
    unmeasured = _unmeasured(source)
    figure = main_figure(source.findings, source.evidence, references)
    if figure is None:
        return Opening(suite="", metric="", is_whole=False, figure=None, strip=None, unmeasured=unmeasured)
    card = CARDS[answers[0].metric]
    return Opening(
        suite=answers[0].suite,
        metric=card.name,
        is_whole=len(answers) <= MOST_ROWS,
        figure=figure,
        strip=None
        if source.pictured == "none"
        else make_strip(
            source.findings, source.evidence, references, source.read_pictures, unpictured=source.unpictured
        ),
        unmeasured=unmeasured,
    )


def main_figure(
    findings: Sequence[Finding], evidence: Evidence, references: frozenset[tuple[str, str]]
) -> ForestFigure | None:
    """Return the one figure that answers the main question; ``None`` where nothing was measured that has one.

    Args:
        findings: All findings.
        evidence: Tables of the run.
        references: (suite, concept) of what is only compared with.
    """
    answers = _main_answers(findings, references)
    if not answers:
        return None
    return forest_figure(answers, CARDS[answers[0].metric], evidence, name=_NAME, most=MOST_ROWS)


def _main_answers(findings: Sequence[Finding], references: frozenset[tuple[str, str]]) -> list[Finding]:
    """Return the answers of the first leading (else drawn) metric that has any, on the suite with most concepts."""
    told = [f for f in said_best(findings) if is_measured(f) and not is_whole(f)]
    cards = [card for card in CARDS.values() if card.leading or card.drawn]
    for card in sorted(cards, key=lambda card: not card.leading):
        answers = [f for f in told if f.metric == card.name]
        sizes = Counter(f.suite for f in answers if (f.suite, f.subject) not in references)
        if sizes:
            suite = sizes.most_common(1)[0][0]
            return [f for f in answers if f.suite == suite]
    return []


def _unmeasured(source: ReportInput) -> str:
    """Say in a line what was not measured: open questions, images that are no evidence, empty findings, suites."""
    evidence, findings = source.evidence, source.findings
    suites = list(map(str, evidence.prompts["suite"].unique()))
    answered = {question for judge in evidence.judges.values() for question in judge.asks}
    inverted = evidence.images[~evidence.is_noise_control]
    lost = int((inverted["status"] != Status.CONVERGED.value).sum())
    silent = sum(1 for finding in findings if not is_measured(finding))
    left_out = source.spec.get("left_out")
    parts = [
        *still_unanswered(source.spec, suites, answered),
        f"{lost} of {count(len(inverted), 'inversion')}, which did not converge.",
        *([] if findings else ["No finding was made."]),
        *([f"{silent} of {count(len(findings), 'finding')}, which have no value."] if silent else []),
        *(f"{str(one).partition(';')[0].rstrip('.')}." for one in (left_out if isinstance(left_out, list) else ())),
    ]
    return " ".join(clean(part, longest=_LONGEST_PART) for part in parts)


def make_strip(
    findings: Sequence[Finding],
    evidence: Evidence,
    references: frozenset[tuple[str, str]],
    read_pictures: ReadPictures,
    *,
    unpictured: Collection[str] = (),
) -> Strip | None:
    """Show the concepts at both ends of the main figure as their text is, and as it says the one side and the other.

    Args:
        findings: All findings.
        evidence: Tables of the run.
        references: (suite, concept) of what is only compared with.
        read_pictures: Called once, with the pictures that are shown and no others.
        unpictured: Concepts of which no picture is shown.
    """
    answers = _main_answers(findings, references)
    card = CARDS[answers[0].metric] if answers else None
    if card is None or card.explained is None or card.sides is None:
        return None
    read = _readings(evidence, card, answers[0].suite)
    if read is None:
        return None
    known = [f for f in answers if f.subject not in unpictured]
    ordered = sorted(known, key=lambda f: (f.estimate.value or 0.0, f.subject))
    triples = [_triple(read, f.subject) for f in dict.fromkeys(ordered[:1] + ordered[-1:])]
    keys = [(str(row["prompt_id"]), int(str(row["replicate"]))) for rows in triples for row in rows]
    files = read_pictures(keys) if keys else {}
    pictures = tuple(picture for rows in triples for picture in _pictures(rows, files, card))
    if not pictures:
        return None
    rule = (
        "Inversions of one wording of the concepts at both ends of the figure, as it is and as it says a side, from "
        "the same noise: the wording whose reading is the median of the concept. Below each: what the judge reads, "
        f"{MINUS} {card.sides[0]} and + {card.sides[1]}. A person may not recognise what a picture shows."
    )
    return Strip(rule=rule, pictures=pictures)


def _readings(evidence: Evidence, card: MetricCard, suite: str) -> pd.DataFrame | None:
    """Return the images of a suite that may be shown, with ``reading``, the ``grade`` of their text and its ``owner``.

    ``None`` where no judge gave the score that the metric rests on.
    """
    scores = readings_of(evidence, card)
    if scores is None:
        return None
    prompts = evidence.prompts[evidence.prompts["suite"] == suite]
    facts = [json.loads(text) for text in prompts["facts"]]
    prompts = prompts[["prompt_id", "concept", "text", "role", "expected"]].assign(
        grade=[
            float(fact.get(GRADE, "nan")) if fact.get(QUESTION) == QUESTIONS[card.name] else math.nan for fact in facts
        ],
        owner=[str(fact.get(SCALE_OF, own)) for fact, own in zip(facts, prompts["prompt_id"], strict=True)],
    )
    images = evidence.images.merge(prompts, on="prompt_id", how="inner")
    read = unsafe_scores(evidence, images).merge(scores, on=["prompt_id", "replicate"], how="inner")
    good = may_be_shown(read, pictured="unflagged") & read["reading"].notna()
    return read[good]


def _triple(read: pd.DataFrame, concept: str) -> list[Mapping[str, object]]:
    """Return the image of one wording between those of its ends; nothing where no wording has all three."""
    own = read[read["concept"] == concept]
    subjects = own[own["role"] == "subject"]
    middle = subjects["reading"].median()
    ordered = subjects.assign(apart=(subjects["reading"] - middle).abs()).sort_values(
        ["apart", "prompt_id", "replicate"]
    )
    for subject in ordered.to_dict("records"):
        beside = own[(own["owner"] == subject["prompt_id"]) & (own["replicate"] == subject["replicate"])]
        ends = [beside[beside["grade"] == grade].to_dict("records") for grade in _ENDS]
        if all(ends):
            return [ends[0][0], subject, ends[1][0]]
    return []


def _pictures(
    rows: Sequence[Mapping[str, object]], files: Mapping[tuple[str, int], bytes], card: MetricCard
) -> Iterator[Picture]:
    for row in rows:
        jpeg = shrink(files.get((str(row["prompt_id"]), int(str(row["replicate"]))), b""), pixelated=False)
        if jpeg is None:
            continue
        said = clean(row["expected"], longest=30)
        reading = float(str(row["reading"]))
        yield Picture(
            label=f"as said {said}" if row["role"] != "subject" else clean(row["concept"], longest=40),
            detail=f"judge reads {show_number(reading, signed=card.signed)}",
            alternative=f"Inversion of the text: {clean(row['text'])}",
            jpeg=jpeg,
        )
