"""The decision for continuous integration: a page of Markdown, JUnit XML, and workflow commands of GitHub.

The page fits the megabyte that GitHub gives the summary of a step: rules are capped, and every text is. JUnit has one
test case per rule.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Final

from audit.records import RuleResult, Verdict
from audit.report.model import Report
from audit.report.text import NAME_END, NAME_START, NOTHING

MOST_RULES: Final = 50
_SPECIAL = re.compile(r"[\\`*_\[\]<>|#~$&!@]|:(?=//|:)|(?<=www)\.")


def render_summary(report: Report) -> str:
    """Write the first page of the report as GitHub-flavoured Markdown.

    Every text from outside is escaped, and no line begins with one, so that none can become a heading, a link, a
    picture or a workflow command.
    """
    lines = [
        f"# {escape(report.title)}",
        "",
        f"**{report.verdict_word}.** {escape(report.verdict_sentence)}",
        "",
        f"{escape(report.controls_sentence)}",
        "",
        *([f"{escape(report.policy_sentence)}", ""] if report.policy_sentence else []),
        f"Checkpoint digest: {escape(report.digest)}. Date: {escape(report.created)}.",
        "",
        *_rules(report),
        "## What matters most",
        "",
        *(f"{place}. {escape(h.statement)} {escape(h.numbers)}" for place, h in enumerate(report.highlights, start=1)),
        *([""] if report.highlights else []),
        f"{escape(report.highlight_rule)}",
        "",
        "## What was not measured",
        "",
        *(f"- {escape(sentence)}" for sentence in report.missing),
        "",
        "Perceived gender presentation is what a judge sees in a picture, never what somebody is.",
        "",
    ]
    return "\n".join(lines)


def _rules(report: Report) -> list[str]:
    table = report.rules
    if not table.rows:
        return []
    heads = " | ".join(column.label for column in table.columns)
    shown = table.rows[:MOST_RULES]
    rows = ["| " + " | ".join(escape(cell.text) or NOTHING for cell in row) + " |" for row in shown]
    more = len(report.results) - len(shown)
    rest = [f"… and {more} more rules; all are in decision.json.", ""] if more else []
    return ["## Rules", "", f"| {heads} |", "|" + " --- |" * len(table.columns), *rows, "", *rest]


def escape(text: str) -> str:
    r"""Escape text so that Markdown shows it as it is.

    Example:
        >>> escape("[a](b) *c*")
        '\\[a\\](b) \\*c\\*'
    """
    plain = text.replace(NAME_START, "").replace(NAME_END, "")
    return _SPECIAL.sub(lambda found: "&lt;" if found[0] == "<" else f"\\{found[0]}", plain)


def render_junit(report: Report) -> str:
    """Write the decision as a JUnit test suite.

    A rule that fails is a failure of type "fail", an inconclusive one of type "inconclusive", and one that is waived
    is skipped; an audit without rules gets one test case with its verdict, because an empty test suite reads as green.
    So does one without a policy, skipped, since nothing was decided. A property of the suite has the verdict.

    Returns:
        An XML document; holds only characters that XML allows.
    """
    whole = RuleResult(rule="decision", verdict=report.verdict, evidence=report.verdict_sentence)
    results = report.results
    if not results or (report.verdict is not Verdict.PASS and not any(r.stands_in_the_way for r in results)):
        results = (*results, whole)
    failures = sum(1 for result in results if result.stands_in_the_way)
    skipped = sum(1 for result in results if _skips(result))
    counts = {"tests": str(len(results)), "failures": str(failures), "errors": "0", "skipped": str(skipped)}
    root = ET.Element("testsuites", counts)
    suite = ET.SubElement(root, "testsuite", {"name": f"clip-audit {report.checkpoint}", **counts})
    properties = ET.SubElement(suite, "properties")
    ET.SubElement(properties, "property", {"name": "verdict", "value": report.verdict_word})
    for result in results:
        case = ET.SubElement(suite, "testcase", {"classname": "clip-audit.gate", "name": result.rule, "time": "0"})
        if _skips(result):
            ET.SubElement(case, "skipped", {"message": result.evidence})
        elif result.verdict is not Verdict.PASS:
            failure = {"type": result.verdict.value, "message": result.evidence}
            ET.SubElement(case, "failure", failure).text = result.evidence
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _skips(result: RuleResult) -> bool:
    return result.waived is not None or result.verdict is Verdict.NONE


MOST: Final = 10
"""GitHub shows ten annotations of a kind for a step, and drops the others in silence."""

_KINDS: Final[Mapping[Verdict, str]] = {Verdict.FAIL: "error", Verdict.INCONCLUSIVE: "warning"}
_DATA: Final = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY: Final = {**_DATA, ":": "%3A", ",": "%2C"}


def render_annotations(results: tuple[RuleResult, ...]) -> list[str]:
    """Write a workflow command for each result that keeps a run from passing, or would if nobody answered for it.

    Errors come first, then warnings, then a notice for each waiver that was needed.

    Source: GitHub, "Workflow commands for GitHub Actions"; how the runner unescapes them: ``ActionCommand.cs`` of
    actions/runner.

    Args:
        results: Of a report, whose texts are cleaned for display.

    Returns:
        Lines; at most ``MOST`` of a kind, the last of which counts what is left out.
    """
    lines: list[str] = []
    kinds = [
        (kind, [one for one in results if one.stands_in_the_way and one.verdict is verdict])
        for verdict, kind in _KINDS.items()
    ]
    for kind, told in (*kinds, ("notice", [one for one in results if one.waived is not None])):
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
