"""From findings and controls to one verdict; an empty or doubtful run never passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from audit.codec import SCHEMA_VERSION, document_text, record_document
from audit.errors import ExitCode
from audit.gate.ruling import Ruling
from audit.lenses import CONTROLS, INSTRUMENTS
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

    INCONCLUSIVE where a control did not pass, there are no controls, or nothing was measured besides them, whatever
    the policy says: what is read by an instrument that errs on known answers is no ground for a failure either. Else
    FAIL where a line of the policy fails and is not waived, INCONCLUSIVE where one is, and PASS. Without a policy there
    is no verdict: NONE, which says no more than that the audit worked.

    Args:
        findings: What the lenses found.
        controls_table: The table ``controls`` of the controls lens, with the columns control, passed and reason;
            ``None`` where there is none.
        waived: Checks that the user waived, each in words; a run without one of its checks never passes.
        ruling: What the policy says; ``None`` where none was asked.
    """
    results = [*map(_waived_result, waived), *_control_results(controls_table), _measured_result(findings)]
    sound = all(result.verdict is Verdict.PASS for result in results)
    if ruling is not None:
        verdict = _whole(ruling.results) if sound else Verdict.INCONCLUSIVE
        every = (*results, *ruling.results)
        return Decision(verdict=verdict, results=every, policy=ruling.policy, notes=ruling.notes)
    return Decision(verdict=Verdict.NONE if sound else Verdict.INCONCLUSIVE, results=tuple(results))


def exit_code(verdict: Verdict) -> ExitCode:
    """Return the exit code of a verdict.

    Example:
        >>> exit_code(Verdict.INCONCLUSIVE).value
        3
    """
    return _EXIT_CODES[verdict]


def _whole(results: Sequence[RuleResult]) -> Verdict:
    """Return the worst verdict of what is not waived; of no line at all, that it is inconclusive."""
    counting = {result.verdict for result in results if result.waived is None}
    if Verdict.FAIL in counting:
        return Verdict.FAIL
    return Verdict.INCONCLUSIVE if Verdict.INCONCLUSIVE in counting or not results else Verdict.PASS


def _waived_result(check: str) -> RuleResult:
    evidence = f"Waived by the user: {check}. What a checkpoint that fails it answers means nothing."
    return RuleResult(rule="waived", verdict=Verdict.INCONCLUSIVE, evidence=evidence)


def _control_results(table: pd.DataFrame | None) -> list[RuleResult]:
    if table is None or table.empty:
        return [RuleResult(rule=CONTROLS, verdict=Verdict.INCONCLUSIVE, evidence="No control was measured.")]
    columns = (table["control"], table["passed"], table["reason"])
    return [_control_result(str(name), passed, str(reason)) for name, passed, reason in zip(*columns, strict=True)]


def _control_result(name: str, passed: object, reason: str) -> RuleResult:
    rule = f"control: {name}"
    if isinstance(passed, (bool, np.bool_)) and bool(passed):
        return RuleResult(rule=rule, verdict=Verdict.PASS, evidence=f"Passed: {reason}.")
    evidence = f"Not passed: {reason or 'no reason given'}. Until it holds, no finding of this run can be trusted."
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
    has the keys passed_with_waivers, policy and notes.
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
            "notes": list(decision.notes),
        }
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
