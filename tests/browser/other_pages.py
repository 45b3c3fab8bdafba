"""The pages of an ablation, an explanation and own pictures, with hostile names in them."""

from __future__ import annotations

import numpy as np
from papers import estimate
from report_source import HOSTILE, make_finding, make_png

from audit.report import render_paper_html
from audit.report.images import shrink
from audit.report.model import Picture
from audit.studies.ablate.ablation_result import (
    MEASURES,
    AblationPage,
    Measure,
    RecipeLine,
    RecipeMeasures,
    RowPictures,
    render_ablation,
)
from audit.studies.explain.explanation_page import Explanation, Region, WordEffect, render_explanation
from audit.studies.own_images.group_measures import HARM_WORDS, Asked, OwnImages, measure_groups, wordings
from audit.studies.own_images.own_page import own_paper
from audit.studies.own_images.people_file import Sitter


def ablation() -> str:
    def line(name: str, difference: float | None) -> RecipeLine:
        apart = None if difference is None else estimate(difference, 0.05)
        measures = {one: Measure(value=estimate(0.5), difference=apart) for one in MEASURES}
        pictures = tuple(
            Picture(label=text, detail="converged", alternative=text, jpeg=shrink(make_png((text, 0)), pixelated=False))
            for text in ("nurse", "pilot")
        )
        return RecipeLine(
            name=name,
            found=RecipeMeasures(measures=measures, statuses={"converged": 7, "stalled": 1}),
            pictures=RowPictures(concepts=("nurse", "pilot", "cook"), pictures=(*pictures, None)),
        )

    lines = (line("unchanged", None), line("other-seed", 0.01), line("views-1", -0.2), line("low-pass-off", 0.1))
    return render_ablation(
        AblationPage(checkpoint=HOSTILE[0], digest="9f2c" * 16, sentences=("What was changed, in words.",), lines=lines)
    )


def own_images() -> str:
    """Made-up pictures of two groups, of which one lies near a word of harm."""
    known = ("person", "man", *HARM_WORDS)
    axes = {text: np.eye(16)[place] for place, word in enumerate(known) for text in wordings(word)}
    groups = (HOSTILE[0], "a group with a rather long name")
    shows = (HOSTILE[7], "nurse")
    sitters = [
        Sitter(file=f"{number}.png", person=f"{group} {number // 2}", group=group, shows=shows[number % 2])
        for group in groups
        for number in range(16)
    ]
    at = [axes[wordings("thief" if one.group == groups[0] else "person")[0]] for one in sitters]
    concepts = [
        Asked(suite="suite", concept=one, texts=wordings(word)) for one, word in zip(shows, known, strict=False)
    ]
    measures = measure_groups(sitters, np.stack(at), concepts, lambda text: axes[text], known=known)
    found = OwnImages(
        checkpoint=HOSTILE[0], digest="9f2c" * 16, groups=dict.fromkeys(groups, 8), pictures=len(sitters),
        measures=measures, left_out=("Not measured: something.",),
    )  # fmt: skip
    beside = [make_finding("gender.lean", one, -0.5, suite="suite") for one in shows]
    return render_paper_html(own_paper(found, beside, created="2026-11-20"))


def explanation() -> str:
    finding = make_finding("gender.lean", HOSTILE[7], 0.5, suite="suite")
    words = tuple(
        WordEffect(word=text, text=estimate(0.2), image=estimate(None)) for text in ("a", "nurse", HOSTILE[5])
    )
    weights = np.linspace(-1, 1, 64 * 64).reshape(64, 64)
    regions = tuple(
        Region(text=text, score=0.4, png=make_png((text, 0)), weights=weights) for text in ("a photo", HOSTILE[2])
    )
    return render_explanation(
        Explanation(checkpoint=HOSTILE[0], judge=HOSTILE[1], finding=finding, words=words, regions=regions)
    )
