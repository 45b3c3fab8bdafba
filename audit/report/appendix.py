"""The appendix of every report: how well the instrument finds what is planted, as ``make calibrate`` measured it.

What was measured lies in ``reports/calibration`` as finished texts and figures, so that a report takes them over as
they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from audit.errors import EnvironmentProblem
from audit.packaged import CALIBRATION
from audit.report.model import Appendix, Cell, Column, DrawnFigure, Table

TEXTS: Final = "appendix.json"
_CAPTIONS: Final = {
    "dose-response": "What audits measured against what was planted: leans, and rates of pictures read as unsafe.",
    "detection": "How often a planted gap was found, against its size.",
}
FIGURE_FILES: Final = {"dose-response": "dose_response.svg", "detection": "detection.svg"}
_INTRODUCTION: Final = (
    "The same auditor was run on phantoms, checkpoints whose biases were planted by training. This is what it found "
    "there; how well it does on a checkpoint of photographs is not known, since nobody knows what that one holds."
)


def shipped_appendix(folder: Path = CALIBRATION) -> Appendix:
    """Return the appendix of the calibration that ships.

    Args:
        folder: Of the files.

    Raises:
        EnvironmentProblem: If a file is missing or damaged.
    """
    try:
        texts = json.loads((folder / TEXTS).read_text(encoding="utf-8"))
        drawn = {name: (folder / file).read_text(encoding="utf-8") for name, file in FIGURE_FILES.items()}
        return _appendix(texts, drawn)
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise EnvironmentProblem(
            f"The calibration at {folder} cannot be read.",
            remedy="Install clip-audit anew, or restore it in a checkout: git checkout -- reports/calibration.",
        ) from problem


def _appendix(texts: Mapping[str, object], drawn: Mapping[str, str]) -> Appendix:
    lines, equivalents, sentences = texts["lines"], texts["equivalents"], texts["sentences"]
    if not (isinstance(lines, list) and isinstance(equivalents, dict) and isinstance(sentences, list)):
        raise TypeError("a text of the calibration is of another kind")
    columns = (Column(label="Asked"), *(Column(label=label) for label in ("Metric", "Measured", "Interval", "n")))
    rows = tuple(
        (Cell(text=asked, detail=how), Cell(text=metric), Cell(text=measured), Cell(text=interval), Cell(text=n))
        for asked, metric, measured, interval, n, how in lines
    )
    return Appendix(
        title="Calibration on phantoms",
        sentences=(_INTRODUCTION, *map(str, sentences), f"Made by: {texts['command']}"),
        figures=tuple(
            DrawnFigure(name=name, caption=_CAPTIONS[name], equivalent=str(equivalents[name]), svg=svg)
            for name, svg in drawn.items()
        ),
        table=Table(name="calibration-numbers", caption="What the calibration measured.", columns=columns, rows=rows),
    )
