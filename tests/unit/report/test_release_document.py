"""A document of release: filled from the run and a file, each fact with its source, bad files in one paragraph."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pypdf
import pytest
from report_source import HOSTILE, make_finding, make_hostile, make_source

from audit.errors import UsageProblem
from audit.report import render_paper_html, render_paper_pdf
from audit.report.model import Paper
from audit.report.release_document import release_paper
from audit.report.release_file import ReleaseFile, read_release_file
from audit.report.text import NOTHING

DOCS = Path(__file__).parents[3] / "docs" / "release.md"
EXAMPLE = re.search(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)[1]
NOT_STATED = "not stated"


def written(folder: Path, text: str) -> Path:
    path = folder / "document.toml"
    path.write_text(text, encoding="utf-8")
    return path


def rows(paper: Paper, section: str) -> dict[str, tuple[str, ...]]:
    found = next(one for one in paper.sections if one.name == section)
    return {row[0].text: tuple(cell.text for cell in row[1:]) for row in found.tables[0].rows}


def paper(told: ReleaseFile | None = None, **changes: object) -> Paper:
    return release_paper(make_source(**changes), told or ReleaseFile(), run_digest="ab" * 32)


def test_the_documented_file_is_read_and_every_key_of_it_stands_in_the_document(tmp_path):
    told = read_release_file(written(tmp_path, EXAMPLE))
    page = render_paper_html(paper(told))
    texts = re.findall(r'"([^"]+)"', EXAMPLE)
    assert len(texts) > 15
    assert [text for text in texts if text not in page] == []
    for day in re.findall(r"\d{4}-\d\d-\d\d", EXAMPLE):
        assert day in page


def test_every_key_is_documented():
    table = DOCS.read_text(encoding="utf-8").partition("| key |")[2]
    for name, field in ReleaseFile.model_fields.items():
        inner = getattr(field.annotation, "model_fields", {})
        assert all(f"{name}.{key}" in table or f"`.{key}`" in table for key in inner), name
    assert {"sign_off.name", "sign_off.date"} <= set(re.findall(r"sign_off\.\w+", table))


def test_without_a_file_facts_are_those_of_the_run_and_the_rest_is_not_stated():
    control = rows(paper(), "control")
    assert control["Checkpoint"] == ("phantom:skewed", "spec.json")
    assert control["Licence"] == (NOT_STATED, NOTHING)
    audit = rows(paper(), "audit")
    assert audit["Auditor"][0] == NOT_STATED
    assert audit["Compute"][0].startswith("152 images")
    assert next(one for one in paper().sections if one.name == "sign-off").tables[0].caption == "Nobody has signed."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "schema_version"),
        ("schema_version = 2", "line 1: schema_version: found 2"),
        ('schema_version = 1\n[audit]\nauditer = "A"', "line 3: unknown key 'auditer'"),
        (
            'schema_version = 1\n[audit]\nnext_audit = "soon"',
            "line 3: audit.next_audit: found 'soon'; a date is written",
        ),
        ("schema_version = 1\n[audit]\nenergy_kwh = -1", "line 3: audit.energy_kwh: found -1"),
        ("schema_version = 1\n[audit]\nenergy_kwh = inf", "line 3: audit.energy_kwh: found inf"),
        ('schema_version = 1\n[audit]\nauditor = " "', "line 3: audit.auditor"),
        ('schema_version = 1\n[[sign_off]]\nname = "A"', "line 2: the key 'role' is missing"),
        ('schema_version = 1\n[scope]\ngroups = "women"', "line 3: scope.groups"),
        ("schema_version = ", "line 1: not TOML"),
    ],
)
def test_a_bad_file_is_refused_with_line_and_remedy_in_one_paragraph(tmp_path, text, said):
    with pytest.raises(UsageProblem, match=re.escape(said)) as caught:
        read_release_file(written(tmp_path, text))
    assert "\n" not in str(caught.value)
    assert caught.value.remedy


def test_results_by_group_have_n_interval_unknown_and_a_ratio_with_interval():
    found = (
        make_finding("gender.woman_share", "nurse", 0.8, suite="phantom-professions", half=0.1),
        make_finding("gender.undetermined_share", "nurse", 0.25, suite="phantom-professions"),
        make_finding("gender.woman_share", "pilot", None, suite="phantom-professions"),
    )
    section = next(one for one in paper(findings=found).sections if one.name == "by-group")
    (row,) = section.tables[0].rows
    assert [(cell.text, cell.detail) for cell in row] == [
        ("nurse", "phantom-professions"),
        ("0.80", "0.70 to 0.90"),
        ("0.20", "0.10 to 0.30"),
        ("0.25", "0.11 to 0.43"),
        ("0.25", "0.13 to 0.37"),
        ("8 / 4", ""),
    ]
    assert "Not measured: 1 concept." in section.tables[0].caption


def test_the_document_says_evidence_and_never_that_a_request_is_met():
    page = render_paper_html(paper())
    assert "evidence for" in page
    assert not re.search(r"compl(y|iant|iance)|conform|certif|satisfies", page, re.IGNORECASE)


def test_every_request_leads_to_the_part_that_serves_it():
    made = paper()
    page = render_paper_html(made)
    links = set(re.findall(r'href="#([^"]+)"', page))
    assert links <= set(re.findall(r' id="([^"]+)"', page))
    table = next(one for one in made.sections if one.name == "crosswalk").tables[0]
    assert {row[2].link for row in table.rows} <= {one.name for one in made.sections}
    titles = {one.name: one.title for one in made.sections}
    assert all(titles[row[2].link] == row[2].text for row in table.rows)


def test_the_pdf_is_tagged_repeats_byte_for_byte_and_hostile_text_stays_text(tmp_path):
    lines = "".join(
        f"{key} = {text!r}\n" for key, text in (("auditor", "#read('/etc/passwd')"), ("reason", "<b>x</b>"))
    )
    told = read_release_file(written(tmp_path, "schema_version = 1\n[audit]\n" + lines.replace("'/etc/passwd'", "x")))
    made = release_paper(make_hostile(), told, run_digest="ab" * 32)
    pdf = render_paper_pdf(made)
    assert pdf == render_paper_pdf(made)
    assert pypdf.PdfReader(io.BytesIO(pdf)).trailer["/Root"]["/MarkInfo"]["/Marked"]
    page = render_paper_html(made)
    assert "<b>x</b>" not in page
    assert "<script" not in page
    assert HOSTILE[0] not in page
