"""Names of suites into files, and files into suites."""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from pathlib import Path

from audit.errors import UsageProblem
from audit.packaged import PROMPTS
from audit.records import PromptSuite
from audit.suites.document import Document, read_document
from audit.suites.expansion import expand
from audit.suites.suite_tables import parse_tables


def load_suite(path: Path) -> PromptSuite:
    """Read, check and expand the suite in ``path``; a file that was not changed since is expanded once a process.

    Raises:
        UsageProblem: If there is no usable suite in the file; says file, line, what was found, and the remedy.
    """
    return _expanded(read_document(path))


@lru_cache(maxsize=64)
def _expanded(document: Document) -> PromptSuite:
    return expand(document, parse_tables(document))


def suite_path(name: str) -> Path:
    """Return the file of a suite.

    Args:
        name: A shipped suite ("professions", "phantom/professions"), or the path of a ``.toml`` file.

    Raises:
        UsageProblem: If there is no such suite.
    """
    if name.endswith(".toml"):
        path = Path(name).expanduser()
        if path.is_file():
            return path
        raise UsageProblem(
            f"There is no file {name!r}.",
            remedy="Check the path; a shipped suite is named without .toml, as in phantom/professions.",
        )
    known = {suite_name(path): path for path in list_suites()}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]!r}? " if near and re.fullmatch(r"[\w/-]+", name) else ""
    raise UsageProblem(
        f"There is no suite {name!r}.",
        remedy=f"{hint}Shipped suites: {', '.join(known)}; or give the path of a .toml file.",
    )


def suite_name(path: Path) -> str:
    """Return what ``suite_path`` finds a file by: the name of a shipped suite, and any other path as it is."""
    return path.relative_to(PROMPTS).with_suffix("").as_posix() if path.is_relative_to(PROMPTS) else str(path)


def list_suites() -> tuple[Path, ...]:
    """Return the files of all shipped suites, sorted by name.

    Raises:
        UsageProblem: If their folder is missing.
    """
    if not PROMPTS.is_dir():
        raise UsageProblem(
            f"The shipped suites are missing: there is no folder {PROMPTS}.",
            remedy="Install clip-audit anew, or give the path of a .toml file.",
        )
    return tuple(sorted(PROMPTS.rglob("*.toml")))
