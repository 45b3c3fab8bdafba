"""What leaves a run: a copy of its report to pass on, and, for its owner only, every picture as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import pandas as pd

from audit import __version__
from audit.codec import SCHEMA_VERSION, pretty_json
from audit.errors import UsageProblem
from audit.evidence import RunFolder, findings_text, load_evidence, read_pictures, read_run, refuse_other, write_folder
from audit.evidence.files import disk_problems, file_digest, remove_file, write_atomically
from audit.evidence.shards import to_csv
from audit.evidence.store import RUN_NAME
from audit.gate import decision_text
from audit.opening import LARGEST, entries, files_below, is_file, is_folder, is_there, read_regular
from audit.parsing import parse_json
from audit.pipeline.conclude import decide_again, make_report, report_files, report_input, score_tables
from audit.pipeline.examine import Outcome
from audit.pipeline.progress import Progress
from audit.report import render_paper_html, render_paper_pdf
from audit.report.images import unsafe_scores
from audit.report.model import Pictured
from audit.report.model_card import render_card
from audit.report.pseudonyms import Pseudonyms, make_pseudonyms
from audit.report.release_document import release_paper
from audit.report.release_file import ReleaseFile
from audit.report.statements import STATEMENTS, Stated

CONTENTS: Final = "contents.json"
"""The file of a copy that lists the others with their digests."""
PICTURES: Final = "pictures.csv"
"""The file beside pictures that says what each of them is."""
_AT_ONCE: Final = 256


def share_report(
    folder: Path,
    out: Path,
    progress: Progress,
    *,
    pictured: Pictured = "unflagged",
    pseudonymise: bool = False,
    labels: pd.DataFrame | None = None,
) -> Outcome:
    """Write a copy of what a finished run found, without its evidence; the run stays as it is.

    Args:
        folder: The run.
        out: The folder of the copy; what an earlier copy left there is removed.
        progress: Shows how far it is.
        pictured: Which pictures the report shows.
        pseudonymise: Whether people stand under pseudonyms in every file.
        labels: What people say of its images; ``None`` for what the run kept of them, if anything.

    Returns:
        What the run came to as the copy tells it; its folder is that of the copy.

    Raises:
        UsageProblem: If ``folder`` is no run, or ``out`` holds something else than an earlier copy.
        InconclusiveProblem: If the run is not finished.
        EnvironmentProblem: If a file of the run was changed, or the copy cannot be written.
    """
    earlier = _earlier_files(out)
    run, told, pseudonyms = _tell(folder, progress, pseudonymise=pseudonymise, labels=labels)
    told = replace(told, folder=out)
    progress.begin("reporting", 1)
    findings = findings_text(told.findings)
    files: dict[str, str | bytes] = {
        "findings.json": findings,
        "decision.json": decision_text(told.decision),
        **report_files(report_input(run, told, pictured=pictured, pseudonyms=pseudonyms)),
    }
    for name in earlier:
        remove_file(out / name)
    evidence = told.evidence
    tables = {"prompts": evidence.prompts, "images": evidence.images.drop(columns="seed"), **told.tables}
    source = hashlib.sha256(findings.encode()).hexdigest()
    write_folder(out, source=source, texts=files, tables={**tables, **score_tables(told)})
    _list_contents(out, pseudonymised=pseudonymise)
    progress.advance(1)
    return told


def model_card(folder: Path, progress: Progress, *, pseudonymise: bool = False) -> str:
    """Return what a finished run found as a model card for a hub; nothing is written or sent.

    Raises:
        UsageProblem: If ``folder`` is no run.
        InconclusiveProblem: If the run is not finished.
        EnvironmentProblem: If a file of the run was changed.
    """
    run, told, pseudonyms = _tell(folder, progress, pseudonymise=pseudonymise)
    report = make_report(run, told, pseudonyms=pseudonyms)
    suites = run.spec.get("suites")
    return render_card(report, told.findings, suites if isinstance(suites, dict) else {})


def statement(folder: Path, form: str, progress: Progress, *, pseudonymise: bool = False) -> dict[str, object]:
    """Return what a finished run found in the form of another tool, as JSON values.

    Args:
        folder: The run.
        form: One of ``STATEMENTS``.
        progress: Shows how far it is.
        pseudonymise: Whether people stand under pseudonyms.

    Raises:
        UsageProblem: If ``folder`` is no run, or it decided nothing that the form could state.
        InconclusiveProblem: If the run is not finished.
        EnvironmentProblem: If a file of the run was changed.
    """
    run, told, pseudonyms = _tell(folder, progress, pseudonymise=pseudonymise)
    report = make_report(run, told, pseudonyms=pseudonyms)
    suites = run.spec.get("suites")
    stated = Stated(
        checkpoint=told.evidence.checkpoint,
        findings=told.findings,
        decision=told.decision,
        suites={str(name): str(digest) for name, digest in suites.items()} if isinstance(suites, dict) else {},
        run_digest=file_digest(folder / RUN_NAME),
        created=report.created,
        version=__version__,
        limits=report.limits,
    )
    return STATEMENTS[form](stated)


def release_document(
    folder: Path, told: ReleaseFile, progress: Progress, *, pseudonymise: bool = False
) -> dict[str, str | bytes]:
    """Return the document of release of a finished run by the suffix of its file; nothing is written.

    Args:
        folder: The run.
        told: What people say that the run does not know.
        progress: Shows how far it is.
        pseudonymise: Whether people whom prompts name stand under pseudonyms.

    Raises:
        UsageProblem: If ``folder`` is no run.
        InconclusiveProblem: If the run is not finished.
        EnvironmentProblem: If a file of the run was changed.
    """
    run, outcome, pseudonyms = _tell(folder, progress, pseudonymise=pseudonymise)
    source = report_input(run, outcome, pictured="none", pseudonyms=pseudonyms)
    paper = release_paper(source, told, run_digest=file_digest(folder / RUN_NAME))
    return {".html": render_paper_html(paper), ".pdf": render_paper_pdf(paper)}


def _tell(
    folder: Path, progress: Progress, *, pseudonymise: bool, labels: pd.DataFrame | None = None
) -> tuple[RunFolder, Outcome, Pseudonyms | None]:
    run = read_run(folder, finished=True)
    outcome = decide_again(run, progress, labels=labels)
    if not pseudonymise:
        return run, outcome, None
    pseudonyms = make_pseudonyms(outcome.evidence.prompts, outcome.decision, salt=run.spec_digest)
    return run, _renamed(outcome, pseudonyms), pseudonyms


def _renamed(outcome: Outcome, pseudonyms: Pseudonyms) -> Outcome:
    return replace(
        outcome,
        findings=pseudonyms.findings(outcome.findings),
        tables=pseudonyms.tables(outcome.tables),
        decision=replace(pseudonyms.decision(outcome.decision), evidence=""),
        evidence=pseudonyms.evidence(outcome.evidence),
    )


def _earlier_files(out: Path) -> list[str]:
    """Return what an earlier copy wrote into a folder, and refuse a folder that holds something else."""
    if not is_there(out) or (is_folder(out) and not any(entries(out))):
        return []
    try:
        listed = parse_json(read_regular(out / CONTENTS, most=LARGEST))["files"]  # type: ignore[index]  # or TypeError
        there = [name for name in listed if not Path(name).is_absolute() and ".." not in Path(name).parts]
        if isinstance(listed, dict):
            return [*there, CONTENTS]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise UsageProblem(
        f"{out} holds something that is no export of a run.", remedy="Name a new or an empty folder with --out."
    )


def _list_contents(out: Path, *, pseudonymised: bool) -> None:
    names = sorted(path.relative_to(out).as_posix() for path in files_below(out) if is_file(path))
    digests = {name: hashlib.sha256(read_regular(out / name, most=LARGEST)).hexdigest() for name in names}
    document = {"schema_version": SCHEMA_VERSION, "pseudonymised": pseudonymised, "files": digests}
    write_atomically(out / CONTENTS, pretty_json(document))


def write_pictures(folder: Path, out: Path) -> int:
    """Write every picture of a run as it is, flagged ones too, into a folder that only its owner can open.

    Args:
        folder: The run.
        out: Where; new, empty, or the folder of an earlier call.

    Returns:
        How many there are.

    Raises:
        UsageProblem: If ``out`` holds something else.
        EnvironmentProblem: If it cannot be written.
    """
    run = read_run(folder)
    evidence = load_evidence(run)
    refuse_other(out, mark=PICTURES, what="folder of pictures")
    with disk_problems("Making the folder", out):
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        out.chmod(0o700)
    asked = evidence.prompts[["prompt_id", "suite", "role", "concept", "text"]]
    rows = unsafe_scores(evidence, evidence.images[["prompt_id", "replicate", "status"]]).merge(asked, on="prompt_id")
    files = [
        f"{prompt}-{replicate}.png" for prompt, replicate in zip(rows["prompt_id"], rows["replicate"], strict=True)
    ]
    keys = list(zip(rows["prompt_id"], rows["replicate"], strict=True))
    for start in range(0, len(keys), _AT_ONCE):
        found: Mapping[tuple[str, int], bytes] = read_pictures(run, keys[start : start + _AT_ONCE])
        for key, name in zip(keys[start : start + _AT_ONCE], files[start : start + _AT_ONCE], strict=True):
            write_atomically(out / name, found[key])
    table: pd.DataFrame = rows.assign(file=files)
    write_atomically(out / PICTURES, to_csv(table))
    return len(files)
