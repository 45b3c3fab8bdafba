"""Kills a process at a rename: what a power cut or the kernel's out-of-memory killer does, and no clean-up follows.

Drivers of killed runs import this; the audited code knows nothing of it.
"""

import os
import signal
from pathlib import Path


def kind_of(target: Path) -> str:
    """Name what a file of a run folder is: a shard, a table, its CSV, or its own name."""
    if target.suffix == ".parquet":
        return "table" if target.parent.name == "tables" else "shard"
    return "csv" if target.suffix == ".csv" else target.name


def die_at(point: str) -> None:
    """From now on, kill this process before or after the first rename of a kind: "shard:before", "run.json:after"."""
    kind, _, when = point.partition(":")
    rename = Path.replace

    def replace(path: Path, target: Path) -> Path:
        hit = kind_of(Path(target)) == kind
        if hit and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        done = rename(path, target)
        if hit and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    Path.replace = replace
