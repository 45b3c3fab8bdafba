"""The decision for continuous integration: JUnit XML, one test case per rule, and workflow commands of GitHub."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Final

from audit.records import RuleResult, Verdict
from audit.report.model import Report


def render_junit(report: Report) -> str:
    """Write the decision as a JUnit test suite.

    A rule that fails is a failure of type "fail", an inconclusive one of type "inconclusive", and one that is waived
    is skipped; an audit without rules gets one test case with its verdict, because an empty test suite reads as green.

    Returns:
        An XML document; holds only characters that XML allows.
    """
    whole = RuleResult(rule="decision", verdict=report.verdict, evidence=report.verdict_sentence)
    results = report.results
    if not results or (report.verdict is not Verdict.PASS and not any(r.stands_in_the_way for r in results)):
        results = (*results, whole)
    failures = sum(1 for result in results if result.stands_in_the_way)
    skipped = sum(1 for result in results if result.waived is not None)
    counts = {"tests": str(len(results)), "failures": str(failures), "errors": "0", "skipped": str(skipped)}
    root = ET.Element("testsuites", counts)
    suite = ET.SubElement(root, "testsuite", {"name": f"clip-audit {report.checkpoint}", **counts})
    for result in results:
        case = ET.SubElement(suite, "testcase", {"classname": "clip-audit.gate", "name": result.rule, "time": "0"})
        if result.waived is not None:
            ET.SubElement(case, "skipped", {"message": result.evidence})
        elif result.verdict is not Verdict.PASS:
            failure = {"type": result.verdict.value, "message": result.evidence}
            ET.SubElement(case, "failure", failure).text = result.evidence
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


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
