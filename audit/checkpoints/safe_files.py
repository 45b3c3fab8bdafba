"""Files of a checkpoint: where they may lie, what they are by their content, and that they hold still."""

from __future__ import annotations

import errno
import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, final

from audit.errors import EnvironmentProblem, RefusedProblem
from audit.opening import is_file, open_regular, read_regular
from audit.parsing import parse_json

FileKind = Literal["safetensors", "torch_zip", "pickle"]
PICKLE_SUFFIXES: Final = (".pt", ".pth", ".bin")

_CHUNK: Final = 1 << 22
_GET_AGAIN: Final = "Get the file again from its source."
_RESAVE: Final = "Ask its maker for safetensors, or save its state dict as safetensors in a place that you trust."


def within(root: Path, path: Path) -> Path:
    """Return ``path`` once it is known to lie in ``root``, also through links; its own name keeps its suffix.

    Raises:
        RefusedProblem: If ``path`` is a link that leads out of ``root``, or is no ordinary file.
    """
    true = path.resolve()
    if not true.is_relative_to(root.resolve()):
        raise RefusedProblem(
            f"{path} is a link that leads out of its folder.", remedy="Put a copy of the file itself into the folder."
        )
    if not is_file(true):
        raise RefusedProblem(f"{path} is not a file.", remedy=_GET_AGAIN)
    return path


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hex."""
    digest = hashlib.sha256()
    with open_regular(path) as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A file as it is: what changes whenever somebody writes it."""

    text: str
    size: int
    last_ns: int
    """When it was written or changed last, in nanoseconds since 1970."""


def identity_of(path: Path) -> Identity:
    """Return what a file is known by, through links.

    Raises:
        OSError: If there is no such file.
    """
    found = path.stat()
    last = max(found.st_mtime_ns, found.st_ctime_ns)
    return Identity(text=" ".join(map(str, _identity(found))), size=found.st_size, last_ns=last)


@contextmanager
def unchanged(path: Path) -> Iterator[None]:
    """Check that nobody writes to ``path`` while the block runs, so that what was hashed is what was loaded.

    Raises:
        EnvironmentProblem: If the file changed, or cannot be read.
    """
    try:
        before = path.stat()
        yield
        after = path.stat()
    except PermissionError as error:
        raise EnvironmentProblem(f"{path} may not be read.", remedy="Give yourself the right to read it.") from error
    if _identity(before) != _identity(after):
        raise EnvironmentProblem(
            f"{path} changed while it was being loaded.", remedy="Wait until it is written, then run again."
        )


def sniff(path: Path) -> FileKind:
    """Return what a weights file is, by its first bytes and never by its name.

    Raises:
        RefusedProblem: If it is empty, a placeholder or a web page, or of a kind that can carry code.
    """
    with open_regular(path) as stream:
        head = stream.read(512)
    if not head:
        raise RefusedProblem(f"{path} is empty (0 bytes).", remedy=_GET_AGAIN)
    if head.startswith(b"version https://git-lfs"):
        raise RefusedProblem(
            f"{path} is a Git LFS pointer, not the weights that it points to.", remedy="Run `git lfs pull`."
        )
    if head.lstrip()[:5].lower() in {b"<!doc", b"<html", b"<?xml", b"<head", b"<body"}:
        raise RefusedProblem(f"{path} is a web page, not weights: the download failed.", remedy=_GET_AGAIN)
    if head.startswith(b"PK\x03\x04"):
        return _sniff_zip(path)
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            raise RefusedProblem(f"{path} is {kind}, which is not read.", remedy=_RESAVE)
    if path.suffix == ".joblib":
        raise RefusedProblem(f"{path} is a joblib file, which can run code when it is read.", remedy=_RESAVE)
    if head[8:9] == b"{":
        return "safetensors"
    if head[0] == 0x80 or path.suffix in PICKLE_SUFFIXES:
        return "pickle"
    raise RefusedProblem(f"{path} is no weights file: it starts with {head[:12]!a}.", remedy=_GET_AGAIN)


_MAGIC: Final = {
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array file",
    b"\x1f\x8b": "a gzip archive",
    b"\xfd7zXZ": "an xz archive",
    b"BZh": "a bzip2 archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"GGUF": "a GGUF file",
}


def _sniff_zip(path: Path) -> FileKind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise RefusedProblem(
            f"{path} is a zip archive that is cut off or damaged: {error}.", remedy=_GET_AGAIN
        ) from error
    parts = [name.split("/") for name in names]
    last = {steps[-1] for steps in parts}
    if "constants.pkl" in last or any("code" in steps[:-1] for steps in parts):
        raise RefusedProblem(
            f"{path} is a TorchScript archive: a program, not weights alone.",
            remedy="Where you trust the file, keep its weights alone, and name the new file with --arch: "
            "`import torch; from safetensors.torch import save_file`, then `save_file({name: one.clone() for name, one "
            "in torch.jit.load(FILE, map_location='cpu').state_dict().items()}, 'weights.safetensors')`.",
        )
    if path.suffix == ".pt2" or "archive_format" in last or any(name.startswith("serialized_") for name in last):
        raise RefusedProblem(f"{path} is an exported program (.pt2), not weights alone.", remedy=_RESAVE)
    if any(name.endswith(".npy") for name in last):
        raise RefusedProblem(f"{path} is a NumPy archive (.npz), whose arrays can carry code.", remedy=_RESAVE)
    if "data.pkl" not in last:
        raise RefusedProblem(f"{path} is a zip archive without weights in it.", remedy=_GET_AGAIN)
    return "torch_zip"


def _identity(stat: object) -> tuple[object, ...]:
    return tuple(getattr(stat, name) for name in ("st_dev", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns"))


_MAX_BYTES: Final = 1 << 20


def read_json(path: Path, *, max_bytes: int = _MAX_BYTES) -> object:
    """Return what a JSON file of a checkpoint holds.

    Raises:
        RefusedProblem: If the file is too large, is not UTF-8, is not JSON, nests too deeply, or names a key twice.
        EnvironmentProblem: If the file cannot be read.
    """
    try:
        return parse_json(read_regular(path, most=max_bytes))
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise _refused(path, f"has more than the {max_bytes} bytes that such a file needs") from error
        raise EnvironmentProblem(f"{path} cannot be read: {error.strerror}.", remedy="Look at its rights.") from error
    except ValueError as error:
        raise _refused(path, f"is not plain JSON: {error}") from error


def _refused(path: Path, what: str) -> RefusedProblem:
    return RefusedProblem(
        f"{path} {what}.", remedy="Get the checkpoint again from its source; nothing of it was loaded."
    )
