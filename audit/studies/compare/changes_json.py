"""A comparison as ``changes.json``: what was not measured is ``null``, and NaN is never written."""

from __future__ import annotations

import json
from collections import Counter
from typing import Final

from audit.lenses import estimate_document
from audit.studies.compare.two_runs import ComparedRun, Comparison, JudgedChange, Outcome

SCHEMA_VERSION: Final = 1


def changes_document(comparison: Comparison) -> dict[str, object]:
    """Return a comparison as plain lists and dictionaries, changes in the order in which they matter."""
    counts = Counter(one.outcome for one in comparison.told)
    return {
        "schema_version": SCHEMA_VERSION,
        "conclusive": comparison.is_conclusive,
        "doubts": list(comparison.doubts),
        "baseline": _run(comparison.baseline),
        "candidate": _run(comparison.candidate),
        "level": comparison.level,
        "margin": comparison.margin,
        "counts": {outcome.value: counts[outcome] for outcome in Outcome},
        "pairs": {
            "images": comparison.n_pairs,
            "identical": comparison.n_identical,
            "usable_in_one_run_only": comparison.n_usable_once,
        },
        "changes": [_entry(one) for one in comparison.told],
        "instruments": [_entry(one) for one in comparison.instruments],
        "warnings": list(comparison.warnings),
    }


def changes_text(comparison: Comparison) -> str:
    """Return the text of ``changes.json``; equal comparisons give equal text."""
    return json.dumps(changes_document(comparison), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _run(run: ComparedRun) -> dict[str, object]:
    card = run.checkpoint
    return {
        "folder": str(run.folder),
        "spec_digest": run.spec_digest,
        "checkpoint": {"name": card.name, "digest": card.digest},
    }


def _entry(told: JudgedChange) -> dict[str, object]:
    change = told.change
    return {
        "id": change.finding_id,
        "outcome": told.outcome.value,
        "reason": told.reason,
        "lens": change.lens,
        "suite": change.suite,
        "subject": change.subject,
        "metric": change.metric,
        "unit": change.unit,
        "baseline": estimate_document(change.baseline),
        "candidate": estimate_document(change.candidate),
        "difference": estimate_document(change.difference),
        "worsening": None if change.worsening is None else estimate_document(change.worsening),
        "p_value": change.p_value,
        "p_adjusted": change.p_adjusted,
        "note": change.note,
    }
