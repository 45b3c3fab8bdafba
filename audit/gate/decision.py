"""From findings and controls to one verdict; an empty or doubtful run never passes."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd

from audit.codec import SCHEMA_VERSION, document_text, record_document
from audit.errors import ExitCode
from audit.gate.measured import is_true
from audit.gate.ruling import Ruling
from audit.lenses import CONTROLLED, CONTROLS, FAILED, INSTRUMENTS, NOT_MEASURED, QUESTIONS
from audit.records import Decision, Finding, RuleResult, Verdict

_EXIT_CODES: Final[Mapping[Verdict, ExitCode]] = {
    Verdict.PASS: ExitCode.OK,
    Verdict.FAIL: ExitCode.GATE_FAILED,
    Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
    Verdict.NONE: ExitCode.OK,
}


def decide(
    findings: Sequence[Finding],
    controls_table: pd.DataFrame | None,
    *,
    waived: Sequence[str] = (),
    ruling: Ruling | None = None,
) -> Decision:
    """Decide on a run.

    A line is INCONCLUSIVE, whatever it says, where a control of its question has not passed or was not measured: what
    is read by an instrument that errs on known answers is no ground for a failure either. So is a run of which nothing
    was measured besides controls, or without one of its checks. Else FAIL where a line of the policy fails and is not
    waived, INCONCLUSIVE where one is, and PASS. Without a policy there is no verdict: NONE, which says no more than
    that the audit worked and no control has failed; one that is not shown says so in the results.

    Args:
        findings: What the lenses found.
        controls_table: The table ``controls`` of the controls lens, with the columns control, question, passed and
            reason; ``None`` where there is none. A control without a question is one of every question.
        waived: Checks that the user waived, each in words; a run without one of its checks never passes.
        ruling: What the policy says; ``None`` where none was asked.
    """
    checks = [*map(_waived_result, waived)], [_measured_result(findings)]
    if ruling is not None:
        controls, asked = _controls_of(ruling.results, controls_table), ruling.requirements
        sound = all(result.verdict is Verdict.PASS for part in (*checks, asked) for result in part)
        verdict = _whole(ruling.results, controls) if sound else Verdict.INCONCLUSIVE
        every = (*checks[0], *itertools.chain.from_iterable(controls.values()), *checks[1], *asked, *ruling.results)
        return Decision(
            verdict=verdict, results=every, policy=ruling.policy, notes=ruling.notes, baseline=ruling.baseline
        )
    results = [*checks[0], *_control_results(controls_table), *checks[1]]
    sound = all(result.verdict is Verdict.PASS for part in checks for result in part) and not _failed(controls_table)
    return Decision(verdict=Verdict.NONE if sound else Verdict.INCONCLUSIVE, results=tuple(results))


def exit_code(verdict: Verdict) -> ExitCode:
    """Return the exit code of a verdict.

    Example:
        >>> exit_code(Verdict.INCONCLUSIVE).value
        3
    """
    return _EXIT_CODES[verdict]


def _controls_of(results: Sequence[RuleResult], table: pd.DataFrame | None) -> dict[str, list[RuleResult]]:
    """Return the controls of the questions that the lines of a policy ask, those of all questions under ""."""
    asked = {QUESTIONS[one.line.metric] for one in results if one.line is not None and one.line.metric in QUESTIONS}
    if not asked:
        return {}
    if table is None or table.empty or "question" not in table:
        return {"": _control_results(table)}
    parts = {question: table[table["question"] == question] for question in sorted({"", *asked})}
    missing = {question for question, rows in parts.items() if rows.empty and question in {"", *CONTROLLED}}
    return {
        question: _control_results(None if question in missing else rows)
        for question, rows in parts.items()
        if question in missing or not rows.empty
    }


def _whole(results: Sequence[RuleResult], controls: Mapping[str, Sequence[RuleResult]]) -> Verdict:
    """Return the worst verdict of what is not waived; of no line at all, that it is inconclusive.

    A line whose controls have not passed is inconclusive, waived or not.
    """
    doubted = {one for one, those in controls.items() if any(part.verdict is not Verdict.PASS for part in those)}
    counting = set()
    for result in results:
        question = None if result.line is None else QUESTIONS.get(result.line.metric)
        if question is not None and doubted & {"", question}:
            counting.add(Verdict.INCONCLUSIVE)
        elif result.waived is None:
            counting.add(result.verdict)
    if Verdict.FAIL in counting:
        return Verdict.FAIL
    return Verdict.INCONCLUSIVE if Verdict.INCONCLUSIVE in counting or not results else Verdict.PASS


def _waived_result(check: str) -> RuleResult:
    evidence = f"Waived by the user: {check}. The findings of a checkpoint that fails it mean nothing."
    return RuleResult(rule="waived", verdict=Verdict.INCONCLUSIVE, evidence=evidence)


def _control_results(table: pd.DataFrame | None) -> list[RuleResult]:
    if table is None or table.empty:
        return [RuleResult(rule=CONTROLS, verdict=Verdict.INCONCLUSIVE, evidence="No control was measured.")]
    columns = (table["control"], table["passed"], table["reason"])
    return [_control_result(str(name), passed, str(reason)) for name, passed, reason in zip(*columns, strict=True)]


def _failed(table: pd.DataFrame | None) -> bool:
    """Tell whether a control failed or could not be measured, or there is none."""
    if table is None or table.empty:
        return True
    if "state" not in table:
        return not all(map(is_true, table["passed"]))
    return bool(table["state"].isin([FAILED, NOT_MEASURED]).any())


def _control_result(name: str, passed: object, reason: str) -> RuleResult:
    rule = f"control: {name}"
    if is_true(passed):
        return RuleResult(rule=rule, verdict=Verdict.PASS, evidence=f"Passed: {reason}.")
    evidence = f"Not passed: {reason or 'no reason given'}. Until it holds, no finding that rests on it can be trusted."
    return RuleResult(rule=rule, verdict=Verdict.INCONCLUSIVE, evidence=evidence)


def _measured_result(findings: Sequence[Finding]) -> RuleResult:
    answers = [finding for finding in findings if finding.lens not in INSTRUMENTS]
    measured = sum(finding.estimate.value is not None for finding in answers)
    verdict = Verdict.PASS if measured else Verdict.INCONCLUSIVE
    return RuleResult(rule="measured", verdict=verdict, evidence=f"{measured} of {len(answers)} findings have a value.")


def decision_document(decision: Decision) -> dict[str, object]:
    """Return a decision as plain lists and dictionaries, with the exit code that it leads to.

    Every result has its rule, verdict and evidence. Results of a policy have besides: id, metric, suite, subject,
    threshold, value, low, high, level, n_prompts, n_images (the numbers ``null`` where they are missing) and waived
    (``null``, or by, until and reason). The verdict is "none" where no policy was given. Where one was, the document
    has the keys passed_with_waivers, policy and notes; where a baseline was, also baseline (folder and digest). Notes
    are there without a policy too, if there are any.
    ``evidence`` is the digest of the images, texts and scores that were decided on.
    """
    document: dict[str, object] = {
        "schema_version": SCHEMA_VERSION,
        "verdict": decision.verdict.value,
        "exit_code": int(exit_code(decision.verdict)),
        "results": [_result_document(result) for result in decision.results],
    }
    if decision.policy is not None:
        document |= {
            "passed_with_waivers": decision.passed_with_waivers,
            "policy": record_document(decision.policy),
        }
    if decision.policy is not None or decision.notes:
        document["notes"] = list(decision.notes)
    if decision.evidence:
        document["evidence"] = decision.evidence
    if decision.baseline is not None:
        document["baseline"] = record_document(decision.baseline)
    return document


def decision_text(decision: Decision) -> str:
    """Return the text of ``decision.json``; equal decisions give equal text."""
    return document_text(decision_document(decision))


def _result_document(result: RuleResult) -> dict[str, object]:
    told: dict[str, object] = {"rule": result.rule, "verdict": result.verdict.value, "evidence": result.evidence}
    line, waived = result.line, result.waived
    if line is None:
        return told
    numbers = {} if line.estimate is None else record_document(line.estimate)
    return {
        **told,
        "id": line.rule_id,
        "metric": line.metric,
        "suite": line.suite,
        "subject": line.subject,
        "threshold": dict(line.threshold),
        **{name: numbers.get(name) for name in ("value", "low", "high", "level", "n_prompts", "n_images")},
        "waived": None if waived is None else {"by": waived.owner, "until": waived.until, "reason": waived.reason},
    }
