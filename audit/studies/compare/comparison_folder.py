"""A comparison as it is kept: ``changes.json``, where what was not measured is ``null``, and a table of the changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pandas as pd

from audit.codec import SCHEMA_VERSION, document_text, record_document
from audit.evidence import refuse_other, write_folder
from audit.lenses.common.protocol import as_real
from audit.records import Estimate
from audit.studies.compare.two_runs import ComparedRun, Comparison, JudgedChange, Outcome


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
    return document_text(changes_document(comparison))


def _run(run: ComparedRun) -> dict[str, object]:
    card = run.checkpoint
    return {
        "folder": str(run.folder),
        "spec_digest": run.spec_digest,
        "checkpoint": {"name": card.name, "digest": card.digest},
    }


def _entry(told: JudgedChange) -> dict[str, object]:
    return {
        "id": told.change.finding_id,
        "outcome": told.outcome.value,
        "reason": told.reason,
        **record_document(told.change),
    }


CHANGES_NAME: Final = "changes.json"


def check_folder(folder: Path, *, mark: str = CHANGES_NAME) -> None:
    """Refuse a folder that holds anything but an earlier comparison, which has a file ``mark``.

    Raises:
        UsageProblem: If it is a file, a run folder, or holds something else.
    """
    refuse_other(folder, mark=mark, what="comparison")


def write_comparison(folder: Path, comparison: Comparison, pages: Mapping[str, str | bytes]) -> None:
    """Write ``changes.json``, the pages for people and the table of the changes.

    Args:
        folder: Where; made where it does not exist, and what an earlier comparison left there is replaced.
        comparison: What was found.
        pages: Name -> what ``summary.md`` and others hold.

    Raises:
        UsageProblem: If the folder holds anything but a comparison.
        EnvironmentProblem: If it cannot be written.
    """
    check_folder(folder)
    write_folder(
        folder,
        source=f"{comparison.baseline.spec_digest} {comparison.candidate.spec_digest}",
        texts={CHANGES_NAME: changes_text(comparison), **pages},
        tables={"changes": changes_table(comparison)},
    )


def changes_table(comparison: Comparison) -> pd.DataFrame:
    """Return one row per change, what matters most first and the instruments last; missing numbers are NaN."""
    return pd.DataFrame([_row(one) for one in (*comparison.told, *comparison.instruments)])


def _row(told: JudgedChange) -> dict[str, object]:
    change = told.change
    return {
        "outcome": told.outcome.value,
        "lens": change.lens,
        "suite": change.suite,
        "subject": change.subject,
        "metric": change.metric,
        "unit": change.unit,
        **_numbers("baseline", change.baseline),
        **_numbers("candidate", change.candidate),
        **_numbers("difference", change.difference),
        **_numbers("worsening", change.worsening),
        "level": change.difference.level,
        "p_value": as_real(change.p_value),
        "p_adjusted": as_real(change.p_adjusted),
        "n_images": change.difference.n_images,
        "n_prompts": change.difference.n_prompts,
        "method": change.difference.method_text,
        "reason": told.reason,
        "note": change.note,
    }


def _numbers(name: str, estimate: Estimate | None) -> dict[str, float]:
    values = (None, None, None) if estimate is None else (estimate.value, estimate.low, estimate.high)
    return dict(zip((name, f"{name}_low", f"{name}_high"), map(as_real, values), strict=True))
