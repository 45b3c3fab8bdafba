"""Comparisons and histories as pages and PDFs, and what a PDF promises to those who do not see it."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pypdf
import pytest
from papers import comparison, history
from report_source import make_finding, make_source

from audit.report import build_report, render_html, render_paper_html, render_paper_pdf, render_pdf
from audit.studies.run_history import Bound, Trend

PAPERS = {"comparison": comparison, "history": history}


def elements(node) -> Iterator[pypdf.generic.DictionaryObject]:
    """Every element of the structure of a PDF."""
    node = node.get_object() if hasattr(node, "get_object") else node
    if isinstance(node, list):
        for one in node:
            yield from elements(one)
    elif isinstance(node, dict):
        yield node
        yield from elements(node.get("/K", []))


def alternatives(pdf: bytes) -> list[str]:
    root = pypdf.PdfReader(io.BytesIO(pdf)).trailer["/Root"]
    return [str(one["/Alt"]) for one in elements(root["/StructTreeRoot"]) if one.get("/S") == "/Figure"]


@pytest.mark.parametrize("name", PAPERS)
def test_a_paper_is_a_tagged_pdf_with_language_title_date_and_bookmarks(name):
    made = render_paper_pdf(PAPERS[name]())
    reader = pypdf.PdfReader(io.BytesIO(made))
    root = reader.trailer["/Root"]
    assert root["/Lang"] == "en"
    assert root["/MarkInfo"]["/Marked"]
    assert reader.metadata.title == PAPERS[name]().title
    assert reader.metadata["/CreationDate"].startswith("D:20261120")
    assert len(reader.outline) > 2
    assert made == render_paper_pdf(PAPERS[name]())


@pytest.mark.parametrize("hostile", [False, True])
@pytest.mark.parametrize("name", PAPERS)
def test_no_page_of_a_paper_is_empty(name, hostile):
    for page in pypdf.PdfReader(io.BytesIO(render_paper_pdf(PAPERS[name](hostile=hostile)))).pages:
        assert len(page.extract_text()) > len(page.extract_text().splitlines()[-1]) + 100


@pytest.mark.parametrize("name", PAPERS)
def test_every_figure_of_a_paper_says_in_words_what_it_shows(name):
    paper = PAPERS[name]()
    figures = [figure.equivalent for section in paper.sections for figure in section.figures]
    told = alternatives(render_paper_pdf(paper))
    assert len(told) == len(figures) > 0
    assert all(told)


def test_every_figure_and_picture_of_a_report_has_an_alternative_text():
    report = build_report(make_source())
    opening = report.opening
    figures = [figure for section in report.sections for figure in section.figures]
    figures += [*report.appendix.figures, *([opening.figure] if opening.figure else [])]
    pictures = [picture for section in report.sections if section.sheet for picture in section.sheet.pictures]
    pictures += opening.strip.pictures if opening.strip else ()
    told = alternatives(render_pdf(report))
    assert len(told) == len(figures) + len(pictures)
    assert opening.figure
    assert {picture.alternative for picture in pictures} <= set(told)


@pytest.mark.parametrize("name", PAPERS)
def test_hostile_text_stays_text_in_a_paper(name):
    paper = PAPERS[name](hostile=True)
    page = render_paper_html(paper)
    text = re.sub(
        r"[\s\u200b]", "", "".join(p.extract_text() for p in pypdf.PdfReader(io.BytesIO(render_paper_pdf(paper))).pages)
    )
    assert "<script" not in page
    assert "<img" not in page
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", page)
    assert '#read("/etc/passwd")' in text
    assert "root:x:" not in text


def test_a_page_and_a_report_have_one_policy_and_one_style():
    policy = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)">')
    pages = [render_html(build_report(make_source())), *(render_paper_html(make()) for make in PAPERS.values())]
    assert len({policy.search(page)[1] for page in pages}) == 1
    assert len({page.partition("<style>")[2].partition("</style>")[0] for page in pages}) == 1


def test_what_was_not_measured_is_in_the_table_and_not_in_the_figure():
    paper = comparison()
    figure = next(figure for section in paper.sections for figure in section.figures)
    assert "nobody" not in {row.label for row in figure.rows}
    assert any(row[0].text == "nobody" for section in paper.sections for t in section.tables for row in t.rows)


def test_an_inconclusive_comparison_does_not_read_as_a_result():
    paper = comparison(conclusive=False)
    assert (paper.verdict_word, paper.tone) == ("Inconclusive", "inconclusive")
    assert "In the candidate, a control failed: noise." in paper.verdict


def test_a_gap_in_a_history_is_a_gap():
    section = next(one for one in history().sections if "nurse" in one.title)
    (table,) = section.tables
    assert [row[1].text for row in table.rows].index("not measured") == 4
    assert "lowest \u22120.80 in run 12" in section.figures[0].equivalent


def trend(*values: float | None, half: float = 0.1, low: float | None = None, high: float | None = None) -> Trend:
    bound = Bound(rule="lean", metric="gender.lean", suite="*", subject="each", low=low, high=high)
    findings = tuple(make_finding("gender.lean", "nurse", value, suite="suite", half=half) for value in values)
    return Trend(suite="suite", subject="nurse", metric="gender.lean", findings=findings, bounds=(bound,))


@pytest.mark.parametrize(
    ("last", "crosses"), [(0.45, False), (0.55, False), (0.65, True), (-0.65, True), (-0.55, False), (None, False)]
)
def test_only_a_whole_interval_beyond_a_line_lies_beyond_it(last, crosses):
    assert trend(0.9, last, low=-0.5, high=0.5).crosses() is crosses


def test_a_trend_has_moved_where_the_intervals_of_its_ends_lie_apart():
    assert trend(0.0, 0.9, 0.15).gap() == 0
    assert trend(0.9).gap() == 0
    assert trend(0.0, None, 0.5).gap() == trend(0.5, 0.0).gap()
    assert trend(0.0, 0.5).gap() == pytest.approx(0.3 / 3)  # a lean runs from -1.5 to 1.5


@pytest.mark.parametrize(
    ("values", "half", "word"),
    [
        ((0.1, 0.5), 0.1, "worse"),
        ((0.5, 0.1), 0.1, "better"),
        ((-0.5, 0.1), 0.1, "better"),  # what counts is how far it is from the neutral value
        ((-0.5, 0.5), 0.1, "cannot tell"),
        ((0.1, 0.2), 0.1, "cannot tell"),
        ((0.4, 0.41), 0.01, "unchanged"),
        ((0.4, 0.9, 0.4), 0.3, "unchanged"),
        ((0.1, None), 0.1, "cannot tell"),
    ],
)
def test_a_trend_says_what_became_of_the_answer(values, half, word):
    assert trend(*values, half=half).outcome() == word


def test_the_first_screen_of_a_history_tells_what_crossed_and_what_moved():
    told = " ".join(history().verdict)
    assert "with the whole interval: 1 of 1 trend: Gender lean" in told
    assert "2 of 3 trends; farthest Gender lean" in told


def test_the_first_screen_of_a_comparison_tells_the_first_change_unless_it_is_none_of_the_checkpoint():
    (_, lead) = comparison().verdict
    told = re.sub("[\u2068\u2069]", "", lead)
    assert told == (
        "Worse, first of 6: Gender lean of “nurse” in “suite”, from 0.10 to 0.30; difference \u22120.30, 95\u202f% "
        "interval \u22120.40 to \u22120.20, p 0.040, on 8 images of 4 prompts."
    )
    assert not any("first of" in sentence for sentence in comparison(conclusive=False).verdict)
