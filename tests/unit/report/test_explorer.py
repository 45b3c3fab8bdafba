"""The page for a closer look: what it holds, what keeps it closed, and that equal content gives equal bytes."""

import base64
import hashlib
import json
import re
from dataclasses import replace

import pandas as pd
import pytest
from report_source import HOSTILE, JUDGE, make_finding, make_hostile, make_source

from audit.evidence import safe_name
from audit.report import explorer
from audit.report.explorer import explore_run, render_explorer
from audit.report.findings import differs
from audit.report.html import read_template
from audit.report.images import FLAGGED_FROM
from audit.report.text import clean


@pytest.fixture(scope="module")
def source():
    return make_source()


@pytest.fixture(scope="module")
def page(source):
    return render_explorer(explore_run(source))


def told(page):
    return json.loads(re.search(r'<script type="application/json" id="content">(.*?)</script>', page, re.DOTALL)[1])


def column(table, label):
    one = next(one for one in table["columns"] if one["label"] == label)
    return [one["words"][place] for place in one["cells"]]


def policy(page):
    (one,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    return dict(part.split(" ", 1) for part in one.split("; "))


def digest(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_policy_allows_the_script_and_the_style_of_the_page_by_their_hashes_and_nothing_else(page):
    allowed = policy(page)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert allowed["default-src"] == "'none'"
    assert allowed["script-src"] == digest(script)
    assert allowed["style-src"] == digest(style)
    assert allowed["img-src"] == "data:"
    assert "unsafe" not in " ".join(allowed.values())
    assert re.findall(r'\b(?:style|on[a-z]+)="', page[: page.index("<script")]) == []


@pytest.mark.parametrize("name", explorer._SCRIPTS)
def test_no_script_makes_code_or_markup_of_text(name):
    text = read_template(name)
    risky = (
        r"\beval\(|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write|setTimeout\(['\"`]|</script|<!--"
    )
    assert re.findall(risky, text) == []


def test_the_libraries_are_those_that_their_page_lists_and_carry_their_licences(page):
    listed = dict(re.findall(r"`([^`]+)` \| `([0-9a-f]{64})`", read_template("libraries/README.md")))
    for name, told_digest in listed.items():
        assert hashlib.sha256(read_template(f"libraries/{name}").encode()).hexdigest() == told_digest
    bundled = {one.removeprefix("libraries/") for one in (*explorer._SCRIPTS, *explorer._STYLES) if "/" in one}
    assert bundled <= set(listed)
    assert page.count("Permission is hereby granted, free of charge") == len(explorer._LICENCES)


def test_equal_content_gives_equal_bytes(source, page):
    assert render_explorer(explore_run(source)) == page


def test_every_finding_is_there_as_the_report_writes_it_and_what_differs_comes_first(source, page):
    findings = told(page)["tables"][0]
    assert len(findings["columns"][0]["cells"]) == len(source.findings)
    beyond = column(findings, "Beyond the smallest effect")
    assert beyond.count("yes") == sum(map(differs, source.findings))
    assert beyond == sorted(beyond, key=["yes", "no", "not asked"].index)
    rows = list(zip(*(column(findings, name) for name in ("About", "Measure", "Value", "Low", "High")), strict=True))
    assert ("nurse", "Gender lean", "\u22120.65", "\u22120.77", "\u22120.53") in rows
    assert column(findings, "About").count("the whole suite") == sum(one.subject == "*" for one in source.findings)


def test_numbers_are_sorted_by_what_they_are_and_what_is_missing_is_missing(page):
    values = next(one for one in told(page)["tables"][0]["columns"] if one["label"] == "Value")
    shown = [values["words"][place] for place in values["cells"]]
    assert None in values["numbers"]
    assert all((number is None) == (text == "\u2013") for number, text in zip(values["numbers"], shown, strict=True))


def test_every_prompt_and_every_score_is_there(source, page):
    by_name = {table["name"]: table for table in told(page)["tables"]}
    assert set(by_name) == {"findings", "scores-1", "prompts"}
    assert column(by_name["prompts"], "Prompt") == source.evidence.prompts["text"].tolist()
    (scores,) = source.evidence.scores.values()
    assert len(by_name["scores-1"]["columns"][0]["cells"]) == len(scores)
    assert "image too dark" in column(by_name["scores-1"], "Not scored because")


def test_pictures_are_those_that_a_report_may_show(source, page):
    gallery = told(page)["gallery"]
    images, (scores,) = source.evidence.images, source.evidence.scores.values()
    joined = images.merge(scores, on=["prompt_id", "replicate"])
    allowed = joined[(joined["status"] == "converged") & (joined["unsafe"] < FLAGGED_FROM)]
    assert len(gallery["jpegs"]) == len(allowed) > 0
    assert "Mira Sol" not in column(gallery, "Concept")
    assert all(base64.b64decode(one).startswith(b"\xff\xd8") for one in gallery["jpegs"])


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"pictured": "none"}, set()),
        ({"unpictured": frozenset({"nurse"})}, {"pilot"}),
        ({"pictured": "pixelated"}, {"Mira Sol"}),
    ],
)
def test_pictures_follow_what_was_asked_of_the_report(source, changes, shown):
    gallery = told(render_explorer(explore_run(replace(source, **changes))))["gallery"]
    concepts = set(column(gallery, "Concept"))
    assert shown <= concepts
    assert bool(concepts) == bool(shown)
    assert "nurse" not in concepts or "unpictured" not in changes


