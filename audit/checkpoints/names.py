"""What a user may call a checkpoint, and the files that the name stands for.

Only here does a name become a path, and past this file nobody knows which kind of name it was.
"""

from __future__ import annotations

import difflib
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, final
from urllib.parse import urlsplit
from urllib.request import getproxies

import open_clip
from huggingface_hub import hf_hub_download
from huggingface_hub import logging as hub_logging
from huggingface_hub.constants import ENDPOINT
from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError: of its HTTP client, whichever that is
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    RevisionResolutionError,
)

from audit.checkpoints.config import (
    FolderConfig,
    Lineage,
    ModelConfig,
    PreprocessConfig,
    check,
    parse_folder_config,
    parse_model_config,
)
from audit.checkpoints.safe_files import PICKLE_SUFFIXES, read_json, within
from audit.early_checks import CONFIG_FILE, check_checkpoint, phantom_folder, repo_and_revision
from audit.errors import EnvironmentProblem, RefusedProblem, UsageProblem

WEIGHTS_FILE: Final = "open_clip_model.safetensors"
TOKENIZER_FILE: Final = "tokenizer.json"
TOKENIZER_CONFIG_FILE: Final = "tokenizer_config.json"
LINEAGE_FILE: Final = "clip_audit.json"

_SAFE_WEIGHTS: Final = (WEIGHTS_FILE, "open_clip_pytorch_model.safetensors", "model.safetensors")
_PICKLED_WEIGHTS: Final = (
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
    "pytorch_model.bin",
    "model.pth",
)
_PUBLISHED_SETTINGS: Final = ("mean", "std", "interpolation", "resize_mode")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """What a user has to say explicitly."""

    arch: str | None = None
    """open_clip's name of the architecture; for a bare weights file, and only there."""
    allow_pickle: bool = False
    """Read ``.pt``, ``.pth`` and ``.bin`` files, tensors only; everything else in them is still refused."""
    waive_sanity: bool = False
    """Load a checkpoint that does not rank matched pairs above chance; its findings mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The files and settings that a name stands for; nothing is loaded yet."""

    model_cfg: ModelConfig
    preprocess_cfg: PreprocessConfig
    weights: Path
    tokenizer_json: Path | None
    architecture: str
    lineage: tuple[str, ...]


def resolve(name: str, options: LoadOptions) -> Source:
    """Return what ``name`` stands for; a hub is asked only if the name says so.

    Raises:
        UsageProblem: If there is no such checkpoint, or ``arch`` is missing or out of place.
        RefusedProblem: If its configuration or its files are refused.
        EnvironmentProblem: If a hub was named and cannot be reached.
    """
    check_checkpoint(name, options.arch)
    scheme, _, rest = name.partition(":")
    from_scheme = {"phantom": _from_phantom, "open_clip": _from_open_clip, "hf-hub": _from_hub}.get(scheme)
    if from_scheme is not None:
        return from_scheme(rest, options)
    path = Path(name)
    return _from_file(path, options) if path.is_file() else _from_folder(path, options)


def _from_phantom(name: str, options: LoadOptions) -> Source:
    return _from_folder(phantom_folder(name), options)


def _from_folder(folder: Path, options: LoadOptions) -> Source:
    root = folder.resolve()
    config = parse_folder_config(within(root, root / CONFIG_FILE))
    tokenizer_json = _optional(root, TOKENIZER_FILE)
    _optional(root, TOKENIZER_CONFIG_FILE)
    lineage_file = _optional(root, LINEAGE_FILE)
    lineage = () if lineage_file is None else _read_lineage(lineage_file)
    return _source(config, weights=_find_weights(root, options), tokenizer_json=tokenizer_json, lineage=lineage)


def _from_file(path: Path, options: LoadOptions) -> Source:
    arch = options.arch or ""  # check_checkpoint asks for it
    config = FolderConfig(model_cfg=_built_in(arch))
    tokenizer_json = _optional(path.parent, TOKENIZER_FILE)
    return _source(config, weights=path.resolve(), tokenizer_json=tokenizer_json, architecture=arch)


def _from_open_clip(rest: str, options: LoadOptions) -> Source:
    arch, _, tag = rest.rpartition("/")
    model_cfg = _built_in(arch)
    known = _published(arch, tag, model_cfg)
    repo, _, file = str(known["hf_hub"]).rpartition("/")
    repository = Repository(repo=repo, revision=None)
    names = [f"{file.rpartition('.')[0]}.safetensors"] if file else list(_SAFE_WEIGHTS)
    pickles = ([file] if file else list(_PICKLED_WEIGHTS)) if options.allow_pickle else []
    weights = repository.first_of([*names, *pickles])
    preprocess = check(
        PreprocessConfig,
        {key: list(known[key]) if key in {"mean", "std"} else known[key] for key in _PUBLISHED_SETTINGS},
        where=rest,
    )
    return _source(
        FolderConfig(model_cfg=model_cfg, preprocess_cfg=preprocess),
        weights=weights,
        tokenizer_json=_fetch_tokenizer(repository.pinned(weights), model_cfg),
        lineage=(tag, repo),
        architecture=arch,
    )


