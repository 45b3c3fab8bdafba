"""One tidy table of what any number of runs found, for dashboards and for questions across checkpoints.

Runs are read and written some hundred at a time, so that ten thousand of them take little memory. What is read of a run
are its small files, and each is held to the digest that the run kept of it. Its pictures and scores are not: whether a
whole run is as it was left, ``clip-audit verify`` says.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from audit.codec import LARGEST, check_version, damaged, parse_object
from audit.errors import AuditProblem, EnvironmentProblem, InconclusiveProblem, UsageProblem
from audit.evidence.files import disk_problems, remove_abandoned, replacing
from audit.evidence.reading import FINDINGS_NAME
from audit.evidence.shards import defuse
from audit.evidence.specs import SPEC_NAME, read_json, read_spec, spec_digest, stored_verdict
from audit.evidence.store import DECISION_NAME, RUN_NAME
from audit.opening import changed_on, entries, is_file, read_regular

ENDINGS: Final = (".csv", ".parquet")
"""Of the files that such a table is written to."""
_AT_ONCE: Final = 250
"""Runs whose findings are held in memory together."""
_MANY_PARTS: Final = 8
"""From so many parts on, processes of their own are worth the second that they take to start."""
_MOST_PROCESSES: Final = 8

SCHEMA: Final = pa.schema(
    [
        ("checkpoint", pa.string()),
        ("digest", pa.string()),
        ("date", pa.date32()),
        ("suite", pa.string()),
        ("concept", pa.string()),
        ("metric", pa.string()),
        ("estimate", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("decision", pa.string()),
        ("run", pa.string()),
    ]
)
"""Columns of the table, one row per finding: ``estimate``, ``low`` and ``high`` in the unit of the metric, missing
where nothing was measured; ``date`` the day, in UTC, on which the run was finished last; ``concept`` "*" for a whole
suite; ``decision`` that of the whole run, "none" where no policy was given, empty where nothing was decided; ``run``
the name of its folder."""

_OF_THE_RUN: Final = ("checkpoint", "digest", "date", "decision", "run")
"""Columns that all rows of a run have in common."""

_Write = Callable[[pa.Table], None]


class _Estimate(msgspec.Struct, gc=False):
    value: float | None
    low: float | None
    high: float | None


class _Row(msgspec.Struct, gc=False):
    suite: str
    subject: str
    metric: str
    estimate: _Estimate


class _Findings(msgspec.Struct, gc=False):
    """What is read of a ``findings.json``: what a row of the table holds, many times as fast as whole records."""

    schema_version: int
    findings: list[_Row]


_READER: Final = msgspec.json.Decoder(_Findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What became of a folder of runs."""

    runs: int
    rows: int
    left_out: tuple[str, ...]
    """Which folders are no part of the table, and why, in a line each."""


def export_runs(folder: Path, place: Path) -> Exported:
    """Write the findings of all finished runs of a folder as one table, whole or not at all.

    Args:
        folder: Its folders are looked into, and theirs are not.
        place: A file that ends in ``.csv`` or ``.parquet``; an older one is replaced. Texts in a CSV are defused, so
            that no spreadsheet takes them for formulas.

    Raises:
        UsageProblem: If the file has another ending, or no finished run is there.
        EnvironmentProblem: If the folder cannot be listed, or the file not be written.
    """
    check_ending(place)
    remove_abandoned(place.parent)
    found = [path for path in entries(folder) if is_file(path / SPEC_NAME)]
    left_out: list[str] = []
    rows = 0
    with replacing(place) as file, _writer(file, place.suffix) as write:
        for table, unread in _tables([found[at : at + _AT_ONCE] for at in range(0, len(found), _AT_ONCE)]):
            write(table)
            rows += table.num_rows
            left_out += unread
        if len(left_out) == len(found):
            first = f" ({left_out[0]})" if left_out else ""
            raise UsageProblem(
                f"No finished run lies in {folder}{first}.",
                remedy="Name the folder that holds the folders of the runs.",
            )
    return Exported(runs=len(found) - len(left_out), rows=rows, left_out=tuple(left_out))


def check_ending(place: Path) -> None:
    """Refuse a file that such a table cannot be written to.

    Raises:
        UsageProblem: If its name ends in none of ``ENDINGS``.
    """
    if place.suffix not in ENDINGS:
        raise UsageProblem(
            f"{place} does not end in {' or '.join(ENDINGS)}.", remedy="Name a file of one of these two kinds."
        )


