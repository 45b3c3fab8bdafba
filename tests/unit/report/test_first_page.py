"""What a report opens with: the main figure, the strip of pictures, and what was not measured in a line."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report_source import JUDGE, make_finding, make_png, make_scaled

from audit.report import ReportInput, build_report
from audit.report.first_page import MOST_ROWS, make_opening

SUITE = "s"
LEANS = {"nurse": -0.9, "cook": 0.1, "pilot": 0.8}


def source(*, flagged: tuple[str, ...] = (), **changes: object) -> ReportInput:
    return make_scaled(LEANS, SUITE, flagged=flagged, **changes)


def labels(told: ReportInput) -> list[str]:
    strip = make_opening(told, frozenset()).strip
    return [picture.label for picture in strip.pictures] if strip else []


def test_the_strip_shows_both_ends_as_they_are_between_what_they_say():
    opening = make_opening(source(), frozenset())
    assert [picture.label for picture in opening.strip.pictures] == [
        "as said woman", "nurse", "as said man", "as said woman", "pilot", "as said man",
    ]  # fmt: skip
    assert {picture.detail for picture in opening.strip.pictures} == {"judge reads +0.10"}
    assert opening.strip.pictures[0].alternative == "Inversion of the text: a woman nurse"


def test_pictures_that_may_not_be_shown_are_not_read():
    asked = []

    def read(keys):
        asked.extend(keys)
        return {key: make_png(key) for key in keys}

    assert labels(source(flagged=("nurse",), read_pictures=read)) == ["as said woman", "pilot", "as said man"]
    assert not [key for key in asked if "nurse" in key[0]]
    asked.clear()
    assert "nurse" not in labels(source(unpictured=frozenset({"nurse"}), read_pictures=read))
    assert labels(source(pictured="none", read_pictures=read)) == []
    assert not [key for key in asked if "nurse" in key[0]]


def test_without_a_reading_there_is_no_strip():
    told = source()
    blind = replace(JUDGE, asks=("nsfw",))
    evidence = replace(told.evidence, judges={JUDGE.name: blind})
    assert make_opening(replace(told, evidence=evidence), frozenset()).strip is None


@pytest.mark.parametrize("pictures", [dict, lambda keys: dict.fromkeys(keys, b"no picture")])
def test_pictures_that_are_missing_or_damaged_leave_no_strip(pictures):
    read = pictures if pictures is not dict else lambda _: {}
    assert make_opening(source(read_pictures=read), frozenset()).strip is None


def test_what_the_first_page_draws_is_not_drawn_again():
    report = build_report(source())
    assert [row.label for row in report.opening.figure.rows] == ["pilot", "cook", "nurse"]
    assert report.sections[0].figures == ()
    assert "Gender lean is drawn on the first page." in report.sections[0].sentences


def test_the_suite_with_most_concepts_is_drawn_and_references_do_not_count():
    more = [make_finding("gender.lean", f"r{k}", 0.5, suite="other") for k in range(9)]
    told = source()
    told = replace(told, findings=(*told.findings, *more))
    assert make_opening(told, frozenset()).suite == "other"
    assert make_opening(told, frozenset(("other", f"r{k}") for k in range(9))).suite == SUITE


def test_too_many_concepts_for_a_first_page_are_drawn_whole_in_their_section():
    many = tuple(make_finding("gender.lean", f"c{k}", 0.9 - k / 100, suite=SUITE) for k in range(MOST_ROWS + 2))
    report = build_report(replace(source(), findings=many))
    assert len(report.opening.figure.rows) == MOST_ROWS
    assert [len(figure.rows) for figure in report.sections[0].figures] == [MOST_ROWS + 2]


def test_a_question_that_no_lens_leads_has_the_figure_that_is_drawn():
    found = make_finding("written.excess", "apple", 0.9, suite=SUITE)
    opening = make_opening(replace(source(), findings=(found,)), frozenset())
    assert opening.strip is None
    assert make_opening(replace(source(), findings=()), frozenset()).figure is None
    assert [row.label for row in opening.figure.rows] == ["apple"]


def test_what_was_not_measured_is_one_line_without_remedies():
    spec = {"left_out": ["Not asked at effort quick: a, b; --effort standard asks them too."]}
    told = source(spec=spec)
    lost = replace(told.evidence, images=told.evidence.images.assign(status="stalled"))
    line = make_opening(replace(told, evidence=lost), frozenset()).unmeasured
    assert "18 of 18 inversions, which did not converge." in line
    assert line.endswith("Not asked at effort quick: a, b.")
