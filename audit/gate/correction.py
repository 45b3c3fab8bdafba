"""Which lines fail, when many are asked at once.

A gate passes when every line passes: an intersection-union test, in which no line needs a correction, because a gate
with one bad line passes wrongly no more often than that line does. (Berger, 1982, Technometrics 24(4):295-300,
doi:10.1080/00401706.1982.10487790.) It fails when any line fails: a union of rejections, in which chance grows with the
number of lines. So failures are corrected over all lines of the policy.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Final

from audit.gate.policy import Correction

_LEAST_ALPHA: Final = 1e-12
"""Below this a level would round to 1."""


def failures(
    suspects: Set[int],
    breaks_at: Callable[[float], Set[int]],
    *,
    lines: int,
    level: float,
    correction: Correction,
) -> dict[int, float]:
    """Return the lines that fail, each with the level whose interval decided.

    Formula: Holm's step-down by intervals. With k failures so far among m lines, those of the suspects fail whose
    interval of level ``1 - alpha / (m - k)`` lies on the bad side as a whole; again until none is new. All lines count,
    those too that could not be measured. That is Holm's procedure on the p-values that the intervals imply: whoever is
    below ``alpha / (m - k)`` together with others is also below the larger bounds that it would be held against later.
    A suspect breaks at ``level`` itself, so no line fails that would not fail alone, nested intervals or not.
    Source: Holm (1979), Scandinavian Journal of Statistics 6(2):65-70.

    Args:
        suspects: Lines whose interval at ``level`` lies on the bad side as a whole.
        breaks_at: Returns the lines for which that holds at another level.
        lines: Number of all lines.
        level: Confidence level of a line by itself, in (0, 1).
        correction: "none" lets every suspect fail.

    Example:
        >>> p_values = {0: 0.001, 1: 0.02, 2: 0.04}
        >>> broken = lambda level: {line for line, p in p_values.items() if p < 1 - level}
        >>> sorted(failures({0, 1, 2}, broken, lines=3, level=0.95, correction="holm"))
        [0, 1, 2]
        >>> sorted(failures({0, 1, 2}, broken, lines=4, level=0.95, correction="holm"))
        [0]
    """
    if correction == "none":
        return dict.fromkeys(suspects, level)
    failed: dict[int, float] = {}
    while len(failed) < len(suspects):
        asked = corrected(level, lines - len(failed))
        new = (suspects & breaks_at(asked)) - failed.keys()
        if not new:
            break
        failed |= dict.fromkeys(new, asked)
    return failed


def corrected(level: float, count: int) -> float:
    """Return the level of an interval that stands among ``count``: ``1 - (1 - level) / count``.

    Example:
        >>> round(corrected(0.95, 10), 4), corrected(0.95, 1)
        (0.995, 0.95)
    """
    return level if count == 1 else 1 - max((1 - level) / count, _LEAST_ALPHA)
