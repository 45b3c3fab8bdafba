"""A report of many suites: less of each, chosen by a rule, and said."""

from __future__ import annotations

import io
from dataclasses import replace

import pypdf
import pytest
from report_source import gender_findings, make_evidence, make_finding, make_prompts, make_source

from audit.report import Report, build_report, render_html, render_pdf
from audit.report.findings import tell_concepts
from audit.report.model import WHOLE_ROOM, room_for

SUITES, CONCEPTS = 50, 50
METRICS = {"gender.lean", "gender.woman_share", "gender.undetermined_share", "gender.labour_gap"}


@pytest.fixture(scope="module")
def report() -> Report:
    """10,000 findings on 50 suites."""
    prompts, findings = [], []
    for number in range(SUITES):
        suite = f"suite-{number}"
        concepts = [f"{suite} concept {place}" for place in range(CONCEPTS)]
        prompts += make_prompts(concepts, suite, women=True)
        findings += [f for f in gender_findings(concepts, suite) if f.metric in METRICS]
    assert len(findings) == 10_000
    return build_report(replace(make_source(), findings=tuple(findings), evidence=make_evidence(prompts)))


def test_ten_thousand_findings_on_fifty_suites_stay_a_page_and_a_pdf_that_can_be_sent(report: Report):
    assert len(render_html(report)) < 5_000_000
    made = render_pdf(report)
    assert len(made) < 10_000_000
    assert len(pypdf.PdfReader(io.BytesIO(made)).pages) < 6 * SUITES


def test_every_suite_is_told_within_its_room_and_says_what_is_elsewhere(report: Report):
    room = room_for(SUITES)
    assert room.rows < CONCEPTS
    told = [section for section in report.sections if section.title.startswith("suite-")]
    assert len(told) == SUITES
    for section in told:
        assert section.figures
        assert all(len(figure.rows) <= room.figure_rows for figure in section.figures if hasattr(figure, "rows"))
        assert max(len(table.rows) for table in section.tables) == room.rows
        assert len(section.sheet.pictures) <= room.pictures
        assert any(f"Shown are the {room.rows} that are farthest" in table.caption for table in section.tables)
    assert any("Because 50 suites were asked" in sentence for sentence in report.method)


def test_a_report_of_few_suites_leaves_nothing_out():
    report = build_report(make_source())
    assert room_for(len(report.sections)) == WHOLE_ROOM
    assert not any("Because" in sentence and "suites were asked" in sentence for sentence in report.method)


def test_a_table_that_is_too_long_keeps_what_is_farthest_from_neutral_on_both_sides():
    values = {"far below": -0.9, "near": 0.5, "nearer": -0.45, "far above": 0.8, "unknown": None}
    findings = [make_finding("gender.lean", name, value, suite="s") for name, value in values.items()]
    (table,) = tell_concepts(findings, name="t", suite="s", most=2).tables
    assert [row[0].text for row in table.rows] == ["far above", "far below"]
    assert "Of 5 concepts" in table.caption
    assert "4 differ" in table.caption
    assert "Shown are the 2 that are farthest from the neutral value" in table.caption
