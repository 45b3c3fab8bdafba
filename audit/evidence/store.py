"""The run folder: everything that a run makes, written so that a kill at any moment loses at most one shard.

    spec.json                   first: all that decides the numbers
    images/NAME.parquet         shards: whole or absent, bound to the spec, checked at each reading
    scores/JUDGE/NAME.parquet   and card.json, where a judge was asked later
    tables/NAME.parquet, .csv   what the lenses read and wrote
    findings.json, report.html, figures/*.svg, ...
    run.json                    last: the digests of all of it

One driver at a time (``folder_lock.py``), or several, each for its own shards (``parts.py``). At the end stand the
simpler folders of what is made from runs, such as comparisons.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final, final

import pandas as pd

from audit.carriers import carrier_of
from audit.codec import SCHEMA_VERSION, check_version, pretty_json
from audit.errors import AuditProblem, EnvironmentProblem, InconclusiveProblem, UsageProblem
from audit.evidence.files import (
    TEMPORARY_PREFIX,
    disk_problems,
    file_digest,
    make_folders,
    remove_file,
    remove_leftovers,
    rename_file,
    safe_name,
    write_atomically,
)
from audit.evidence.folder_lock import FolderLock, LentLock, is_lock, lock_folder
from audit.evidence.shards import ShardLabel, check_footer, decode, encode, to_csv
from audit.evidence.specs import (
    SPEC_NAME,
    read_json,
    read_spec,
    refuse_other_spec,
    spec_digest,
    write_spec,
)
from audit.opening import entries, files_below, is_file, is_folder, is_link, is_there

RUN_NAME: Final = "run.json"
DECISION_NAME: Final = "decision.json"
_REOPENED: Final = ".reopened.json"
"""What ``run.json`` becomes while a finished run is worked on: what was measured before is still held to it."""
_BESIDE: Final = frozenset({"model_card.md", "model_card.cdx.json", "test_result.intoto.json", "findings.sarif"})
"""Files that commands write beside a finished run, which is no less whole for it."""
_MEASURED: Final = ("images/", "texts/", "scores/")
_RESTORE: Final = (
    "Restore the folder from a copy, or run again with another --out; `clip-audit verify` says what is broken."
)
_TABLES: Final = "tables"
_KIND = re.compile(r"[a-z][a-z0-9_]*")
_SHARD_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,80}")
_FILE_NAME = re.compile(r"(?:figures/|scores/[a-z0-9-]+/)?[A-Za-z0-9][A-Za-z0-9_-]*\.[a-z0-9]+")


@final
class RunFolder:
    """One run on disk; made by ``open_run`` (to write) and ``read_run`` (to read only)."""

    def __init__(self, path: Path, *, spec: Mapping[str, object], lock: FolderLock | LentLock | None) -> None:
        self.path = path
        self.spec = spec
        self.spec_digest = spec_digest(spec)
        self._lock = lock

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let another driver have the folder; reading still works."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def folder_of(self, kind: str) -> Path:
        """Return the folder of a kind of shards, relative to the run.

        Args:
            kind: "images", or a kind and any name, as in "scores/zero_shot:phantom:judge": what stands
                behind the first slash becomes a file name by ``safe_name``.

        Raises:
            ValueError: If the kind does not begin with lower-case letters, digits and underscores.
        """
        head, slash, name = kind.partition("/")
        if not _KIND.fullmatch(head) or (slash and not name):
            raise ValueError(f'A kind of shards looks like "images" or "scores/JUDGE"; got {kind!r}.')
        return Path(head, safe_name(name)) if slash else Path(head)

    def shard_path(self, kind: str, name: str) -> Path:
        """Return where a shard is or would be.

        Raises:
            ValueError: If ``name`` is not made of letters, digits, "_" and "-".
        """
        if not _SHARD_NAME.fullmatch(name):
            raise ValueError(f'A shard\'s name is made of letters, digits, "_" and "-"; got {name!r}.')
        return self.path / self.folder_of(kind) / f"{name}.parquet"

    def shard_names(self, kind: str) -> tuple[str, ...]:
        """List the shards of a kind in sorted order, without opening them.

        Raises:
            EnvironmentProblem: If the folder cannot be listed.
        """
        folder = self.path / self.folder_of(kind)
        with disk_problems("Listing", folder):
            if not is_folder(folder):
                return ()
            return tuple(
                sorted(
                    path.stem for path in entries(folder, "*.parquet") if _SHARD_NAME.fullmatch(path.stem) is not None
                )
            )

    def has_shard(self, kind: str, name: str) -> bool:
        """Tell whether a shard is there; opens its footer and checks that it belongs here.

        Raises:
            UsageProblem: If the file belongs to another run.
            EnvironmentProblem: If it is damaged.
        """
        path = self.shard_path(kind, name)
        if not is_there(path):
            return False
        check_footer(path, self._label(kind, name))
        return True

    def bring_shard(self, kind: str, name: str) -> None:
        """Bring a shard that another machine wrote, where the run lies behind a URL and the shard is not here.

        Raises:
            AuditProblem: If it is not there, or the place does not answer.
        """
        path = self.shard_path(kind, name)
        carrier = carrier_of(path)
        if carrier is not None:
            carrier.bring(self.path, [str(path.relative_to(self.path))])

    def let_go_of_shard(self, kind: str, name: str) -> None:
        """Remove a shard here, where the run lies behind a URL: it stays there, and can be brought again.

        Raises:
            EnvironmentProblem: If it cannot be removed.
        """
        path = self.shard_path(kind, name)
        if carrier_of(path) is not None:
            with disk_problems("Removing", path):
                path.unlink(missing_ok=True)

    def write_shard(self, kind: str, name: str, table: pd.DataFrame) -> None:
        """Write one shard; the same table gives the same bytes, so writing it twice does no harm.

        Args:
            kind: As for ``folder_of``.
            name: As for ``shard_path``; shards are read in the order of their names.
            table: Columns of text, bytes, booleans, integers or reals; its index is not kept.

        Raises:
            EnvironmentProblem: If it cannot be written.
            RuntimeError: If the run is open for reading only, or finished.
        """
        self._write_table(kind, name, table)

    def read_shard(self, kind: str, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Read one shard, or the given columns of it, with every check.

        Raises:
            UsageProblem: If the file belongs to another run.
            EnvironmentProblem: If it is absent or damaged.
        """
        return decode(self.shard_path(kind, name), self._label(kind, name), columns)

    def read_shards(self, kind: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Read all shards of a kind as one table, in the order of their names; empty where there are none.

        Raises:
            UsageProblem: If a file belongs to another run.
            EnvironmentProblem: If a file is damaged, or does not have the columns of the first one.
        """
        frames = [self.read_shard(kind, name, columns) for name in self.shard_names(kind)]
        if any(list(frame.columns) != list(frames[0].columns) for frame in frames):
            raise EnvironmentProblem(
                f"The shards in {self.path / self.folder_of(kind)} do not have the same columns.",
                remedy="Remove this folder and give the same command again: its shards are made anew.",
            )
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()

    def write_tables(self, tables: Mapping[str, pd.DataFrame]) -> None:
        """Write tables as Parquet (faithful) and as CSV (for spreadsheets, with formulas defused).

        Args:
            tables: File name without ending (letters, digits, "_", "-"; see ``safe_name``) -> table without bytes.

        Raises:
            EnvironmentProblem: If one cannot be written.
            RuntimeError: If the run is open for reading only, or finished.
        """
        for name, table in sorted(tables.items()):
            self._write_table(_TABLES, name, table)
            self._write(Path(_TABLES, f"{name}.csv"), to_csv(table))

    def has_table(self, name: str) -> bool:
        """Tell whether a table is there.

        Raises:
            UsageProblem: If the file belongs to another run.
            EnvironmentProblem: If it is damaged.
        """
        return self.has_shard(_TABLES, name)

    def read_table(self, name: str) -> pd.DataFrame:
        """Read a table that ``write_tables`` wrote.

        Raises:
            UsageProblem: If the file belongs to another run.
            EnvironmentProblem: If it is absent or damaged.
        """
        return self.read_shard(_TABLES, name)

    def write_text(self, name: str, text: str) -> None:
        """Write a text file such as "findings.json" in UTF-8; see ``write_bytes``."""
        self.write_bytes(name, text.encode("utf-8"))

    def write_bytes(self, name: str, data: bytes) -> None:
        """Write a file such as "report.pdf" or "figures/lean.svg".

        Raises:
            EnvironmentProblem: If it cannot be written.
            RuntimeError: If the run is open for reading only, or finished.
            ValueError: If ``name`` is no plain file name, or belongs to the store.
        """
        if not _FILE_NAME.fullmatch(name) or name in {SPEC_NAME, RUN_NAME} or name.endswith(".parquet"):
            raise ValueError(f"A file of a run has a plain name of its own; got {name!r}.")
        self._write(Path(name), data)

    @property
    def is_finished(self) -> bool:
        """Whether ``run.json`` is there; see ``verify`` for whether it still tells the truth."""
        return is_file(self.path / RUN_NAME)

    def finish(self) -> None:
        """Write ``run.json`` with the digests of all files; from here on the run is whole.

        Raises:
            EnvironmentProblem: If a file cannot be read, or ``run.json`` not be written.
            RuntimeError: If the run is open for reading only, or finished.
        """
        record = {"schema_version": SCHEMA_VERSION, "spec": self.spec_digest, "files": self._digests()}
        self._write(Path(RUN_NAME), pretty_json(record))
        remove_file(self.path / _REOPENED)

    def reopen(self) -> None:
        """Set ``run.json`` aside, before anything of a finished run is made again; no harm where there is none.

        Until the run is finished again, what it measured has to stay as it was: images, texts and scores are added and
        never changed.

        Raises:
            EnvironmentProblem: If it cannot be set aside.
            RuntimeError: If the run is open for reading only.
        """
        self._refuse_reader()
        if self.is_finished:
            rename_file(self.path / RUN_NAME, _REOPENED)

    def verify(self) -> None:
        """Check every file of a finished run against ``run.json``, and what was decided against what was measured.

        Files that somebody put beside the report are no concern; a stranger among shards or tables is.

        Raises:
            UsageProblem: If a newer version wrote ``run.json``.
            EnvironmentProblem: If the run is not finished, or a file was changed, removed or added.
        """
        expected, found = self._listed(self.path / RUN_NAME), self._digests()
        wrong = [f"{name} (missing)" for name in expected if name not in found]
        wrong += [f"{name} (changed)" for name in expected if name in found and found[name] != expected[name]]
        wrong += [f"{name} (added)" for name in found if name not in expected and "/" in name]
        self._refuse_touched(wrong)
        self.check_decision(found)

    def check_unfinished(self) -> None:
        """Check that what a reopened run measured before is as it was; more may have come, or be missing.

        Raises:
            EnvironmentProblem: If images, texts or scores were changed since.
        """
        if is_file(self.path / _REOPENED):
            before, found = self._listed(self.path / _REOPENED), self._digests(_MEASURED)
            touched = {name for name in found if found[name] != before.get(name, found[name])}
            self._refuse_touched([f"{name} (changed)" for name in touched])

    def check_decided(self) -> None:
        """Check that a complete run without ``run.json`` holds what its decision, if it has one, was made on.

        Raises:
            EnvironmentProblem: If it holds other images, texts or scores.
        """
        if not is_file(self.path / RUN_NAME) and not is_file(self.path / _REOPENED):
            self.check_decision()

    def _listed(self, record: Path) -> dict[str, str]:
        """Return the digests of all files that the record of a finished run holds."""
        stored = read_json(record)
        check_version(stored.get("schema_version"), record)
        files = stored.get("files")
        if stored.get("spec") != self.spec_digest or not isinstance(files, dict):
            raise EnvironmentProblem(f"{record} does not belong to the {SPEC_NAME} beside it.", remedy=_RESTORE)
        return {name: str(digest) for name, digest in files.items() if name not in _BESIDE}

    def _refuse_touched(self, wrong: Sequence[str]) -> None:
        if wrong:
            raise EnvironmentProblem(
                f"{self.path} is not as its run left it: {', '.join(sorted(wrong)[:8])}; {len(wrong)} in all.",
                remedy=_RESTORE,
            )

    def check_decision(self, files: Mapping[str, str] | None = None) -> None:
        """Check that the decision is one on this evidence; those of the first releases do not say on which.

        Args:
            files: The digest of each file, where they are known.

        Raises:
            UsageProblem: If a newer version wrote it.
            EnvironmentProblem: If it is damaged, or a decision on something else.
        """
        found = self._digests(_MEASURED) if files is None else files
        path = self.path / DECISION_NAME
        if not is_file(path):
            return
        decision = read_json(path)
        check_version(decision.get("schema_version"), path)
        if decision.get("evidence", self._measured(found)) != self._measured(found):
            raise EnvironmentProblem(
                f"{path} is a decision on other images, texts or scores than those in {self.path}.", remedy=_RESTORE
            )

    def _measured(self, files: Mapping[str, str]) -> str:
        kept = {name: digest for name, digest in files.items() if name.startswith(_MEASURED)}
        return spec_digest({"spec": self.spec_digest, **kept})

    def evidence_digest(self) -> str:
        """Return the SHA-256 of what a run measured: its spec, and the digests of its images, texts and scores.

        It stays the same where the run is reported or decided anew. A finished run is read as ``run.json`` has it.

        Raises:
            EnvironmentProblem: If a file cannot be read, or ``run.json`` is damaged.
        """
        return self._measured(self._listed(self.path / RUN_NAME) if self.is_finished else self._digests(_MEASURED))

    def _digests(self, below: tuple[str, ...] = ("",)) -> dict[str, str]:
        """Return the digest of every file, or of those below some folders."""
        paths = files_below(self.path)
        if any(map(is_link, paths)):
            link = next(filter(is_link, paths))
            raise EnvironmentProblem(f"{link} is a link.", remedy="Put the file itself there: links are not followed.")
        names = [str(PurePosixPath(path.relative_to(self.path))) for path in paths]
        return {
            name: file_digest(self.path / name)
            for name in names
            if name.startswith(below)
            and name not in {RUN_NAME, *_BESIDE}
            and not PurePosixPath(name).name.startswith(".")
        }

    def _label(self, kind: str, name: str) -> ShardLabel:
        return ShardLabel(spec=self.spec_digest, kind=kind, name=name)

    def _write_table(self, kind: str, name: str, table: pd.DataFrame) -> None:
        label = self._label(kind, name)
        path = self.shard_path(kind, name).relative_to(self.path)
        self._refuse_reader()
        self._refuse_finished()
        make_folders(self.path, path.parent)
        write_atomically(self.path / path, encode(table, label), check=lambda temporary: check_footer(temporary, label))

    def _write(self, relative: Path, data: bytes) -> None:
        self._refuse_reader()
        self._refuse_finished()
        make_folders(self.path, relative.parent)
        write_atomically(self.path / relative, data)

    def _refuse_reader(self) -> None:
        if self._lock is None:
            raise RuntimeError(f"{self.path} is open for reading only.")
        self._lock.check_held()

    def _refuse_finished(self) -> None:
        if self.is_finished:
            raise RuntimeError(f"{self.path} is finished; reopen() it before writing.")


def open_run(path: Path, spec: Mapping[str, object]) -> RunFolder:
    """Begin a run, or continue the one that was begun in this folder with the same spec.

    Takes the lock of the folder until ``close`` (or the end of the process, however it ends), and removes what
    a killed process left half-written. A run that is finished, or was, has to be as it was left: nothing is ever
    concluded anew from evidence that was touched.

    Args:
        path: The run folder; made, for the owner only, where it does not exist.
        spec: All that decides the numbers of the run, as JSON values; ``schema_version`` has to be ours.

    Raises:
        UsageProblem: If the folder holds a run with another spec or by a newer version, or things that are no run.
        EnvironmentProblem: If another process has the run, or the folder cannot be written or is damaged.
        ValueError: If the spec has another ``schema_version``, or is not JSON.
    """
    if spec.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(f"A spec states schema_version {SCHEMA_VERSION}; got {spec.get('schema_version')!r}.")
    spec_digest(spec)
    make_run_folder(path)
    lock = lock_folder(path)
    try:
        remove_leftovers(path)
        if is_file(path / SPEC_NAME):
            refuse_other_spec(path, read_spec(path), spec)
        else:
            write_spec(path, spec)
        run = RunFolder(path, spec=read_spec(path), lock=lock)
        if run.is_finished:
            run.verify()
        else:
            run.check_unfinished()
        return run  # noqa: TRY300  (all of it is under the lock)
    except BaseException:
        lock.release()
        raise


def continue_run(path: Path) -> RunFolder:
    """Open an existing run for writing with the spec that it has, as for judging again.

    Raises:
        UsageProblem: If the folder is not a run folder, or was written by a newer version.
        EnvironmentProblem: If another process has the run, or the folder cannot be written or is damaged.
    """
    return open_run(path, read_spec(path))


def join_run(path: Path, spec: str) -> RunFolder:
    """Open a run to write shards into it, for the process that has its lock and gives out its work.

    Args:
        path: The run folder, as it is called on this machine.
        spec: Digest of the spec of the run.

    Raises:
        EnvironmentProblem: If this run is not there: then the machines do not share the folder.
    """
    if is_file(path / SPEC_NAME):
        with disk_problems("Opening", path):
            run = RunFolder(path, spec=read_spec(path), lock=LentLock(path))
        if run.spec_digest == spec:
            return run
    raise EnvironmentProblem(
        f"The run is not in {path} on the machine {platform.node()}.",
        remedy="Name a folder with --out that all machines of the cluster share under one path, as on NFS.",
    )


def read_run(path: Path, *, finished: bool = False) -> RunFolder:
    """Open a run for reading only, without its lock; every file of a finished one is checked first.

    Args:
        path: The run folder.
        finished: Whether only a finished run will do.

    Raises:
        UsageProblem: If the folder is not a run folder, or was written by a newer version.
        InconclusiveProblem: If a finished run is required, and this one is not.
        EnvironmentProblem: If a file of it was changed, removed or added.
    """
    carrier = carrier_of(path)
    if carrier is not None and not is_file(path / SPEC_NAME):  # a sibling behind a URL of the run that was named
        carrier.bring(path)
    run = RunFolder(path, spec=read_spec(path), lock=None)
    if run.is_finished:
        run.verify()
        return run
    if finished:
        raise InconclusiveProblem(
            f"The run in {path} is not finished: it has no {RUN_NAME}.",
            remedy="Give the command that began it again: it resumes.",
        )
    run.check_unfinished()
    return run


def make_run_folder(path: Path) -> None:
    """Make the folder of a run, for the owner only, where it does not exist.

    Raises:
        UsageProblem: If it is a file, or holds things that are no run.
        EnvironmentProblem: If it cannot be made.
    """
    if is_there(path) and not is_folder(path):
        raise UsageProblem(f"{path} is a file.", remedy="Name a folder with --out.")
    with disk_problems("Making the run folder", path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        strangers = _strangers(path)
    if strangers and SPEC_NAME not in strangers:
        raise UsageProblem(
            f"{path} is not empty and not a run folder: it holds {strangers[0]!r} and no {SPEC_NAME}.",
            remedy="Name a new or an empty folder with --out.",
        )


def _strangers(path: Path) -> list[str]:
    """Return what lies in a folder besides locks and what a killed process left half-written."""
    names = [entry.name for entry in entries(path)]
    return [name for name in names if not is_lock(name) and not name.startswith(TEMPORARY_PREFIX)]


def refuse_other(folder: Path, *, mark: str, what: str) -> None:
    """Refuse a folder that holds anything but an earlier one of its kind.

    Args:
        folder: New, empty, or of that kind.
        mark: The file that every folder of the kind has.
        what: What the kind is called, in the singular.

    Raises:
        UsageProblem: If it is a file, a run folder, or holds something else.
    """
    if not is_there(folder) or (is_folder(folder) and (is_file(folder / mark) or not _strangers(folder))):
        return
    raise UsageProblem(
        f"{folder} holds something that is no {what}.", remedy="Name a new or an empty folder with --out."
    )


def refuse_foreign(folder: Path, names: Sequence[str], *, mark: str) -> None:
    """Refuse to write over files of somebody else.

    Args:
        folder: Where; other files in it are no concern.
        names: What would be written.
        mark: The one of them, in JSON, by which earlier files of ours are known.

    Raises:
        UsageProblem: If one is there, and ``mark`` is not there as we write it.
        EnvironmentProblem: If it cannot be told.
    """
    there = [name for name in names if is_there(folder / name)]
    if not there:
        return
    try:
        check_version(read_json(folder / mark).get("schema_version"), folder / mark)
    except AuditProblem as problem:
        raise UsageProblem(
            f"{folder} holds {', '.join(there)} of somebody else: there is no {mark} of clip-audit beside it.",
            remedy="Name another folder with --out.",
        ) from problem


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
