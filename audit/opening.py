"""Paths and files that a user, a checkpoint or somebody's run folder names: asked about and opened here alone.

A name can be anything: a pipe that nobody writes to, a device, a loop of links, a folder without rights, a text too
long to be a path. A question about it has an answer or ends in a problem, and nothing waits: what is opened is a
regular file. Which number of the operating system means what for a user stands here too, once. A test in
``tests/contracts/`` holds that no other file opens or asks by itself.
"""

from __future__ import annotations

import datetime as dt
import errno
import fnmatch
import os
import re
import stat
from collections.abc import Callable
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Final, Literal, NoReturn

from audit.errors import EnvironmentProblem, UsageProblem

_AGAIN: Final = "then give the same command again: what is complete is kept."
_SPACE: Final = "Free some space (or raise the quota or file size limit), then give the same command again: it resumes."
_RIGHTS: Final = "Make the folder writable for this user, or name another one with --out."
_GONE: Final = f"Check that the folder still exists and its drive is still mounted, {_AGAIN}"
_HANDLES: Final = (
    "Close other programs, or raise the limit of open files (`ulimit -n`), then give the same command again."
)
_MEMORY: Final = "Close other programs, or use another --device or a machine with more memory."
_LINKS: Final = "Links in the path lead in a circle, or there are too many of them; name the place itself."
_LONG: Final = "Use a shorter path: the file system takes 255 bytes for a name."
_REMEDIES: Final = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _SPACE),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _RIGHTS),
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR, errno.ESTALE, errno.ENODEV, errno.ENXIO), _GONE),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), _HANDLES),
    **dict.fromkeys((errno.ENOMEM, errno.EAGAIN), _MEMORY),
    errno.ELOOP: _LINKS,
    errno.ENAMETOOLONG: _LONG,
    errno.EPIPE: "Whoever read the output has gone; give the same command again without the pipe.",
}
_OTHERWISE: Final = f"Check the drive, {_AGAIN}"
_ABSENT: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})
"""What says that there is nothing of a name; everything else says that it cannot be told."""

LARGEST: Final = 2**30
"""Bytes of a file that is read whole, where nothing smaller is said."""

Kind = Literal["file", "folder", "other", "nothing"]
_KINDS: Final[tuple[tuple[Callable[[int], bool], str], ...]] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def os_problem(error: OSError, doing: str = "", path: object = None) -> EnvironmentProblem:
    """Return what the operating system answered as a problem, by its number and never by its wording.

    Args:
        error: What was raised.
        doing: What was being done, as the beginning of a sentence: "Writing".
        path: What it was done to; what the error itself names, if left out.

    Example:
        >>> os_problem(OSError(errno.ENOSPC, "No space left on device"), "Writing", "a").what
        'Writing a failed: No space left on device.'
    """
    reason = (error.strerror or str(error) or type(error).__name__).rstrip(".")
    at = error.filename if path is None else path
    what = f"{doing} {at} failed: {reason}." if doing else f"{reason}{'' if at is None else f' ({at})'}."
    return EnvironmentProblem(what, remedy=_REMEDIES.get(error.errno or 0, _OTHERWISE))


def kind_of(path: Path) -> Kind:
    """Return what a path leads to, through links; a text that no file can have for a name leads to nothing.

    Raises:
        EnvironmentProblem: If it cannot be told: no rights to look, links in a circle, a drive that does not answer.
    """
    mode = _mode_of(path)
    if mode is None:
        return "nothing"
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "other"


def _mode_of(path: Path) -> int | None:
    """Return the mode of what a path leads to; ``None`` where that is nothing."""
    try:
        return os.stat(path).st_mode  # noqa: PTH116  (what pathlib makes of errors differs between versions)
    except ValueError:  # a zero byte, or half a character
        return None
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise os_problem(error, "Looking for", path) from error


def is_there(path: Path) -> bool:
    """Tell whether a path leads to anything; raises what :func:`kind_of` does."""
    return kind_of(path) != "nothing"


def is_file(path: Path) -> bool:
    """Tell whether a path leads to a regular file; raises what :func:`kind_of` does."""
    return kind_of(path) == "file"


def is_folder(path: Path) -> bool:
    """Tell whether a path leads to a folder; raises what :func:`kind_of` does."""
    return kind_of(path) == "folder"


def check_named_file(path: Path, remedy: str) -> None:
    """Refuse a file that a user named, before anything reads it: where nothing is there, or something else.

    Args:
        path: As it was named.
        remedy: What to name instead.

    Raises:
        UsageProblem: If it leads to no regular file.
    """
    mode = _mode_of(path)
    if mode is None:
        raise UsageProblem(f"There is no file {str(path)!r}.", remedy=remedy)
    if not stat.S_ISREG(mode):
        raise UsageProblem(f"{str(path)!r} is {_words_for(mode)}, where a file is expected.", remedy=remedy)


def size_of(path: Path) -> int:
    """Return the bytes of a file.

    Raises:
        EnvironmentProblem: If it is not there, or cannot be asked about.
    """
    try:
        return os.stat(path).st_size  # noqa: PTH116  (as above)
    except OSError as error:
        raise os_problem(error, "Looking for", path) from error


