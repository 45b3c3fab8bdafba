"""The file that says what is watched, how what is new is audited, and who is told: TOML, read strictly."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from audit.early_checks import EFFORT_NAMES, RECIPE_NAMES, policy_path
from audit.errors import UsageProblem
from audit.parsing import as_written
from audit.suites.document import Document, Place, read_document

_HINT: Final = "docs/watch.md shows a whole one"
_KINDS: Final = ("organisation", "collection", "repository", "folder", "tracking_uri", "tracking_uri_from")
_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$")]
_Words = Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]
_Repo = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}$")]
_Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
_Tolerance = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Profile(_Table):
    """How a new checkpoint is audited: the options of ``clip-audit run``, and those of ``compare``."""

    effort: str = "standard"
    suites: tuple[_Words, ...] = Field(default=(), strict=False)
    judges: tuple[_Words, ...] = Field(default=(), strict=False)
    recipe: str = "fast"
    policy: _Words | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    seed: Annotated[int, Field(ge=0)] = 0
    tolerance: _Tolerance | None = None
    """Largest difference to the last run that does not matter, in the unit of each metric."""

    @model_validator(mode="after")
    def _known(self) -> Profile:
        for what, name, known in (("effort", self.effort, EFFORT_NAMES), ("recipe", self.recipe, RECIPE_NAMES)):
            if name not in known:
                raise ValueError(f"there is no {what} {name!r}; choose from {', '.join(known)}")
        if self.policy is not None:
            try:
                policy_path(self.policy)
            except UsageProblem as problem:
                raise ValueError(problem.what.rstrip(".")) from problem
        return self


def _checked(address: str, check: Callable[[str], None], whose: str, remedy: str) -> str:
    """Return an address that passes a check.

    Raises:
        UsageProblem: If it does not.
    """
    try:
        check(address)
    except ValueError as error:
        raise UsageProblem(f"{whose} has no address: {error}.", remedy=remedy) from error
    return address


class Source(_Table):
    """Where checkpoints appear: on a hub, in a folder, or in a registry of MLflow; one of these keys, and no second."""

    name: _Name
    profile: _Name
    organisation: _Name | None = None
    collection: _Words | None = None
    repository: _Repo | None = None
    folder: _Words | None = None
    tracking_uri: _Words | None = None
    """Of the server of MLflow whose registry is watched,"""
    tracking_uri_from: _Variable | None = None
    """or the variable of the environment that holds it."""
    revision: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w./-]{0,95}$")] = "main"
    match: tuple[_Words, ...] = Field(default=("*",), strict=False)
    """Patterns of names, as a shell has them: of ORG/REPO, of folders, or of registered models."""
    alias: _Words | None = None
    """Of a registered model, the version that has this alias; else the newest one."""
    tags: dict[_Words, str] = {}
    """Of its versions, those with these tags alone."""

    @model_validator(mode="after")
    def _one_kind(self) -> Source:
        if sum(getattr(self, kind) is not None for kind in _KINDS) != 1:
            raise ValueError(f"a source has one of {', '.join(_KINDS)}, and no second one")
        if self.tracking_uri is not None:
            check_registry(self.tracking_uri)
        elif self.tracking_uri_from is None and (self.alias is not None or self.tags):
            raise ValueError("alias and tags belong to a source with tracking_uri or tracking_uri_from")
        return self

    @property
    def is_registry(self) -> bool:
        """Whether it is a registry of MLflow."""
        return self.tracking_uri is not None or self.tracking_uri_from is not None

    @property
    def registry(self) -> str:
        """Where the registry is.

        Raises:
            UsageProblem: If the variable is not set, or holds no address of a registry.
        """
        address = self.tracking_uri or os.environ.get(self.tracking_uri_from or "", "")
        wanted = f"Set the variable {self.tracking_uri_from} to the address of MLflow's server."
        return _checked(address, check_registry, f"The registry of {self.name}", wanted)


class Webhook(_Table):
    """Who is told: an address, or the variable of the environment that holds it, so that no file has to."""

    name: _Name
    form: Literal["json", "slack"] = "json"
    about: Literal["everything", "trouble"] = "everything"
    url: _Words | None = None
    url_from: _Variable | None = None

    @model_validator(mode="after")
    def _one_address(self) -> Webhook:
        if (self.url is None) == (self.url_from is None):
            raise ValueError("a webhook has either url or url_from")
        if self.url is not None:
            check_address(self.url)
        return self

    @property
    def address(self) -> str:
        """Where notices go.

        Raises:
            UsageProblem: If the variable is not set, or holds no address that notices may go to.
        """
        address = self.url or os.environ.get(self.url_from or "", "")
        wanted = f"Set the variable {self.url_from} to the https address of the webhook."
        return _checked(address, check_address, f"The webhook {self.name}", wanted)


def check_address(address: str) -> None:
    """Refuse an address that a notice must not go to.

    Raises:
        ValueError: If it is neither https nor http to this machine alone.
    """
    parts = urlsplit(address)
    if parts.scheme == "https" and parts.hostname:
        return
    try:
        here = parts.scheme == "http" and ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        here = False
    if not here:
        raise ValueError("it has to begin with https://, or with http://127.0.0.1 for this machine")


def check_registry(address: str) -> None:
    """Refuse an address at which MLflow's client alone finds no registry.

    Raises:
        ValueError: If it is neither http, https nor a file: URL.
    """
    parts = urlsplit(address)
    if not (parts.hostname if parts.scheme in {"http", "https"} else parts.scheme == "file" and parts.path):
        raise ValueError("a registry of MLflow is watched behind http://, https:// or file://")


class Watch(_Table):
    """A whole file."""

    schema_version: Literal[1]
    out: _Words = "watched"
    """Folder of runs, state and feeds, as seen from the file."""
    most_audits: Annotated[int, Field(ge=1, le=1000)] = 4
    """Audits that one round begins at most; what is over waits for the next."""
    attempts: Annotated[int, Field(ge=1, le=1000)] = 10
    """Rounds in which a checkpoint is tried that the network or the disk does not let through."""
    report_address: Annotated[str, Field(pattern=r"^https?://\S+$")] | None = None
    """Where people find a report; ``{run}`` stands for the name of its run folder. Else its path is told."""
    profile: Annotated[dict[_Name, Profile], Field(min_length=1)]
    source: Annotated[list[Source], Field(min_length=1)]
    webhook: list[Webhook] = []

    @model_validator(mode="after")
    def _names_fit(self) -> Watch:
        for what, names in (("source", [s.name for s in self.source]), ("webhook", [w.name for w in self.webhook])):
            twice = [name for name in names if names.count(name) > 1]
            if twice:
                raise ValueError(f"two of [[{what}]] are called {twice[0]!r}")
        for source in self.source:
            if source.profile not in self.profile:
                raise ValueError(f"source {source.name!r} names the profile {source.profile!r}, which is not there")
        return self


def read_watch(path: Path) -> Watch:
    """Read a file of sources.

    Raises:
        UsageProblem: If it cannot be used; says file, line, what was found and the remedy.
    """
    document = read_document(path, kind="file of sources", hint=_HINT)
    try:
        return Watch.model_validate(document.tables())
    except ValidationError as error:
        raise _in_plain_words(document, error) from error


def _in_plain_words(document: Document, error: ValidationError) -> UsageProblem:
    """Return one thing that is wrong with its line and remedy: a misspelt key before a missing one."""
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    place: Place = first["loc"]
    key = str(place[-1]) if place else "the file"
    where = ".".join(as_written(place)) or "the file"
    match first["type"]:
        case "missing":
            return document.problem(place[:-1], f"the key {key!r} is missing.", remedy=f"Add {key} = ...; {_HINT}.")
        case "extra_forbidden":
            return document.problem(place, f"unknown key {key!r}.", remedy=f"Correct or delete it; {_HINT}.")
        case "value_error":
            return document.problem(place, f"{where}: {first['ctx']['error']}.", remedy=f"Correct it; {_HINT}.")
    shown = ascii(first["input"])
    shown = shown if len(shown) <= 60 else f"{shown[:60]}..."
    return document.problem(place, f"{where}: found {shown}; {first['msg'].lower()}.", remedy=f"Correct it; {_HINT}.")
