"""Many runs as ``trends.json``, and the folder that they are kept in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pandas as pd

from audit.evidence import pretty_json, write_folder
from audit.lenses import estimate_document
from audit.lenses.common.protocol import as_real
from audit.studies.compare.changes_json import changes_document
from audit.studies.compare.comparison_folder import check_folder
from audit.studies.compare.many_runs import ManyRuns
from audit.studies.compare.trend_over_runs import Trend

SCHEMA_VERSION: Final = 1
TRENDS_NAME: Final = "trends.json"


def many_document(found: ManyRuns) -> dict[str, object]:
    """Return many runs as plain lists and dictionaries."""
    return {
        "schema_version": SCHEMA_VERSION,
        "conclusive": found.is_conclusive,
        "level": found.level,
        "axis": {"name": found.axis.name, "places": list(found.axis.places), "labels": list(found.axis.labels)},
        "runs": [
            {
                "folder": str(run.folder),
                "spec_digest": run.spec_digest,
                "checkpoint": {"name": run.checkpoint.name, "digest": run.checkpoint.digest},
            }
            for run in found.runs
        ],
        "trends": [_trend(one) for one in found.trends],
        "comparisons": [changes_document(one) for one in found.comparisons],
    }


def write_many(folder: Path, found: ManyRuns, texts: Mapping[str, str]) -> None:
    """Write ``trends.json``, the table ``trends``, and ``texts`` (the page and its figure).

    Raises:
        UsageProblem: If the folder holds anything but such a comparison.
        EnvironmentProblem: If it cannot be written.
    """
    check_folder(folder, mark=TRENDS_NAME)
    write_folder(
        folder,
        source=" ".join(run.spec_digest for run in found.runs),
        texts={TRENDS_NAME: pretty_json(many_document(found)), **texts},
        tables={"trends": trends_table(found)},
    )


def trends_table(found: ManyRuns) -> pd.DataFrame:
    """Return one row per trend and run; missing numbers are NaN."""
    rows = []
    for trend in found.trends:
        about = {"lens": trend.lens, "suite": trend.suite, "metric": trend.metric, "unit": trend.unit}
        ends = {"slope": trend.slope.value, "slope_low": trend.slope.low, "slope_high": trend.slope.high}
        for place, label, run, one in zip(found.axis.places, found.axis.labels, found.runs, trend.values, strict=True):
            rows.append(
                {
                    **about,
                    "checkpoint": run.checkpoint.name,
                    "label": label,
                    "place": place,
                    "value": as_real(one.value),
                    "low": as_real(one.low),
                    "high": as_real(one.high),
                    **{name: as_real(end) for name, end in ends.items()},
                    "order": as_real(trend.order),
                    "p_value": as_real(trend.p_value),
                    "p_adjusted": as_real(trend.p_adjusted),
                    "method": trend.slope.method,
                }
            )
    return pd.DataFrame(rows)


def _trend(trend: Trend) -> dict[str, object]:
    return {
        "id": trend.finding_id,
        "lens": trend.lens,
        "suite": trend.suite,
        "metric": trend.metric,
        "unit": trend.unit,
        "values": [estimate_document(one) for one in trend.values],
        "slope": estimate_document(trend.slope),
        "order": trend.order,
        "p_value": trend.p_value,
        "p_adjusted": trend.p_adjusted,
        "note": trend.note,
    }
