"""The files of a calibration: for programs, for people, its two figures, and the texts of the reports' appendix."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from audit.evidence.files import write_atomically
from audit.report.appendix import FIGURE_FILES, TEXTS
from audit.report.text import NOT_MEASURED, show_number
from audit.studies.calibrate import Calibration, KindResult, calibration_text
from audit.studies.calibrate.calibration_figures import draw_detection, draw_dose_response
from audit.studies.calibrate.calibration_page import calibration_lines, calibration_page, calibration_sentences


def write_calibration(calibration: Calibration, out: Path) -> tuple[Path, ...]:
    """Write everything that a calibration is told by into ``out``, which is there, and return the files.

    Raises:
        EnvironmentProblem: If a file cannot be written.
    """
    texts = {
        "calibration.json": calibration_text(calibration),
        "calibration.md": calibration_page(calibration),
        **appendix_files(calibration),
    }
    for name, text in texts.items():
        write_atomically(out / name, text.encode("utf-8"), step=f"calibration:{name}")
    return tuple(out / name for name in texts)


def appendix_files(calibration: Calibration) -> dict[str, str]:
    """Return the files that the appendix is made from: name and text."""
    texts = {
        "command": calibration.command,
        "sentences": list(calibration_sentences(calibration)),
        "lines": [list(line.cells) for line in calibration_lines(calibration)],
        "equivalents": {
            "dose-response": " ".join(_responses(result) for result in (calibration.lean, calibration.rate)),
            "detection": " ".join(_gaps(result) for result in (calibration.lean, calibration.rate)),
        },
    }
    return {
        TEXTS: json.dumps(texts, ensure_ascii=False, indent=1) + "\n",
        FIGURE_FILES["dose-response"]: draw_dose_response(calibration),
        FIGURE_FILES["detection"]: draw_detection(calibration),
    }


def _responses(result: KindResult) -> str:
    points = [(point.dose, point.response.value) for point in result.response]
    return f"{result.metric}, mean over worlds by what was planted: {_told(points)}."


def _gaps(result: KindResult) -> str:
    points = [(point.gap, point.share.value) for point in result.detection]
    return f"{result.metric}, share found by planted gap: {_told(points)}."


def _told(points: Sequence[tuple[float, float | None]]) -> str:
    known = [f"{show_number(value)} at {show_number(place)}" for place, value in points if value is not None]
    return ", ".join(known) or NOT_MEASURED
