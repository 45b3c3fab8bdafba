"""Lets a call into the operating system fail: the n-th that a block makes, with an error of one's choice.

What Python code of the program and of its libraries calls is wrapped, by name; what C code calls is not.
"""

from __future__ import annotations

import builtins
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

CALLS = {
    os: (
        *("open", "fdopen", "stat", "lstat", "fstat", "listdir", "scandir", "mkdir", "replace", "rename", "unlink"),
        *("remove", "rmdir", "chmod", "fsync", "readlink", "getcwd", "close", "read", "write", "ftruncate", "access"),
    ),
    io: ("open", "open_code"),
    builtins: ("open",),
    tempfile: ("mkstemp", "mkdtemp"),
}


@dataclass
class Calls:
    """What was called, in order."""

    names: list[str] = field(default_factory=list)


@contextmanager
def failing_at(place: int | None, number: int) -> Iterator[Calls]:
    """Let call number ``place`` (from 0) raise ``OSError(number)``; none if it is ``None``."""
    calls = Calls()

    def wrapped(true, name: str):
        def call(*given, **more):
            calls.names.append(name)
            if len(calls.names) - 1 == place:
                raise OSError(number, os.strerror(number), str(given[0]) if given else None)
            return true(*given, **more)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for module, names in CALLS.items():
            for name in names:
                patch.setattr(module, name, wrapped(getattr(module, name), f"{module.__name__}.{name}"))
        yield calls
