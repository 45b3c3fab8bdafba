"""A comparison as a table."""

from __future__ import annotations

import pandas as pd

from audit.lenses.common.protocol import as_real
from audit.records import Estimate
from audit.studies.compare.change_outcomes import Told
from audit.studies.compare.two_runs import Comparison


def changes_table(comparison: Comparison) -> pd.DataFrame:
    """Return one row per change, what matters most first and the instruments last; missing numbers are NaN."""
    return pd.DataFrame([_row(one) for one in (*comparison.told, *comparison.instruments)])


def _row(told: Told) -> dict[str, object]:
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
        "method": change.difference.method,
        "reason": told.reason,
        "note": change.note,
    }


def _numbers(name: str, estimate: Estimate | None) -> dict[str, float]:
    values = (None, None, None) if estimate is None else (estimate.value, estimate.low, estimate.high)
    return dict(zip((name, f"{name}_low", f"{name}_high"), map(as_real, values), strict=True))
