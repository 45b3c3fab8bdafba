"""The figure of how much of what a judge reads is due to the wording."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from report_source import make_finding, wording_suites

from audit.lenses import LENSES
from audit.report.suite_figures import variance_by_cause

SUITE = "phantom-professions"
CAUSES = LENSES["wording"].card.causes


def labels(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_wording_stands_beside_the_other_causes_with_its_interval_and_n():
    figure = variance_by_cause(
        CAUSES,
        wording_suites("another", SUITE),
        [make_finding(CAUSES.metric, "*", 0.1, suite=SUITE, half=0.05)],
        SUITE,
        name="x",
    )
    assert figure.equivalent == (
        "Of the variance of the judge's readings, a share of 0.10 (95\u202f% interval 0.05 to 0.15) is due to the "
        "wording, 0.70 to the concept, 0.20 to the rest; 8 images of 4 prompts."
    )
    told = labels(figure.svg)
    assert [one for one in told if one.startswith("the ")] == ["the wording", "the concept", "the rest"]
    assert {"0.10 (0.05 to 0.15)", "0.70", "0.20"} <= set(told)


def test_causes_that_cannot_be_told_apart_are_not_drawn():
    table = pd.DataFrame([{"suite": SUITE, "concept_share": float("nan"), "seed_share": 0.9}])
    found = make_finding(CAUSES.metric, "*", 0.1, suite=SUITE, half=0.05)
    figure = variance_by_cause(CAUSES, table, [found], SUITE, name="x")
    assert "the concept" not in labels(figure.svg)
    assert "concept" not in figure.equivalent


@pytest.mark.parametrize(
    "finding",
    [
        make_finding(CAUSES.metric, "*", None, suite=SUITE),
        make_finding(CAUSES.metric, "*", 0.1, suite="another"),
        make_finding(CAUSES.metric, "*", 0.1, suite=SUITE, half=0.2),
    ],
)
def test_what_was_not_measured_or_may_be_nothing_has_no_figure(finding):
    assert variance_by_cause(CAUSES, wording_suites(SUITE), [finding], SUITE, name="x") is None
