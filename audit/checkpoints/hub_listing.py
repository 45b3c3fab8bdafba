"""What a hub lists: repositories of an organisation or a collection, and what one of them holds at its newest commit.

Nothing is downloaded: the hub itself says the digest of every file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final, TypeVar

from huggingface_hub import HfApi
from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError: of its HTTP client, whichever that is
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    OfflineModeIsEnabled,
)

from audit.checkpoints.hub import refusal
from audit.errors import EnvironmentProblem

PATIENCE: Final = 20.0
"""Seconds that one answer of the hub may take."""
_MOST: Final = 2000
"""Repositories of one organisation that are looked at."""
DECIDING: Final = (".safetensors", ".bin", ".pt", ".pth", ".json", ".txt", ".model")
"""Endings of files that a checkpoint is made of: weights, configuration, tokenizer; a README is none."""
_Answer = TypeVar("_Answer")


def repositories_of(organisation: str) -> dict[str, str]:
    """Return the name of every model repository of an organisation, with the commit that its main branch is at.

    Raises:
        UsageProblem: If the hub has no such organisation that is open to this user.
        EnvironmentProblem: If the hub cannot be reached, or refuses for now.
    """
    api = HfApi()
    listed = _asked(organisation, lambda: list(api.list_models(author=organisation, full=True, limit=_MOST)))
    return {model.id: model.sha or "" for model in listed}


def repositories_in(collection: str) -> tuple[str, ...]:
    """Return the names of the model repositories of a collection, as its page has it: ``OWNER/TITLE-ID``.

    Raises:
        UsageProblem: If the hub has no such collection that is open to this user.
        EnvironmentProblem: If the hub cannot be reached, or refuses for now.
    """
    found = _asked(collection, lambda: HfApi().get_collection(collection))
    return tuple(str(item.item_id) for item in found.items if item.item_type == "model")


def newest(repo: str, revision: str) -> tuple[str, str, str]:
    """Return name, commit and digest of what a repository holds.

    Returns:
        The name that it has now, which is another one after a renaming; the commit; and the SHA-256 over the digests
        of all files that a checkpoint is made of, by name. The last is empty where there is none.

    Raises:
        UsageProblem: If the hub has no such repository or revision that is open to this user.
        EnvironmentProblem: If the hub cannot be reached, or refuses for now.
    """
    api = HfApi()
    info = _asked(repo, lambda: api.model_info(repo, revision=revision, files_metadata=True, timeout=PATIENCE))
    files = sorted(
        f"{one.rfilename}\0{one.lfs.sha256 if one.lfs else one.blob_id}"
        for one in info.siblings or ()
        if one.rfilename.endswith(DECIDING)
    )
    return info.id, info.sha or "", hashlib.sha256("\n".join(files).encode()).hexdigest() if files else ""


def _asked(name: str, ask: Callable[[], _Answer]) -> _Answer:
    """Ask the hub about something, once; what goes wrong says what to do."""
    try:
        return ask()
    except HfHubHTTPError as error:
        raise refusal(name, int(error.response.status_code)) from error
    except (HTTPError, OSError, OfflineModeIsEnabled, HFValidationError, ValueError) as error:
        raise EnvironmentProblem(
            f"The hub could not be asked about {name} ({type(error).__name__}).",
            remedy="Connect to the network (and unset HF_HUB_OFFLINE); a later round asks again.",
        ) from error
