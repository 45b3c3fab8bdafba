"""What the report says of a policy: in its own forms, in JUnit, in a CI summary and in annotations."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pypdf
from report_source import HOSTILE, make_source

from audit.records import Decision, PolicyCard, RuleLine, RuleResult, Verdict, WaivedBy
from audit.report import (
    Report,
    build_report,
    render_annotations,
    render_html,
    render_junit,
    render_pdf,
    render_summary,
)


def suite_of(report: Report) -> ET.Element:
    suite = ET.fromstring(render_junit(report)).find("testsuite")  # noqa: S314  (our own output)
    assert suite is not None
    return suite


def pdf_text(report: Report) -> str:
    pages = pypdf.PdfReader(io.BytesIO(render_pdf(report))).pages
    return re.sub(r"[\u200b\u2068\u2069]", "", "\n".join(page.extract_text() for page in pages))


def waived(result: RuleResult) -> RuleResult:
    return replace(result, waived=WaivedBy(owner="Ada", until="2026-12-31", reason=" ".join(HOSTILE)))


def with_results(*results: RuleResult, verdict: Verdict = Verdict.FAIL, **more) -> Report:
    return build_report(replace(make_source(), decision=Decision(verdict=verdict, results=results, **more)))


def test_a_waived_rule_is_skipped_in_junit_and_said_everywhere() -> None:
    failed = RuleResult(rule="r", verdict=Verdict.FAIL, evidence="Waived by Ada until 2026-12-31: known.")
    report = with_results(waived(failed), verdict=Verdict.PASS)
    suite = suite_of(report)
    assert [case.find("skipped").get("message") for case in suite.findall("testcase")] == [failed.evidence]
    assert (suite.get("failures"), suite.get("skipped")) == ("0", "1")
    assert "| r | Waived | Waived by Ada until 2026-12-31: known. |" in render_summary(report)
    assert "Rules: 1 waived." in report.verdict_sentence
    assert suite.find("properties/property").attrib == {"name": "verdict", "value": "Passed with waivers"}
    assert "**Passed with waivers.** Not every rule holds" in render_summary(report)
    assert "Verdict: passed with waivers" in render_html(report)
    [notice] = render_annotations(report.results)
    assert notice.startswith("::notice title=clip-audit%3A r::Waived by Ada")


def test_without_a_policy_every_form_says_so_and_none_says_pass() -> None:
    control = RuleResult(rule="control: people", verdict=Verdict.PASS, evidence="Passed.")
    report = with_results(control, verdict=Verdict.NONE)
    suite = suite_of(report)
    assert (suite.get("failures"), suite.get("skipped"), suite.get("tests")) == ("0", "1", "2")
    assert "No policy was given" in suite.findall("testcase")[-1].find("skipped").get("message")
    assert "Verdict: none, no policy was given" in render_html(report)
    assert "**None, no policy was given.**" in render_summary(report)
    assert "| control: people | Pass |" in render_summary(report)
    assert render_annotations(report.results) == []


def test_what_stands_in_the_way_comes_first_and_no_cap_hides_it() -> None:
    passed = [RuleResult(rule=f"p{k}", verdict=Verdict.PASS, evidence="") for k in range(500)]
    failed = RuleResult(rule="last", verdict=Verdict.FAIL, evidence="bad")
    report = with_results(
        *passed, waived(failed), RuleResult(rule="open", verdict=Verdict.INCONCLUSIVE, evidence=""), failed
    )
    assert [row[1].text for row in report.rules.rows[:4]] == ["Fail", "Inconclusive", "Waived", "Pass"]
    assert "303 more are in decision.json" in report.rules.caption
    summary = render_summary(report)
    assert summary.index("| last | Fail |") < summary.index("| p0 |")
    assert "… and 453 more rules; all are in decision.json." in summary
    assert len(suite_of(report).findall("testcase")) == 503


def test_the_verdict_says_which_rule_stands_in_the_way_and_why() -> None:
    sentence = build_report(make_source()).verdict_sentence
    assert (
        "First: gender.parity_gap of phantom-professions <= 0.15. 0.31, interval 0.19 to 0.43, lies above" in sentence
    )
    assert (
        "First:" not in build_report(make_source(decision=Decision(verdict=Verdict.PASS, results=()))).verdict_sentence
    )


def test_a_summary_fits_a_step_of_ci_whatever_it_holds() -> None:
    evil = "\U0001f469|*_`" * 70
    line = RuleLine(rule_id="r", metric="m", suite=evil, subject=evil, threshold={"at_most": 0.2}, estimate=None)
    results = [RuleResult(rule=evil, verdict=Verdict.FAIL, evidence=evil, line=line)] * 60
    card = PolicyCard(name=evil, digest=evil, level=0.95, correction="holm", decided_on="2026-11-25")
    report = with_results(*results, policy=card, notes=(evil,) * 30)
    assert len(render_summary(report).encode()) < 1024 * 1024


def test_the_decision_comes_first_in_the_summary() -> None:
    summary = render_summary(build_report(make_source()))
    assert summary.index("**Fail.**") < summary.index("## Rules") < summary.index("## What matters most")


def test_the_policy_is_named_in_every_form() -> None:
    card = PolicyCard(name="mine", digest="ab" * 32, level=0.9, correction="none", decided_on="2026-11-25")
    report = with_results(policy=card, notes=("The waiver of r by Ada is not needed.",))
    for form in (render_html(report), render_summary(report), pdf_text(report)):
        plain = " ".join(form.replace("<bdi>", "").replace("</bdi>", "").split())
        assert "Policy: mine, SHA-256 abab" in plain
        assert "level 0.9, no correction for many rules; 2026-11-25. The waiver of r by Ada is not needed." in plain


def test_a_name_in_the_evidence_is_isolated_and_stays_text() -> None:
    name = "ممرضة <b>"
    line = RuleLine(rule_id="r", metric="m", suite="s", subject=name, threshold={"at_most": 0.2}, estimate=None)
    told = RuleResult(rule="r", verdict=Verdict.FAIL, evidence=f"The lean of “{name}” in “s” is 0.5.", line=line)
    assert "The lean of “<bdi>ممرضة &lt;b&gt;</bdi>” in “<bdi>s</bdi>” is 0.5." in render_html(with_results(told))


def test_annotations_are_errors_and_warnings_that_no_text_can_leave() -> None:
    failed = [RuleResult(rule=text, verdict=Verdict.FAIL, evidence=text) for text in HOSTILE]
    lines = render_annotations(with_results(*failed).results)
    assert len(lines) == 10
    assert all(re.fullmatch(r"::error title=[^:,\r\n]*::[^\r\n]*", line) for line in lines)
    assert lines[-1] == "::error title=clip-audit::3 more: see decision.json."
    opened = RuleResult(rule="a, b: c", verdict=Verdict.INCONCLUSIVE, evidence="100 %\r\n::error::x")
    assert render_annotations((opened,)) == ["::warning title=clip-audit%3A a%2C b%3A c::100 %25%0D%0A::error::x"]
    assert render_annotations((replace(opened, verdict=Verdict.PASS),)) == []


def test_ten_annotations_are_shown_as_they_are() -> None:
    results = tuple(RuleResult(rule=f"r{k}", verdict=Verdict.FAIL, evidence="") for k in range(11))
    assert len(render_annotations(results[:10])) == 10
    assert "more" not in render_annotations(results[:10])[-1]
    assert render_annotations(results)[-1] == "::error title=clip-audit::2 more: see decision.json."
