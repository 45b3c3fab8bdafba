"""JSON from a stranger: small, plain, and saying each thing once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, NoReturn

from audit.errors import EnvironmentProblem, RefusedProblem

_MAX_BYTES: Final = 1 << 20


def read_json(path: Path, *, max_bytes: int = _MAX_BYTES) -> object:
    """Return what a JSON file of a checkpoint holds.

    Raises:
        RefusedProblem: If the file is too large, is not UTF-8, is not JSON, nests too deeply, or names a key twice.
        EnvironmentProblem: If the file cannot be read.
    """
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise _refused(path, f"has {size} bytes, more than the {max_bytes} that such a file needs")
        text = path.read_bytes().decode("utf-8")
        return json.loads(text, object_pairs_hook=unique_keys, parse_constant=_no_constant)
    except OSError as error:
        raise EnvironmentProblem(f"{path} cannot be read: {error.strerror}.", remedy="Look at its rights.") from error
    except (ValueError, RecursionError) as error:
        raise _refused(path, f"is not plain JSON: {error}") from error


def unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return the pairs of a JSON object; a hook for ``json.loads``.

    Raises:
        ValueError: If a key is given twice, of which most readers silently keep the last.
    """
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key is given twice")
    return content


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _refused(path: Path, what: str) -> RefusedProblem:
    return RefusedProblem(
        f"{path} {what}.", remedy="Get the checkpoint again from its source; nothing of it was loaded."
    )
