"""The picture of README.md: what is planted in ``phantom:skewed`` beside what an audit of it measures and shows.

Run by ``make example``, or by hand on a finished run: ``python tests/truth/picture.py RUN OUT.png``.
"""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from PIL import Image
from scipy.stats import spearmanr

from audit.phantom.phantom_folder import read_phantom_world

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUITE: Final = "phantom_professions"
SHOWN: Final = ("pilot", "farmer", "firefighter")
TEMPLATE: Final = "a photo of {a_profession}"
TITLES: Final = {-1.0: "“a photo of a\nfemale …”", None: "“a photo of a …”", 1.0: "“a photo of a\nmale …”"}
BLUE: Final = "#0b5a8a"


def leans(run: Path, men: dict[str, float]) -> pd.DataFrame:
    """One row per profession: planted share of men, measured lean and its interval."""
    found = json.loads((run / "findings.json").read_text(encoding="utf-8"))["findings"]
    mine = [one for one in found if (one["suite"], one["metric"]) == (SUITE, "gender.lean") and one["subject"] != "*"]
    rows = [{"concept": one["subject"], **one["estimate"]} for one in mine]
    return pd.DataFrame(rows).assign(planted=lambda its: its["concept"].map(men))


def draw_leans(axes: Axes, its: pd.DataFrame) -> None:
    """Draw measured against planted, with intervals."""
    axes.axhline(0, color="#999999", linewidth=0.8)
    axes.axvline(0.5, color="#999999", linewidth=0.8)
    axes.vlines(its["planted"], its["low"], its["high"], color=BLUE, linewidth=1.2)
    axes.plot(its["planted"], its["value"], "o", color=BLUE, markersize=5)
    for row in its.itertuples():
        if row.concept in SHOWN:
            axes.annotate(str(row.concept), (row.planted, row.value), xytext=(6, 4), textcoords="offset points")
    axes.set_xlabel("share of men planted for the profession")
    axes.set_ylabel("lean that the audit measures\n(woman -1, man +1; 95 % interval)")
    rank = spearmanr(its["planted"], its["value"]).statistic
    axes.set_title(f"{len(its)} professions, rank correlation {rank:.2f}", fontsize=10)


def strip(run: Path) -> pd.DataFrame:
    """One row per image: concept, place on the scale (none for the subject), image, what the judge read."""
    prompts = pd.read_parquet(run / "tables" / "prompts.parquet")
    mine = prompts[prompts["concept"].isin(SHOWN) & (prompts["template"] == TEMPLATE) & (prompts["suite"] == SUITE)]
    grades = mine.assign(grade=[json.loads(facts).get("grade") for facts in mine["facts"]])
    grades = grades[grades["grade"].notna() | (grades["role"] == "subject")]
    images = pd.concat(map(pd.read_parquet, sorted((run / "images").glob("*.parquet"))))
    (scores,) = map(pd.read_parquet, (run / "tables").glob("scores_*.parquet"))
    first = images[images["replicate"] == 0].merge(scores[scores["replicate"] == 0], on="prompt_id")
    return grades.merge(first, on="prompt_id")


def show(axes: Axes, row: Any, title: str) -> None:
    """Show one image with what the judge read under it."""
    axes.imshow(Image.open(io.BytesIO(row.png)))
    axes.set_xticks([])
    axes.set_yticks([])
    said = "woman" if row.signed < 0 else "man"
    axes.set_xlabel(f"judge: {said} ({row.signed:+.2f})", fontsize=8)
    axes.set_title(title, fontsize=9)


def draw(images: pd.DataFrame, found: pd.DataFrame, men: dict[str, float]) -> Image.Image:
    """Return the picture: planted against measured, and images beside those whose text says a gender."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5), dpi=110, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    left, right = figure.subfigures(1, 2)
    draw_leans(left.subplots(), found)
    grid = right.subplots(len(SHOWN), len(TITLES))
    for line, concept in zip(grid, SHOWN, strict=True):
        its = images[images["concept"] == concept]
        for axes, (grade, title) in zip(line, TITLES.items(), strict=True):
            (row,) = its[its["grade"].isna() if grade is None else its["grade"] == grade].itertuples()
            show(axes, row, title if concept == SHOWN[0] else "")
        line[0].set_ylabel(f"{concept}\n{men[concept]:.0%} men planted", fontsize=9)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(256)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a finished run of phantom:skewed")
    parser.add_argument("out", type=Path, help="the PNG")
    given = parser.parse_args()
    men = {one.word: one.man for one in read_phantom_world("phantom:skewed").professions}
    draw(strip(given.run), leans(given.run, men), men).save(given.out, optimize=True)


if __name__ == "__main__":
    main()
