"""Everything that people and other programs read of a run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import UTC, datetime

import pandas as pd

from audit.evidence import Evidence, RunFolder, read_pictures, safe_name
from audit.records import Decision, Finding
from audit.report import (
    ReportInput,
    build_report,
    draw_figures,
    render_html,
    render_junit,
    render_pdf,
    render_summary,
)


def write_report(
    run: RunFolder,
    findings: tuple[Finding, ...],
    decision: Decision,
    tables: Mapping[str, pd.DataFrame],
    evidence: Evidence,
) -> None:
    """Write the report in every form, and the scores as tables."""
    source = ReportInput(
        checkpoint=evidence.checkpoint,
        spec=run.spec,
        findings=findings,
        decision=decision,
        tables=tables,
        evidence=evidence,
        read_pictures=lambda keys: read_pictures(run, keys),
        command=repeat_command(run.spec),
        versions=_versions(run.spec),
        created=datetime.now(UTC).date().isoformat(),
    )
    report = build_report(source)
    run.write_tables({f"scores_{safe_name(name)}": table for name, table in evidence.scores.items()})
    run.write_text("report.html", render_html(report))
    run.write_bytes("report.pdf", render_pdf(report))
    run.write_text("summary.md", render_summary(report))
    run.write_text("junit.xml", render_junit(report))
    for name, svg in draw_figures(report).items():
        run.write_text(f"figures/{name}", svg)


def repeat_command(spec: Mapping[str, object]) -> str:
    """Return the command line that makes a run with this spec again."""
    words = ["clip-audit", "run", "--checkpoint", str(_entry(spec, "checkpoint")["name"])]
    options = _entry(spec, "options")
    if options.get("arch"):
        words += ["--arch", str(options["arch"])]
    words += ["--allow-pickle"] if options.get("allow_pickle") else []
    words += ["--waive-sanity"] if options.get("waive_sanity") else []
    suites = spec.get("suite_files")
    for suite in suites if isinstance(suites, list) else []:
        words += ["--suite", str(suite)]
    for judge in _entry(spec, "judges"):
        words += ["--judge", judge]
    words += ["--recipe", str(_entry(spec, "recipe")["name"]), "--effort", str(_entry(spec, "effort")["name"])]
    # the default takes a GPU where there is one, and another device rounds otherwise
    words += ["--device", str(spec["device"])] if spec.get("device") else []
    words += ["--seed", str(spec.get("seed", 0)), "--out", "runs/again"]
    return shlex.join(words)


def _entry(spec: Mapping[str, object], name: str) -> Mapping[str, object]:
    entry = spec.get(name)
    return entry if isinstance(entry, dict) else {}


def _versions(spec: Mapping[str, object]) -> dict[str, str]:
    return {name: str(number) for name, number in _entry(spec, "versions").items()}
