"""The last stages of a run: examine, decide, report; and all that people and other programs read of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import pandas as pd

from audit.errors import UsageProblem
from audit.evidence import (
    FINDINGS_NAME,
    LABELS_NAME,
    Evidence,
    RunFolder,
    check_known,
    findings_text,
    labels_digest,
    labels_text,
    load_evidence,
    picture_digests,
    read_pictures,
    refuse_foreign,
    safe_name,
)
from audit.evidence.files import disk_problems, write_atomically
from audit.evidence.specs import LENS_ORIGINS, SPEC_NAME, repeat_command
from audit.evidence.store import DECISION_NAME
from audit.gate import Ruling, decide, decision_text
from audit.lenses import CONTROLS, LENSES
from audit.lineage import kinship_of
from audit.opening import is_there
from audit.pipeline.examine import Examination, Outcome
from audit.pipeline.gating import POLICY_NAME, Gate, kept_gate, rule, rule_in_rounds, waived_checks
from audit.pipeline.progress import Progress
from audit.report import (
    Report,
    ReportInput,
    build_report,
    draw_figures,
    explore_run,
    render_explorer,
    render_html,
    render_junit,
    render_pdf,
    render_summary,
    render_summary_pdf,
)
from audit.report.model import Pictured, ReadPictures
from audit.report.pseudonyms import Pseudonyms
from audit.report.text import today


def conclude_run(
    run: RunFolder,
    progress: Progress,
    gate: Gate | None = None,
    *,
    pictured: Pictured = "unflagged",
    labels: pd.DataFrame | None = None,
) -> Outcome:
    """Examine, decide, report, and close the run.

    Args:
        run: Open for writing.
        progress: Shows how far it is.
        gate: What the run is held against; ``None`` for what it was held against before, if anything.
        pictured: Which pictures the report shows.
        labels: What people say of its images; ``None`` for what it kept of them, if anything.

    Raises:
        UsageProblem: If the labels are of images that the run does not have.
    """
    gate = gate or kept_gate(run)
    outcome = _decide(run, progress, gate, labels)
    if run.is_finished:  # only now: what could not be decided leaves a finished run as it was
        run.reopen()
    run.write_tables({"images": outcome.evidence.images, **outcome.tables})
    run.write_text(FINDINGS_NAME, findings_text(outcome.findings))
    run.write_text("decision.json", decision_text(outcome.decision))
    if gate is not None:
        run.write_text(POLICY_NAME, gate.policy.text)
    if labels is not None:
        run.write_text(LABELS_NAME, labels_text(labels))
    progress.begin("reporting", 1)
    write_report(run, outcome, pictured=pictured)
    run.finish()
    progress.advance(1)
    verdict = outcome.decision.verdict
    progress.happened("decided", run=str(run.path), verdict=verdict.value, findings=len(outcome.findings))
    return outcome


def decide_beside(
    run: RunFolder, progress: Progress, gate: Gate, out: Path, *, labels: pd.DataFrame | None = None
) -> Outcome:
    """Examine and decide, and write the decision into a folder of its own; the run stays as it is."""
    outcome = _decide(run, progress, gate, labels)
    progress.begin("reporting", 1)
    write_decision(run, outcome, out)
    progress.advance(1)
    return outcome


def decide_again(run: RunFolder, progress: Progress, *, labels: pd.DataFrame | None = None) -> Outcome:
    """Examine a run and decide as it was decided before, without writing anything."""
    return _decide(run, progress, kept_gate(run), labels)


def _decide(run: RunFolder, progress: Progress, gate: Gate | None, labels: pd.DataFrame | None) -> Outcome:
    evidence = load_evidence(run)
    if labels is not None:
        evidence = replace(evidence, labels=labels)
    check_known(evidence.labels, evidence.images, lambda: picture_digests(run))
    progress.begin("examining", len(LENSES))
    examination = Examination(evidence, progress.advance)
    answers = examination.at()
    decision = decide(
        answers.findings,
        answers.tables.get(CONTROLS),
        waived=waived_checks(run.spec),
        ruling=None if gate is None else _rule(run, gate, examination),
    )
    told = () if gate is None else _independence_notes(evidence)
    notes = (*told, *decision.notes, *_labels_note(evidence.labels), *missing_lenses(run.spec))
    notes += tuple(one.what for one in examination.failed.values())
    return Outcome(
        folder=run.path,
        findings=answers.findings,
        tables=answers.tables,
        decision=replace(decision, notes=notes, evidence=run.evidence_digest()),
        evidence=evidence,
    )


def _labels_note(labels: pd.DataFrame) -> tuple[str, ...]:
    """Say that labels moved what was decided on, and which they were; nothing where there are none."""
    if labels.empty:
        return ()
    raters = int(labels["rater"].nunique())
    whose = f"{len(labels):,} labels of {raters} rater{'' if raters == 1 else 's'}"
    digest = labels_digest(labels)[:16]
    note = f"Shares are corrected for judge error by {whose} (digest {digest}), and may decide otherwise without."
    unbound = int((labels["picture"] == "").sum())
    if unbound:
        note += (
            f" {unbound:,} of these labels do not say which picture they are of (column picture): nothing shows that "
            "they are not of another checkpoint's."
        )
    return (note,)


def _independence_notes(evidence: Evidence) -> tuple[str, ...]:
    """Say which judges nothing shows to be independent of the checkpoint, to those who sign a verdict on them."""
    by_doubt: dict[str, list[str]] = {}
    for name, judge in evidence.judges.items():
        found = kinship_of(judge, evidence.checkpoint)
        if found.in_doubt:
            by_doubt.setdefault(found.sentence, []).append(name)
    return tuple(
        f"Judge{'s' if len(names) > 1 else ''} {', '.join(names)}: {doubt}." for doubt, names in by_doubt.items()
    )


def missing_lenses(spec: Mapping[str, object]) -> tuple[str, ...]:
    """Say which lenses of other packages a run was made with and are not here, so that nothing is found by them.

    Args:
        spec: Of the run.
    """
    made_with = spec.get(LENS_ORIGINS)
    return tuple(
        f"The lens {name} of {origin}, which the run was made with, is not here: it finds nothing."
        for name, origin in (made_with.items() if isinstance(made_with, dict) else ())
        if name not in LENSES
    )


def _rule(run: RunFolder, gate: Gate, examination: Examination) -> Ruling:
    if "sequential" in run.spec:
        return rule_in_rounds(run, gate, examination.evidence)
    return rule(run, gate, examination)


def write_report(run: RunFolder, outcome: Outcome, *, pictured: Pictured = "unflagged") -> None:
    """Write the report in every form, and the scores as tables.

    Args:
        run: Open for writing.
        outcome: What it came to.
        pictured: Which pictures the report shows.
    """
    run.write_tables(score_tables(outcome))
    for name, content in report_files(report_input(run, outcome, pictured=pictured)).items():
        run.write_bytes(name, content if isinstance(content, bytes) else content.encode("utf-8"))


def report_files(source: ReportInput) -> dict[str, str | bytes]:
    """Return the report in every form, and the page beside it for a closer look, by file name."""
    report = build_report(source)
    return {
        "report.html": render_html(report),
        "explore.html": render_explorer(explore_run(source)),
        "report.pdf": render_pdf(report),
        "summary.pdf": render_summary_pdf(report),
        "summary.md": render_summary(report),
        "junit.xml": render_junit(report),
        **{f"figures/{name}": svg for name, svg in draw_figures(report).items()},
    }


def score_tables(outcome: Outcome) -> dict[str, pd.DataFrame]:
    """Return what the judges said as tables, by file name."""
    return {f"scores_{safe_name(name)}": table for name, table in outcome.evidence.scores.items()}


_DECISION_FILES: Final = (DECISION_NAME, "summary.md", "junit.xml")


def write_decision(run: RunFolder, outcome: Outcome, out: Path) -> None:
    """Write the decision and what CI reads of it into a folder beside the run.

    Raises:
        UsageProblem: If the folder is a run, or holds files of these names that are not ours.
        EnvironmentProblem: If it cannot be written.
    """
    if is_there(out / SPEC_NAME):
        raise UsageProblem(
            f"{out} is a run folder.", remedy="Name another folder with --out, or leave it out to write into the run."
        )
    refuse_foreign(out, _DECISION_FILES, mark=DECISION_NAME)
    report = make_report(run, outcome)
    with disk_problems("Making the folder", out):
        out.mkdir(parents=True, exist_ok=True)
    texts = (decision_text(outcome.decision), render_summary(report), render_junit(report))
    for name, text in zip(_DECISION_FILES, texts, strict=True):
        write_atomically(out / name, text.encode("utf-8"))


def make_report(run: RunFolder, outcome: Outcome, *, pseudonyms: Pseudonyms | None = None) -> Report:
    """Return the report on a run, as :func:`report_input` has it, with no picture."""
    return build_report(report_input(run, outcome, pictured="none", pseudonyms=pseudonyms))


def report_input(
    run: RunFolder,
    outcome: Outcome,
    *,
    pictured: Pictured = "unflagged",
    pseudonyms: Pseudonyms | None = None,
) -> ReportInput:
    """Return what the report on a run is made from.

    Args:
        run: Whose pictures and spec are read.
        outcome: What it came to; under the pseudonyms, where there are any.
        pictured: Which pictures the report shows.
        pseudonyms: Who is called what in the outcome; of these no picture is shown.
    """
    decision, evidence = outcome.decision, outcome.evidence
    spec = run.spec if pseudonyms is None else pseudonyms.renamed(run.spec)
    return ReportInput(
        checkpoint=evidence.checkpoint,
        spec=spec,
        findings=outcome.findings,
        decision=decision,
        tables=outcome.tables,
        evidence=evidence,
        read_pictures=_reader(run, pseudonyms),
        command=repeat_command(
            spec,
            policy=None if decision.policy is None else POLICY_NAME,
            labels=LABELS_NAME if len(evidence.labels) else None,
            baseline=None if decision.baseline is None else decision.baseline.folder,
        ),
        versions=_versions(spec),
        created=today(),
        pictured=pictured,
        unpictured=frozenset(pseudonyms.names.values()) if pseudonyms is not None else frozenset(),
    )


def _reader(run: RunFolder, pseudonyms: Pseudonyms | None) -> ReadPictures:
    """Return what reads pictures of a run by the ids that its report uses."""
    stored = {new: old for old, new in pseudonyms.ids.items()} if pseudonyms is not None else {}

    def read(keys: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], bytes]:
        names = {key: (stored.get(key[0], key[0]), key[1]) for key in keys}
        found = read_pictures(run, list(names.values()))
        return {key: found[name] for key, name in names.items()}

    return read


def _versions(spec: Mapping[str, object]) -> dict[str, str]:
    versions = spec.get("versions")
    return {} if not isinstance(versions, dict) else {name: str(number) for name, number in versions.items()}
