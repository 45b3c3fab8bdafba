"""Texts that programs write into README.md, between two marks that carry the name of the program."""

from __future__ import annotations

from pathlib import Path


def write_between(readme: Path, name: str, text: str) -> bool:
    """Write ``text`` between the marks ``<!-- NAME: begin -->`` and ``<!-- NAME: end -->``; false if it has none."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    head, mark, rest = readme.read_text(encoding="utf-8").partition(begin)
    if not mark or end not in rest:
        return False
    readme.write_text(f"{head}{begin}\n{text}\n{end}{rest.partition(end)[2]}", encoding="utf-8")
    return True
