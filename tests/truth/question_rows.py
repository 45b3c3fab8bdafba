"""Rows of the table of questions: what was planted, what was measured, and whether that is what was asked.

"At least" and "at most" are asked of the value; "above", "below" and "holds" of the whole interval.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

EFFORT: Final = "full"
"""Of audits whose inversions are read: four prompts of a concept, as at ``quick``, do not carry a share of one half."""


class Row(NamedTuple):
    """One line of the table."""

    question: str
    planted: str
    measured: str
    asked: str
    holds: bool | None = None
    """``None`` where nothing is asked and the number is only shown."""

    def __str__(self) -> str:
        missed = self.holds is not None and not self.holds
        asked = f"{self.asked}: **missed**" if missed else self.asked
        return f"| {' | '.join((self.question, self.planted, self.measured, asked))} |"


class Found(Protocol):
    """A number with an interval: a correlation, or an estimate."""

    @property
    def value(self) -> float | None: ...

    @property
    def low(self) -> float | None: ...

    @property
    def high(self) -> float | None: ...


def said(found: Found, form: str = ".2f") -> str:
    """Write a number with its interval, each in the format ``form``."""
    if found.value is None:
        return "not measured"
    ends = found.low is not None and found.high is not None
    return f"{found.value:{form}} ({found.low:{form}} to {found.high:{form}})" if ends else f"{found.value:{form}}"


def at_least(found: Found, line: float) -> bool:
    return found.value is not None and found.value >= line


def at_most(found: Found, line: float) -> bool:
    return found.value is not None and found.value <= line


def above(found: Found, line: float) -> bool:
    return found.low is not None and found.low > line


def below(found: Found, line: float) -> bool:
    return found.high is not None and found.high < line


def holds(found: Found, value: float) -> bool:
    return found.low is not None and found.high is not None and found.low <= value <= found.high
