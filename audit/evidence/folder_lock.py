"""One driver at a time in a run folder, whatever is deleted by hand meanwhile.

Two locks of the operating system are held, and both end with the process. That on the folder itself can't be removed by
deleting a name in it. Some network drives lock no folders; there the file ``.lock`` alone keeps others out, so before
each write it is looked at whether it is still the file that is held. Likewise the folder: one that was deleted and made
again by somebody else is theirs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, final

from filelock import FileLock, Timeout, lock_descriptor

from audit.errors import EnvironmentProblem
from audit.evidence.files import disk_problems

LOCK_NAME: Final = ".lock"


@final
class FolderLock:
    """The right to write into one folder; made by :func:`lock_folder`."""

    def __init__(self, path: Path, *, file: FileLock, folder: int | None, inodes: tuple[tuple[int, int], ...]) -> None:
        self._path = path
        self._file = file
        self._folder = folder
        self._inodes = inodes

    def release(self) -> None:
        """Let another driver have the folder."""
        if self._folder is not None:
            os.close(self._folder)
            self._folder = None
        self._file.release()

    def check_held(self) -> None:
        """Check that the folder is still the locked one, before something is written into it.

        Raises:
            EnvironmentProblem: If the folder, or on a drive that locks no folders its ``.lock``, is another one now.
        """
        with disk_problems("Writing into", self._path):
            if self._inodes != tuple(map(_inode, _held(self._path, folder_is_locked=self._folder is not None))):
                raise EnvironmentProblem(
                    f"{self._path} was deleted, moved or unlocked by somebody while this process worked in it.",
                    remedy="See that no other process works there, then give the same command again: what is complete "
                    "is kept.",
                )


def lock_folder(path: Path) -> FolderLock:
    """Take the locks of an existing folder, without waiting.

    Raises:
        EnvironmentProblem: If another process holds one of them, or the file system has no locks.
    """
    file = FileLock(path / LOCK_NAME, timeout=0, mode=0o600, thread_local=False)
    with disk_problems("Locking", path):
        try:
            file.acquire()
        except Timeout:
            raise _taken(path) from None
        except NotImplementedError as error:
            raise EnvironmentProblem(
                f"The file system of {path} has no locks.", remedy="Name a folder on a local drive with --out."
            ) from error
        try:
            folder = _locked_folder(path)
            inodes = tuple(map(_inode, _held(path, folder_is_locked=folder is not None)))
        except BaseException:
            file.release()
            raise
    return FolderLock(path, file=file, folder=folder, inodes=inodes)


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


def _held(path: Path, *, folder_is_locked: bool) -> tuple[Path, ...]:
    return (path,) if folder_is_locked else (path, path / LOCK_NAME)


def _inode(path: Path) -> tuple[int, int]:
    found = os.stat(path)  # noqa: PTH116  (as in audit/opening.py)
    return found.st_dev, found.st_ino


def _taken(path: Path) -> EnvironmentProblem:
    return EnvironmentProblem(
        f"Another clip-audit process is working in {path}.",
        remedy="Wait until it ends (or end it), or name another folder with --out.",
    )
