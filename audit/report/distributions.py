"""How well the inversions of a suite match, as a drawn figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from audit.evidence import Evidence
from audit.records import UNWORDED, Status
from audit.report.figures import COOL, GOLD, INK, PAPER, SETTINGS, SMALL, plain_axes, save_svg
from audit.report.model import DrawnFigure
from audit.report.text import count, quote, show_number

_WIDTH: Final = 432.0
_BINS: Final = 24


def quality_spread(evidence: Evidence, suite: str, *, name: str) -> DrawnFigure | None:
    """Draw how well the checkpoint itself finds the images of a suite to match; ``None`` for fewer than ten images.

    Args:
        evidence: Tables of the run.
        suite: Name of the suite.
        name: Of the figure.
    """
    prompts = evidence.prompts[(evidence.prompts["suite"] == suite) & ~evidence.prompts["role"].isin(UNWORDED)]
    images = evidence.images[evidence.images["prompt_id"].isin(prompts["prompt_id"])]
    known = images[np.isfinite(images["own_cosine"])]
    if len(known) < 10 or known["own_cosine"].nunique() < 2:
        return None
    converged = known["status"] == Status.CONVERGED.value
    told = {"converged": known.loc[converged, "own_cosine"], "not converged": known.loc[~converged, "own_cosine"]}
    said = [
        f"{count(len(values), 'image')} {kind}, median {show_number(float(values.median()))}"
        for kind, values in told.items()
        if len(values)
    ]
    return DrawnFigure(
        name=name,
        caption=f"Own cosine of the images of {quote(suite)}: how well the checkpoint itself finds them to match.",
        equivalent=f"Own cosine: {'; '.join(said)}.",
        svg=_draw_spread(told, name),
    )


def _draw_spread(told: Mapping[str, pd.Series], name: str) -> str:
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    everything = pd.concat(list(told.values()))
    edges = np.linspace(float(everything.min()), float(everything.max()), _BINS + 1)
    with rc_context(SETTINGS):
        canvas = FigureCanvasSVG(Figure(figsize=(_WIDTH / 72, 96 / 72), facecolor=PAPER))
        axes = canvas.figure.add_axes((0.06, 0.3, 0.7, 0.62))
        plain_axes(axes, "bottom")
        for kind, colour in (("converged", COOL), ("not converged", GOLD)):
            counts, _ = np.histogram(told[kind].to_numpy(), bins=edges)
            axes.stairs(counts, edges, color=colour, linewidth=1.4)
        for place, (kind, colour) in enumerate((("converged", COOL), ("not converged", GOLD))):
            told_of = f"{kind} ({len(told[kind])})"
            axes.annotate(told_of, (1.03, 0.8 - 0.25 * place), xycoords="axes fraction", fontsize=SMALL, color=colour)
        axes.set_ylim(bottom=0)
        axes.set_yticks([])
        ticks = np.linspace(edges[0], edges[-1], 5)
        axes.set_xticks(ticks, labels=[show_number(float(tick)) for tick in ticks])
        axes.set_xlabel("own cosine; height: number of images", color=INK, fontsize=SMALL)
        return save_svg(canvas.figure, name)
