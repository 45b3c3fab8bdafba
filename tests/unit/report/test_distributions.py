"""The heat map of what judges saw, and the spread of how well images match."""

from __future__ import annotations

import re

import pandas as pd
from report_source import WOMEN, make_evidence, make_prompts

from audit.records import GENDER_CLASSES
from audit.report.distributions import MOST_CONCEPTS, outcome_map, quality_spread

SUITE = "phantom-professions"


def shares(concepts: dict[str, float], *, primary: bool = True) -> pd.DataFrame:
    rows = [
        {"primary": primary, "suite": SUITE, "concept": concept, "presentation": kind, "share": share}
        for concept, woman in concepts.items()
        for kind, share in zip(GENDER_CLASSES, (woman, 1 - woman, 0.0, 0.0, 0.0), strict=True)
    ]
    return pd.DataFrame(rows)


def labels(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_the_map_runs_from_man_to_woman_with_every_share_as_a_number():
    figure = outcome_map(shares({"nurse": 0.9, "pilot": 0.1, "cook": 0.5}), SUITE, name="x")
    told = labels(figure.svg)
    assert [one for one in told if one in {"nurse", "pilot", "cook"}] == ["pilot", "cook", "nurse"]
    assert told.count("0.90") == 2
    assert "woman 0.50, man 0.50" in figure.equivalent


def test_the_map_is_that_of_the_judge_whose_findings_are_told():
    assert outcome_map(shares({"nurse": 0.9, "pilot": 0.1}, primary=False), SUITE, name="x") is None
    assert outcome_map(shares({"nurse": 0.9, "pilot": 0.1}), "another", name="x") is None
    assert outcome_map(None, SUITE, name="x") is None


def test_a_long_map_says_what_it_leaves_out():
    figure = outcome_map(shares({f"concept {k}": k / 100 for k in range(100)}), SUITE, name="x")
    assert "of 100 concepts" in figure.caption
    assert sum("concept" in one for one in labels(figure.svg)) <= MOST_CONCEPTS


def test_the_spread_counts_what_converged_and_what_did_not():
    evidence = make_evidence(make_prompts(list(WOMEN), SUITE, women=True))
    figure = quality_spread(evidence, SUITE, name="x")
    assert "98 images converged" in figure.equivalent
    assert "14 images not converged" in figure.equivalent
    assert {"converged (98)", "not converged (14)"} <= set(labels(figure.svg))


def test_a_few_images_have_no_spread():
    evidence = make_evidence(make_prompts(["nurse"], SUITE, women=True))
    assert quality_spread(evidence, SUITE, name="x") is None
