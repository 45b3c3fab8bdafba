"""A calibration as lines, as Markdown and as figures."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET

import pytest

from audit.studies.calibrate import AuditedWorld, Calibration, Row, measure
from audit.studies.calibrate.calibration_page import (
    COLUMNS,
    calibration_lines,
    calibration_page,
    calibration_summary,
    draw_detection,
    draw_dose_response,
)


def row(kind: str, planted: float, value: float | None, world: str) -> Row:
    low, high = (None, None) if value is None else (value - 0.1, value + 0.1)
    return Row(
        world=world, kind=kind, concept=f"{kind} {planted}", planted=planted, value=value, low=low, high=high,
        p_value=None, n_prompts=8, n_images=16,
    )  # fmt: skip


def calibration(rows: list[Row], verdict: str = "pass") -> Calibration:
    worlds = tuple(
        AuditedWorld(
            label=name, world=name, digest="0" * 64, origin="drawn", training_seed=1, images=100, verdict=verdict
        )
        for name in sorted({one.world for one in rows})
    )
    return Calibration(
        command="clip-audit phantom calibrate --seed 0", effort="quick", seed=0, level=0.95, worlds=worlds,
        rows=tuple(rows), lean=measure(rows, "lean"), rate=measure(rows, "rate"),
    )  # fmt: skip


ROWS = [row("lean", dose, 2 * dose - 1, world) for world in "abcd" for dose in (0.05, 0.35, 0.65, 0.95)]
WHOLE = calibration([*ROWS, row("lean", 0.5, 0.3, "even")])
NOTHING = calibration([row("lean", 0.9, None, "a"), row("rate", 0.9, None, "a")], verdict="inconclusive")


def line(found: Calibration, asked: str, metric: str):
    return next(one for one in calibration_lines(found) if one.asked.startswith(asked) and one.metric == metric)


def test_every_number_stands_with_its_n_and_how_it_was_made():
    for one in calibration_lines(WHOLE):
        assert one.how
        assert one.n != "0" or one.measured == "not measured"


def test_numbers_are_those_of_the_measures():
    found = line(WHOLE, "clearly planted: found on its side", "gender.lean")
    assert (found.measured, found.n) == ("1.00", "8 concepts of 4 worlds")
    assert line(WHOLE, "nothing planted: false alarms", "gender.lean").measured == "1.00"
    assert line(WHOLE, "smallest gap", "gender.lean").measured == "0.15"
    ranks = line(WHOLE, "order", "gender.lean")
    assert (ranks.measured, ranks.n) == ("1.00", "4 worlds")
    assert ranks.how.endswith("from 1.00 to 1.00")


def test_what_was_not_measured_says_so_with_the_reason():
    for one in calibration_lines(NOTHING):
        assert one.measured == "not measured"
        assert one.n == "0"
        assert "0.00" not in " ".join(one.cells[2:])


def test_what_is_not_reached_within_the_doses_is_not_a_number():
    flat = calibration([dataclasses.replace(one, low=-1.0, high=1.0) for one in ROWS])
    found = line(flat, "smallest gap", "gender.lean")
    assert (found.measured, found.n) == ("not reached", "16 concepts of 4 worlds")
    assert "not reached within the doses" in found.how


def test_the_summary_names_its_command_and_worlds_whose_controls_failed():
    assert calibration_summary(WHOLE).startswith("Made by `clip-audit phantom calibrate --seed 0`. 5 worlds drawn")
    assert "controls failed: none" in calibration_summary(WHOLE)
    assert "controls failed: a;" in calibration_summary(NOTHING)


@pytest.mark.parametrize("found", [WHOLE, NOTHING])
def test_every_row_of_the_page_has_the_cells_of_its_head(found):
    lines = calibration_page(found).splitlines()
    tables = [text for text in lines if text.startswith("|")]
    assert f"| {' | '.join(COLUMNS)} |" in tables
    widths = {place: text.count("|") for place, text in enumerate(lines) if text.startswith("|")}
    for place, width in widths.items():
        assert widths.get(place - 1, width) == width


@pytest.mark.parametrize("draw", [draw_dose_response, draw_detection])
@pytest.mark.parametrize(("found", "silent_panels"), [(WHOLE, 1), (NOTHING, 2)])
def test_figures_are_svg_the_same_every_time_and_say_what_was_not_measured(draw, found, silent_panels):
    svg = draw(found)
    assert ET.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314  (our own)
    assert svg == draw(found)
    assert svg.count("not measured") == silent_panels


def test_figures_follow_the_numbers():
    assert "mean, 95 % interval over worlds" in draw_dose_response(WHOLE)
    assert draw_dose_response(calibration(ROWS[:4])) != draw_dose_response(WHOLE)
    assert "80 % power at 0.15" in draw_detection(WHOLE)