def changed_on(path: Path) -> dt.date:
    """Return the day, in UTC, on which a file was written last.

    Raises:
        EnvironmentProblem: As :func:`size_of` does.
    """
    try:
        return dt.datetime.fromtimestamp(os.stat(path).st_mtime, tz=dt.UTC).date()  # noqa: PTH116  (as above)
    except OSError as error:
        raise os_problem(error, "Looking for", path) from error
    except (OverflowError, ValueError) as error:
        raise EnvironmentProblem(f"{path} was written at no time that there is.", remedy="Touch it.") from error


def stamp_of(path: Path) -> str:
    """Return size and time of a file as text that is another one, most likely, once it is written anew.

    Raises:
        EnvironmentProblem: As :func:`size_of` does.
    """
    try:
        found = os.stat(path)  # noqa: PTH116  (as above)
    except OSError as error:
        raise os_problem(error, "Looking for", path) from error
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ino}"


def is_link(path: Path) -> bool:
    """Tell whether a name is a link; one that cannot be looked at is none that could be followed."""
    return os.path.islink(path)  # noqa: PTH114  (as for stat)


def entries(folder: Path, pattern: str = "*") -> tuple[Path, ...]:
    """List what lies in a folder, by name, in sorted order; nothing where there is no folder.

    Raises:
        EnvironmentProblem: If the folder is there and cannot be listed: that is no empty folder.
    """
    try:
        names = os.listdir(folder)  # noqa: PTH208  (as for stat)
    except ValueError:
        return ()
    except OSError as error:
        if error.errno in _ABSENT:
            return ()
        raise os_problem(error, "Listing", folder) from error
    return tuple(folder / name for name in sorted(names) if fnmatch.fnmatchcase(name, pattern))


def files_below(root: Path) -> tuple[Path, ...]:
    """List every entry below a folder that is no folder, in sorted order; links to folders are not followed.

    Raises:
        EnvironmentProblem: If one of the folders cannot be listed.
    """

    def fail(error: OSError) -> NoReturn:
        raise os_problem(error, "Listing") from error

    found = os.walk(root, onerror=fail)
    return tuple(sorted(Path(folder, name) for folder, _, names in found for name in names))


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading, without waiting for anything.

    Raises:
        OSError: As :func:`open` does; and with ``EINVAL`` where the path leads to a pipe, a device or the like, or
            cannot be a path.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except ValueError as error:
        raise OSError(errno.EINVAL, "this is no path", str(path)) from error
    try:
        _refuse_irregular(os.fstat(descriptor).st_mode, path)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def open_to_append(path: Path) -> FileIO:
    """Open a regular file, made where there is none, so that each write goes to its end at once.

    Raises:
        OSError: As :func:`open_regular` does.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o600)
    except ValueError as error:
        raise OSError(errno.EINVAL, "this is no path", str(path)) from error
    try:
        _refuse_irregular(os.fstat(descriptor).st_mode, path)
        return FileIO(descriptor, "ab")
    except BaseException:
        os.close(descriptor)
        raise


def _words_for(mode: int) -> str:
    return next((words for fits, words in _KINDS if fits(mode)), "no regular file")


def _refuse_irregular(mode: int, path: Path) -> None:
    if not stat.S_ISREG(mode):
        found = _words_for(mode)
        number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise OSError(number, f"it is {found}, where a file is expected", str(path))


def read_regular(path: Path, *, most: int) -> bytes:
    """Read a regular file of at most so many bytes.

    Raises:
        OSError: As :func:`open_regular` does; and with ``EFBIG`` where it is larger.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(
            min(size, most) + 1
        )  # not more: a buffer for a quarter of a gigabyte takes longer than most files
        data += file.read(most + 1 - len(data)) if len(data) > size else b""
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most:,} bytes", str(path))
    return data


def read_text(path: Path) -> str:
    """Read a regular file of text in UTF-8.

    Raises:
        OSError: As :func:`read_regular` does.
        UnicodeDecodeError: If it is something else.
    """
    return read_regular(path, most=LARGEST).decode("utf-8")


def at_home(name: str) -> Path:
    """Return a path in which ``~`` is the home folder of a user.

    Raises:
        UsageProblem: If there is no such user, or no home folder.
    """
    try:
        return Path(name).expanduser()
    except RuntimeError as error:
        raise UsageProblem(
            f"{name} names the home folder of a user, and there is none.", remedy="Write the path out."
        ) from error


def shown_address(address: str) -> str:
    """Return a URL without the name and the password that it may hold, as it may be said and written down.

    Example:
        >>> shown_address("https://me:secret@mlflow.example.org/x")
        'https://mlflow.example.org/x'
    """
    return re.sub(r"//[^/@]*@", "//", address)


def working_folder() -> Path:
    """Return the folder that the program was called in.

    Raises:
        EnvironmentProblem: If it is gone.
    """
    try:
        return Path.cwd()
    except OSError as error:
        raise EnvironmentProblem(
            f"The current folder cannot be found: {error.strerror}.", remedy="Go into another one with cd."
        ) from error
