"""The pages of an ablation and of an explanation, with hostile names in them."""

from __future__ import annotations

import numpy as np
from papers import estimate
from report_source import HOSTILE, make_finding, make_png

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
