"""Everything that people and other programs read of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from audit.errors import UsageProblem
from audit.evidence import RunFolder, read_pictures, safe_name
from audit.evidence.files import disk_problems, write_atomically
from audit.evidence.specs import SPEC_NAME, repeat_command
from audit.gate import decision_text
from audit.pipeline.examine import Outcome
from audit.pipeline.gating import POLICY_NAME
from audit.report import (
    Report,
    ReportInput,
    build_report,
    draw_figures,
    render_html,
    render_junit,
    render_pdf,
    render_summary,
)
from audit.report.model import Pictured, ReadPictures
from audit.report.pseudonyms import Pseudonyms
from audit.report.text import today


def write_report(run: RunFolder, outcome: Outcome, *, pictured: Pictured = "unflagged") -> None:
    """Write the report in every form, and the scores as tables.

    Args:
        run: Open for writing.
        outcome: What it came to.
        pictured: Which pictures the report shows.
    """
    run.write_tables(score_tables(outcome))
    for name, content in report_files(make_report(run, outcome, pictured=pictured)).items():
        run.write_bytes(name, content if isinstance(content, bytes) else content.encode("utf-8"))


def report_files(report: Report) -> dict[str, str | bytes]:
    """Return the report in every form, by file name."""
    return {
        "report.html": render_html(report),
        "report.pdf": render_pdf(report),
        "summary.md": render_summary(report),
        "junit.xml": render_junit(report),
        **{f"figures/{name}": svg for name, svg in draw_figures(report).items()},
    }


def score_tables(outcome: Outcome) -> dict[str, pd.DataFrame]:
    """Return what the judges said as tables, by file name."""
    return {f"scores_{safe_name(name)}": table for name, table in outcome.evidence.scores.items()}


def write_decision(run: RunFolder, outcome: Outcome, out: Path) -> None:
    """Write the decision and what CI reads of it into a folder beside the run.

    Raises:
        UsageProblem: If the folder is a run.
        EnvironmentProblem: If it cannot be written.
    """
    if (out / SPEC_NAME).exists():
        raise UsageProblem(
            f"{out} is a run folder.", remedy="Name another folder with --out, or leave it out to write into the run."
        )
    report = make_report(run, outcome)
    with disk_problems("Making the folder", out):
        out.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("decision.json", decision_text(outcome.decision)),
        ("summary.md", render_summary(report)),
        ("junit.xml", render_junit(report)),
    ):
        write_atomically(out / name, text.encode("utf-8"))


def make_report(
    run: RunFolder,
    outcome: Outcome,
    *,
    pictured: Pictured = "unflagged",
    pseudonyms: Pseudonyms | None = None,
) -> Report:
    """Return the report on a run.

    Args:
        run: Whose pictures and spec are read.
        outcome: What it came to; under the pseudonyms, where there are any.
        pictured: Which pictures the report shows.
        pseudonyms: Who is called what in the outcome; of these no picture is shown.
    """
    decision, evidence = outcome.decision, outcome.evidence
    spec = run.spec if pseudonyms is None else pseudonyms.renamed(run.spec)
    return build_report(
        ReportInput(
            checkpoint=evidence.checkpoint,
            spec=spec,
            findings=outcome.findings,
            decision=decision,
            tables=outcome.tables,
            evidence=evidence,
            read_pictures=_reader(run, pseudonyms),
            command=repeat_command(spec, policy=None if decision.policy is None else POLICY_NAME),
            versions=_versions(spec),
            created=today(),
            pictured=pictured,
            unpictured=frozenset(pseudonyms.names.values()) if pseudonyms is not None else frozenset(),
        )
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
