"""Digests of large files, remembered while a file stays as it is, so that not every start hashes gigabytes.

A file stays as it is while its device, inode, size and the times of its last writing and change do; whoever writes a
file cannot set back the second of these times. A digest that was taken within seconds of a writing is not remembered: a
coarse clock may not tell the next writing from that one. What a run measured is never held to a remembered digest:
reading a run, and ``clip-audit verify``, hash its files anew.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from audit.checkpoints.safe_files import identity_of, sha256
from audit.errors import AuditProblem
from audit.opening import read_regular
from audit.packaged import user_cache
from audit.parsing import parse_json

SMALLEST: Final = 1 << 26
"""Bytes below which a file is hashed each time, in a fraction of a second."""
MOST: Final = 256
"""Files that are remembered; of more, the last ones."""
SETTLED_NS: Final = 3_000_000_000
_LONGEST: Final = 1 << 20
_HEX: Final = re.compile(r"[0-9a-f]{64}")


def known_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hex, without reading them where the file is as it was.

    Raises:
        OSError: If the file cannot be read.
    """
    found = identity_of(path)
    if found.size < SMALLEST:
        return sha256(path)
    known = _remembered()
    if found.text in known:
        return known[found.text]
    digest = sha256(path)
    if identity_of(path) == found and time.time_ns() - found.last_ns > SETTLED_NS:
        _remember({**known, found.text: digest})
    return digest


def _place() -> Path:
    return user_cache() / "digests.json"


def _remembered() -> dict[str, str]:
    """Return what is remembered; nothing where it cannot be read, or is not as it was written."""
    try:
        told = parse_json(read_regular(_place(), most=_LONGEST))
    except (OSError, ValueError, AuditProblem):
        return {}
    if not isinstance(told, dict):
        return {}
    return {key: one for key, one in told.items() if isinstance(one, str) and _HEX.fullmatch(one)}


def _remember(known: Mapping[str, str]) -> None:
    """Write what is known, whole or not at all; a folder that takes no file remembers nothing."""
    place = _place()
    text = json.dumps(dict(list(known.items())[-MOST:]), indent=0)
    with contextlib.suppress(OSError):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=place.parent, prefix=".digests-")
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(text)
            Path(name).replace(place)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
