"""What the lenses that a judge of labels answers measure on a phantom, beside what was planted in it.

python tests/truth/questions_judge.py [--checkpoint phantom:scenes] [--runs FOLDER]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from question_rows import Row, said

from audit.phantom.folder import read_phantom_world
from audit.pipeline import AuditRequest, Outcome, Silence, make_plan, run_audit

ROOT = Path(__file__).parents[2]
SUITES = ("contexts", "blending", "attributes")
JUDGES = ("zero_shot:phantom:judge", "labels:phantom:witness")


def audit(checkpoint: str, folder: Path, *, effort: str = "quick", suites: Sequence[str] = SUITES) -> Outcome:
    """Audit a phantom on the suites of these lenses, going on with the run in the folder where there is one."""
    names = tuple(f"phantom/{suite}" for suite in suites)
    plan = make_plan(AuditRequest(checkpoint=checkpoint, suites=names, judges=JUDGES, effort=effort))
    return run_audit(plan, folder, Silence())


def truth_contexts(checkpoint: str, outcome: Outcome) -> list[Row]:
    """Compare the commonest place of every concept with the planted one."""
    planted = read_phantom_world(checkpoint).truth["contexts"]
    texts = dict(zip(outcome.evidence.prompts["concept"], outcome.evidence.prompts["text"], strict=True))
    shares = _shares(outcome, "contexts_shares")
    rows = []
    for concept in shares.index.get_level_values("concept").unique():
        phrase = next(key for key in planted if texts[concept].endswith(key))
        places, found = planted[phrase], shares.loc[concept]
        top = max(places, key=places.__getitem__)
        seen = str(found["share"].idxmax())
        if places[top] > 1 / len(places):
            asked, holds = f"commonest: {top}", seen == top
        else:
            asked, holds = "no place in more than 0.75", float(found["share"].max()) <= 0.75
        rows.append(Row(f"contexts: {phrase}", f"{top} {places[top]:.2f}", _told(found.loc[seen], seen), asked, holds))
    return rows


def truth_blending(checkpoint: str, outcome: Outcome) -> list[Row]:
    """Compare how often both concepts are present with how often they were drawn together."""
    planted = {word: share["there"] for word, share in read_phantom_world(checkpoint).truth["blends"].items()}
    found = {f.subject: f for f in outcome.findings if f.metric == "blending.both_share"}
    low = {subject: planted[subject.split()[0]] for subject in found if subject != "*"}
    rows = []
    least = min((found[subject].estimate.value or 0.0 for subject, share in low.items() if share == 1.0), default=0.0)
    for subject, share in low.items():
        estimate = found[subject].estimate
        if share == 1.0:
            asked, holds = "both in most images", (estimate.value or 0.0) > 0.5
        else:
            asked, holds = "less often than any other", estimate.value is not None and estimate.value < least
        rows.append(Row(f"blending: {subject}", f"both {share:.2f}", said(estimate), asked, holds))
    return rows


def truth_attributes(checkpoint: str, outcome: Outcome) -> list[Row]:
    """Compare the commonest intersections, and how far they lie beyond their margins, with the planted ones."""
    world = read_phantom_world(checkpoint).truth
    shares = _shares(outcome, "attributes_joint", question="tone_gender")
    rows = []
    for concept in shares.index.get_level_values("concept").unique():
        cells, found = world["cells"][concept], shares.loc[concept]
        most = [cell for cell, share in cells.items() if share == max(cells.values())]
        if len(most) == len(cells):
            continue
        seen = found["share"].nlargest(len(most)).index.tolist()
        told = ", ".join(_told(found.loc[cell], cell) for cell in seen)
        planted = ", ".join(f"{cell} {cells[cell]:.2f}" for cell in most)
        rows.append(
            Row(f"attributes: {concept}", planted, told, f"commonest: {' and '.join(most)}", set(seen) == set(most))
        )
    ages = _shares(outcome, "attributes_margins", question="age_gender")
    for concept, share in world["ages"].items():
        if share["old"] > 0.5 and concept in ages.index.get_level_values("concept"):
            old = ages.loc[concept].loc["old"]
            planted = f"old {share['old']:.2f}"
            rows.append(Row(f"attributes: {concept}", planted, _told(old, "old"), "more than half", old["share"] > 0.5))
    return rows


def _shares(outcome: Outcome, table: str, *, question: str | None = None) -> pd.DataFrame:
    rows = outcome.tables[table]
    rows = rows[rows["primary"]]
    rows = rows if question is None else rows[rows["question"] == question]
    return rows.set_index(["concept", "answer"])


def _told(row: pd.Series, answer: str) -> str:
    return f"{answer} {row['share']:.2f} ({row['share_low']:.2f} to {row['share_high']:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", default="phantom:scenes")
    parser.add_argument("--effort", default="quick", choices=("quick", "standard", "full"))
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "questions")
    given = parser.parse_args()
    name = given.checkpoint.removeprefix("phantom:").rpartition("/")[2]
    outcome = audit(given.checkpoint, given.runs / f"judge-{name}-{given.effort}", effort=given.effort)
    rows = [
        row for truth in (truth_contexts, truth_blending, truth_attributes) for row in truth(given.checkpoint, outcome)
    ]
    print(*rows, sep="\n")
    for finding in outcome.findings:
        if finding.metric.endswith(("recognised_share", "false_share")):
            print(f"{finding.metric}: {said(finding.estimate)}")


if __name__ == "__main__":
    main()
