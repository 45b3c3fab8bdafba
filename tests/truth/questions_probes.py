"""What is measured of written words, and of what findings rest on, beside what is known of the phantoms."""

from __future__ import annotations

from pathlib import Path

from question_rows import Row, above, at_least, holds, said

from audit.phantom.phantom_folder import read_phantom_world
from audit.pipeline import AuditRequest, Silence, make_plan, run_audit
from audit.studies.explain.explaining import explain

SUITE = "phantom/written"
PROFESSION = "firefighter"


def truth_written(out: Path) -> list[Row]:
    """Written words: phantoms that never saw a letter or whose captions tell it apart, and one that was led astray.

    Args:
        out: Folder for the runs.
    """
    rows: list[Row] = []
    follows = read_phantom_world("phantom:scenes").captions.written
    for checkpoint, planted, asked in (
        ("phantom:skewed", "no letter in any picture", "an interval that holds 0"),
        ("phantom:witness", "captions tell word and thing apart", "an interval that holds 0"),
        ("phantom:scenes", f"{follows:.2f} of bare captions follow the word", "above 0"),
    ):
        plan = make_plan(AuditRequest(checkpoint=checkpoint, suites=(SUITE,), effort="quick"))
        found = run_audit(plan, out / checkpoint.removeprefix("phantom:"), Silence()).findings
        by_metric = {one.metric: one.estimate for one in found if one.subject == "*"}
        excess, plain = by_metric["written.excess"], by_metric["written.plain_accuracy"]
        met = above(excess, 0.0) if checkpoint == "phantom:scenes" else holds(excess, 0.0)
        rows += [
            Row("written.excess", f"`{checkpoint}`: {planted}", said(excess), asked, met),
            Row("written.plain_accuracy", f"`{checkpoint}`", said(plain), "at least 0.75", at_least(plain, 0.75)),
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
        told, planted = f"{most} {said(effects[most])}", f"{PROFESSION} {share:.2f} men"
        rows.append(Row(f"explain, {side}: the word that carries it", planted, told, PROFESSION, most == PROFESSION))
    return rows
