"""Everything that people and other programs read of a run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from audit.errors import UsageProblem
from audit.evidence import RunFolder, read_pictures, safe_name
from audit.evidence.files import disk_problems, write_atomically
from audit.evidence.specs import SPEC_NAME
from audit.gate import decision_text
from audit.pipeline.outcome import Outcome
from audit.pipeline.policing import POLICY_NAME
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


def write_report(run: RunFolder, outcome: Outcome) -> None:
    """Write the report in every form, and the scores as tables."""
    report = _report(run, outcome)
    scores = outcome.evidence.scores
    run.write_tables({f"scores_{safe_name(name)}": table for name, table in scores.items()})
    run.write_text("report.html", render_html(report))
    run.write_bytes("report.pdf", render_pdf(report))
    run.write_text("summary.md", render_summary(report))
    run.write_text("junit.xml", render_junit(report))
    for name, svg in draw_figures(report).items():
        run.write_text(f"figures/{name}", svg)


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
    report = _report(run, outcome)
    with disk_problems("Making the folder", out):
        out.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("decision.json", decision_text(outcome.decision)),
        ("summary.md", render_summary(report)),
        ("junit.xml", render_junit(report)),
    ):
        write_atomically(out / name, text.encode("utf-8"), step=f"file:{name}")


def _report(run: RunFolder, outcome: Outcome) -> Report:
    decision, evidence = outcome.decision, outcome.evidence
    return build_report(
        ReportInput(
            checkpoint=evidence.checkpoint,
            spec=run.spec,
            findings=outcome.findings,
            decision=decision,
            tables=outcome.tables,
            evidence=evidence,
            read_pictures=lambda keys: read_pictures(run, keys),
            command=repeat_command(run.spec, gated=decision.policy is not None),
            versions=_versions(run.spec),
            created=datetime.now(UTC).date().isoformat(),
        )
    )


def repeat_command(spec: Mapping[str, object], *, gated: bool = False) -> str:
    """Return the command line that makes a run with this spec again.

    Args:
        spec: Of the run.
        gated: Whether it was held against a policy, which lies in its folder.
    """
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
    words += ["--policy", POLICY_NAME] if gated else []
    words += ["--sequential"] if "sequential" in spec else []
    words += ["--seed", str(spec.get("seed", 0)), "--out", "runs/again"]
    return shlex.join(words)


def _entry(spec: Mapping[str, object], name: str) -> Mapping[str, object]:
    entry = spec.get(name)
    return entry if isinstance(entry, dict) else {}


def _versions(spec: Mapping[str, object]) -> dict[str, str]:
    return {name: str(number) for name, number in _entry(spec, "versions").items()}
