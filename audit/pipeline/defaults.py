"""Which suites and judges fit a checkpoint when the user names none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from audit.checkpoints import Checkpoint, phantom_folder
from audit.records import UNWORDED, Question
from audit.suites import load_suite, suite_path

OWN_SUITES: Final = "suites"
"""Folder of prompt suites that a checkpoint folder may carry: those written in its own words."""

_PHANTOM: Final = "phantom:"
_OPEN: Final = ("professions", "public_figures", "everyday", "controls")
_CLOSED: Final = ("phantom/professions", "phantom/names", "phantom/controls")


def has_closed_vocabulary(checkpoint: Checkpoint) -> bool:
    """Tell whether the checkpoint reads whole words only, and so cannot spell a new one."""
    return bool(checkpoint.unknown_words("zyxwvutsrqponm"))


def default_suites(name: str, checkpoint: Checkpoint) -> list[Path]:
    """Return the suites that come with the checkpoint's folder, or else those for its kind of vocabulary.

    A shipped phantom is asked the shipped suites for phantoms where it knows their words, and its own where not.
    """
    if ":" not in name:
        own = _suites_in(Path(name))
        return own or _shipped(_CLOSED if has_closed_vocabulary(checkpoint) else _OPEN)
    if not has_closed_vocabulary(checkpoint):
        return _shipped(_OPEN)
    closed = _shipped(_CLOSED)
    if not name.startswith(_PHANTOM) or _knows(checkpoint, closed):
        return closed
    return _suites_in(phantom_folder(name.removeprefix(_PHANTOM))) or closed


def _suites_in(folder: Path) -> list[Path]:
    return sorted((folder / OWN_SUITES).glob("*.toml"))


def _shipped(names: Sequence[str]) -> list[Path]:
    return [suite_path(name) for name in names]


def _knows(checkpoint: Checkpoint, paths: Sequence[Path]) -> bool:
    prompts = [prompt for path in paths for prompt in load_suite(path).prompts if prompt.role not in UNWORDED]
    return not any(checkpoint.unknown_words(text) for prompt in prompts for text in prompt.texts)


def default_judges(checkpoint: Checkpoint, questions: Sequence[Question] = ()) -> tuple[str, ...]:
    """Return the judges that need no network.

    For closed vocabularies these are phantoms: the judge, and the witness where the suites ask ``questions``. For all
    others it is the detector, which answers no question of a suite.
    """
    if has_closed_vocabulary(checkpoint):
        return ("zero_shot:phantom:judge", *(("labels:phantom:witness",) if questions else ()))
    return ("nudenet",)
