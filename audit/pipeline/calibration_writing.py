"""The files of a calibration: for programs, for people, its two figures, and the texts of the reports' appendix."""

from __future__ import annotations

from pathlib import Path

from audit.evidence.files import write_atomically
from audit.phantom.calibration import Calibration, calibration_text
from audit.report.appendix import appendix_files
from audit.report.calibration import calibration_page


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
