"""A forest plot as lines of text, for terminals: one line per concept, its interval as a bar, its value beside it."""

from __future__ import annotations

from typing import Final

from audit.report.model import ForestFigure, ForestRow
from audit.report.text import show_number

WIDEST: Final = 100
"""Columns that a figure takes at most."""
NARROWEST: Final = 60
"""Columns below which there is no room for one."""
_WIDEST_LABEL: Final = 28
_VALUE: Final = 6


def draw_text(figure: ForestFigure, width: int) -> list[str]:
    """Draw a figure of at least one row.

    Args:
        figure: What is drawn.
        width: Columns that there are; every character takes one, as in all that is drawn here.

    Returns:
        Lines of at most ``width`` columns; none where there are fewer than ``NARROWEST``.
    """
    if width < NARROWEST:
        return []
    labels = [_cut(row.label, min(_WIDEST_LABEL, width // 3)) for row in figure.rows]
    left = max(map(len, labels))
    across = min(width, WIDEST) - left - _VALUE - 2
    lines = [
        f"{label:<{left}} {_bar(figure, row, across)} {show_number(row.value, signed=figure.signed):>{_VALUE}}"
        for label, row in zip(labels, figure.rows, strict=True)
    ]
    return [*_above(figure, left, across), *lines, *_below(figure, left, across)]


def _cut(label: str, most: int) -> str:
    return label if len(label) <= most else label[: most - 1].rstrip() + "…"


def _place(figure: ForestFigure, value: float, across: int) -> int:
    low, high = figure.span
    return round((min(max(value, low), high) - low) / (high - low) * (across - 1))


def _bar(figure: ForestFigure, row: ForestRow, across: int) -> str:
    cells = [" "] * across
    if figure.neutral is not None:
        cells[_place(figure, figure.neutral, across)] = "│"
    leaves_out = False
    if row.low is not None and row.high is not None:
        low, high = (_place(figure, end, across) for end in (row.low, row.high))
        cells[low : high + 1] = "─" * (high - low + 1)
        cells[low], cells[high] = "├", "┤"
        leaves_out = figure.neutral is None or not row.low <= figure.neutral <= row.high
    cells[_place(figure, row.value, across)] = "●" if leaves_out else "○"
    return "".join(cells)


def _above(figure: ForestFigure, left: int, across: int) -> list[str]:
    if figure.neutral is None or not figure.neutral_word:
        return []
    middle = left + 1 + _place(figure, figure.neutral, across) - len(figure.neutral_word) // 2
    return [f"{'':<{max(0, middle)}}{figure.neutral_word}"]


def _below(figure: ForestFigure, left: int, across: int) -> list[str]:
    if figure.sides is None:
        return []
    low, high = f"← {figure.sides[0]}", f"{figure.sides[1]} →"
    return [f"{'':<{left + 1}}{low}{high:>{max(0, across - len(low))}}"]
