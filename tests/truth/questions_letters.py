"""What is measured of letters in inversions, beside what is known of the phantoms: one saw written words, one none."""

from __future__ import annotations

from pathlib import Path

from question_rows import Row, above, at_most, said

from audit.pipeline import AuditRequest, Silence, make_plan, run_audit
from audit.records import Estimate

JUDGES = ("letters", "labels:phantom:witness")


def truth_letters(out: Path) -> list[Row]:
    """Letters: texts that name a written word, of a phantom that was taught them, and texts of one that saw none.

    Args:
        out: Folder for the runs.
    """
    scenes = measured("phantom:scenes", "phantom/letters", out / "scenes")
    skewed = measured("phantom:skewed", "phantom/professions", out / "skewed", judges=JUDGES[:1])
    untaught, taught = "`phantom:skewed`: no letter in any picture", "`phantom:scenes`: texts that name a written word"
    none, share = skewed["letters.share"], scenes["letters.share"]
    seen, known = scenes["letters.seen_excess"], scenes["letters.recognised_share"]
    more = none.high is not None and above(share, none.high)
    return [
        Row("letters.share", untaught, said(none), "at most 0.05", at_most(none, 0.05)),
        Row("letters.share", taught, said(share), "above that of `phantom:skewed`", more),
        Row("letters.seen_excess", f"{taught}, less the same without", said(seen), "above 0", above(seen, 0.0)),
        Row("letters.recognised_share", "`phantom:scenes`: one of three answers", said(known), "shown only"),
    ]


def measured(checkpoint: str, suite: str, out: Path, *, judges: tuple[str, ...] = JUDGES) -> dict[str, Estimate]:
    """Return what the lens says of a whole suite in a quick run, by metric."""
    plan = make_plan(AuditRequest(checkpoint=checkpoint, suites=(suite,), judges=judges, effort="quick"))
    found = run_audit(plan, out, Silence()).findings
    return {one.metric: one.estimate for one in found if one.lens == "letters" and one.subject == "*"}
