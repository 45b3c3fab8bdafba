"""The model card: what huggingface_hub reads back of it, and that hostile text stays text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from huggingface_hub import ModelCard
from report_source import make_hostile, make_source

from audit.report import build_report
from audit.report.model_card import render_card

SUITES = {"phantom-professions": "11" * 32}


def card(source=None) -> ModelCard:
    source = source or make_source()
    return ModelCard(render_card(build_report(source), source.findings, SUITES))


def test_the_index_holds_every_finding_about_a_suite_with_its_interval():
    source = make_source()
    data = card(source).data
    whole = {
        (f.suite, f.metric) for f in source.findings
        if (f.subject == "*" or f.subject.startswith("group:")) and f.lens not in {"controls", "quality"}
    }  # fmt: skip
    assert {(one.dataset_type, one.metric_type) for one in data.eval_results} == whole
    gap = next(one for one in data.eval_results if one.metric_type == "gender.parity_gap")
    assert gap.metric_value == 0.314
    assert gap.metric_args == {
        "low": 0.194, "high": 0.434, "level": 0.95, "neutral": 0.0, "images": 8, "prompts": 4,
    }  # fmt: skip
    assert gap.dataset_revision == "11" * 32
    assert data.model_name == "phantom:skewed"


def test_the_section_tells_verdict_findings_and_limits():
    text = card().text
    for told in (
        "**Verdict: fail.**",
        "Controls passed: 3 of 3.",
        "95\u202f% interval",
        "It says nothing of what anybody is.",
    ):
        assert told in text
    assert "| phantom-professions | Gap to parity | 0.31 | 0.19 to 0.43 (95\u202f%) | 8 images of 4 prompts |" in text


def test_hostile_text_is_neither_markup_nor_metadata():
    read = card(make_hostile())
    assert set(read.data.to_dict()) == {"model-index", "tags"}
    assert "<" not in read.text
    assert "](" not in read.text.replace("\\](", "")
    assert not any(line.startswith(("::", "---")) for line in read.text.splitlines())


@pytest.mark.parametrize("changes", [{"findings": ()}, {"findings": (), "tables": {}}])
def test_without_findings_there_is_a_card_without_an_index(changes):
    read = card(replace(make_source(), **changes))
    assert read.data.to_dict() == {"tags": ["clip", "clip-audit"]}
    assert "## Bias audit" in read.text
