"""What the parts of the report promise: figures, contact sheets, highlights, wording of the verdict."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from report_source import (
    JUDGE,
    WOMEN,
    make_evidence,
    make_finding,
    make_png,
    make_prompts,
    make_source,
)

from audit.evidence import Evidence
from audit.lenses import CARDS
from audit.records import Decision, Finding, RuleResult, Verdict, WaivedBy
from audit.report import build_report, draw_figures, render_html
from audit.report.figures import fit, measure
from audit.report.findings import pick_highlights, tell_concepts, tell_suite
from audit.report.images import make_sheet
from audit.report.method import method_sentences
from audit.report.model import WHOLE_ROOM, ContactSheet, Table
from audit.report.text import NAME_END, NAME_START, clean, quote, show_number

SUITE = "phantom-professions"


def _sheet(evidence: Evidence, read) -> ContactSheet:
    return make_sheet(make_source(evidence=evidence, read_pictures=read), SUITE)


def _sheet_labels(evidence: Evidence, **pictures) -> list[str]:
    read = pictures.get("read", lambda keys: {key: make_png(key) for key in keys})
    return [picture.label for picture in _sheet(evidence, read).pictures]


def _evidence(**changes: object) -> Evidence:
    return replace(make_evidence(make_prompts(list(WOMEN), SUITE, women=True)), **changes)


def test_figures_refer_only_to_themselves_and_share_no_id() -> None:
    drawn = draw_figures(build_report(make_source()))
    ids: list[str] = []
    for svg in drawn.values():
        own = [element.get("id") for element in ET.fromstring(svg).iter() if element.get("id")]  # noqa: S314
        asked = re.findall(r'(?:href="#|url\(#)([^")]+)', svg)
        assert set(asked) <= set(own)
        assert "<metadata" not in svg
        assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", svg)
        ids += own
    assert len(ids) == len(set(ids))


def test_a_figure_shows_so_many_rows_at_most_and_says_so() -> None:
    concepts = [f"concept {k}" for k in range(64)]
    findings = tuple(make_finding("gender.lean", c, k / 64 - 0.5, suite=SUITE) for k, c in enumerate(concepts))
    figure = build_report(replace(make_source(), findings=findings)).sections[0].figures[0]
    most = WHOLE_ROOM.figure_rows
    assert len(figure.rows) == most
    assert f"{most} of 64 concepts" in figure.caption
    assert [row.value for row in figure.rows] == sorted((row.value for row in figure.rows), reverse=True)
    assert min(abs(row.value) for row in figure.rows) == sorted(abs(f.estimate.value) for f in findings)[-most]


def test_the_steps_that_are_told_are_those_of_the_recipe_and_what_was_left_out_is_told() -> None:
    source = make_source()
    spec = {"effort": {"name": "quick", "steps": 0.75}, **source.spec, "left_out": ["Not asked: names.", "x" * 5000]}
    report = build_report(replace(source, spec=spec))
    assert "in 120 steps" in report.method[0]
    assert report.missing[-2] == "Not asked: names."
    assert len(report.missing[-1]) <= 1000
    assert len(report.missing) == len(build_report(source).missing) + 2


def test_figure_rows_carry_the_labour_share_where_it_is_known() -> None:
    figure = build_report(make_source()).opening.figure
    assert figure is not None
    only_women, only_men = -1.0, 1.0
    mixed = {name: share * only_women + (1 - share) * only_men for name, share in WOMEN.items()}
    assert {row.label: row.reference for row in figure.rows} == pytest.approx(mixed)


@pytest.mark.parametrize("text", ["W" * 300, "👩" * 300, "ممرضة" * 60, "漢" * 300, "i" * 300])
def test_a_label_is_cut_to_its_width(text: str) -> None:
    cut = fit(text, 100.0)
    assert measure(cut) <= 100.0
    assert cut.endswith("…")
    assert len(cut) > 5


def test_a_short_label_is_left_alone() -> None:
    assert fit("nurse", 100.0) == "nurse"


def test_typical_picture_is_the_one_nearest_to_the_median_of_its_concept() -> None:
    evidence = _evidence()
    asked = []

    def read(keys):
        asked.extend(keys)
        return {key: make_png(key) for key in keys}

    _sheet_labels(evidence, read=read)
    table = evidence.images.merge(evidence.prompts[["prompt_id", "concept"]], on="prompt_id")
    table = table.merge(evidence.scores[JUDGE.name], on=["prompt_id", "replicate"])
    for prompt_id, replicate in asked:
        chosen = table[(table["prompt_id"] == prompt_id) & (table["replicate"] == replicate)].iloc[0]
        group = table[(table["concept"] == chosen["concept"]) & (table["status"] == "converged")]
        distance = (group["own_cosine"] - group["own_cosine"].median()).abs()
        assert abs(chosen["own_cosine"] - group["own_cosine"].median()) == distance[group["unsafe"] < 0.5].min()
    assert len(asked) == len(WOMEN)


@pytest.mark.parametrize("unsafe", [0.5, 0.93, np.nan])
def test_flagged_and_unscreened_pictures_are_never_asked_for(unsafe: float) -> None:
    values = dict.fromkeys(JUDGE.classes, unsafe)
    reason = "too dark" if np.isnan(unsafe) else ""
    scores = {name: table.assign(reason=reason, **values) for name, table in _evidence().scores.items()}

    def read(keys):
        pytest.fail(f"asked for {keys}")

    sheet = _sheet(_evidence(scores=scores), read)
    assert sheet.pictures == ()
    assert sheet.left_out


def test_one_judge_that_flags_is_enough() -> None:
    evidence = _evidence()
    second = replace(JUDGE, name="second")
    other = evidence.scores[JUDGE.name].assign(unsafe=0.9, reason="", **dict.fromkeys(JUDGE.classes[:-1], 0.2))
    both = replace(
        evidence,
        scores={**evidence.scores, "second": other},
        judges={**evidence.judges, "second": second},
    )
    assert _sheet_labels(evidence)
    assert _sheet_labels(both) == []


@pytest.mark.parametrize("damaged", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"x" * 40])
def test_an_unreadable_picture_is_counted_and_not_shown(damaged: bytes) -> None:
    sheet = _sheet(_evidence(), lambda keys: dict.fromkeys(keys, damaged))
    assert sheet.pictures == ()
    assert any("missing or unreadable" in note for note in sheet.left_out)


def test_pictures_are_small_jpeg_files_without_metadata() -> None:
    held = io.BytesIO()
    Image.new("RGB", (700, 700), "teal").save(held, format="PNG")
    sheet = _sheet(_evidence(), lambda keys: dict.fromkeys(keys, held.getvalue()))
    picture = Image.open(io.BytesIO(sheet.pictures[0].jpeg))
    assert (picture.format, picture.size) == ("JPEG", (128, 128))
    assert not picture.getexif()


def _lean(subject: str, value: float, **changes: object) -> Finding:
    return make_finding("gender.lean", subject, value, suite="s", **changes)


def test_a_large_finding_matters_more_than_a_narrow_interval_of_few_prompts() -> None:
    chosen = pick_highlights([_lean("narrow", 0.7, half=0.01), _lean("large", 0.9, half=0.3)])
    assert ["large" in chosen[0].statement, "narrow" in chosen[1].statement] == [True, True]


def test_what_may_be_smaller_than_the_smallest_effect_is_no_highlight_however_sure() -> None:
    smallest = CARDS["gender.lean"].smallest_effect
    findings = [_lean("sure", smallest, half=0.01), _lean("wide", 0.9, half=0.9 - smallest), _lean("clear", 0.5)]
    assert ["clear" in one.statement for one in pick_highlights(findings)] == [True]


def test_whatever_can_be_a_highlight_has_a_smallest_effect() -> None:
    assert [card.name for card in CARDS.values() if card.ranked and not card.smallest_effect > 0] == []


def test_a_raw_lean_is_told_and_drawn_only_where_there_is_no_lean() -> None:
    raw = [make_finding("gender.raw_lean", name, -0.9, suite=SUITE) for name in ("nurse", "pilot")]
    leans = [make_finding("gender.lean", name, value, suite=SUITE) for name, value in (("nurse", None), ("pilot", 0.0))]
    assert ["nurse" in one.statement for one in pick_highlights([*raw, *leans])] == [True]
    report = build_report(replace(make_source(), findings=(*raw, *leans)))
    drawn = {one.name: [row.label for row in one.rows] for one in report.sections[0].figures if hasattr(one, "rows")}
    assert drawn == {"suite-1-gender-raw-lean": ["nurse"]}
    assert [row.label for row in report.opening.figure.rows] == ["pilot"]


def _told(findings: list[Finding], **more: object) -> tuple[Table, ...]:
    return tell_concepts(findings, name="t", suite="s", **more).tables


def test_a_table_has_who_differs_in_what_and_says_how_many_do_not() -> None:
    values = {"nurse": -0.9, "cook": 0.1, "pilot": 0.8}
    leans = [_lean(name, value) for name, value in values.items()]
    shares = [make_finding("gender.woman_share", name, 0.5, suite="s") for name in values]
    told = tell_concepts([*leans, *shares], name="t", suite="s")
    (table,) = told.tables
    assert [row[0].text for row in table.rows] == ["pilot", "nurse"]
    assert [column.label for column in table.columns] == ["Concept", "Gender lean"]
    assert "Of 3 concepts" in table.caption
    assert "2 differ" in table.caption
    (said,) = told.sentences
    assert "share read as woman 0.50" in said
    assert "none of 3 concepts" in said


def test_what_a_figure_shows_is_not_in_a_table_too() -> None:
    assert _told([_lean("nurse", -0.9)], drawn=["gender.lean"]) == ()


def test_what_a_suite_comes_to_is_a_row_only_where_it_lies_beyond_the_smallest_effect() -> None:
    found = [make_finding(metric, "*", value, suite="s") for metric, value in (
        ("gender.lean", 0.9), ("gender.woman_share", 0.5), ("gender.undetermined_share", 0.1),
    )]  # fmt: skip
    told = tell_suite([replace(found[0], note="One judge. Twelve images."), *found[1:]], name="t", suite="s")
    assert [row[0].text for row in told.tables[0].rows] == ["Gender lean"]
    assert told.tables[0].caption.endswith("One judge. Twelve images.")
    assert ["share read as woman 0.50 (" in told.sentences[0], "undetermined 0.10 (" in told.sentences[1]] == [True] * 2
    assert tell_suite(found[1:], name="t", suite="s").tables == ()


def test_no_name_of_a_metric_is_shown_as_the_code_has_it() -> None:
    report = build_report(make_source())
    page = re.sub(r"<svg.*?</svg>|(?:id|aria-\w+)=\"[^\"]*\"|<pre.*?</pre>", "", render_html(report), flags=re.DOTALL)
    rules = " ".join(row[0].text for row in report.rules.rows)
    assert [name for name in CARDS if name in page and name not in rules] == []


def test_what_the_instrument_adds_is_told_in_the_method_and_in_the_appendix() -> None:
    error = make_finding("gender.instrument_error", "*", 0.108, suite="s", note="From 14 neutralised subjects.")
    report = build_report(replace(make_source(), findings=(error,)))
    for sentences in (report.method, report.appendix.sentences):
        (told,) = [one for one in sentences if "0.11" in one]
        assert "From 14 neutralised subjects." in told


def test_a_run_without_neutralised_subjects_says_what_its_intervals_lack() -> None:
    source = make_source()
    graded = source.evidence.prompts.assign(role="graded", lens="gender")
    old = replace(source, evidence=replace(source.evidence, prompts=graded))
    neutral = graded.assign(role=["neutralised", *graded["role"][1:]])
    new = replace(source, evidence=replace(source.evidence, prompts=neutral))
    lacks = ["without the instrument's own error" in " ".join(method_sentences(one)) for one in (source, old, new)]
    assert lacks == [False, True, False]


def test_the_method_says_what_is_estimated() -> None:
    source = make_source()
    told = [replace(finding, estimand="This answer.") for finding in source.findings]
    assert "What is estimated: This answer." in method_sentences(replace(source, findings=tuple(told)))


def test_what_contains_its_neutral_value_is_no_highlight() -> None:
    assert pick_highlights([_lean("unclear", 0.1, half=0.2)]) == ()


def test_each_lens_gives_its_first_finding_before_any_gives_its_second() -> None:
    findings = [_lean(name, 0.9) for name in "abc"] + [make_finding("nsfw.excess", "x", 0.3, suite="s")]
    told = [highlight.statement for highlight in pick_highlights(findings)]
    assert sum("unsafe" in statement for statement in told[:2]) == 1


def test_references_and_safer_subjects_are_no_highlights() -> None:
    findings = [
        make_finding("nsfw.rate", "reference", 0.9, suite="s"),
        make_finding("nsfw.excess", "safer", -0.5, suite="s"),
    ]
    assert pick_highlights(findings, references={("s", "reference")}) == ()


def test_unknown_metrics_are_in_the_tables_and_rank_last() -> None:
    odd = make_finding("other.thing", "nurse", 900.0, suite="s")
    (table,) = _told([odd])
    assert [column.label for column in table.columns] == ["Concept", "other.thing"]
    assert table.rows[0][1].text == "900.00"
    assert "nurse" in pick_highlights([odd, _lean("cook", 0.5)])[-1].statement


def test_what_was_not_measured_says_so() -> None:
    (said,) = tell_concepts([_lean("a", None), _lean("b", None)], name="t", suite="s").sentences
    assert "gender lean not measured" in said


def test_an_audit_without_a_policy_does_not_read_as_an_approval() -> None:
    result = RuleResult(rule="control: people", verdict=Verdict.PASS, evidence="Passed.")
    report = build_report(replace(make_source(), decision=Decision(verdict=Verdict.NONE, results=(result,))))
    assert report.tone == "unasked"
    for said in (report.verdict_word, report.verdict_sentence):
        assert "no policy was given" in said.lower()
        assert "pass" not in said.lower()


def test_a_pass_that_needed_a_waiver_is_not_green_and_names_who_answers() -> None:
    by = WaivedBy(owner="Ada", until="2026-12-31", reason="known")
    result = RuleResult(rule="lean", verdict=Verdict.FAIL, evidence="bad", waived=by)
    report = build_report(replace(make_source(), decision=Decision(verdict=Verdict.PASS, results=(result,))))
    assert (report.verdict_word, report.tone) == ("Passed with waivers", "inconclusive")
    assert "Ada answers for lean until 2026-12-31" in report.verdict_sentence


@pytest.mark.parametrize("passed", [[True, False], [True, None], [True, np.nan]])
def test_a_control_that_failed_or_is_missing_is_named(passed: list[object]) -> None:
    table = pd.DataFrame(
        {
            "control": ["noise", "objects"],
            "measured": [0.0, 0.4],
            "target": ["at most 0.1"] * 2,
            "passed": pd.Series(passed, dtype=object),
            "reason": ["", "measured 0.4"],
        }
    )
    report = build_report(replace(make_source(), tables={"controls": table}))
    assert not report.controls_passed
    assert "1 of 2" in report.controls_sentence
    assert "objects" in report.controls_sentence
    assert [row[4].text for row in report.controls.rows] == ["passed", "not passed"]


def test_what_rests_on_a_control_that_is_not_shown_is_marked_and_nothing_else_is() -> None:
    table = pd.DataFrame(
        {
            "control": ["people seen in noise", "unclothed people flagged as unsafe"],
            "question": ["gender", "nsfw"],
            "measured": [0.1, 1.0],
            "target": ["at most 0.25", "at least 0.75"],
            "state": ["not shown", "passed"],
            "passed": [False, True],
            "reason": ["", ""],
        }
    )
    report = build_report(replace(make_source(), tables={"controls": table}))
    assert "people seen in noise" in report.controls_sentence
    assert "not shown" in report.controls_sentence
    assert report.controls_sentence.endswith("What judges read of gender cannot be trusted.")
    marks = {
        section.title: [one for one in section.sentences if "Controls of what they" in one]
        for section in report.sections
    }
    assert "Gender lean" in marks["phantom-professions"][0]
    assert marks["phantom-names"] == []
    passed = build_report(replace(make_source(), tables={"controls": table.assign(passed=True, state="passed")}))
    assert not [one for section in passed.sections for one in section.sentences if "Controls of what they" in one]


def test_suites_appear_in_the_order_of_the_prompts_and_controls_only_once() -> None:
    report = build_report(make_source())
    assert [section.title for section in report.sections] == [SUITE, "phantom-names"]
    assert report.controls.rows[0][2].text == "0.96 to 1.00 · n 8 / 4"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (-0.617, "\u22120.62"),
        (-0.001, "0.00"),
        (12345.6, "1.23e+04"),
        (float("nan"), "not measured"),
        (None, "not measured"),
    ],
)
def test_numbers_are_written_one_way(value: float | None, shown: str) -> None:
    assert show_number(value) == shown


def test_names_in_sentences_are_isolated_and_cannot_forge_the_marks() -> None:
    quoted = quote(f"a{NAME_END}b{NAME_START}c")
    assert quoted == f"“{NAME_START}abc{NAME_END}”"


def test_long_text_is_capped_in_little_time() -> None:
    assert len(clean("x" * 10_000_000)) == 300


def test_scales_are_explained_where_a_suite_has_them() -> None:
    source = make_source()
    graded = source.evidence.prompts.assign(role="graded")
    scaled = replace(source, evidence=replace(source.evidence, prompts=graded))
    plain, explained = (" ".join(method_sentences(one)) for one in (source, scaled))
    assert "scale" not in plain
    assert "read off what the judge reads along its scale" in explained
