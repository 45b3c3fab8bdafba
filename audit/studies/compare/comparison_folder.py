"""The folder that a comparison is kept in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from audit.evidence import refuse_other, write_folder
from audit.studies.compare.changes_json import changes_text
from audit.studies.compare.changes_table import changes_table
from audit.studies.compare.two_runs import Comparison

CHANGES_NAME: Final = "changes.json"


def check_folder(folder: Path, *, mark: str = CHANGES_NAME) -> None:
    """Refuse a folder that holds anything but an earlier comparison, which has a file ``mark``.

    Raises:
        UsageProblem: If it is a file, a run folder, or holds something else.
    """
    refuse_other(folder, mark=mark, what="comparison")


def write_comparison(folder: Path, comparison: Comparison, pages: Mapping[str, str | bytes]) -> None:
    """Write ``changes.json``, the pages for people and the table of the changes.

    Args:
        folder: Where; made where it does not exist, and what an earlier comparison left there is replaced.
        comparison: What was found.
        pages: Name -> what ``summary.md`` and others hold.

    Raises:
        UsageProblem: If the folder holds anything but a comparison.
        EnvironmentProblem: If it cannot be written.
    """
    check_folder(folder)
    write_folder(
        folder,
        source=f"{comparison.baseline.spec_digest} {comparison.candidate.spec_digest}",
        texts={CHANGES_NAME: changes_text(comparison), **pages},
        tables={"changes": changes_table(comparison)},
    )
