"""Decisions as ``decision.json``."""

from __future__ import annotations

import json
from typing import Final

from audit.gate.decision import exit_code
from audit.records import Decision

SCHEMA_VERSION: Final = 1


def decision_document(decision: Decision) -> dict[str, object]:
    """Return a decision as plain lists and dictionaries, with the exit code that it leads to."""
    return {
        "schema_version": SCHEMA_VERSION,
        "verdict": decision.verdict.value,
        "exit_code": int(exit_code(decision.verdict)),
        "results": [
            {"rule": result.rule, "verdict": result.verdict.value, "evidence": result.evidence}
            for result in decision.results
        ],
    }


def decision_text(decision: Decision) -> str:
    """Return the text of ``decision.json``; equal decisions give equal text."""
    return json.dumps(decision_document(decision), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
