"""Tables that programs write into the documents, between two marks that carry the name of the table."""

from __future__ import annotations

from pathlib import Path
from typing import Final

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"

DOCUMENTS: Final = {
    "truth": DOCS / "accuracy.md",
    "calibration": DOCS / "accuracy.md",
    "validation": DOCS / "accuracy.md",
    "coverage": DOCS / "intervals.md",
    "questions": DOCS / "questions.md",
    "families": DOCS / "checkpoints.md",
    "forms": DOCS / "checkpoints.md",
    "gates": DOCS / "gate.md",
    "margins": DOCS / "precision.md",
    "precision-noise": DOCS / "precision.md",
}
"""Where each table stands."""


def write_between(document: Path, name: str, text: str) -> bool:
    """Write ``text`` between the marks ``<!-- NAME: begin -->`` and ``<!-- NAME: end -->``; false if it has none."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    head, mark, rest = document.read_text(encoding="utf-8").partition(begin)
    if not mark or end not in rest:
        return False
    document.write_text(f"{head}{begin}\n{text}\n{end}{rest.partition(end)[2]}", encoding="utf-8")
    return True
