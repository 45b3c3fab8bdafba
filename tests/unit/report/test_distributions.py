"""The spread of how well images match."""

from __future__ import annotations

import re

from report_source import WOMEN, make_evidence, make_prompts

from audit.report.suite_figures import quality_spread

SUITE = "phantom-professions"


def labels(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_the_spread_counts_what_converged_and_what_did_not():
    evidence = make_evidence(make_prompts(list(WOMEN), SUITE, women=True))
    figure = quality_spread(evidence, SUITE, name="x")
    assert "98 images converged" in figure.equivalent
    assert "14 images not converged" in figure.equivalent
    assert {"converged (98)", "not converged (14)"} <= set(labels(figure.svg))


def test_a_few_images_have_no_spread():
    evidence = make_evidence(make_prompts(["nurse"], SUITE, women=True))
    assert quality_spread(evidence, SUITE, name="x") is None