def test_no_text_of_a_stranger_can_end_the_script_or_a_line_of_it():
    page = render_explorer(explore_run(make_hostile()))
    inside = re.search(r'id="content">(.*?)</script>', page, re.DOTALL)[1]
    assert not set("<>&\u2028\u2029") & set(inside)
    assert page.count("<script") == page.count("</script") == 2
    every = {word for table in told(page)["tables"] for one in table["columns"] for word in one["words"]}
    assert {clean(text, longest=120) for text in HOSTILE} <= every


def test_a_line_separator_is_no_end_of_a_line(source):
    odd = make_finding("gender.lean", "one\u2028two</script>", 0.5, suite="phantom-professions")
    page = render_explorer(explore_run(replace(source, findings=(odd,))))
    assert "\u2028" not in page
    assert column(told(page)["tables"][0], "About") == ["one two</script>"]


def test_what_is_too_much_is_cut_and_said(source, monkeypatch):
    monkeypatch.setattr(explorer, "MOST_ROWS", 5)
    monkeypatch.setattr(explorer, "MOST_PICTURES", 4)
    explored = explore_run(source)
    assert [len(table.columns[0].shown) for table in explored.tables] == [5, 5, 5]
    assert [table.sentences[-1] for table in explored.tables] == [
        f"Shown are the first 5 rows of {len(source.findings)}; all are in findings.json.",
        f"Shown are the first 5 rows of 152; all are in tables/scores_{safe_name(JUDGE.name)}.csv.",
        "Shown are the first 5 rows of 76; all are in tables/prompts.csv.",
    ]
    assert len(explored.gallery.jpegs) == 4
    assert len(set(explored.gallery.columns[0].shown)) == 4  # a picture of as many concepts as there is room for
    assert "4 are in this file" in explored.gallery.sentences[0]


def test_pictures_stop_where_the_page_would_get_too_large(source, monkeypatch):
    every = explore_run(source).gallery.jpegs
    monkeypatch.setattr(explorer, "_MOST_BYTES", sum(map(len, every)) // 2)
    some = explore_run(source).gallery.jpegs
    assert 0 < len(some) < len(every)
    assert sum(map(len, some)) <= explorer._MOST_BYTES


def test_a_run_without_findings_or_pictures_has_a_page(source):
    evidence = replace(source.evidence, prompts=source.evidence.prompts.assign(role="object"))
    explored = explore_run(replace(source, findings=(), evidence=evidence))
    assert explored.gallery is None
    assert told(render_explorer(explored))["tables"][0]["columns"][0]["cells"] == []


def test_a_score_that_is_no_number_is_shown_as_missing(source):
    ((_name, scores),) = source.evidence.scores.items()
    assert scores["signed"].isna().any()
    numbers = next(one for one in explore_run(source).tables[1].columns if one.label == "Signed").numbers
    assert [number is None for number in numbers] == pd.isna(scores["signed"]).tolist()
