"""What a changed recipe does to the images of the same prompts, and the page that shows it.

A recipe is held against the unchanged one, prompt by prompt: quality as others see it, and verdicts. Its own cosine
stands beside the judged quality because it misleads: it rises where an image over-fits the checkpoint, and nobody else
finds the image better.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from audit.evidence import WORDED, Evidence
from audit.lenses.common.verdicts import (
    LARGEST_Z,
    judges_asking,
    matched_images,
    names,
    numbers,
    plain_images,
    scored_images,
)
from audit.records import ASKS_CONCEPTS, ASKS_GENDER, ASKS_NSFW, Estimate, Status
from audit.report.html import render_page
from audit.report.images import FLAGGED_FROM, shrink, unsafe_scores
from audit.report.model import Cell, Column, ForestFigure, ForestRow, Picture, Table
from audit.report.text import NOTHING, STATUS_WORDS, clean, count, show_interval, show_number
from audit.stats import ClusterEstimate, cluster_mean, cluster_share, paired_difference

_KEY: Final = ["prompt_id", "replicate"]
_SHARE: Final = (0.0, 1.0)
_COSINE: Final = (-1.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number of a recipe, and the same less that of the unchanged recipe."""

    value: Estimate
    difference: Estimate | None
    """Paired by prompt; ``None`` for the unchanged recipe, and for what is a comparison by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeMeasures:
    """All that is known of one recipe."""

    measures: Mapping[str, Measure]
    """Under the names of ``MEASURES``; "agreement" is missing for the unchanged recipe, and where no judge answers."""
    statuses: Mapping[str, int]
    """Images by status, in the order of ``Status``."""


MEASURES: Final = ("judged_z", "judged_precision", "own_cosine", "converged", "agreement")
"""In the order in which they are shown: margin of the own concept and share of images whose own concept is first, both
by a held-out judge; own cosine; share converged; share of images with the verdict that the unchanged recipe gives."""


def measure_recipe(changed: Evidence, unchanged: Evidence, *, level: float = 0.95) -> RecipeMeasures:
    """Return what is known of a recipe, with differences from the unchanged one paired by prompt.

    Args:
        changed: Evidence made by the recipe; the very object ``unchanged`` for the unchanged recipe itself.
        unchanged: Evidence of the same prompts made by the unchanged recipe.
        level: Confidence level of every interval, in (0, 1).

    Raises:
        ValueError: If no judge of the run asks "concepts".
    """
    images = _worded(changed)
    found: dict[str, Measure] = {}
    for name, (read, bounds) in _READ.items():
        mine, theirs = (_by_prompt(read(one)) for one in (changed, unchanged))
        found[name] = _measure(mine, None if changed is unchanged else theirs, bounds, level)
    if changed is not unchanged:
        agreement = _agreement(changed, unchanged)
        if agreement is not None:
            found["agreement"] = _measure(_by_prompt(agreement), None, _SHARE, level)
    counts = images["status"].value_counts()
    return RecipeMeasures(measures=found, statuses={one.value: int(counts.get(one.value, 0)) for one in Status})


def _worded(evidence: Evidence) -> pd.DataFrame:
    images = plain_images(evidence)
    return images[images["role"].isin(WORDED)]


def _judged(evidence: Evidence, column: str) -> pd.DataFrame:
    judge = next(iter(judges_asking(evidence, ASKS_CONCEPTS)), None)
    if judge is None:
        raise ValueError('Recipes are compared by a judge that asks "concepts", and the run has none.')
    images = matched_images(evidence, judge)
    return images.assign(value=images[column])


def _own(evidence: Evidence) -> pd.DataFrame:
    images = _worded(evidence)
    return images.assign(value=images["own_cosine"].clip(*_COSINE))


def _converged(evidence: Evidence) -> pd.DataFrame:
    images = _worded(evidence)
    return images.assign(value=images["converged"].astype(float))


_READ: Final[Mapping[str, tuple[Callable[[Evidence], pd.DataFrame], tuple[float, float]]]] = {
    "judged_z": (lambda evidence: _judged(evidence, "z"), (-LARGEST_Z, LARGEST_Z)),
    "judged_precision": (lambda evidence: _judged(evidence, "first"), _SHARE),
    "own_cosine": (_own, _COSINE),
    "converged": (_converged, _SHARE),
}


def _agreement(changed: Evidence, unchanged: Evidence) -> pd.DataFrame | None:
    """Return 1.0 for every image of an open question whose verdict is that of its twin, else 0.0; ``None`` unasked."""
    for question, verdict in ((ASKS_GENDER, "verdict"), (ASKS_NSFW, "flagged")):
        judge = next(iter(judges_asking(unchanged, question)), None)
        if judge is not None:
            sides = [scored_images(one, judge, question) for one in (changed, unchanged)]
            asked = [side.loc[side["role"] == "subject", [*_KEY, verdict]] for side in sides]
            both = asked[0].merge(asked[1], on=_KEY, suffixes=("_changed", "_unchanged"), validate="one_to_one")
            first, second = (both[f"{verdict}_{side}"] for side in ("changed", "unchanged"))
            same = (first == second) | (first.isna() & second.isna())
            return both.assign(value=same.astype(float))
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _ByPrompt:
    means: pd.Series[float]
    """By prompt id, over its images that have a value."""
    n_images: int


def _by_prompt(images: pd.DataFrame) -> _ByPrompt:
    seen = images[np.isfinite(numbers(images, "value"))]
    return _ByPrompt(means=seen.groupby("prompt_id", sort=True)["value"].mean(), n_images=len(seen))


def _measure(mine: _ByPrompt, theirs: _ByPrompt | None, bounds: tuple[float, float], level: float) -> Measure:
    values = mine.means.to_numpy(dtype=float)
    prompts = names(mine.means.reset_index(), "prompt_id")
    if bounds == _SHARE:
        value = cluster_share(values, prompts, level=level)
    else:
        value = cluster_mean(values, prompts, level=level, bounds=bounds)
    if theirs is None:
        return Measure(value=_estimate(value, mine.n_images, level), difference=None)
    both = mine.means.index.intersection(theirs.means.index, sort=True)
    first, second = (side.means.loc[both].to_numpy(dtype=float) for side in (mine, theirs))
    difference = paired_difference(first, second, level=level, bounds=bounds)
    least = min(mine.n_images, theirs.n_images)
    return Measure(
        value=_estimate(value, mine.n_images, level),
        difference=_estimate(difference, least, level),
    )


def _estimate(found: ClusterEstimate, n_images: int, level: float) -> Estimate:
    return Estimate(
        value=found.value,
        low=found.low,
        high=found.high,
        level=level,
        method=found.method,
        over=found.over,
        remark=found.remark,
        n_images=n_images,
        n_prompts=found.n_clusters,
    )


_COLUMNS: Final = 12
"""Concepts of which a picture is shown."""
_CELL: Final = 132
_LABEL: Final = 150

MEASURE_WORDS: Final[Mapping[str, str]] = {
    "judged_z": "margin of the own concept",
    "judged_precision": "own concept first",
    "own_cosine": "own cosine",
    "converged": "converged",
    "agreement": "same verdict",
}
"""What each measure of ``audit.studies.ablate.ablation_result`` is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPictures:
    """The pictures of one recipe, in the order of the concepts; ``None`` where one must not be shown or is missing."""

    concepts: tuple[str, ...]
    pictures: tuple[Picture | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeLine:
    """One recipe as it is told."""

    name: str
    """"unchanged", "other-seed" (the unchanged recipe from other noise), or PART-STRENGTH."""
    found: RecipeMeasures
    pictures: RowPictures


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationPage:
    """All that the page says."""

    checkpoint: str
    digest: str
    sentences: tuple[str, ...]
    lines: tuple[RecipeLine, ...]
    """The unchanged recipe first."""


def choose_images(evidence: Evidence) -> tuple[tuple[str, int], ...]:
    """Return the keys of the images that are shown of every recipe: of each concept the first prompt's first image.

    Concepts are those that a suite asks after, in alphabetical order, at most twelve.
    """
    asked = evidence.prompts[evidence.prompts["role"] == "subject"]
    firsts = asked.drop_duplicates("concept").sort_values("concept").head(_COLUMNS)
    return tuple((str(prompt), 0) for prompt in firsts["prompt_id"])


def row_pictures(
    evidence: Evidence, keys: Sequence[tuple[str, int]], files: Mapping[tuple[str, int], bytes]
) -> RowPictures:
    """Return the pictures of one recipe; what a judge flagged, or none screened, is not shown.

    Args:
        evidence: Made by that recipe.
        keys: From :func:`choose_images`.
        files: PNG bytes by key.
    """
    images = unsafe_scores(
        evidence, evidence.images.merge(evidence.prompts[["prompt_id", "concept", "text"]], on="prompt_id")
    )
    rows = images.set_index(_KEY).to_dict("index")
    return RowPictures(
        concepts=tuple(clean(rows[key]["concept"], longest=40) for key in keys),
        pictures=tuple(_picture(rows[key], files.get(key, b"")) for key in keys),
    )


def _picture(row: Mapping[Any, Any], png: bytes) -> Picture | None:
    jpeg = shrink(png, pixelated=False) if row["unsafe"] < FLAGGED_FROM else None
    if jpeg is None:
        return None
    status = str(row["status"])
    return Picture(
        label=clean(row["concept"], longest=60),
        detail=f"{STATUS_WORDS.get(status, status).lower()}, own cosine {show_number(row['own_cosine'])}",
        alternative=f"Inversion of the text: {clean(row['text'])}",
        jpeg=jpeg,
    )


def measure_cells(found: RecipeMeasures) -> tuple[str, ...]:
    """Return what is told of a recipe under ``ablation_columns()``, without its name."""
    return tuple(_short(found.measures.get(name)) for name in MEASURE_WORDS)


def ablation_columns() -> tuple[str, ...]:
    """Return the headings of the table, that of the name first."""
    return ("recipe", *MEASURE_WORDS.values())


def render_ablation(page: AblationPage) -> str:
    """Set the page as self-contained HTML.

    Raises:
        EnvironmentProblem: If the templates are missing.
    """
    return render_page("ablation.html.j2", page=page, recipes=_table(page.lines), figures=_figures(page.lines))


def render_sheet(page: AblationPage) -> bytes:
    """Draw the pictures of all recipes as one PNG: a row per recipe, a column per concept; struck out if not shown."""
    first = page.lines[0].pictures
    size = (_LABEL + _CELL * len(first.concepts), 24 + _CELL * len(page.lines))
    sheet = Image.new("RGB", size, "#ffffff")
    pen = ImageDraw.Draw(sheet)
    for column, concept in enumerate(first.concepts):
        pen.text((_LABEL + column * _CELL, 6), concept[:20].encode("ascii", "replace").decode(), fill="#1f2328")
    for row, line in enumerate(page.lines):
        top = 24 + row * _CELL
        pen.text((6, top + _CELL // 2 - 6), line.name, fill="#1f2328")
        for column, picture in enumerate(line.pictures.pictures):
            left = _LABEL + column * _CELL
            if picture is None:
                pen.line((left, top, left + 128, top + 128), fill="#d6d9dd")
                continue
            with Image.open(io.BytesIO(picture.jpeg), formats=["JPEG"]) as image:
                sheet.paste(image.resize((128, 128), Image.Resampling.NEAREST), (left, top))
    held = io.BytesIO()
    sheet.save(held, format="PNG", optimize=True)
    return held.getvalue()


def _short(measure: Measure | None) -> str:
    if measure is None:
        return NOTHING
    text = f"{show_number(measure.value.value)} ({show_interval(measure.value)})"
    if measure.difference is None:
        return text
    moved = show_number(measure.difference.value, signed=True)
    return f"{text}; {moved} ({show_interval(measure.difference, signed=True)})"


def _table(lines: Sequence[RecipeLine]) -> Table:
    rows = []
    for line in lines:
        cells = [Cell(text=line.name, detail=_statuses(line.found.statuses))]
        for name in MEASURE_WORDS:
            measure = line.found.measures.get(name)
            cells.append(Cell(text=NOTHING) if measure is None else _cell(measure))
        rows.append(tuple(cells))
    return Table(
        name="recipes",
        caption="Every recipe, and below each number the same less that of the unchanged recipe, paired by prompt",
        columns=(Column(label="recipe"), *(Column(label=word, numeric=True) for word in MEASURE_WORDS.values())),
        rows=tuple(rows),
    )


def _cell(measure: Measure) -> Cell:
    difference = measure.difference
    below = "" if difference is None else (
        f"; less unchanged {show_number(difference.value, signed=True)}, {show_interval(difference, signed=True)}"
    )  # fmt: skip
    return Cell(text=show_number(measure.value.value), detail=f"{show_interval(measure.value)}{below}")


def _statuses(statuses: Mapping[str, int]) -> str:
    told = [f"{STATUS_WORDS.get(name, name).lower()} {number}" for name, number in statuses.items() if number]
    return f"{count(sum(statuses.values()), 'image')}: {', '.join(told)}"


def _figures(lines: Sequence[RecipeLine]) -> tuple[ForestFigure, ...]:
    """Return the differences of the judged margin, and of the own cosine: where they part, the cosine misleads."""
    made = [_figure(lines, "judged_z", ("worse", "better")), _figure(lines, "own_cosine", ("lower", "higher"))]
    return tuple(figure for figure in made if figure.rows)


def _figure(lines: Sequence[RecipeLine], measure: str, sides: tuple[str, str]) -> ForestFigure:
    differences = [(line.name, line.found.measures[measure].difference) for line in lines]
    rows = tuple(
        ForestRow(label=name, value=one.value, low=one.low, high=one.high)
        for name, one in differences
        if one is not None and one.value is not None
    )
    reach = max((abs(end) for row in rows for end in (row.value, row.low, row.high) if end is not None), default=1.0)
    return ForestFigure(
        name=f"ablation-{measure.replace('_', '-')}",
        caption=f"{MEASURE_WORDS[measure].capitalize()}, less that of the unchanged recipe, with its interval.",
        equivalent="The numbers are in the table above.",
        rows=rows,
        span=(-(reach or 1.0), reach or 1.0),
        neutral=0.0,
        neutral_word="unchanged",
        signed=True,
        sides=sides,
        warm=False,
    )
