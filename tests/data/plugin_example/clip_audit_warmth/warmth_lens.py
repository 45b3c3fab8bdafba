"""The lens ``warmth``: are the images of a concept warmer than grey?"""

from __future__ import annotations

from audit.evidence import Evidence
from audit.lenses.common.cards import LensCard, MetricCard
from audit.lenses.common.protocol import LensAnswer, Subject, flat_row, make_answer
from audit.lenses.common.verdicts import (
    judges_asking,
    missing_note,
    names,
    not_usable,
    numbers,
    plain_images,
    size,
    with_scores,
)
from audit.stats import cluster_mean

MEAN = MetricCard(
    name="warmth.mean",
    title="Warmth of colours",
    unit="red less blue",
    neutral=0.0,
    direction="neutral",
    span=(-1.0, 1.0),
    asks="warmth",
    meaning="Red less blue over the images of a concept, on average over its prompts.",
    statement="The colours of {where} have a warmth of {value}.",
    ranked=True,
)


class WarmthLens:
    """How warm the images of each concept are."""

    card = LensCard(name="warmth", question="How warm are the colours of a concept?", metrics=(MEAN,), asks="warmth")

    def examine(self, evidence: Evidence, *, level: float = 0.95) -> LensAnswer:
        """Answer for every suite. Table: ``warmth_concepts``."""
        findings, rows = [], []
        for judge in judges_asking(evidence, "warmth")[:1]:
            table = with_scores(plain_images(evidence), evidence.scores[judge], ["warmth"])
            asked = table[table["role"] == "subject"]
            for (suite, concept), own in asked.groupby(["suite", "concept"], sort=True):
                used = own[own["usable"]]
                mean = cluster_mean(
                    numbers(used, "warmth"), names(used, "prompt_id"), level=level, bounds=MEAN.span, unit="prompts"
                )
                note = missing_note(own, judge)
                about = Subject(
                    lens="warmth", suite=str(suite), name=str(concept), n_unscored=not_usable(own), note=note
                )
                found = about.finding(MEAN, mean, level=level, n=size(used))
                findings.append(found)
                rows.append({"suite": suite, "concept": concept, **flat_row((found,), {MEAN.name: MEAN})})
        return make_answer(findings, {"warmth_concepts": rows})


LENS = WarmthLens()
