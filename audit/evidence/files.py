"""Files that are either whole or not there, and what a disk can do about it.

What happens to them in a folder that stands for one behind a URL is told to whoever carries it there.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from audit.carriers import carrier_of
from audit.errors import UsageProblem
from audit.opening import kind_of, open_regular, os_problem

TEMPORARY_PREFIX: Final = ".tmp-"
_OWN_PREFIX: Final = f"{TEMPORARY_PREFIX}clip-audit-"
"""Of files that are swept where other programs may have theirs."""
_SLUG_LENGTH: Final = 40


@contextlib.contextmanager
def disk_problems(doing: str, path: Path) -> Iterator[None]:
    """Turn an ``OSError`` of the block into a problem that says what to do.

    Args:
        doing: What is being done, as the beginning of a sentence: "Writing".
        path: What it is done to.

    Raises:
        EnvironmentProblem: If the block raises an ``OSError``.
    """
    try:
        yield
    except OSError as error:
        raise os_problem(error, doing, path) from error


def write_atomically(path: Path, data: bytes, *, check: Callable[[Path], None] | None = None) -> None:
    """Write a file so that it is whole or absent, as :func:`replacing` does.

    Args:
        path: Where the file shall be; an older one is replaced. Its folder has to exist.
        data: What it shall hold.
        check: Reads the temporary file back, and raises if it cannot be used.

    Raises:
        EnvironmentProblem: If the disk is full, the folder is read-only or gone, or the disk fails.
        UsageProblem: If a device, a pipe or a socket has the name.
    """
    with replacing(path, check=check) as file:
        file.write(data)


@contextlib.contextmanager
def replacing(path: Path, *, check: Callable[[Path], None] | None = None) -> Iterator[BinaryIO]:
    """Open a file for writing that is whole or absent, whenever the process or the machine stops.

    The bytes go to a temporary file in the same folder, are synced to the disk, checked, and renamed; then
    the folder is synced, so that the name is on the disk as well. Only the owner can read the file.

    Args:
        path: Where the file shall be; an older one is replaced once the block ends, and kept if it raises.
        check: As for :func:`write_atomically`.

    Raises:
        EnvironmentProblem: As :func:`write_atomically`.
    """
    with disk_problems("Writing", path):
        if kind_of(path) == "other":
            raise UsageProblem(
                f"{path} is a device, a pipe or a socket, which no file can take the place of.",
                remedy="Name another file, in a folder that is there.",
            )
        descriptor, name = tempfile.mkstemp(prefix=_OWN_PREFIX, dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if check is not None:
                check(temporary)
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    _tell_written(path)


def append_durably(path: Path, data: bytes) -> None:
    """Append to a file, and return once it is on the disk; where that fails, the file is as it was.

    Args:
        path: A file that is there, in a folder of ours.
        data: What is appended.

    Raises:
        EnvironmentProblem: If the disk is full, the folder is read-only or gone, or the disk fails.
    """
    with disk_problems("Writing", path):
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "ab", buffering=0) as file:
            length = os.fstat(descriptor).st_size
            try:
                while data:
                    data = data[file.write(data) :]
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, length)
                raise
    _tell_written(path)


def remove_file(path: Path) -> None:
    """Remove a file, where there is one.

    Raises:
        EnvironmentProblem: If it cannot be removed.
    """
    with disk_problems("Removing", path):
        path.unlink(missing_ok=True)
    carrier = carrier_of(path)
    if carrier is not None:
        carrier.removed(path)


def rename_file(path: Path, name: str) -> None:
    """Give a file another name in its folder, on the disk too.

    Raises:
        EnvironmentProblem: If it cannot be renamed.
    """
    with disk_problems("Renaming", path):
        path.replace(path.with_name(name))
        sync_folder(path.parent)
    carrier = carrier_of(path)
    if carrier is not None:
        carrier.written(path.with_name(name))
        carrier.removed(path)


def _tell_written(path: Path) -> None:
    carrier = carrier_of(path)
    if carrier is not None:
        carrier.written(path)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folders(root: Path, relative: Path) -> None:
    """Make the folders of ``relative`` below ``root``, for the owner only; never ``root`` itself.

    Raises:
        EnvironmentProblem: If ``root`` is gone, or a folder cannot be made.
    """
    folder = root
    for part in relative.parts:
        parent, folder = folder, folder / part
        if not folder.is_dir():
            with disk_problems("Making the folder", folder):
                folder.mkdir(mode=0o700, exist_ok=True)
                sync_folder(parent)


def remove_leftovers(root: Path) -> None:
    """Remove the temporary files that a killed process left below ``root``, whose lock the caller has.

    Raises:
        EnvironmentProblem: If one cannot be removed.
    """
    with disk_problems("Tidying", root):
        for leftover in sorted(root.rglob(f"{TEMPORARY_PREFIX}*")):
            leftover.unlink(missing_ok=True)


ABANDONED_S: Final = 86_400.0
"""Seconds after which no process still writes a temporary file."""


def remove_abandoned(folder: Path) -> None:
    """Remove the temporary files, a day old, that killed processes of ours left in a folder of which nobody has a lock.

    What cannot be looked at or removed stays.
    """
    for leftover in folder.glob(f"{_OWN_PREFIX}*"):
        with contextlib.suppress(OSError):
            found = leftover.lstat()
            if stat.S_ISREG(found.st_mode) and time.time() - found.st_mtime > ABANDONED_S:
                leftover.unlink()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits.

    Raises:
        EnvironmentProblem: If the file cannot be read.
    """
    with disk_problems("Reading", path), open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def safe_name(name: str) -> str:
    """Return a file name for any text: readable letters, and a short hash that tells like-looking names apart.

    Args:
        name: Any text, such as "zero_shot:phantom:judge" or "../../etc/passwd".

    Returns:
        Lower-case letters, digits and hyphens; at most 49 characters. The same text gives the same name, always.

    Example:
        >>> safe_name("zero_shot:phantom:judge")
        'zero-shot-phantom-judge-90b2cad6'
    """
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_SLUG_LENGTH].rstrip("-") or "x"
    return f"{slug}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
