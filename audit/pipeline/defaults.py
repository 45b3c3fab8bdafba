"""Which suites and judges fit a checkpoint when the user names none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from audit.checkpoints import Checkpoint
from audit.records import Question
from audit.suites import suite_path

OWN_SUITES: Final = "suites"
"""Folder of prompt suites that a checkpoint folder may carry: those written in its own words."""

_OPEN: Final = ("professions", "public_figures", "everyday", "controls")
_CLOSED: Final = ("phantom/professions", "phantom/names", "phantom/controls")


def has_closed_vocabulary(checkpoint: Checkpoint) -> bool:
    """Tell whether the checkpoint reads whole words only, and so cannot spell a new one."""
    return bool(checkpoint.unknown_words("zyxwvutsrqponm"))


def default_suites(name: str, checkpoint: Checkpoint) -> list[Path]:
    """Return the suites that come with the checkpoint's folder, or else those for its kind of vocabulary."""
    own = sorted((Path(name) / OWN_SUITES).glob("*.toml")) if ":" not in name else []
    if own:
        return own
    return [suite_path(suite) for suite in (_CLOSED if has_closed_vocabulary(checkpoint) else _OPEN)]


def default_judges(checkpoint: Checkpoint, questions: Sequence[Question] = ()) -> tuple[str, ...]:
    """Return the judges that need no network.

    For closed vocabularies these are phantoms: the judge, and the witness where the suites ask ``questions``. For all
    others it is the detector, which answers no question of a suite.
    """
    if has_closed_vocabulary(checkpoint):
        return ("zero_shot:phantom:judge", *(("labels:phantom:witness",) if questions else ()))
    return ("nudenet",)
