"""What a finding rests on, for people, and the folder that it is kept in."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float
from PIL import Image

from audit.codec import SCHEMA_VERSION, pretty_json, record_document
from audit.evidence import read_run, refuse_other, write_folder
from audit.lenses import CARDS
from audit.lenses.common.protocol import as_real
from audit.records import Estimate, Finding
from audit.report.html import render_page
from audit.report.text import clean, show_interval, show_number, title_of

BLOCKS: Final = 16
"""A picture is shown as so many coarse blocks a side: enough to see where something is, and not what."""

_SIDE: Final = 320
_MAP: Final = "PuOr"
"""Two colours with a pale middle, told apart by the colour-blind and, by their darkness from the middle, in grey."""
_ROWS: Final = ("upper", "middle", "lower")
_COLUMNS: Final = ("left", "centre", "right")


@dataclass(frozen=True, slots=True, kw_only=True)
class WordEffect:
    """By how much a lean or a score falls when one word is left out of the prompts."""

    word: str
    text: Estimate
    """Of the text embedding: its cosine with one known answer less that with the opposite one."""
    image: Estimate
    """Of the judge's score of images that were inverted anew."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Region:
    """Which parts of a picture the judge's score rests on."""

    text: str
    """The prompt that the picture is the inversion of."""
    score: float
    png: bytes
    weights: Float[np.ndarray, "height width"]
    """By how much the score falls when the surroundings of a pixel are hidden."""

    @property
    def place(self) -> str:
        """The ninth of the picture with the greatest weight, by its sign: "upper centre"."""
        thirds = [np.array_split(band, 3, axis=1) for band in np.array_split(self.weights, 3, axis=0)]
        means = np.array([[float(part.mean()) for part in band] for band in thirds]) * (1 if self.score >= 0 else -1)
        row, column = np.unravel_index(int(means.argmax()), means.shape)
        return f"{_ROWS[row]} {_COLUMNS[column]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that was found of one finding."""

    checkpoint: str
    judge: str
    finding: Finding
    words: tuple[WordEffect, ...]
    """In the order in which they stand in the prompts."""
    regions: tuple[Region, ...]


def explanation_document(explanation: Explanation) -> dict[str, object]:
    """Return an explanation as plain JSON values; pictures and maps are left to the page."""
    finding = explanation.finding
    return {
        "schema_version": SCHEMA_VERSION,
        "checkpoint": explanation.checkpoint,
        "judge": explanation.judge,
        "finding": {"id": finding.finding_id, "estimate": record_document(finding.estimate)},
        "words": [record_document(one) for one in explanation.words],
        "regions": [
            {"text": one.text, "score": one.score, "place": one.place, "largest": float(np.abs(one.weights).max())}
            for one in explanation.regions
        ],
    }


def render_explanation(explanation: Explanation) -> str:
    """Set an explanation as a self-contained page without script; every picture in it is pixelated.

    Raises:
        EnvironmentProblem: If the templates are missing.
    """
    finding = explanation.finding
    return render_page(
        "explanation.html.j2",
        checkpoint=clean(explanation.checkpoint),
        judge=clean(explanation.judge),
        about=clean(finding.subject, longest=60),
        side=_towards(finding),
        measure=title_of(finding.metric),
        value=show_number(finding.estimate.value, signed=True),
        interval=show_interval(finding.estimate, signed=True),
        words=[(clean(one.word, longest=40), *_cells(one.text), *_cells(one.image)) for one in explanation.words],
        regions=[
            (clean(one.text), show_number(one.score, signed=True), one.place, _data_uri(one))
            for one in explanation.regions
        ],
    )


def _towards(finding: Finding) -> str:
    how = CARDS[finding.metric].explained
    return "" if how is None else how.towards


def _cells(estimate: Estimate) -> tuple[str, str]:
    return show_number(estimate.value, signed=True), show_interval(estimate, signed=True)


def _data_uri(region: Region) -> str:
    from matplotlib import colormaps

    with Image.open(io.BytesIO(region.png), formats=["PNG"]) as image:
        coarse = image.convert("L").resize((BLOCKS, BLOCKS), Image.Resampling.BOX)
    blocks = coarse.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.NEAREST)
    largest = float(np.abs(region.weights).max()) or 1.0
    colours = (colormaps[_MAP](0.5 + 0.5 * region.weights / largest)[:, :, :3] * 255).astype(np.uint8)
    shade = Image.fromarray(colours).resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    held = io.BytesIO()
    Image.blend(blocks, shade, 0.5).save(held, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(held.getvalue()).decode('ascii')}"


JSON_NAME: Final = "explanation.json"


def write_explanation(folder: Path, run: Path, explanation: Explanation) -> None:
    """Write ``explanation.json``, ``explanation.html`` and the table of words into a folder beside the run.

    Raises:
        UsageProblem: If the folder holds anything but an explanation.
        EnvironmentProblem: If it cannot be written.
    """
    refuse_other(folder, mark=JSON_NAME, what="explanation")
    words = [
        {"word": one.word, "text": as_real(one.text.value), "image": as_real(one.image.value)}
        for one in explanation.words
    ]
    write_folder(
        folder,
        source=read_run(run).spec_digest,
        texts={
            JSON_NAME: pretty_json(explanation_document(explanation)),
            "explanation.html": render_explanation(explanation),
        },
        tables={"words": pd.DataFrame(words, columns=["word", "text", "image"])},
    )
