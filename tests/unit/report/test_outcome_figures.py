"""The heat map of what judges saw, the interval of each of its cells, and the same in words."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from report_source import gender_shares

from audit.report.model import room_for
from audit.report.suite_figures import Outcomes, outcome_map, read_outcomes

SUITE = "phantom-professions"


def outcomes(women: dict[str, float], **changes: float) -> Outcomes:
    found = read_outcomes(gender_shares(women, SUITE, **changes), SUITE)
    assert found is not None
    return found


def labels(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def lines(svg: str) -> list[tuple[float, float]]:
    """Ends of the level lines of a drawing, from the left."""
    return [(float(a), float(b)) for a, b in re.findall(r'd="M ([\d.]+) [\d.]+\s*L ([\d.]+) [\d.]+\s*"', svg)]


def test_the_map_runs_from_man_to_woman_with_every_share_as_a_number():
    figure = outcome_map(outcomes({"nurse": 0.9, "pilot": 0.1, "cook": 0.5}), name="x")
    told = labels(figure.svg)
    assert [one for one in told if one in {"nurse", "pilot", "cook"}] == ["pilot", "cook", "nurse"]
    assert told.count("0.90") == 2
    assert "woman 0.50, man 0.50" in figure.equivalent


def test_every_cell_has_a_line_as_long_as_its_interval():
    wide, narrow = (lines(outcome_map(outcomes({"a": 0.5, "b": 0.5}, half=half), name="x").svg) for half in (0.4, 0.1))
    assert len(wide) == len(narrow) == 10
    lengths = [right - left for left, right in (wide[0], narrow[0])]
    assert lengths[0] == pytest.approx(4 * lengths[1], rel=0.01)


def test_a_share_without_an_interval_has_no_line():
    table = gender_shares({"a": 0.5, "b": 0.5}, SUITE)
    table.loc[table["concept"] == "a", ["share_low", "share_high"]] = float("nan")
    found = read_outcomes(table, SUITE)
    assert len(lines(outcome_map(found, name="x").svg)) == 5


def test_words_hold_the_intervals_of_the_map():
    found = outcomes({"nurse": 0.9, "pilot": 0.1, "cook": 0.6})
    told = re.sub("[\u2068\u2069]", "", outcome_map(found, name="x").equivalent)
    assert "“pilot” (woman 0.10, 0.00 to 0.30, man 0.90, 0.70 to 1.00)" in told
    assert "Of 2 the 95\u202f% interval of woman or of man lies above one half." in told


def test_the_map_is_that_of_the_judge_whose_findings_are_told():
    assert read_outcomes(gender_shares({"nurse": 0.9, "pilot": 0.1}, SUITE, primary=False), SUITE) is None
    assert read_outcomes(gender_shares({"nurse": 0.9, "pilot": 0.1}, SUITE), "another") is None
    assert read_outcomes(None, SUITE) is None


@pytest.mark.parametrize("suites", [1, 50])
def test_a_long_map_says_what_it_leaves_out_and_keeps_both_ends(suites):
    room, found = room_for(suites), outcomes({f"concept {k}": k / 300 for k in range(301)})
    figure = outcome_map(found, name="x", room=room)
    assert "of 301 concepts" in figure.caption
    told = [one for one in labels(figure.svg) if "concept" in one]
    assert len(told) == room.figure_rows
    assert (told[0], told[-1]) == ("concept 0", "concept 300")


def test_equal_outcomes_give_equal_drawings():
    found = outcomes({"nurse": 0.9, "pilot": 0.1})
    assert outcome_map(found, name="x") == outcome_map(replace(found), name="x")
