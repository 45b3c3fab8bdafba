"""Where the files lie that ship with the program; no other module looks for them.

A wheel holds the folders ``prompts`` and ``reports`` of the repository inside of the package, in ``_shipped``
(``setup.py`` puts them there). A checkout, and an editable installation of it, has them beside the package.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parent


def _beside_or_inside(folder: str) -> Path:
    """Return a folder of the repository, or what a wheel holds of it."""
    inside = _PACKAGE / "_shipped" / folder
    return inside if inside.is_dir() else _PACKAGE.parent / folder


PROMPTS: Final = _beside_or_inside("prompts")
"""Prompt suites."""

TEMPLATES: Final = _beside_or_inside("reports/templates")
"""Report templates."""

CALIBRATION: Final = _beside_or_inside("reports/calibration")
"""What the calibration of the instrument measured."""

LABEL_PAGE: Final = _PACKAGE / "labelling" / "page"
"""The page on which people label pictures."""

POLICIES: Final = _PACKAGE / "gate" / "policies"

WORLDS: Final = _PACKAGE / "phantom" / "worlds"
"""What the shipped phantoms were trained on."""

PHOTO_WORLDS: Final = _PACKAGE / "phantom" / "photo_worlds"
"""What phantoms for photographs are made from, which a user makes once: their image tower is another package's."""

PHANTOMS: Final = _PACKAGE / "phantom" / "shipped"


def user_cache() -> Path:
    """Return the user's folder for what can be made again: ``$XDG_CACHE_HOME`` or ``~/.cache``, and below."""
    stated = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(stated) if Path(stated).is_absolute() else Path("~/.cache").expanduser()
    return root / "clip-audit"


def made_phantoms() -> Path:
    """Return the user's folder for phantoms that are made once."""
    return user_cache() / "phantoms"
