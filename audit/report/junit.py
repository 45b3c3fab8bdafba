"""The decision as JUnit XML, which every CI reads: one test case per rule."""

from __future__ import annotations

import xml.etree.ElementTree as ET

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
