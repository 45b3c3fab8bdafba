"""What lies at the sources right now: every checkpoint with the digest of what it is made of."""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Callable, Iterator, Mapping, MutableSequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from audit.checkpoints.hub_listing import DECIDING, newest, repositories_in, repositories_of
from audit.early_checks import CONFIG_FILE, TRANSFORMERS_CONFIG_FILE
from audit.errors import AuditProblem, EnvironmentProblem, UsageProblem
from audit.evidence.files import file_digest
from audit.opening import at_home, entries, files_below, is_file, is_folder, stamp_of
from audit.watching.registries import Registry
from audit.watching.sources_file import Source

_BRANCH: Final = "main"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A checkpoint as it lies at a source."""

    source: str
    name: str
    """``ORG/REPO``, the path of the folder, or the name of the registered model."""
    checkpoint: str
    """What ``clip-audit run`` takes; of a hub at the commit, so that it stays what was seen. Of a registry,
    ``models:/NAME/VERSION``, which is fetched to be audited."""
    commit: str
    """Of a folder, a digest of the sizes and times of its files; of a registry, number and time of the version."""
    digest: str
    """SHA-256 over the digests of the files that it is made of. The same files elsewhere are the same checkpoint.
    Of a registry, which says no digests, it stands for the version until its files were fetched."""
    line: str
    """Its lineage: the repository; of a folder of checkpoints, the source; of a registry, source and model."""


Known = Mapping[str, tuple[str, str]]
"""Source and name -> commit and digest when it was last seen."""


def known_as(source: str, name: str) -> str:
    """Return the key of ``Known``."""
    return f"{source} {name}"


def look(
    source: Source,
    base: Path,
    known: Known,
    troubles: MutableSequence[str],
    registry: Callable[[Source], Registry],
) -> Iterator[Sighting]:
    """Yield what lies at a source.

    Args:
        source: Where to look.
        base: The folder that paths are seen from.
        known: What was seen before: an unchanged commit is not asked about again.
        troubles: What could not be looked at is added, in a line each; a later round looks again.
        registry: Opens the registry of a source.
    """
    try:
        if source.folder is not None:
            yield from _in_folder(source, base / at_home(source.folder), known)
        elif source.is_registry:
            yield from _in_registry(source, registry(source), known, troubles)
        else:
            yield from _on_hub(source, known, troubles)
    except AuditProblem as problem:
        troubles.append(f"{source.name}: {problem}")


def _on_hub(source: Source, known: Known, troubles: MutableSequence[str]) -> Iterator[Sighting]:
    commits: Mapping[str, str] = {}
    if source.organisation is not None:
        commits = repositories_of(source.organisation)
        names = sorted(commits)
    else:
        names = [source.repository] if source.repository is not None else list(repositories_in(source.collection or ""))
    for name in names:
        if not _fits(name, source):
            continue
        before = known.get(known_as(source.name, name))
        if before is not None and source.revision == _BRANCH and before[0] == commits.get(name):
            commit, digest, now = *before, name
        else:
            try:
                now, commit, digest = newest(name, source.revision)
            except UsageProblem as problem:  # gone, or closed to this user; the others may be there
                troubles.append(f"{source.name}: {problem}")
                continue
        if digest:
            yield Sighting(
                source=source.name,
                name=now,
                checkpoint=f"hf-hub:{now}@{commit}",
                commit=commit,
                digest=digest,
                line=now,
            )


def _in_folder(source: Source, folder: Path, known: Known) -> Iterator[Sighting]:
    if not is_folder(folder):
        raise EnvironmentProblem(f"{folder} is not a folder.", remedy="A later round looks again.")
    for path in entries(folder):
        if not _fits(path.name, source) or not is_folder(path):
            continue
        if not any(is_file(path / name) for name in (CONFIG_FILE, TRANSFORMERS_CONFIG_FILE)):
            continue
        files = _deciding(path)
        commit = _digest(f"{file.relative_to(path)}\0{stamp_of(file)}" for file in files)
        before = known.get(known_as(source.name, str(path)))
        digest = before[1] if before is not None and before[0] == commit else content_digest(path)
        yield Sighting(
            source=source.name, name=str(path), checkpoint=str(path), commit=commit, digest=digest, line=source.name
        )


def _in_registry(
    source: Source, registry: Registry, known: Known, troubles: MutableSequence[str]
) -> Iterator[Sighting]:
    for model in registry.models():
        if not _fits(model, source):
            continue
        try:
            version = registry.newest(model, alias=source.alias, tags=source.tags)
        except UsageProblem as problem:  # gone, or closed to this user; the others may be there
            troubles.append(f"{source.name}: {problem}")
            continue
        if version is None:
            continue
        before = known.get(known_as(source.name, model))
        yield Sighting(
            source=source.name,
            name=model,
            checkpoint=version.checkpoint,
            commit=version.commit,
            digest=before[1] if before is not None and before[0] == version.commit else version.identity,
            line=f"{source.name} {model}",
        )


def content_digest(folder: Path) -> str:
    """Return SHA-256 over names and digests of the files that a checkpoint in a folder is made of.

    Raises:
        EnvironmentProblem: If one cannot be read.
    """
    return _digest(f"{file.relative_to(folder)}\0{file_digest(file)}" for file in _deciding(folder))


def _deciding(folder: Path) -> list[Path]:
    return [file for file in files_below(folder) if file.name.endswith(DECIDING)]


def _fits(name: str, source: Source) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in source.match)


def _digest(lines: Iterator[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()
