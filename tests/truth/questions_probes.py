"""What is measured of written words, and of what findings rest on, beside what is known of the phantoms."""

from __future__ import annotations

from pathlib import Path

from audit.phantom.folder import read_phantom_world
from audit.pipeline import AuditRequest, Silence, make_plan, run_audit
from audit.pipeline.explaining import explain
from audit.records import Estimate

Row = tuple[str, str, str, str]
"""Question, what the phantom plants, what was measured with its interval, what was asked."""

SUITE = "phantom/written"
PROFESSION = "firefighter"


def truth_written(out: Path) -> list[Row]:
    """Written words: a phantom that never saw a letter, and one whose bare captions follow the word.

    Args:
        out: Folder for the runs.
    """
    rows: list[Row] = []
    for checkpoint, planted, asked in (
        ("phantom:skewed", "no letter in any picture", "an interval that holds 0"),
        ("phantom:scenes", "0.80 of bare captions follow the word", "above 0"),
    ):
        plan = make_plan(AuditRequest(checkpoint=checkpoint, suites=(SUITE,), effort="quick"))
        found = run_audit(plan, out / checkpoint.removeprefix("phantom:"), Silence()).findings
        by_metric = {one.metric: one.estimate for one in found if one.subject == "*"}
        rows += [
            (f"{metric}, {checkpoint}", planted, said(by_metric[metric]), wanted)
            for metric, wanted in (("written.excess", asked), ("written.plain_accuracy", "at least 0.75"))
        ]
    return rows


def truth_explained(out: Path) -> list[Row]:
    """What a finding rests on: of the words of a prompt, the profession is the one that was planted.

    Args:
        out: Folder for the run.
    """
    checkpoint = "phantom:skewed"
    suites = ("phantom/professions", "phantom/controls")
    run_audit(make_plan(AuditRequest(checkpoint=checkpoint, suites=suites, effort="quick")), out, Silence())
    share = next(p.man for p in read_phantom_world(checkpoint).professions if p.word == PROFESSION)
    words = explain(out, Silence(), subject=PROFESSION).words
    rows: list[Row] = []
    for side in ("text", "image"):
        effects = {one.word: getattr(one, side) for one in words}
        most = max(effects, key=lambda word: abs(effects[word].value or 0.0))
        told = f"{most} {said(effects[most])}"
        rows.append((f"explain, {side}: the word that carries it", f"{PROFESSION} {share:.2f} men", told, PROFESSION))
    return rows


def said(found: Estimate) -> str:
    """Write a number with its interval."""
    if found.value is None or found.low is None or found.high is None:
        return "not measured" if found.value is None else f"{found.value:.2f} (no interval)"
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"
