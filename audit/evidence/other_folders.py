"""A folder of texts and tables that is no run: what is made from runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pandas as pd

from audit.errors import UsageProblem
from audit.evidence.files import disk_problems, make_folders, write_atomically
from audit.evidence.shards import ShardLabel, encode
from audit.evidence.spreadsheet import to_csv

_TABLES: Final = "tables"


def refuse_other(folder: Path, *, mark: str, what: str) -> None:
    """Refuse a folder that holds anything but an earlier one of its kind.

    Args:
        folder: New, empty, or of that kind.
        mark: The file that every folder of the kind has.
        what: What the kind is called, in the singular.

    Raises:
        UsageProblem: If it is a file, a run folder, or holds something else.
    """
    if not folder.exists() or (folder.is_dir() and ((folder / mark).is_file() or not any(folder.iterdir()))):
        return
    raise UsageProblem(
        f"{folder} holds something that is no {what}.", remedy="Name a new or an empty folder with --out."
    )


def write_folder(
    folder: Path, *, source: str, texts: Mapping[str, str | bytes], tables: Mapping[str, pd.DataFrame]
) -> None:
    """Write files and tables into a folder, each whole or not at all.

    Args:
        folder: Where; made, for the owner only, where it does not exist.
        source: Digest of what all of it was made from, which the tables carry.
        texts: Name of the file, which may lie in a folder, -> what it shall hold.
        tables: File name without ending -> table; written as Parquet and, with formulas defused, as CSV.

    Raises:
        EnvironmentProblem: If something cannot be written.
    """
    with disk_problems("Making the folder", folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_folders(folder, Path(_TABLES))
    for name, table in tables.items():
        label = ShardLabel(spec=source, kind=_TABLES, name=name)
        write_atomically(folder / _TABLES / f"{name}.parquet", encode(table, label))
        write_atomically(folder / _TABLES / f"{name}.csv", to_csv(table))
    for name, text in texts.items():
        make_folders(folder, Path(name).parent)
        data = text if isinstance(text, bytes) else text.encode("utf-8")
        write_atomically(folder / name, data)
