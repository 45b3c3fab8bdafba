"""The calibration of docs/accuracy.md: how well audits find what is planted, over many phantoms.

Run by ``make calibrate``, with the options of ``clip-audit phantom calibrate``, which it runs: many minutes for every
world that is drawn. Writes the numbers between the marks there, and what the appendix of every report is made
from into reports/calibration.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from marks import DOCUMENTS, write_between

from audit.__main__ import main as clip_audit

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ("dose_response.svg", "detection.svg")
SHIPPED = ("appendix.json", *FIGURES)


def numbers(page: str) -> str:
    """Return the part of ``calibration.md`` between its title and its figures."""
    return page.partition("# Calibration\n")[2].partition("\n![")[0].strip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "calibration")
    given, rest = parser.parse_known_args()
    code = clip_audit(["phantom", "calibrate", "--out", str(given.out), *rest])
    if code:
        return code
    shipped = ROOT / "reports" / "calibration"
    shipped.mkdir(parents=True, exist_ok=True)
    for name in SHIPPED:
        (shipped / name).write_text((given.out / name).read_text(encoding="utf-8"), encoding="utf-8")
    text = numbers((given.out / "calibration.md").read_text(encoding="utf-8"))
    figures = "\n\n".join(
        f"![{name.partition('.')[0].replace('_', ' ')}](../reports/calibration/{name})" for name in FIGURES
    )
    write_between(DOCUMENTS["calibration"], "calibration", f"{text}\n\n{figures}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
