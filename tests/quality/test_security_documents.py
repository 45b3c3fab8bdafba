"""What the threat model names is there: every file that stops something, every test that shows it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "threat_model.md"
HOSTILE = ("checkpoint", "suite", "run folder", "report", "hub")


def rows() -> list[list[str]]:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [row for row in cells if not row[0].startswith(("attempt", "---"))]


def test_everybody_who_may_be_hostile_has_a_part():
    headings = re.findall(r"^## (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert all(any(who in heading for heading in headings) for who in HOSTILE)


def test_every_row_names_what_stops_it_and_a_test_unless_it_says_nothing_does():
    assert len(rows()) >= 15
    bare = [
        row[0] for row in rows() if "**nothing**" not in row[1] and not ("`test_" in row[2] or "the same" in row[2])
    ]
    assert bare == []


def test_every_file_that_is_named_is_there():
    told = set(re.findall(r"`([a-z_/]+\.py)`", PAGE.read_text(encoding="utf-8")))
    there = [
        path.relative_to(ROOT).as_posix() for folder in ("audit", "tests") for path in (ROOT / folder).rglob("*.py")
    ]
    assert [name for name in told if not any(path.endswith(f"/{name}") for path in there)] == []
