"""Nothing, one row, nothing scored, everything equal: every lens and report answers, and makes nothing up.

Lenses are picked up from ``LENSES``; what a report draws and tabulates of them comes of their cards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from report_source import make_source
from test_lenses_laws import full_evidence, with_tables

from audit.evidence import Evidence
from audit.lenses import CARDS, LENSES, Lens, LensAnswer
from audit.records import Finding, Status
from audit.report import build_report, draw_figures, render_html, render_junit, render_summary
from audit.report.model import Report

Selection = Callable[[Evidence], Evidence]
_KEY = ["prompt_id", "replicate"]


def pick(evidence: Evidence, images: pd.DataFrame, prompts: pd.DataFrame | None = None) -> Evidence:
    """Keep these images, what belongs to them, and all prompts or these."""
    keys = pd.MultiIndex.from_frame(images[_KEY])
    asked = evidence.prompts if prompts is None else prompts
    return replace(
        evidence,
        prompts=asked,
        images=images,
        scores={
            name: table[pd.MultiIndex.from_frame(table[_KEY]).isin(keys)] for name, table in evidence.scores.items()
        },
        probes=evidence.probes[evidence.probes["prompt_id"].isin(images["prompt_id"])],
    )


def of_prompts(evidence: Evidence, prompts: pd.DataFrame) -> Evidence:
    return pick(evidence, evidence.images[evidence.images["prompt_id"].isin(prompts["prompt_id"])], prompts)


def unscored(evidence: Evidence) -> Evidence:
    def blank(name: str, table: pd.DataFrame) -> pd.DataFrame:
        card = evidence.judges[name]
        read = {} if card.text is None else {card.text: ""}
        return table.assign(reason="could not be read", **dict.fromkeys(card.classes, np.nan), **read)

    return replace(evidence, scores={name: blank(name, table) for name, table in evidence.scores.items()})


def equal(evidence: Evidence) -> Evidence:
    def level(table: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
        return table.assign(**{name: table[name].where(table[name].isna(), table[name].mean()) for name in columns})

    reals = ["own_cosine", "own_percentile", "own_z", "sharpness"]
    return replace(
        evidence,
        images=level(evidence.images, [name for name in reals if name in evidence.images]),
        scores={name: level(table, list(evidence.judges[name].classes)) for name, table in evidence.scores.items()},
    )


def unconverged(evidence: Evidence) -> Evidence:
    return replace(evidence, images=evidence.images.assign(status=Status.STALLED.value))


def roles(*wanted: str) -> Selection:
    return lambda evidence: of_prompts(evidence, evidence.prompts[evidence.prompts["role"].isin(wanted)])


def first_of(*columns: str) -> Selection:
    return lambda evidence: of_prompts(evidence, evidence.prompts.drop_duplicates(list(columns)))


def without_scores(evidence: Evidence) -> Evidence:
    return replace(evidence, scores={}, judges={})


SELECTIONS: Mapping[str, Selection] = {
    "nothing": lambda evidence: with_tables(evidence, lambda table: table.iloc[:0]),
    "nothing and no judge": lambda evidence: without_scores(with_tables(evidence, lambda table: table.iloc[:0])),
    "prompts alone": lambda evidence: pick(evidence, evidence.images.iloc[:0]),
    "no judge": without_scores,
    "judges without a row": lambda evidence: replace(
        evidence, scores={name: table.iloc[:0] for name, table in evidence.scores.items()}
    ),
    "nothing scored": unscored,
    "nothing converged": unconverged,
    "one image": lambda evidence: pick(evidence, evidence.images.iloc[:1]),
    "one prompt": lambda evidence: of_prompts(evidence, evidence.prompts.iloc[:1]),
    "one prompt of each suite": first_of("suite"),
    "one prompt of each role": first_of("suite", "role"),
    "one prompt of each concept": first_of("suite", "role", "concept"),
    "one image of each prompt": lambda evidence: pick(evidence, evidence.images.drop_duplicates("prompt_id")),
    "noise alone": roles("noise"),
    "controls alone": roles("noise", "object", "explicit"),
    "subjects alone": roles("subject"),
    "references alone": roles("reference"),
    "everything equal": equal,
    "everything equal and one prompt of each concept": lambda evidence: equal(
        first_of("suite", "role", "concept")(evidence)
    ),
}
BLIND = (
    "nothing",
    "nothing and no judge",
    "prompts alone",
    "nothing scored",
    "nothing converged",
    "judges without a row",
)
"""Of these no metric of images may have a value that comes from judges."""


@cache
def selected(name: str) -> Evidence:
    return SELECTIONS[name](full_evidence())


@cache
def answer_of(lens: str, selection: str) -> LensAnswer:
    return LENSES[lens].examine(selected(selection))


@pytest.fixture(params=SELECTIONS)
def selection(request) -> str:
    return request.param


@pytest.fixture(params=LENSES)
def lens(request) -> Lens:
    return LENSES[request.param]


def test_every_lens_answers_and_no_number_is_made_up(lens, selection):
    answer = answer_of(lens.card.name, selection)
    for finding in answer.findings:
        check(finding)
        told = finding.estimate
        counts_the_unread = "undetermined" in finding.metric
        if CARDS[finding.metric].reads == "images" and selection in BLIND and lens.card.asks and not counts_the_unread:
            assert told.value is None, finding
        if told.value is not None:
            assert told.n_images + told.n_prompts > 0, finding
    for table in answer.tables.values():
        numbers = table.select_dtypes("number").to_numpy(dtype=float)
        assert not np.isinf(numbers).any()
        assert len(table)


def check(finding: Finding) -> None:
    """A number is finite and lies in its interval; what is missing is None."""
    told = finding.estimate
    numbers = [told.value, told.low, told.high]
    assert all(number is None or math.isfinite(number) for number in numbers), finding
    if told.value is None:
        assert told.low is None or told.high is None or told.low <= told.high, finding
    elif told.low is not None and told.high is not None:
        assert told.low - 1e-9 <= told.value <= told.high + 1e-9, finding


def report_of(selection: str) -> Report:
    evidence = selected(selection)
    answers = [answer_of(name, selection) for name in LENSES]
    tables = {name: table for answer in answers for name, table in answer.tables.items()}
    findings = tuple(finding for answer in answers for finding in answer.findings)
    return build_report(make_source(evidence=evidence, findings=findings, tables=tables))


def test_every_part_of_a_report_is_written_of_it(selection):
    report = report_of(selection)
    page = render_html(report)
    told = page.split("<body", 1)[1]
    assert ">nan<" not in told.lower()
    assert ">inf<" not in told.lower()
    assert render_summary(report)
    assert render_junit(report)
    assert all(svg.lstrip().startswith("<") for svg in draw_figures(report).values())
    if selection in BLIND and selection != "nothing converged":
        assert "not measured" in told or "no value" in told or "No finding" in told
