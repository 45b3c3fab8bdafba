"""Folders here that stand for one behind a URL: who carries what is written in them, and what they are called.

Whatever writes a file of a run tells it here (``evidence/files.py``), whoever locks one asks here, and whatever is said
to a user calls such a folder by its URL. ``evidence/working_copies.py`` has the carrier.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from audit.errors import EnvironmentProblem


@runtime_checkable
class Lease(Protocol):
    """The right to write in a folder behind a URL."""

    def check_held(self) -> None:
        """Raise an ``EnvironmentProblem`` where somebody else has it by now."""

    def release(self) -> None:
        """Give it back."""


@runtime_checkable
class Carrier(Protocol):
    """What keeps a folder behind a URL as its copy here is."""

    def url_of(self, folder: Path) -> str:
        """Return the URL that a folder here stands for."""

    def bring(self, folder: Path, only: list[str] | None = None) -> None:
        """Bring what is missing here of a folder, or of some files of it."""

    def refresh(self, folder: Path) -> None:
        """Make a folder here what it is there by now."""

    def written(self, path: Path) -> None:
        """Send a file that is whole here."""

    def removed(self, path: Path) -> None:
        """Remove there what was removed here."""

    def lease(self, place: Path, taken: EnvironmentProblem) -> Lease:
        """Take the right to write that a lock here stands for; raises ``taken`` where somebody has it."""

    def leases(self, folder: Path, pattern: str) -> list[Path]:
        """Return the locks here that stand for rights which others have now."""


CARRIERS: Final[dict[Path, Carrier]] = {}
"""By the folder here whose content is carried."""
_NAMES: Final[dict[str, str]] = {}
"""What each such folder is called, until the process ends: problems are told after the work."""


def begin_carrying(folder: Path, carrier: Carrier, name: str) -> None:
    """Tell that what is done below a folder is carried to what is called by this name."""
    CARRIERS[folder] = carrier
    call(folder, name)


def end_carrying(folder: Path) -> None:
    """Tell that what is done below a folder is carried no longer."""
    CARRIERS.pop(folder, None)


def carrier_of(path: Path) -> Carrier | None:
    """Return who carries what is done to a path; ``None`` where it lies here alone."""
    if not CARRIERS:
        return None
    return next((carrier for folder, carrier in CARRIERS.items() if path.absolute().is_relative_to(folder)), None)


def call(folder: Path, name: str) -> None:
    """Have a folder here called by the URL that it stands for."""
    _NAMES[str(folder)] = name


def as_called(text: str) -> str:
    """Return a text in which folders that stand for one behind a URL are called by it.

    Example:
        >>> as_called("runs/mine/report.html")
        'runs/mine/report.html'
    """
    for folder, name in _NAMES.items():
        text = text.replace(folder, name)
    return text
