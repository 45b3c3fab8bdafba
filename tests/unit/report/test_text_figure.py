"""The main figure as text: within its width, bars where intervals are, marks that say whether they leave out parity."""

from __future__ import annotations

import pytest

from audit.report.model import ForestFigure, ForestRow
from audit.report.text_figure import NARROWEST, WIDEST, draw_text

ROWS = (
    ForestRow(label="pilot", value=0.8, low=0.5, high=1.0),
    ForestRow(label="cook", value=0.1, low=-0.2, high=0.4),
    ForestRow(label="nobody", value=-0.3, low=None, high=None),
    ForestRow(label="an aircraft maintenance supervisor of long standing", value=-1.6, low=-2.0, high=-0.9),
)


def figure(*rows: ForestRow, **changes: object) -> ForestFigure:
    told = {
        "name": "f", "caption": "", "equivalent": "", "rows": rows or ROWS, "neutral": 0.0, "neutral_word": "parity",
        "sides": ("towards woman", "towards man"), "span": (-1.5, 1.5), "signed": True, "warm": False,
    }  # fmt: skip
    return ForestFigure(**{**told, **changes})


@pytest.mark.parametrize("width", [NARROWEST, 61, 80, WIDEST, 240])
def test_no_line_is_wider_than_there_is_room(width):
    lines = draw_text(figure(), width)
    assert len(lines) == len(ROWS) + 2
    assert max(map(len, lines)) <= min(width, WIDEST)


def test_without_room_there_is_no_figure():
    assert draw_text(figure(), NARROWEST - 1) == []


def test_bars_stand_where_the_intervals_are_and_parity_under_its_name():
    above, pilot, cook, nobody, last, below = draw_text(figure(), 80)
    parity = nobody.index("│")
    assert above.index("parity") <= parity <= above.index("parity") + len("parity")
    assert pilot.index("│") == parity < pilot.index("├") < pilot.index("●") < pilot.index("┤")
    assert cook.index("├") < parity < cook.index("┤")
    assert "○" in cook
    assert nobody.index("○") < parity
    assert not set("├┤") & set(nobody)
    assert last.index("●") < last.index("┤") < parity
    assert "…" in last
    assert below.strip().startswith("←")
    assert below.endswith("→")


def test_the_place_of_a_value_is_its_part_of_the_span():
    [line] = draw_text(figure(ForestRow(label="x", value=0.75, low=0.75, high=0.75), sides=None, neutral=None), 80)
    across = 80 - len("x") - 8
    assert line.index("●") == 2 + round(0.75 * (across - 1))