def _published(arch: str, tag: str, model_cfg: ModelConfig) -> Mapping[str, Any]:
    """Return what open_clip knows of the weights ``tag``; refused where their activation is another than stated."""
    known: Mapping[str, Any] = open_clip.pretrained.get_pretrained_cfg(arch, tag)
    if not known:
        tags = open_clip.list_pretrained_tags_by_model(arch)
        raise UsageProblem(
            f"open_clip has no weights {ascii(tag)[:80]} for {arch}.",
            remedy=f"Its tags are {', '.join(tags) or 'none'}.",
        )
    stated = bool(known.get("quick_gelu", False))
    if stated != model_cfg.quick_gelu:
        wanted = f"{arch}-quickgelu" if stated else arch.removesuffix("-quickgelu")
        raise RefusedProblem(
            f"The weights {tag} were trained with {'QuickGELU' if stated else 'GELU'}, which {arch} does not state.",
            remedy=f"Name open_clip:{wanted}/{tag}.",
        )
    return known


def _from_hub(rest: str, options: LoadOptions) -> Source:
    repo, revision = repo_and_revision(rest)
    repository = Repository(repo=repo, revision=revision)
    config_file = repository.first_of([CONFIG_FILE])
    config = parse_folder_config(config_file)
    repository = repository.pinned(config_file)
    pickles = list(_PICKLED_WEIGHTS) if options.allow_pickle else []
    lineage_file = repository.fetch(LINEAGE_FILE)
    return _source(
        config,
        weights=repository.first_of([*_SAFE_WEIGHTS, *pickles]),
        tokenizer_json=_fetch_tokenizer(repository, config.model_cfg),
        lineage=(repo, *(() if lineage_file is None else _read_lineage(lineage_file))),
    )


def _source(
    config: FolderConfig,
    *,
    weights: Path,
    tokenizer_json: Path | None,
    lineage: tuple[str, ...] = (),
    architecture: str | None = None,
) -> Source:
    return Source(
        model_cfg=config.model_cfg,
        preprocess_cfg=config.preprocess_cfg,
        weights=weights,
        tokenizer_json=tokenizer_json,
        architecture=architecture or config.model_cfg.describe(),
        lineage=lineage,
    )


def _built_in(arch: str) -> ModelConfig:
    known = open_clip.list_models()
    if arch not in known:
        near = difflib.get_close_matches(arch, known, n=4, cutoff=0.4)
        raise UsageProblem(
            f"open_clip knows no architecture {ascii(arch)[:80]}.",
            remedy=f"Near ones are {', '.join(near) or known[0]}.",
        )
    model_cfg: Mapping[str, object] = open_clip.get_model_config(arch)
    return parse_model_config(model_cfg, where=arch)


def _find_weights(root: Path, options: LoadOptions) -> Path:
    names = {path.name for path in root.iterdir()}
    preferred = [
        name for name in (*_SAFE_WEIGHTS, *(_PICKLED_WEIGHTS if options.allow_pickle else ())) if name in names
    ]
    if preferred:
        return within(root, root / preferred[0])
    suffixes = (".safetensors", *(PICKLE_SUFFIXES if options.allow_pickle else ()))
    others = sorted(name for name in names if Path(name).suffix in suffixes)
    if len(others) == 1:
        return within(root, root / others[0])
    if others:
        raise RefusedProblem(
            f"{root} holds several weights files: {', '.join(others[:6])}.",
            remedy=f"Name one of them {WEIGHTS_FILE}, or move the others away.",
        )
    pickles = sorted(name for name in names if Path(name).suffix in PICKLE_SUFFIXES)
    if pickles:
        raise RefusedProblem(
            f"{root} holds its weights as a pickle only ({pickles[0]}), which can run code when it is read.",
            remedy="Ask for safetensors; if you trust its maker, add --allow-pickle.",
        )
    raise RefusedProblem(
        f"{root} holds no weights that can be read.", remedy=f"Save them as {WEIGHTS_FILE}; other formats are not read."
    )


def _optional(root: Path, name: str) -> Path | None:
    return within(root, root / name) if (root / name).exists() else None


def _fetch_tokenizer(repository: Repository, config: ModelConfig) -> Path | None:
    if config.text_cfg.hf_tokenizer_name is None:
        return None
    repository.fetch(TOKENIZER_CONFIG_FILE)
    return repository.fetch(TOKENIZER_FILE)


def _read_lineage(path: Path) -> tuple[str, ...]:
    return tuple(check(Lineage, read_json(path), where=str(path)).lineage)


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
        for name in names:
            found = self.fetch(name)
            if found is not None:
                return found
        raise RefusedProblem(
            f"The repository {self.repo} holds none of {', '.join(names)}.",
            remedy="Pickled weights are read with --allow-pickle only; for other layouts, download the weights and "
            "name the file together with --arch.",
        )

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
        except (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError) as error:
            raise UsageProblem(
                f"The hub has no {self.repo} at {self.revision or 'its newest revision'} that is open to you.",
                remedy="Check the spelling and the revision; a gated repository needs `hf auth login` first.",
            ) from error
        except (LocalEntryNotFoundError, OfflineModeIsEnabled, RevisionResolutionError, HTTPError, OSError) as error:
            raise EnvironmentProblem(
                f"{self.repo} lies on the Hugging Face hub, which needs the network, and {name} could not be had "
                f"from there ({type(error).__name__}).",
                remedy="Connect to the network (and unset HF_HUB_OFFLINE), or download the repository elsewhere and "
                "name the folder.",
            ) from error
        return within(_storage(path), path)


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
