"""From a finding to its pictures and rows, and back: every way leads somewhere, in the page and in the PDF."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import numpy as np
import pypdf
import pytest
from report_source import JUDGE, WOMEN, make_hostile, make_source

from audit.report import Report, build_report, render_html, render_pdf, render_summary_pdf
from audit.report.images import make_sheet, what_is_told


@pytest.fixture(scope="module")
def report() -> Report:
    return build_report(make_source())


@pytest.mark.parametrize("source", [make_source(), make_hostile(), make_source(pictured="none")])
def test_every_link_leads_to_one_place_of_the_page(source):
    page = render_html(build_report(source))
    asked = set(re.findall(r'href="#([^"]+)"', page))
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(asked) > 10
    assert asked <= set(ids)
    assert len(ids) == len(set(ids))


def test_a_finding_leads_to_its_pictures_these_to_its_row_and_the_row_back(report: Report):
    sections = {section.title: section for section in report.sections}
    pictures = {
        (section.title, picture.label): picture.anchor
        for section in report.sections
        for picture in section.sheet.pictures
    }
    led = {key: one.link for one in report.highlights if (key := (one.suite, one.subject)) in pictures}
    assert led
    assert led == {key: pictures[key] for key in led}
    professions = sections["phantom-professions"]
    rows = {row[0].anchor: row[0] for table in professions.tables for row in table.rows}
    there = [picture for picture in professions.sheet.pictures if picture.link in rows]
    assert there
    assert all(rows[picture.link].link == picture.anchor for picture in there)
    assert all(rows[picture.link].text == picture.label for picture in there)


def test_a_concept_without_a_row_leads_to_the_figure_that_draws_it(report: Report):
    links = {picture.label: picture.link for picture in report.sections[0].sheet.pictures}
    assert set(links) == set(WOMEN)
    assert all(links.values())
    assert "main-figure" in links.values()


def test_where_no_picture_is_shown_a_finding_leads_to_its_numbers():
    report = build_report(make_source(pictured="none"))
    assert all(one.link and "picture" not in one.link for one in report.highlights)


def test_the_pdf_has_the_same_ways_and_the_summary_none_that_leads_nowhere(report: Report):
    def links(pdf: bytes) -> int:
        pages = pypdf.PdfReader(io.BytesIO(pdf)).pages
        return sum(one.get_object()["/Subtype"] == "/Link" for page in pages for one in page.get("/Annots", []))

    assert links(render_pdf(report)) >= len(report.highlights) + len(WOMEN)
    assert links(render_summary_pdf(report)) == 0


def test_the_picture_of_a_concept_is_the_one_that_the_judge_reads_as_the_median():
    source = make_source()
    scores = source.evidence.scores[JUDGE.name].copy()
    scores["signed"] = np.where(scores["reason"] == "", np.linspace(-1, 1, len(scores)), np.nan)
    source = replace(source, evidence=replace(source.evidence, scores={JUDGE.name: scores}))
    suite = "phantom-professions"
    told = what_is_told([f for f in source.findings if f.suite == suite], source.evidence, {"gender"})
    asked = []

    def read(keys):
        asked.extend(keys)
        return source.read_pictures(keys)

    sheet = make_sheet(replace(source, read_pictures=read), suite, told=told)
    table = source.evidence.images.merge(source.evidence.prompts[["prompt_id", "concept"]], on="prompt_id")
    table = table.merge(scores, on=["prompt_id", "replicate"])
    for (prompt, replicate), picture in zip(asked, sheet.pictures, strict=True):
        chosen = table[(table["prompt_id"] == prompt) & (table["replicate"] == replicate)].iloc[0]
        group = table[(table["concept"] == chosen["concept"]) & (table["status"] == "converged")]
        apart = (group["signed"] - group["signed"].median()).abs()
        assert abs(chosen["signed"] - group["signed"].median()) == apart.min()
        lines = picture.detail.split("\n")
        assert lines[0].startswith("reads ")
        assert lines[1].startswith("all: ")
        assert lines[2].startswith("each: ")
