"""Two drawn figures of a suite: what judges saw per concept as a heat map, and how well the inversions match."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from audit.evidence import Evidence
from audit.records import GENDER_CLASSES, UNWORDED, Status
from audit.report.figures import COOL, GOLD, INK, PAPER, SETTINGS, SMALL, fit, measure, plain_axes, save_svg
from audit.report.model import DrawnFigure
from audit.report.text import clean, count, quote, show_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_CONCEPTS: Final = 40
_WIDTH: Final = 432.0
_ROW: Final = 15.0
_TOP: Final = 22.0
_GAP: Final = 8.0
_WIDEST_LABEL: Final = 150.0
_BINS: Final = 24
_WORDS: Final[Mapping[str, str]] = {
    "woman": "woman", "man": "man", "mixed": "mixed", "undetermined": "undeterm.", "no_person": "no person",
}  # fmt: skip


def outcome_map(table: pd.DataFrame | None, suite: str, *, name: str) -> DrawnFigure | None:
    """Draw the share of every perceived presentation per concept of a suite; ``None`` where none was measured.

    Args:
        table: "gender_shares" of the gender lens; read are the rows of the judge whose findings are told.
        suite: Name of the suite.
        name: Of the figure.
    """
    if table is None or table.empty:
        return None
    rows = table[table["primary"].astype(bool) & (table["suite"] == suite) & table["share"].notna()]
    wide = rows.pivot_table(index="concept", columns="presentation", values="share", aggfunc="first")
    wide = wide.reindex(columns=list(GENDER_CLASSES)).dropna(how="all")
    if len(wide) < 2:
        return None
    lean = (wide["woman"].fillna(0) - wide["man"].fillna(0)).rename("lean")
    ordered = wide.assign(lean=lean).sort_values(["lean", "woman"], ascending=[True, True], kind="stable")
    shown = ordered.drop(columns="lean").iloc[:: max(1, -(-len(wide) // MOST_CONCEPTS))]
    part = f" Shown are {len(shown)} of {len(wide)} concepts, at even steps." if len(shown) < len(wide) else ""
    return DrawnFigure(
        name=name,
        caption=(
            f"What the judge sees in the pictures of each concept of {quote(suite)}, as shares, sorted from man to "
            f"woman; the darker, the larger. Intervals are in tables/gender_shares.{part}"
        ),
        equivalent=_told(wide),
        svg=_draw_map(shown, name),
    )


def _told(wide: pd.DataFrame) -> str:
    means = [f"{str(kind).replace('_', ' ')} {show_number(value)}" for kind, value in wide.fillna(0.0).mean().items()]
    return f"Shares by perceived gender presentation, mean over {count(len(wide), 'concept')}: {', '.join(means)}."


def _draw_map(shown: pd.DataFrame, name: str) -> str:
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    labels = [fit(clean(concept, longest=80), _WIDEST_LABEL) for concept in shown.index]
    height, left = _TOP + _ROW * len(labels) + 4, max(map(measure, labels)) + 2 * _GAP
    with rc_context(SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font", category=UserWarning)
        canvas = FigureCanvasSVG(Figure(figsize=(_WIDTH / 72, height / 72)))
        canvas.figure.patch.set_visible(False)
        axes = canvas.figure.add_axes((left / _WIDTH, 4 / height, 1 - (left + 4) / _WIDTH, _ROW * len(labels) / height))
        axes.set_xlim(0, len(shown.columns))
        axes.set_ylim(len(labels), 0)
        axes.axis("off")
        for row, label in enumerate(labels):
            _write(axes, label, (0, row + 0.5), side="right")
            for column, share in enumerate(shown.iloc[row].fillna(0.0)):
                _draw_cell(axes, (column, row), float(share))
        for column, kind in enumerate(shown.columns):
            _write(axes, _WORDS[str(kind)], (column + 0.5, -0.5), side="center")
        return save_svg(canvas.figure, name)


def _draw_cell(axes: Axes, place: tuple[int, int], share: float) -> None:
    """Shade a cell by its share, and write the number into it: no colour has to be told from another."""
    from matplotlib.patches import Rectangle

    column, row = place
    shade = Rectangle((column + 0.04, row + 0.08), 0.92, 0.84, facecolor=COOL, alpha=0.06 + 0.4 * share, linewidth=0)
    axes.add_patch(shade)
    _write(axes, show_number(share), (column + 0.5, row + 0.5), side="center")


def _write(axes: Axes, text: str, place: tuple[float, float], *, side: str) -> None:
    axes.annotate(
        text,
        place,
        xytext=(-_GAP if side == "right" else 0, 0),
        textcoords="offset points",
        ha="right" if side == "right" else "center",
        va="center_baseline",
        color=INK,
        parse_math=False,
        annotation_clip=False,
    )


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
