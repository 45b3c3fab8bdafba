"""The last stages of a run: examine, decide, report."""

from __future__ import annotations

from pathlib import Path

from audit.evidence import RunFolder, load_evidence
from audit.gate import Ruling, decide, decision_text
from audit.lenses import CONTROLS, LENSES, findings_text
from audit.pipeline.examine import Examination, Outcome
from audit.pipeline.gating import POLICY_NAME, Gate, kept_gate, rule, waived_checks
from audit.pipeline.interim_looks import rule_in_rounds
from audit.pipeline.progress import Progress
from audit.pipeline.report_files import write_decision, write_report
from audit.report.model import Pictured


def conclude_run(
    run: RunFolder, progress: Progress, gate: Gate | None = None, *, pictured: Pictured = "unflagged"
) -> Outcome:
    """Examine, decide, report, and close the run.

    Args:
        run: Open for writing.
        progress: Hears of it.
        gate: What the run is held against; ``None`` for what it was held against before, if anything.
        pictured: Which pictures the report shows.
    """
    gate = gate or kept_gate(run)
    outcome = _decide(run, progress, gate)
    if run.is_finished:  # only now: what could not be decided leaves a finished run as it was
        run.reopen()
    run.write_tables({"images": outcome.evidence.images, **outcome.tables})
    run.write_text("findings.json", findings_text(outcome.findings))
    run.write_text("decision.json", decision_text(outcome.decision))
    if gate is not None:
        run.write_text(POLICY_NAME, gate.policy.text)
    progress.begin("reporting", 1)
    write_report(run, outcome, pictured=pictured)
    run.finish()
    progress.advance(1)
    return outcome


def decide_beside(run: RunFolder, progress: Progress, gate: Gate, out: Path) -> Outcome:
    """Examine and decide, and write the decision into a folder of its own; the run stays as it is."""
    outcome = _decide(run, progress, gate)
    progress.begin("reporting", 1)
    write_decision(run, outcome, out)
    progress.advance(1)
    return outcome


def decide_again(run: RunFolder, progress: Progress) -> Outcome:
    """Examine a run and decide as it was decided before, without writing anything."""
    return _decide(run, progress, kept_gate(run))


def _decide(run: RunFolder, progress: Progress, gate: Gate | None) -> Outcome:
    evidence = load_evidence(run)
    progress.begin("examining", len(LENSES))
    examination = Examination(evidence, progress.advance)
    answers = examination.at()
    decision = decide(
        answers.findings,
        answers.tables.get(CONTROLS),
        waived=waived_checks(run.spec),
        ruling=None if gate is None else _rule(run, gate, examination),
    )
    return Outcome(
        folder=run.path, findings=answers.findings, tables=answers.tables, decision=decision, evidence=evidence
    )


def _rule(run: RunFolder, gate: Gate, examination: Examination) -> Ruling:
    if "sequential" in run.spec:
        return rule_in_rounds(run, gate, examination.evidence)
    return rule(run, gate, examination)
