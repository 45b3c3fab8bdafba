"""A TOML file as text: read within limits, parsed, and able to say on which line something stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from audit.errors import UsageProblem
from audit.opening import open_regular
from audit.parsing import TOO_LONG_A_NUMBER, blank_strings, parse_toml

MAX_BYTES: Final = 1_000_000
"""Largest file that is read; a suite of 1,000 concepts takes about a tenth."""

_SHIPPED: Final = "`clip-audit suites list` names the shipped suites"

Place = tuple[str | int, ...]
"""Where something stands in the parsed file: ("block", 0, "templates", 2)."""

_TOML_PLACE: Final = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The text of one file, for parsing and for pointing at."""

    path: Path
    text: str

    def tables(self) -> dict[str, Any]:
        """Parse the text as TOML.

        Raises:
            UsageProblem: If it is not TOML.
        """
        try:
            return parse_toml(self.text)
        except ValueError as error:
            found = _TOML_PLACE.search(str(error))
            last = self.text.count("\n") + 1
            line = int(found[1]) if found and found[1] else last
            reason = _TOML_PLACE.sub("", str(error)).strip().rstrip(".")
            remedy = "Correct the line; a quote, a comma or a bracket is often missing there or just above."
            if reason == TOO_LONG_A_NUMBER:
                remedy = "Write a smaller number, or put it in quotation marks if it is a text."
            raise UsageProblem(f"{self.path}, line {line}: not TOML: {reason}.", remedy=remedy) from error

    def line(self, place: Place) -> int:
        """Return the line, from 1, on which ``place`` stands; of its nearest parent where it is not written."""
        return self.text.count("\n", 0, _position(blank_strings(self.text), place)) + 1

    def problem(self, place: Place, what: str, *, remedy: str) -> UsageProblem:
        """Return the problem ``what`` at ``place``, with file and line."""
        return UsageProblem(f"{self.path}, line {self.line(place)}: {what}", remedy=remedy)


def read_document(path: Path, *, kind: str = "suite", hint: str = _SHIPPED) -> Document:
    """Read a file.

    Args:
        path: The file.
        kind: What it is, for the wording of problems.
        hint: Where else to find one.

    Raises:
        UsageProblem: If it cannot be read, is larger than ``MAX_BYTES``, or is not UTF-8.
    """
    try:
        with open_regular(path) as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageProblem(
            f"Cannot read the {kind} {path}: {error.strerror}.",
            remedy=f"Give the path of a readable .toml file; {hint}.",
        ) from error
    if len(raw) > MAX_BYTES:
        raise UsageProblem(
            f"{path} is larger than {MAX_BYTES:,} bytes, the limit for a {kind}.",
            remedy="Split it into several.",
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UsageProblem(
            f"{path}, line {line}: byte 0x{raw[error.start]:02x} is not UTF-8.",
            remedy="Save the file as UTF-8.",
        ) from error
    return Document(path=path, text=text.replace("\r\n", "\n"))


def _position(skeleton: str, place: Place) -> int:
    """Follow ``place`` through the skeleton, as far as its parts are found."""
    here, parent = 0, ""
    in_header = False
    for part in place:
        if isinstance(part, int):
            found = _nth(skeleton, here, parent, part, in_header=in_header)
        else:
            header = rf"^[ \t]*\[\[?[ \t]*{re.escape(f'{parent}.{part}' if parent else part)}[ \t]*\]"
            match = re.compile(header, re.MULTILINE).search(skeleton)
            in_header = match is not None
            match = match or re.compile(rf"(?<![\w.-]){re.escape(part)}[ \t]*=").search(skeleton, here)
            found = match.start() if match else -1
            parent = f"{parent}.{part}" if parent in {"slots", "defaults"} else part
        here = found if found >= 0 else here
    return here


def _nth(skeleton: str, start: int, name: str, number: int, *, in_header: bool) -> int:
    """Return where item ``number`` of the list ``name`` begins, or -1."""
    if in_header:
        pattern, start = rf"^[ \t]*\[\[[ \t]*{re.escape(name)}[ \t]*\]\]", 0
    else:
        pattern = r'\{|"[ \n]*"|' + r"'[ \n]*'" if name == "templates" else r"\{"
    matches = list(re.compile(pattern, re.MULTILINE).finditer(skeleton, start))
    return matches[number].start() if number < len(matches) else -1
