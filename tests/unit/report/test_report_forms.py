"""What every form of the report promises, on the synthetic audit."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pypdf
import pytest
from report_source import HOSTILE, NAMES, make_finding, make_hostile, make_source

from audit.errors import EnvironmentProblem
from audit.records import Decision, Finding, Verdict
from audit.report import (
    Report,
    build_report,
    draw_figures,
    html,
    render_html,
    render_junit,
    render_pdf,
    render_summary,
    render_summary_pdf,
)


@pytest.fixture(scope="module")
def report() -> Report:
    return build_report(make_source())


@pytest.fixture(scope="module")
def page(report: Report) -> str:
    return render_html(report)


@pytest.fixture(scope="module")
def pdf(report: Report) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(render_pdf(report)))


@pytest.fixture(scope="module")
def hostile() -> Report:
    return build_report(make_hostile())


def _text(reader: pypdf.PdfReader) -> str:
    return re.sub(r"[\u200b\u2068\u2069]", "", "\n".join(page.extract_text() for page in reader.pages))


def _suite(report: Report) -> ET.Element:
    suite = ET.fromstring(render_junit(report)).find("testsuite")  # noqa: S314  (our own output)
    assert suite is not None
    return suite


def test_html_refers_to_nothing_but_the_page_beside_it_and_runs_no_script(page: str) -> None:
    assert "<script" not in page
    assert not re.search(r'(?:src|href|action|data)="(?!#|explore\.html"|data:image/jpeg;base64,)', page)
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in page


def test_html_ids_are_unique_and_every_reference_to_one_resolves(page: str) -> None:
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    asked = re.findall(r'(?:href="#|aria-labelledby="|aria-describedby="|url\(#)([^")]+)', page)
    assert set(asked) <= set(ids)
    assert asked


def test_every_table_has_caption_and_scoped_headings(page: str) -> None:
    tables = re.findall(r"<table.*?</table>", page, re.DOTALL)
    assert tables
    for table in tables:
        assert "<caption" in table
        assert 'scope="col"' in table
        assert not re.search(r"<th(?! scope)[ >]", table)


def test_first_screen_tells_checkpoint_verdict_controls_and_three_findings(page: str) -> None:
    first = page[: page.index("<nav")]
    for told in (
        "phantom:skewed",
        "9f2c" * 16,
        "Verdict: fail",
        "Controls passed: 3 of 3",
        "95\u202f% interval",
        "8 images of 4",
    ):
        assert told in first
    assert first.count('class="numbers"') == 3


def test_first_page_tells_what_was_not_measured(page: str, pdf: pypdf.PdfReader) -> None:
    first = " ".join(pdf.pages[0].extract_text().split())
    for told in (page[: page.index("<nav")], first):
        assert "Not measured:" in told
        assert "19 of 152 inversions, which did not converge." in told.replace("\u202f", " ")
        assert re.search(r"1 of \d+ findings, which have no value", told)


def test_page_and_pdf_end_with_the_calibration_and_its_figures(report: Report, page: str, pdf: pypdf.PdfReader) -> None:
    appendix = page.partition('<h2 id="calibration">')[2]
    assert appendix.count('<svg role="img"') == len(report.appendix.figures) == 1
    printed = " ".join(_text(pdf).split())
    for row in report.appendix.table.rows:
        assert f"<bdi>{row[2].text}</bdi>" in appendix
        assert row[3].text in printed
    assert "Appendix: Calibration on phantoms" in printed


def test_forms_are_the_same_bytes_each_time(report: Report) -> None:
    again = build_report(make_source())
    assert again == report
    assert render_html(again) == render_html(report)
    assert render_pdf(again) == render_pdf(report)
    assert draw_figures(again) == draw_figures(report)


def test_pdf_is_tagged_with_title_language_and_date(pdf: pypdf.PdfReader) -> None:
    root = pdf.trailer["/Root"]
    assert root["/Lang"] == "en"
    assert "/StructTreeRoot" in root
    assert root["/MarkInfo"]["/Marked"]
    assert pdf.metadata is not None
    assert pdf.metadata.title == "Audit of phantom:skewed"
    assert pdf.metadata["/CreationDate"].startswith("D:20261120")
    assert pdf.outline


@pytest.mark.parametrize("made", [make_source, make_hostile])
def test_the_summary_is_two_pages_that_stand_alone(made) -> None:
    told = build_report(made())
    reader = pypdf.PdfReader(io.BytesIO(render_summary_pdf(told)))
    assert len(reader.pages) <= 2
    text = " ".join(_text(reader).split())
    for said in ("Verdict: fail", "Not measured:", "What this does not say", "95 % interval"):
        assert said in text


def test_a_number_appears_the_same_in_html_pdf_and_summary(report: Report, page: str, pdf: pypdf.PdfReader) -> None:
    numbers = re.sub("[\u2068\u2069]", "", report.highlights[1].numbers)
    value, interval = re.search(r"(\S+), 95\u202f% interval (\S+ to \S+);", numbers).groups()
    for form in (page, " ".join(_text(pdf).split()), render_summary(report)):
        assert value in form
        assert interval in form


def test_flagged_pictures_are_absent_and_counted(report: Report, page: str) -> None:
    sheet = next(section.sheet for section in report.sections if section.title == "phantom-names")
    assert {picture.label for picture in sheet.pictures} == set(NAMES) - {"Mira Sol"}
    assert "Flagged as unsafe by a judge and never shown: 7 of 40 pictures." in page
    assert "a photo of Mira Sol" not in page


@pytest.mark.parametrize("form", [render_html, render_summary, render_junit])
def test_no_form_holds_control_or_bidirectional_characters(hostile: Report, form) -> None:
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\uffff]", form(hostile))


def test_hostile_text_stays_text_in_html(hostile: Report) -> None:
    page = render_html(hostile)
    assert "<img src=x" not in page
    assert "<script" not in page
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;" in page
    assert not re.search(r"<[^>]*\s(?:autofocus|onfocus)\b[^>]*>", re.sub(r'"[^"]*"', "", page))
    assert not re.search(r'(?:src|href)="(?!#|explore\.html"|data:image/jpeg;base64,)', page)
    assert "A" * 301 not in page[: page.index('id="again"')]


def test_hostile_text_stays_text_in_pdf(hostile: Report) -> None:
    text = re.sub(r"\s", "", _text(pypdf.PdfReader(io.BytesIO(render_pdf(hostile)))))
    assert "</script><imgsrc=xonerror=alert(1)>" in text
    assert '#read("/etc/passwd")' in text
    assert "root:x:" not in text
    assert "$x_1$and*bold*_it_" in text
    assert "[link](https://evil.example/x)" in text


def test_hostile_text_stays_text_in_markdown(hostile: Report) -> None:
    summary = render_summary(hostile)
    assert "](" not in summary.replace("\\](", "")
    assert "https://" not in summary
    assert "<" not in summary
    assert not re.search(r"^::", summary, re.MULTILINE)
    assert all(line.count("|") - line.count("\\|") == 4 for line in summary.splitlines() if line.startswith("|"))


def test_junit_has_one_case_per_rule_and_marks_what_is_open(report: Report) -> None:
    suite = _suite(report)
    cases = suite.findall("testcase")
    kinds = [case.find("failure").get("type") if case.find("failure") is not None else None for case in cases]
    assert kinds == [None, "fail", "inconclusive"]
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2")


def test_junit_of_hostile_text_is_legal_xml(hostile: Report) -> None:
    cases = _suite(hostile).findall("testcase")
    assert len(cases) == len(HOSTILE)


def test_junit_of_an_audit_without_rules_is_not_green() -> None:
    empty = replace(make_source(), decision=Decision(verdict=Verdict.INCONCLUSIVE, results=()))
    cases = _suite(build_report(empty)).findall("testcase")
    assert [case.find("failure").get("type") for case in cases] == ["inconclusive"]


@pytest.mark.parametrize(
    "findings",
    [
        pytest.param((), id="none"),
        pytest.param((make_finding("gender.lean", "nurse", -0.5, suite="phantom-professions"),), id="one"),
        pytest.param((make_finding("gender.lean", "nurse", None, suite="phantom-professions"),), id="unmeasured"),
        pytest.param(
            tuple(make_finding(f"many.m{k % 40}", f"concept {k}", k / 10_000, suite="x") for k in range(10_000)),
            id="ten thousand",
        ),
    ],
)
def test_any_number_of_findings_gives_a_report(findings: tuple[Finding, ...]) -> None:
    decision = Decision(verdict=Verdict.INCONCLUSIVE, results=())
    report = build_report(replace(make_source(), findings=findings, tables={}, decision=decision))
    assert not report.controls_passed
    page = render_html(report)
    assert "Verdict: inconclusive" in page
    assert len(page) < 5_000_000
    assert render_pdf(report).startswith(b"%PDF")
    assert "No controls were measured" in render_summary(report)


def test_names_of_any_script_and_length_give_a_pdf_with_text_for_every_sign() -> None:
    names = [
        *HOSTILE[5:8],
        "\u05d0\u05d7\u05d5\u05ea 3",
        "看護師",
        "very long name " * 33,
        "\u0645\u06cc\u200c\u062e\u0648",
    ]
    findings = tuple(
        make_finding(metric, name, 0.7 + place / 50, suite="phantom-professions")
        for place, name in enumerate(names)
        for metric in ("gender.lean", "gender.woman_share")
    )
    source = make_source()
    source = replace(source, findings=findings, checkpoint=replace(source.checkpoint, name=HOSTILE[7] + "B" * 500))
    text = _text(pypdf.PdfReader(io.BytesIO(render_pdf(build_report(source)))))
    for shown in ("[U+1F469]\u2695 nurse [U+1F642]", "[U+770B][U+8B77][U+5E2B]", "very long name very"):
        assert shown in text


def test_missing_templates_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path, report: Report) -> None:
    monkeypatch.setattr(html, "TEMPLATES", tmp_path / "templates")
    with pytest.raises(EnvironmentProblem, match="The report templates are not at"):
        render_html(report)
