"""What stands in the way of a pass as workflow commands, which GitHub shows beside a change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from audit.records import RuleResult, Verdict

MOST: Final = 10
"""GitHub shows ten annotations of a kind for a step, and drops the others in silence."""

_KINDS: Final[Mapping[Verdict, str]] = {Verdict.FAIL: "error", Verdict.INCONCLUSIVE: "warning"}
_DATA: Final = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY: Final = {**_DATA, ":": "%3A", ",": "%2C"}


def render_annotations(results: tuple[RuleResult, ...]) -> list[str]:
    """Write a workflow command for each result that keeps a run from passing: errors first, then warnings.

    Source: GitHub, "Workflow commands for GitHub Actions"; how the runner unescapes them: ``ActionCommand.cs`` of
    actions/runner.

    Args:
        results: Of a report, whose texts are cleaned for display.

    Returns:
        Lines; at most ``MOST`` of a kind, the last of which counts what is left out.
    """
    lines: list[str] = []
    for verdict, kind in _KINDS.items():
        told = [one for one in results if one.stands_in_the_way and one.verdict is verdict]
        shown = told if len(told) <= MOST else told[: MOST - 1]
        lines += [annotation(kind, f"clip-audit: {one.rule}", one.evidence) for one in shown]
        if len(shown) < len(told):
            rest = f"{len(told) - len(shown)} more: see decision.json."
            lines.append(annotation(kind, "clip-audit", rest))
    return lines


def annotation(kind: str, title: str, message: str) -> str:
    r"""Write one workflow command.

    Example:
        >>> annotation("error", "a: 1, 2", "100 %\n::stop")
        '::error title=a%3A 1%2C 2::100 %25%0A::stop'
    """
    return f"::{kind} title={_escape(title, _PROPERTY)}::{_escape(message, _DATA)}"


def _escape(text: str, signs: Mapping[str, str]) -> str:
    return "".join(signs.get(sign, sign) for sign in text)
