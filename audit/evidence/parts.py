"""One run that several processes make, on one machine or on many: each makes its own part of the shards.

Which shards are whose follows from the plan, never from who comes first: shard k belongs to part k mod N + 1. The part
that begins writes ``spec.json`` and ``parts.json`` under the lock of the folder, while others wait; from then on each
holds the lock of its part alone. A part that died is begun again, and goes on where it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from audit.codec import SCHEMA_VERSION, check_version, pretty_json, read_record, record_document
from audit.errors import InconclusiveProblem, UsageProblem
from audit.evidence.files import write_atomically
from audit.evidence.folder_lock import FolderLock, LockTaken, lock_beginning, lock_part
from audit.evidence.reading import read_judge_cards
from audit.evidence.schemas import TEXT_SHARD
from audit.evidence.specs import SPEC_NAME, differing_keys, read_json, read_spec, refuse_other_spec, write_spec
from audit.evidence.store import RunFolder, make_run_folder
from audit.opening import is_file
from audit.records import BaselineCard, Part

PARTS_NAME: Final = "parts.json"
_PAUSE: Final = 0.2
_GRACE: Final = 5.0
"""Seconds in which a part that has written ``spec.json`` has surely written ``parts.json`` too."""
_SHOWN: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """How a run is divided, and what it will be held against."""

    parts: int
    shards: int
    """Of the whole run."""
    policy: str | None = None
    """Digest of the policy that decides once all is there."""
    baseline: BaselineCard | None = None
    """The run that this policy compares with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What a part that begins knows of the whole run."""

    spec: Mapping[str, object]
    division: Division


def open_part(path: Path, part: Part, settle: Callable[[], Beginning], wait: Callable[[], None]) -> RunFolder:
    """Begin a part of a run, or continue it; the run is begun with it where no other part has begun it.

    Takes the lock of the part until ``close``, or the end of the process, however it ends.

    Args:
        path: The run folder; made, for the owner only, where it does not exist.
        part: Which part of how many.
        settle: Returns what the run is; called while no other part begins, so what it finds in the folder stays.
        wait: Called once, before this process waits for another part that is beginning.

    Raises:
        UsageProblem: If the folder holds a run with another spec, of other parts or policy, or things that are no run.
        LockTaken: If another process has this part, or the whole run.
        EnvironmentProblem: If the folder cannot be written or is damaged.
    """
    make_run_folder(path)
    lock = lock_part(path, part.number)
    try:
        beginning = _wait_for_folder(path, wait)
        try:
            return _begin(path, settle(), lock)
        finally:
            beginning.release()
    except BaseException:
        lock.release()
        raise


def _begin(path: Path, asked: Beginning, lock: FolderLock) -> RunFolder:
    if is_file(path / SPEC_NAME):
        refuse_other_spec(path, read_spec(path), asked.spec)
    else:
        write_spec(path, asked.spec)
    run = RunFolder(path, spec=read_spec(path), lock=lock)
    there = read_division(path)
    if there is not None:
        _refuse_other_division(path, there, asked.division)
    elif not run.is_finished:
        document = {"schema_version": SCHEMA_VERSION, **record_document(asked.division)}
        write_atomically(path / PARTS_NAME, pretty_json(document))
    if not run.is_finished:
        run.check_unfinished()
    return run


def _wait_for_folder(path: Path, wait: Callable[[], None]) -> FolderLock:
    """Take the lock of the folder as soon as no other part begins there.

    Raises:
        LockTaken: If another process works on the whole run.
    """
    since, is_told = 0.0, False
    while True:
        try:
            return lock_beginning(path)
        except LockTaken:
            undivided = is_file(path / SPEC_NAME) and not is_file(path / PARTS_NAME)
            since = since + _PAUSE if undivided else 0.0
            if since > _GRACE:
                raise
        if not is_told:
            wait()
            is_told = True
        time.sleep(_PAUSE)


def read_division(path: Path) -> Division | None:
    """Return how the run in a folder is divided; ``None`` where one process makes all of it.

    Raises:
        UsageProblem: If a newer version wrote it.
        EnvironmentProblem: If it is damaged.
    """
    place = path / PARTS_NAME
    if not is_file(place):
        return None
    stored = read_json(place)
    check_version(stored.pop("schema_version", None), place)
    return read_record(Division, stored, place, "parts")


def _refuse_other_division(path: Path, there: Division, asked: Division) -> None:
    if there.parts != asked.parts:
        raise UsageProblem(
            f"The run in {path} was begun in {there.parts} parts, and {asked.parts} are asked for.",
            remedy=f"Give --shard I/{there.parts}, another folder with --out, or no --shard: then one process makes "
            "what is missing.",
        )
    differences = differing_keys(record_document(there), record_document(asked))
    if differences:
        raise UsageProblem(
            f"The parts of the run in {path} were begun otherwise: {'; '.join(differences)}.",
            remedy="Give every part the same --policy and --baseline, or name another folder with --out.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """What a part of a run still has to make."""

    part: Part
    shards: tuple[str, ...]
    """Of images, or of scores."""
    of: int
    """How many shards the part has in all."""
    texts: bool = False
    """Whether the embeddings of the texts and the table of prompts are missing."""

    @property
    def sentence(self) -> str:
        """Say it."""
        part, count = f"part {self.part.number}", len(self.shards)
        said = "all of its shards" if count == self.of else f"{count} of its {self.of} shards"
        named = ", ".join(self.shards[:_SHOWN]) + (", ..." if count > _SHOWN else "")
        told = [f"{said} ({named})"] if count else []
        return f"{part} lacks {' and '.join([*told, *(['texts and prompts'] if self.texts else [])])}"


def what_lacks(run: RunFolder, *, unscored: bool = False) -> tuple[Lack, ...]:
    """Return which parts of a run still have work to do, by the names of its files; nothing where it is undivided.

    Args:
        run: Any run.
        unscored: Whether shards that a judge of the spec has not scored count as well.

    Raises:
        EnvironmentProblem: If the folder cannot be listed, or a file of it is damaged.
    """
    division = read_division(run.path)
    if division is None:
        return ()
    there = set(run.shard_names("images"))
    if unscored:
        listed = run.spec.get("judges")
        for judge in listed if isinstance(listed, dict) else ():
            there &= set(run.shard_names(f"scores/{judge}"))
    every = [f"{number:05d}" for number in range(division.shards)]
    parts = [Part(number=number, of=division.parts) for number in range(1, division.parts + 1)]
    texts = not (run.has_shard(*TEXT_SHARD) and run.has_table("prompts"))
    found = []
    for part in parts:
        shards = tuple(name for name in part.share(every) if name not in there)
        if shards or (texts and part.is_first):
            found.append(Lack(part=part, shards=shards, of=len(part.share(every)), texts=texts and part.is_first))
    return tuple(found)


def refuse_lacking(run: RunFolder) -> None:
    """Refuse to conclude a run of whose parts not all have made their images.

    Raises:
        InconclusiveProblem: If something is missing; says of which parts.
    """
    lacks = what_lacks(run)
    if lacks:
        raise InconclusiveProblem(
            f"The run in {run.path} is not finished: of its {lacks[0].part.of} parts, {lacking_sentence(lacks)}.",
            remedy="Give the command of each of these parts again, with its --shard, or the same command without "
            "--shard: what is complete is kept.",
        )


def lacking_sentence(lacks: tuple[Lack, ...]) -> str:
    """Say what several parts lack, the first of them at least."""
    more = f"; and {len(lacks) - _SHOWN} more parts lack something" if len(lacks) > _SHOWN else ""
    return "; ".join(lack.sentence for lack in lacks[:_SHOWN]) + more


def unscored_judges(run: RunFolder) -> tuple[str, ...]:
    """Return the judges of a divided run that have not scored all of its shards yet; nothing where it is undivided."""
    if read_division(run.path) is None:
        return ()
    images = set(run.shard_names("images"))
    return tuple(name for name in read_judge_cards(run) if images - set(run.shard_names(f"scores/{name}")))
