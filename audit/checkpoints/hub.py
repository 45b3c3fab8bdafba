"""A repository on a hub: its files by name, at one revision, from the cache where they are there already."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, final
from urllib.parse import urlsplit
from urllib.request import getproxies

from huggingface_hub import hf_hub_download
from huggingface_hub import logging as hub_logging
from huggingface_hub.constants import ENDPOINT
from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError: of its HTTP client, whichever that is
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    RevisionResolutionError,
)

from audit.checkpoints.safe_files import within
from audit.errors import AuditProblem, EnvironmentProblem, RefusedProblem, UsageProblem

_TOO_MANY: Final = 429
_SERVER_ERRORS: Final = 500
_PATIENCE: Final = 6.0
"""Seconds after which a hub that has not answered counts as out of reach."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository at a revision (None: its newest, for names that open_clip itself keeps)."""

    repo: str
    revision: str | None

    def pinned(self, fetched: Path) -> Repository:
        """Return this repository at the commit that ``fetched`` came from, should its branch move meanwhile."""
        is_commit = fetched.parent.parent.name == "snapshots"
        return Repository(repo=self.repo, revision=fetched.parent.name) if is_commit else self

    def first_of(self, names: Sequence[str]) -> Path:
        """Return the first of these files that the repository holds.

        Raises:
            RefusedProblem: If it holds none of them.
            UsageProblem: If there is no such repository or revision, or it is not open to this user.
            EnvironmentProblem: If the hub cannot be reached and the file is not in the cache.
        """
        unreachable: EnvironmentProblem | None = None
        for name in names:
            try:
                found = self.fetch(name)
            except EnvironmentProblem as problem:  # a cache may hold the second choice, and not the first
                unreachable = unreachable or problem
                if _can_connect():
                    break
                continue
            if found is not None:
                return found
        if unreachable is not None:
            raise unreachable
        raise RefusedProblem(
            f"The repository {self.repo} holds none of {', '.join(names)}.",
            remedy="Pickled weights are read with --allow-pickle only; for other layouts, download the weights and "
            "name the file together with --arch.",
        )

    def optional(self, name: str) -> Path | None:
        """Return one file of the repository; None if it holds no such file, or the cache does while the hub is away.

        A repository need not have it, so that a cache without it is as complete as one can be.
        """
        try:
            return self.fetch(name)
        except EnvironmentProblem:
            if _can_connect():
                raise
            return None

    def fetch(self, name: str) -> Path | None:
        """Return one file of the repository, from the cache or the network; None if it holds no such file.

        Raises:
            UsageProblem: As :meth:`first_of`.
            EnvironmentProblem: As :meth:`first_of`.
        """
        hub_logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # its own retries are not news; what comes of them is said below
        try:
            path = Path(hf_hub_download(self.repo, name, revision=self.revision, local_files_only=not _can_connect()))
        except RemoteEntryNotFoundError:
            return None
        except GatedRepoError as error:
            raise UsageProblem(
                f"{self.repo} is gated: its owner has to let you in first.",
                remedy=f"Ask for access on the page of {self.repo}, then run `hf auth login`.",
            ) from error
        except (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError) as error:
            raise UsageProblem(
                f"The hub has no {self.repo} at {self.revision or 'its newest revision'} that is open to you.",
                remedy="Check the spelling and the revision; a gated repository needs `hf auth login` first.",
            ) from error
        except (LocalEntryNotFoundError, OfflineModeIsEnabled, RevisionResolutionError, HTTPError, OSError) as error:
            if (status := _answered(error)) is not None:
                raise refusal(self.repo, status) from error
            raise EnvironmentProblem(
                f"{self.repo} lies on the Hugging Face hub, which needs the network, and {name} could not be had "
                f"from there ({type(error).__name__}).",
                remedy="Connect to the network (and unset HF_HUB_OFFLINE), or download the repository elsewhere and "
                "name the folder.",
            ) from error
        return within(_storage(path), path)


def _answered(error: BaseException | None) -> int | None:
    """Return the status that the hub answered with; its client hides it behind an empty cache. None if it did not."""
    while error is not None:
        if isinstance(error, HfHubHTTPError):
            return int(error.response.status_code)
        error = error.__cause__
    return None


def refusal(repo: str, status: int) -> AuditProblem:
    """Return what to do about an answer of the hub that is neither the file nor the news that there is none."""
    if status == _TOO_MANY:
        return EnvironmentProblem(
            f"The hub refuses to send {repo} for now: it had too many requests from here.",
            remedy="Wait some minutes and give the command again; `hf auth login` raises the limit.",
        )
    if status >= _SERVER_ERRORS:
        return EnvironmentProblem(
            f"The hub could not send {repo}: it answered with the status {status}.",
            remedy="Give the command again later, or download the repository elsewhere and name the folder.",
        )
    return UsageProblem(
        f"The hub does not let you read {repo}: it answered with the status {status}.",
        remedy="Look at its page in a browser; where it is open to you, run `hf auth login` first.",
    )


@cache
def _can_connect() -> bool:
    """Tell within seconds whether the hub answers at all; its own client tries for minutes where nothing does."""
    host = urlsplit(ENDPOINT)
    if getproxies():
        return True
    attempt = ThreadPoolExecutor(max_workers=1).submit(
        socket.create_connection, (host.hostname, host.port or 443), _PATIENCE
    )
    try:
        attempt.result(timeout=_PATIENCE).close()
    except (OSError, TimeoutError):
        return False
    return True


def _storage(path: Path) -> Path:
    """Return the cache folder of the repository: its snapshots are links into it."""
    snapshots = next((parent for parent in path.parents if parent.name == "snapshots"), path.parent)
    return snapshots.parent
