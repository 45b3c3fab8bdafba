"""The last stages of a run: examine, decide, report."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from audit.evidence import RunFolder, load_evidence
from audit.gate import decide, decision_text
from audit.lenses import LENSES, findings_text
from audit.pipeline.outcome import Outcome
from audit.pipeline.progress import Progress
from audit.pipeline.writing import write_report
from audit.records import Finding


def conclude_run(run: RunFolder, progress: Progress) -> Outcome:
    """Examine, decide, report, and close the run."""
    evidence = load_evidence(run)
    progress.begin("examining", len(LENSES))
    findings: list[Finding] = []
    tables: dict[str, pd.DataFrame] = {}
    for lens in LENSES.values():
        answer = lens.examine(evidence)
        findings += answer.findings
        tables.update(answer.tables)
        progress.advance(1)
    decision = decide(findings, tables.get("controls"), waived=_waived(run.spec))
    run.write_tables({"images": evidence.images, **tables})
    run.write_text("findings.json", findings_text(findings))
    run.write_text("decision.json", decision_text(decision))
    outcome = Outcome(folder=run.path, findings=tuple(findings), decision=decision, evidence=evidence)
    progress.begin("reporting", 1)
    write_report(run, outcome.findings, decision, tables, evidence)
    run.finish()
    progress.advance(1)
    return outcome


def _waived(spec: Mapping[str, object]) -> tuple[str, ...]:
    options = spec.get("options")
    waived = isinstance(options, dict) and bool(options.get("waive_sanity"))
    return ("the sanity gate on matched pictures and captions",) if waived else ()
