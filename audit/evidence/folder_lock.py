"""One driver at a time in a run folder, or one for each of its parts, whatever is deleted by hand meanwhile.

Two locks of the operating system are held, and both end with the process. That on the folder itself can't be removed by
deleting a name in it. Some network drives lock no folders; there the file ``.lock`` alone keeps others out, so before
each write it is looked at whether it is still the file that is held. Likewise the folder: one that was deleted and made
again by somebody else is theirs.

A folder that stands for one behind a URL is locked here and there, by a lease (``working_copies.py``).

Several processes may each make a part of one run. Then each holds the file of its part, and that of the folder only
while it begins; whoever takes the whole folder takes the files of all parts as well.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, final

from filelock import FileLock, Timeout, lock_descriptor

from audit.carriers import Lease, carrier_of
from audit.errors import EnvironmentProblem
from audit.evidence.files import disk_problems
from audit.opening import entries

LOCK_NAME: Final = ".lock"
_PART_LOCK: Final = re.compile(r"\.part-[0-9]+\.lock")


@final
class LockTaken(EnvironmentProblem):
    """Another process has the folder, or the part of it."""


@final
class FolderLock:
    """The right to write into one folder; made by :func:`lock_folder` and :func:`lock_part`."""

    def __init__(self, path: Path, *, file: FileLock, folder: int | None, inodes: tuple[tuple[int, int], ...]) -> None:
        self._path = path
        self._files = [file]
        self._folder = folder
        self._inodes = inodes
        self._lease: Lease | None = None

    def lease(self, place: Path, taken: LockTaken) -> None:
        """Take the right to write behind a URL, where the folder stands for one, and see what others wrote meanwhile.

        Raises:
            LockTaken: If another driver has it.
            EnvironmentProblem: If the place does not answer.
        """
        carrier = carrier_of(self._path)
        if carrier is not None:
            self._lease = carrier.lease(place, taken)
            carrier.refresh(self._path)

    def release(self) -> None:
        """Let another driver have the folder."""
        if self._lease is not None:
            self._lease.release()
            self._lease = None
        if self._folder is not None:
            os.close(self._folder)
            self._folder = None
        for file in reversed(self._files):
            file.release()

    def hold_too(self, file: FileLock) -> None:
        """Hold another file as well, until the release."""
        self._files.append(file)

    def check_held(self) -> None:
        """Check that the folder is still the locked one, before something is written into it.

        Raises:
            EnvironmentProblem: If the folder, or on a drive that locks no folders its ``.lock``, is another one now.
        """
        if self._lease is not None:
            self._lease.check_held()
        with disk_problems("Writing into", self._path):
            if self._inodes != tuple(map(_inode, _held(self._files[0], folder_is_locked=self._folder is not None))):
                raise EnvironmentProblem(
                    f"{self._path} was deleted, moved or unlocked by somebody while this process worked in it.",
                    remedy="See that no other process works there, then give the same command again: what is complete "
                    "is kept.",
                )


@final
class LentLock:
    """The right to write into one folder of a process that works for the one which has locked it; it locks nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = _inode(path)

    def release(self) -> None:
        """There is nothing to give back."""

    def check_held(self) -> None:
        """Check that the folder is still the one that the work was begun in.

        Raises:
            EnvironmentProblem: If it is another one now.
        """
        with disk_problems("Writing into", self._path):
            if self._folder != _inode(self._path):
                raise EnvironmentProblem(
                    f"{self._path} was deleted or moved while this process worked in it.",
                    remedy="Give the same command again: what is complete is kept.",
                )


def is_lock(name: str) -> bool:
    """Tell whether a file of a run folder is one of its locks."""
    return name == LOCK_NAME or _PART_LOCK.fullmatch(name) is not None


def lock_folder(path: Path) -> FolderLock:
    """Take the locks of an existing folder and of all of its parts, without waiting.

    Raises:
        LockTaken: If another process holds one of them.
        EnvironmentProblem: If the file system has no locks.
    """
    lock = lock_beginning(path)
    try:
        with disk_problems("Locking", path):
            for place in entries(path, ".part-*.lock"):
                lock.hold_too(_take(place, _part_taken(place)))
        carrier = carrier_of(path)
        if carrier is not None:
            for place in carrier.leases(path, ".part-*.lock"):
                raise _part_taken(place)  # noqa: TRY301  (all of it is under the lock)
    except BaseException:
        lock.release()
        raise
    return lock


def lock_part(path: Path, number: int) -> FolderLock:
    """Take the lock of one part of the run in an existing folder, without waiting.

    Raises:
        LockTaken: If another process holds it.
        EnvironmentProblem: If the file system has no locks.
    """
    place = path / f".part-{number}.lock"
    with disk_problems("Locking", path):
        file = _take(place, _part_taken(place))
        try:
            inodes = tuple(map(_inode, _held(file, folder_is_locked=False)))
        except BaseException:
            file.release()
            raise
    return _leased(FolderLock(path, file=file, folder=None, inodes=inodes), place, _part_taken(place))


def lock_beginning(path: Path) -> FolderLock:
    """Take the lock of an existing folder while parts of it may be at work, without waiting.

    Raises:
        LockTaken: If another process holds it.
        EnvironmentProblem: If the file system has no locks.
    """
    with disk_problems("Locking", path):
        file = _take(path / LOCK_NAME, _taken(path))
        try:
            folder = _locked_folder(path)
            inodes = tuple(map(_inode, _held(file, folder_is_locked=folder is not None)))
        except BaseException:
            file.release()
            raise
    return _leased(FolderLock(path, file=file, folder=folder, inodes=inodes), path / LOCK_NAME, _taken(path))


def _leased(lock: FolderLock, place: Path, taken: LockTaken) -> FolderLock:
    try:
        lock.lease(place, taken)
    except BaseException:
        lock.release()
        raise
    return lock


def _take(place: Path, taken: LockTaken) -> FileLock:
    file = FileLock(place, timeout=0, mode=0o600, thread_local=False)
    try:
        file.acquire()
    except Timeout:
        raise taken from None
    except NotImplementedError as error:
        raise EnvironmentProblem(
            f"The file system of {place.parent} has no locks.", remedy="Name a folder on a local drive with --out."
        ) from error
    return file


def _locked_folder(path: Path) -> int | None:
    """Return a descriptor that locks the folder, or nothing where the file system locks files alone."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if lock_descriptor(descriptor, blocking=False):
            return descriptor
    except OSError:
        os.close(descriptor)
        return None
    os.close(descriptor)
    raise _taken(path)


def _held(file: FileLock, *, folder_is_locked: bool) -> tuple[Path, ...]:
    place = Path(file.lock_file)
    return (place.parent,) if folder_is_locked else (place.parent, place)


def _inode(path: Path) -> tuple[int, int]:
    found = os.stat(path)  # noqa: PTH116  (as in audit/opening.py)
    return found.st_dev, found.st_ino


def _taken(path: Path) -> LockTaken:
    return LockTaken(
        f"Another clip-audit process is working in {path}.",
        remedy="Wait until it ends (or end it), or name another folder with --out.",
    )


def _part_taken(place: Path) -> LockTaken:
    number = place.name.removeprefix(".part-").removesuffix(".lock")
    return LockTaken(
        f"Another clip-audit process is working on part {number} of the run in {place.parent}.",
        remedy="Wait until it ends (or end it).",
    )