@contextlib.contextmanager
def _writer(file: BinaryIO, ending: str) -> Iterator[_Write]:
    if ending == ".csv":
        with arrow_csv.CSVWriter(file, SCHEMA) as lines:
            yield lambda table: lines.write_table(_defused(table))
    else:
        with pq.ParquetWriter(file, SCHEMA, compression="zstd") as columns:
            yield columns.write_table


def _defused(table: pa.Table) -> pa.Table:
    """Return a table whose texts no spreadsheet computes; each text is looked at once, however often it is there."""
    columns = []
    for column in table.itercolumns():
        if pa.types.is_string(column.type):
            told = column.combine_chunks().dictionary_encode()
            safe = pa.array([defuse(text) for text in told.dictionary.to_pylist()], pa.string())
            columns.append(safe.take(told.indices))
        else:
            columns.append(column)
    return pa.table(columns, schema=table.schema)


def _tables(parts: Sequence[Sequence[Path]]) -> Iterator[tuple[pa.Table, list[str]]]:
    """Read runs part by part, in their order; many parts by several processes, as parsing keeps a whole core busy."""
    if len(parts) < _MANY_PARTS:
        yield from map(_table, parts)
        return
    with ProcessPoolExecutor(min(_MOST_PROCESSES, os.cpu_count() or 1), mp_context=get_context("spawn")) as pool:
        yield from pool.map(_table, parts)


def _table(runs: Sequence[Path]) -> tuple[pa.Table, list[str]]:
    """Return the rows of some runs, and who could not be read, with the reason."""
    left_out: list[str] = []
    rows: list[_Row] = []
    told: dict[str, list[object]] = {name: [] for name in _OF_THE_RUN}
    counts: list[int] = []
    for run in runs:
        try:
            found, same = _read(run)
        except AuditProblem as problem:
            left_out.append(f"{run.name}: {problem.what}")
            continue
        rows += found
        counts.append(len(found))
        for name in _OF_THE_RUN:
            told[name].append(same[name])
    which = pa.array(np.repeat(np.arange(len(counts)), counts))
    columns: dict[str, object] = {name: pa.array(told[name], SCHEMA.field(name).type).take(which) for name in told}
    columns |= {
        "suite": [row.suite for row in rows],
        "concept": [row.subject for row in rows],
        "metric": [row.metric for row in rows],
        "estimate": [row.estimate.value for row in rows],
        "low": [row.estimate.low for row in rows],
        "high": [row.estimate.high for row in rows],
    }
    return pa.table(columns, schema=SCHEMA), left_out


def _read(run: Path) -> tuple[list[_Row], dict[str, object]]:
    """Return the findings of a run, and what all of its rows have in common.

    Raises:
        InconclusiveProblem: If it is not finished.
        UsageProblem: If a newer version wrote it.
        EnvironmentProblem: If a file is not as the run left it, or damaged.
    """
    record = run / RUN_NAME
    if not is_file(record):
        raise InconclusiveProblem(f"It is not finished: it has no {RUN_NAME}.", remedy="Give its command again.")
    spec, kept = read_spec(run), read_json(record)
    check_version(kept.get("schema_version"), record)
    files = kept.get("files")
    if kept.get("spec") != spec_digest(spec) or not isinstance(files, dict):
        raise damaged(record, f"it does not belong to the {SPEC_NAME} beside it")
    verdict = _verdict(run / DECISION_NAME, files) if DECISION_NAME in files else ""
    found = _findings(run / FINDINGS_NAME, files)
    card = spec.get("checkpoint")
    name, digest = (str(card.get(key, "")) if isinstance(card, dict) else "" for key in ("name", "digest"))
    same = {"checkpoint": name, "digest": digest, "date": changed_on(record), "run": run.name}
    return found, {**same, "decision": verdict}


def _verdict(path: Path, files: dict[str, object]) -> str:
    decision = parse_object(_as_left(path, files), path)
    check_version(decision.get("schema_version"), path)
    return stored_verdict(decision)


def _findings(path: Path, files: dict[str, object]) -> list[_Row]:
    data = _as_left(path, files)
    try:
        found: _Findings = _READER.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise damaged(path, f"{error}".removesuffix(".").lower()) from error
    check_version(found.schema_version, path)
    return found.findings


def _as_left(path: Path, files: dict[str, object]) -> bytes:
    """Return the bytes of a file of a run, which are those that the run kept the digest of."""
    with disk_problems("Reading", path):
        data = read_regular(path, most=LARGEST)
    if files.get(path.name) != hashlib.sha256(data).hexdigest():
        raise EnvironmentProblem(f"{path.name} is not as the run left it.", remedy="`clip-audit verify` says more.")
    return data
