"""What a watcher asks of a registry of models. Its package is loaded when one is watched, and not before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from audit.pipeline.mlflow_settings import set_up_mlflow
from audit.watching.sources_file import Source

MODELS: Final = "models:/"
"""Begins the name of a version of a registered model: ``models:/NAME/VERSION``, as MLflow writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of a registered model, as the registry tells of it; it says no digest of the files."""

    model: str
    number: str
    commit: str
    """Number and time of registration: another one where a model was deleted and registered anew."""
    identity: str
    """SHA-256 of what tells it from all others, for as long as nobody has seen its files."""

    @property
    def checkpoint(self) -> str:
        """What a watcher calls it."""
        return f"{MODELS}{self.model}/{self.number}"


@runtime_checkable
class Registry(Protocol):
    """A registry that answers, or raises an ``AuditProblem``."""

    def models(self) -> Iterator[str]:
        """Yield the names of the registered models, as the registry has them."""

    def newest(self, model: str, *, alias: str | None, tags: Mapping[str, str]) -> Version | None:
        """Return the version of a model that has an alias, else the newest one, of those that are ready and tagged so.

        ``None`` where there is none.
        """

    def fetch(self, checkpoint: str, commit: str, folder: Path) -> Path:
        """Bring the files of a version into an empty folder, and return the checkpoint's folder in it."""


def open_registry(source: Source) -> Registry:
    """Return the registry of a source.

    Raises:
        UsageProblem: If the variable that should hold its address does not.
        EnvironmentProblem: If the package for it is not installed.
    """
    set_up_mlflow()
    from audit.watching.mlflow_registry import connect  # noqa: PLC0415

    return connect(source.registry)
