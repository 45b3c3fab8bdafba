"""Run folders behind a URL: each is worked on in a copy here, and what is written or removed here is, at once, there.

The copy is a folder like any other, so all that reads and writes runs works on it. A file that is whole here
(``files.py``) is sent as one object before the work goes on: what lies there is at every moment what a run that was
killed leaves on a disk, and another machine goes on from it. In place of the locks of a disk, which a bucket has not,
there is one object per driver that says since when it is at work (``folder_lock.py``).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fnmatch
import json
import platform
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final, final

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs

from audit.carriers import CARRIERS, begin_carrying, end_carrying
from audit.errors import AuditProblem, EnvironmentProblem, UsageProblem
from audit.evidence.files import TEMPORARY_PREFIX, disk_problems
from audit.evidence.folder_lock import is_lock
from audit.evidence.remote_runs import remote_problem
from audit.opening import files_below, is_there, shown_address

_PREFIX: Final = "clip-audit-copy-"
_OBJECT_STORES: Final = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oci", "oss", "memory"})
"""Where a file is an object, which is put whole or not at all; elsewhere it is put under another name and renamed."""
BEAT_S: Final = 60.0
"""Seconds between two signs of life of a driver."""
STALE_S: Final = 300.0
"""Seconds without a sign of life after which a driver is taken for dead."""


@contextlib.contextmanager
def working_copy(url: str, *, only: Iterable[str] | None = None) -> Iterator[Path]:
    """Bring the run behind a URL here, and send there what is done to it here, until the end of the block.

    Args:
        url: Of one run folder, as fsspec writes it: ``s3://bucket/runs/mine``. There need not be anything yet.
        only: The files that are brought, relative to the run; all of them where nothing is said.

    Yields:
        The folder here, in a temporary folder; its siblings are those of the URL. Not made where there is no run yet.

    Raises:
        UsageProblem: If nothing can read such a URL.
        EnvironmentProblem: If a package is missing, the place does not answer, or the disk is full.
    """
    with _problems_of(url):
        system, root = url_to_fs(url, use_listings_cache=False)
    place = PurePosixPath(root.rstrip("/"))
    if place.name in {"", "..", "."} or place == place.parent:
        raise UsageProblem(
            f"{shown_address(url)} is no folder of one run.", remedy="Name one within it: s3://BUCKET/RUNS/NAME."
        )
    with _above(system, place.parent, url) as copy:
        copy.bring(copy.here / place.name, only)
        yield copy.here / place.name


@contextlib.contextmanager
def _above(system: AbstractFileSystem, there: PurePosixPath, url: str) -> Iterator[WorkingCopy]:
    """Give what carries the folder that a run lies in: one for all runs in it, so that they find each other."""
    for carrier in CARRIERS.values():
        if isinstance(carrier, WorkingCopy) and carrier.is_of(system, there):
            yield carrier
            return
    here = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
    copy = WorkingCopy(system, there, here, url.rstrip("/").rpartition("/")[0])
    begin_carrying(here, copy, shown_address(copy.address))
    try:
        yield copy
    finally:
        end_carrying(here)
        shutil.rmtree(here, ignore_errors=True)


@final
class WorkingCopy:
    """What is here and what is behind a URL, kept alike; made by :func:`working_copy`.

    Args:
        system: The file system of the URL.
        there: The folder there in which the run lies.
        here: The folder here in which its copy lies.
        address: The URL of that folder.
    """

    def __init__(self, system: AbstractFileSystem, there: PurePosixPath, here: Path, address: str) -> None:
        self._system = system
        self._there = there
        self.here = here
        self.address = address
        names = {system.protocol} if isinstance(system.protocol, str) else set(system.protocol)
        self._stamps: dict[Path, str] = {}
        self._is_object_store = bool(_OBJECT_STORES & names)

    def is_of(self, system: AbstractFileSystem, there: PurePosixPath) -> bool:
        """Tell whether this is the copy of that folder."""
        return self._system is system and self._there == there

    def url_of(self, folder: Path) -> str:
        """Return the URL of a folder here."""
        return f"{self.address}/{folder.relative_to(self.here).as_posix()}"

    def bring(self, folder: Path, only: Iterable[str] | None = None) -> None:
        """Bring what lies there of a folder and not here.

        Args:
            folder: Here.
            only: Relative names; everything where nothing is said.

        Raises:
            AuditProblem: As :func:`working_copy` does.
        """
        with _problems_of(self.address):
            listed = self._listed(folder) if only is None else {PurePosixPath(name): "" for name in only}
            self._fetch(folder, {name: stamp for name, stamp in listed.items() if not is_there(folder / name)})

    def refresh(self, folder: Path) -> None:
        """Make a folder here what it is there by now: others may have worked on it since it was brought.

        Raises:
            AuditProblem: As :func:`working_copy` does.
        """
        with _problems_of(self.address):
            listed = self._listed(folder)
            here = {PurePosixPath(path.relative_to(folder)): path for path in files_below(folder)}
            for name, path in here.items():
                if name not in listed and not is_lock(name.name):
                    path.unlink()
            changed = {name: stamp for name, stamp in listed.items() if self._stamps.get(folder / name) != stamp}
            self._fetch(folder, changed)

    def _fetch(self, folder: Path, wanted: Mapping[PurePosixPath, str]) -> None:
        """Bring files, whatever is here of them."""
        with disk_problems("Making a folder", folder):
            for parent in {folder / name.parent for name in wanted}:
                parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, stamp in wanted.items():
            self._get(folder / name)
            self._stamps[folder / name] = stamp

    def _listed(self, folder: Path) -> dict[PurePosixPath, str]:
        """Return the files below a folder there, and what says of each whether it is another one by now.

        Left out are locks, what is half-written, and names that lead elsewhere.
        """
        root = self._path(folder)
        self._system.invalidate_cache()
        found = self._system.find(root, detail=True)
        names = {
            PurePosixPath(path).relative_to(PurePosixPath(root)): _stamp(about)
            for path, about in found.items()
            if about["type"] == "file" and "\0" not in path
        }
        return {
            name: stamp
            for name, stamp in names.items()
            if name.parts and ".." not in name.parts and not is_lock(name.name) and not _is_temporary(name)
        }

    def _get(self, path: Path) -> None:
        """Bring one file, whole or not at all."""
        temporary = path.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}")
        try:
            self._system.get_file(self._path(path), str(temporary))
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def written(self, path: Path) -> None:
        """Send a file that is whole here.

        Raises:
            EnvironmentProblem: If it cannot be sent.
        """
        target = self._path(path)
        with _problems_of(self.address, "written to"):
            if self._is_object_store:
                self._system.put_file(str(path), target)
                return
            folder = str(PurePosixPath(target).parent)
            temporary = f"{folder}/{TEMPORARY_PREFIX}{secrets.token_hex(8)}"
            self._system.makedirs(folder, exist_ok=True)
            self._system.put_file(str(path), temporary)
            self._system.mv(temporary, target)

    def removed(self, path: Path) -> None:
        """Remove there what was removed here.

        Raises:
            EnvironmentProblem: If it cannot be removed.
        """
        with _problems_of(self.address, "written to"), contextlib.suppress(FileNotFoundError):
            self._system.rm_file(self._path(path))

    def _path(self, path: Path) -> str:
        return str(self._there / PurePosixPath(path.relative_to(self.here)))

    def lease(self, place: Path, taken: EnvironmentProblem) -> Lease:
        """Say there that a driver is at work, where none is.

        Args:
            place: The lock here.
            taken: What is raised if another driver is.

        Raises:
            EnvironmentProblem: ``taken``, if another one gave a sign of life in the last minutes; another one if
                nothing can be written there.
        """
        return Lease(self._read_lease, self._write_lease, self.removed, place, taken)

    def leases(self, folder: Path, pattern: str) -> list[Path]:
        """Return the locks here that stand for drivers which are at work there."""
        with _problems_of(self.address):
            self._system.invalidate_cache()
            names = {PurePosixPath(path).name for path in self._system.find(self._path(folder), maxdepth=1)}
        places = [folder / name for name in sorted(names) if fnmatch.fnmatchcase(name, pattern)]
        return [place for place in places if _is_alive(self._read_lease(place))]

    def _read_lease(self, place: Path) -> dict[str, str] | None:
        with _problems_of(self.address):
            try:
                content = self._system.cat_file(self._path(place))
            except FileNotFoundError:
                return None
        try:
            said = json.loads(content)
        except ValueError:
            said = None
        return {str(key): str(value) for key, value in said.items()} if isinstance(said, dict) else {}

    def _write_lease(self, place: Path, said: dict[str, str], *, new: bool) -> bool:
        """Write that a driver is at work; returns whether, if it has to be new, nobody else was faster."""
        with _problems_of(self.address, "written to"):
            target = self._path(place)
            if not self._is_object_store:
                self._system.makedirs(str(PurePosixPath(target).parent), exist_ok=True)
            try:
                self._system.pipe_file(target, json.dumps(said).encode(), mode="create" if new else "overwrite")
            except FileExistsError:
                return False
        return True


@final
class Lease:
    """The right to write behind a URL, told there by an object with a time that is renewed; ends with ``release``."""

    def __init__(
        self,
        read: Callable[[Path], dict[str, str] | None],
        write: Callable[..., bool],
        remove: Callable[[Path], None],
        place: Path,
        taken: EnvironmentProblem,
    ) -> None:
        self._read, self._write, self._remove = read, write, remove
        self._place = place
        self._token = secrets.token_hex(16)
        self._is_lost = False
        self._is_over = threading.Event()
        found = read(place)
        if _is_alive(found):
            raise taken
        if found is not None:
            remove(place)
        if not write(place, self._said(), new=True):
            raise taken
        self._beat = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._beat.start()

    def _said(self) -> dict[str, str]:
        return {"driver": self._token, "host": platform.node(), "at": dt.datetime.now(dt.UTC).isoformat()}

    def _renew(self) -> None:
        """Give signs of life until the release; one that cannot be given now is given later."""
        while not self._is_over.wait(BEAT_S):
            with contextlib.suppress(AuditProblem):
                found = self._read(self._place)
                if found is None or found.get("driver") != self._token:
                    self._is_lost = True
                    return
                self._write(self._place, self._said(), new=False)

    def check_held(self) -> None:
        """Check that no other driver has taken the run for abandoned.

        Raises:
            EnvironmentProblem: If one has, or somebody removed the object.
        """
        if self._is_lost:
            raise EnvironmentProblem(
                f"Another process took over, or somebody unlocked, what {self._place} says is being worked on.",
                remedy="See that no other process works there, then give the same command again: what is complete is "
                "kept.",
            )

    def release(self) -> None:
        """Let another driver have the run; where nobody answers, it is free after some minutes."""
        self._is_over.set()
        self._beat.join(timeout=BEAT_S)  # a sign of life that is being given would bring the object back
        if not self._is_lost:
            with contextlib.suppress(AuditProblem):
                self._remove(self._place)


def _is_alive(said: dict[str, str] | None) -> bool:
    """Tell whether a driver gave a sign of life in the last minutes."""
    try:
        at = dt.datetime.fromisoformat((said or {})["at"])
        return (dt.datetime.now(dt.UTC) - at).total_seconds() < STALE_S
    except (KeyError, ValueError, TypeError):
        return False


def _stamp(about: Mapping[str, object]) -> str:
    """Return what a file system says of a file that is another thing, most likely, once the file is written anew."""
    said = (about.get(key) for key in ("ETag", "etag", "md5Hash", "mtime", "LastModified", "created", "CRC"))
    return f"{about.get('size')} {next((value for value in said if value is not None), '')}"


def _is_temporary(name: PurePosixPath) -> bool:
    return name.name.startswith(TEMPORARY_PREFIX)


@contextlib.contextmanager
def _problems_of(url: str, what: str = "read") -> Iterator[None]:
    """Turn whatever a file system of somebody else raises into a problem."""
    try:
        yield
    except Exception as error:
        raise remote_problem(url, error, what) from error
