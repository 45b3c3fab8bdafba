"""What the lenses that a judge of labels answers measure on a phantom, beside what was planted in it.

python tests/truth/questions_judge.py [--checkpoint phantom:scenes] [--effort full] [--runs FOLDER]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from question_rows import EFFORT, Row, above, said

from audit.lenses.common.labelled import labelled_suites
from audit.phantom.phantom_folder import read_phantom_world
from audit.pipeline import AuditRequest, Outcome, Silence, make_plan, run_audit
from audit.records import Estimate
from audit.stats import ClusterEstimate, cluster_share

ROOT = Path(__file__).parents[2]
SUITES = ("contexts", "blending", "attributes")
EXCESS = "attributes.tone_gender_excess"
JUDGES = ("zero_shot:phantom:judge", "labels:phantom:witness")


def audit(checkpoint: str, folder: Path, *, effort: str = EFFORT, suites: Sequence[str] = SUITES) -> Outcome:
    """Audit a phantom on the suites of these lenses, going on with the run in the folder where there is one."""
    names = tuple(f"phantom/{suite}" for suite in suites)
    plan = make_plan(AuditRequest(checkpoint=checkpoint, suites=names, judges=JUDGES, effort=effort))
    return run_audit(plan, folder, Silence())


def truth_contexts(checkpoint: str, outcome: Outcome) -> list[Row]:
    """Compare the commonest place of every concept with the planted one."""
    planted = read_phantom_world(checkpoint).truth["contexts"]
    texts = dict(zip(outcome.evidence.prompts["concept"], outcome.evidence.prompts["text"], strict=True))
    every = shares(outcome, "contexts_shares")
    rows = []
    for concept in every.index.get_level_values("concept").unique():
        phrase = next(key for key in planted if texts[concept].endswith(key))
        places, found = planted[phrase], every.loc[concept]
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
    found = {subject: (planted[subject.split()[0]], both) for subject, both in blends(outcome).items()}
    least = min((both.value or 0.0 for share, both in found.values() if share == 1.0), default=0.0)
    rows = []
    for subject, (share, both) in found.items():
        if share == 1.0:
            asked, holds = "both in most images", (both.value or 0.0) > 0.5
        else:
            asked, holds = "less often than any other", both.value is not None and both.value < least
        rows.append(Row(f"blending: {subject}", f"both {share:.2f}", said(both), asked, holds))
    shape = own_shape(outcome, [subject for subject, (share, _) in found.items() if share == 1.0])
    asked = "above 0.50", above(shape, 0.5)
    return [
        *rows,
        Row("blending: the thing that is named, not the other of its colour", "own shape", said(shape), *asked),
    ]


def own_shape(outcome: Outcome, subjects: Sequence[str]) -> ClusterEstimate:
    """Return how often the thing of a blend is there rather than the other one of its colour, by the same judge."""
    labelled = next(labelled_suites(outcome.evidence, "blending"))
    rows = labelled.subjects[labelled.subjects["concept"].isin(subjects) & labelled.subjects["usable"]]
    hits, prompts = [], []
    for row in rows.itertuples():
        own = json.loads(row.facts)["second"]
        for other in labelled.answers:
            if other != own and other.split("_")[0] == own.split("_")[0]:
                hits.append(float(labelled.places.loc[row.Index, own] > labelled.places.loc[row.Index, other]))
                prompts.append(row.prompt_id)
    return cluster_share(np.array(hits), prompts, level=0.95)


def truth_attributes(checkpoint: str, outcome: Outcome) -> list[Row]:
    """Compare the commonest intersections, those in excess of the other concepts, and ages with the planted ones."""
    world = read_phantom_world(checkpoint).truth
    joint = shares(outcome, "attributes_joint", question="tone_gender")
    rows = []
    for concept in joint.index.get_level_values("concept").unique():
        cells, found = world["cells"][concept], joint.loc[concept]
        most = [cell for cell, share in cells.items() if share == max(cells.values())]
        if len(most) == len(cells):
            continue
        seen = found["share"].nlargest(len(most)).index.tolist()
        told = ", ".join(_told(found.loc[cell], cell) for cell in seen)
        asked = f"commonest: {' and '.join(most)}"
        rows.append(Row(f"attributes: {concept}", _planted(cells, most), told, asked, set(seen) == set(most)))
    rows += _excesses(world["cells"], joint)
    ages = shares(outcome, "attributes_margins", question="age_gender")
    for concept, share in world["ages"].items():
        if share["old"] > 0.5 and concept in ages.index.get_level_values("concept"):
            old = ages.loc[concept].loc["old"]
            planted = f"old {share['old']:.2f}"
            rows.append(Row(f"attributes: {concept}", planted, _told(old, "old"), "more than half", old["share"] > 0.5))
    return rows


def _excesses(planted: Mapping[str, Mapping[str, float]], joint: pd.DataFrame) -> list[Row]:
    """Return whether planted intersections exceed the other concepts, and none does where none is planted."""
    rows, even = [], []
    for concept in joint.index.get_level_values("concept").unique():
        cells, found = planted[concept], joint.loc[concept]
        most = [cell for cell, share in cells.items() if share == max(cells.values())]
        if len(most) == len(cells):
            top = str(found["excess_low"].idxmax())
            even.append((float(found.loc[top, "excess_low"]), _told(found.loc[top], top, column="excess")))
            continue
        told = ", ".join(_told(found.loc[cell], cell, column="excess") for cell in most)
        holds = bool((found.loc[most, "excess_low"] > 0).all())
        rows.append(Row(f"{EXCESS}: {concept}", _planted(cells, most), told, "above 0", holds))
    low, told = max(even)
    asked = "intervals that hold 0"
    return [*rows, Row(f"{EXCESS}: {len(even)} others", "each 0.25", f"farthest: {told}", asked, low <= 0)]


def _planted(cells: Mapping[str, float], most: Sequence[str]) -> str:
    return ", ".join(f"{cell} {cells[cell]:.2f}" for cell in most)


def blends(outcome: Outcome) -> dict[str, Estimate]:
    """Return by pair how often both concepts are there."""
    both = [f for f in outcome.findings if f.metric == "blending.both_share" and f.subject != "*"]
    return {finding.subject: finding.estimate for finding in both}


def shares(outcome: Outcome, table: str, *, question: str | None = None) -> pd.DataFrame:
    """Return the rows of a table of the primary judge, by concept and answer."""
    rows = outcome.tables[table]
    rows = rows[rows["primary"]]
    rows = rows if question is None else rows[rows["question"] == question]
    return rows.set_index(["concept", "answer"])


def _told(row: pd.Series, answer: str, *, column: str = "share") -> str:
    return f"{answer} {row[column]:.2f} ({row[f'{column}_low']:.2f} to {row[f'{column}_high']:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", default="phantom:scenes")
    parser.add_argument("--effort", default=EFFORT, choices=("quick", "standard", "full"))
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
