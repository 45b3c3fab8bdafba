"""Findings as ``findings.json``: what was not measured is ``null``, and NaN is never written."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from audit.records import Estimate, Finding, read_method

SCHEMA_VERSION: Final = 1


def findings_document(findings: Sequence[Finding]) -> dict[str, object]:
    """Return findings as plain lists and dictionaries, in their order.

    Raises:
        ValueError: If two findings have the same id.
    """
    seen: set[str] = set()
    for finding in findings:
        if finding.finding_id in seen:
            raise ValueError(f"Two findings are called {finding.finding_id}; an id names one.")
        seen.add(finding.finding_id)
    return {"schema_version": SCHEMA_VERSION, "findings": [_entry(finding) for finding in findings]}


def findings_text(findings: Sequence[Finding]) -> str:
    """Return the text of ``findings.json``; equal findings give equal text.

    Raises:
        ValueError: If two findings have the same id.
    """
    return json.dumps(findings_document(findings), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read_findings(text: str) -> tuple[Finding, ...]:
    """Return the findings in the text of a ``findings.json``, in their order.

    Raises:
        ValueError: If it is not JSON, or does not hold findings of this version.
    """
    document = json.loads(text)
    version = document.get("schema_version") if isinstance(document, dict) else None
    if version != SCHEMA_VERSION:
        raise ValueError(f"Findings of schema_version {SCHEMA_VERSION} are read; got {version!r}.")
    try:
        return tuple(_finding(entry) for entry in document["findings"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"This is no list of findings: {error!r}.") from error


def _finding(entry: Mapping[str, Any]) -> Finding:
    plain = {key: value for key, value in entry.items() if key not in {"id", "estimate"}}
    method, over, remark = read_method(entry["estimate"]["method"])
    numbers = {key: value for key, value in entry["estimate"].items() if key != "method"}
    return Finding(estimate=Estimate(method=method, over=over, remark=remark, **numbers), **plain)


def _entry(finding: Finding) -> dict[str, object]:
    return {
        "id": finding.finding_id,
        "lens": finding.lens,
        "suite": finding.suite,
        "subject": finding.subject,
        "metric": finding.metric,
        "unit": finding.unit,
        "neutral": _number(finding.neutral),
        "estimate": estimate_document(finding.estimate),
        "p_value": _number(finding.p_value),
        "p_adjusted": _number(finding.p_adjusted),
        "n_unscored": int(finding.n_unscored),
        "note": finding.note,
    }


def estimate_document(estimate: Estimate) -> dict[str, object]:
    """Return an estimate as a plain dictionary; what was not measured is ``None``."""
    return {
        "value": _number(estimate.value),
        "low": _number(estimate.low),
        "high": _number(estimate.high),
        "level": estimate.level,
        "method": estimate.method_text,
        "n_images": int(estimate.n_images),
        "n_prompts": int(estimate.n_prompts),
    }


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
