"""Decisions as ``decision.json``."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Final

from audit.gate.decision import exit_code
from audit.records import Decision, Estimate, RuleResult, WaivedBy

SCHEMA_VERSION: Final = 1


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
        "results": [_result(result) for result in decision.results],
    }
    if decision.policy is not None:
        document |= {
            "passed_with_waivers": decision.passed_with_waivers,
            "policy": dataclasses.asdict(decision.policy),
            "notes": list(decision.notes),
        }
    return document


def decision_text(decision: Decision) -> str:
    """Return the text of ``decision.json``; equal decisions give equal text."""
    return json.dumps(decision_document(decision), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _result(result: RuleResult) -> dict[str, object]:
    told: dict[str, object] = {"rule": result.rule, "verdict": result.verdict.value, "evidence": result.evidence}
    if result.line is None:
        return told
    return {
        **told,
        "id": result.line.rule_id,
        "metric": result.line.metric,
        "suite": result.line.suite,
        "subject": result.line.subject,
        "threshold": dict(result.line.threshold),
        **_numbers(result.line.estimate),
        "waived": None if result.waived is None else _waived(result.waived),
    }


def _numbers(estimate: Estimate | None) -> dict[str, object]:
    if estimate is None:
        return dict.fromkeys(("value", "low", "high", "level", "n_prompts", "n_images"))
    return {
        "value": _finite(estimate.value),
        "low": _finite(estimate.low),
        "high": _finite(estimate.high),
        "level": estimate.level,
        "n_prompts": int(estimate.n_prompts),
        "n_images": int(estimate.n_images),
    }


def _waived(by: WaivedBy) -> dict[str, object]:
    return {"by": by.owner, "until": by.until, "reason": by.reason}


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
