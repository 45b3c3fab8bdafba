"""What a user may call a checkpoint, and the files that the name stands for.

Only here does a name become a path, and past this file nobody knows which kind of name it was.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import open_clip

from audit.checkpoints.config import (
    Lineage,
    ModelConfig,
    check,
    parse_folder_config,
    parse_model_config,
)
from audit.checkpoints.hub import Repository
from audit.checkpoints.preprocessing import (
    PROCESSOR_FILE,
    Preparation,
    for_transformers_folder,
    for_weights_file,
    published,
)
from audit.checkpoints.safe_files import PICKLE_SUFFIXES, read_json, within
from audit.checkpoints.transformers_models import TransformersConfig, parse_transformers_config
from audit.early_checks import (
    CONFIG_FILE,
    TRANSFORMERS_CONFIG_FILE,
    check_checkpoint,
    phantom_folder,
    repo_and_revision,
)
from audit.errors import RefusedProblem, UsageProblem
from audit.lineage import SAID, TRAINED_ON, data_as_said, data_of_tag
from audit.opening import entries, is_file, is_folder, is_link, is_there

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
_INDEX_FILE: Final = "model.safetensors.index.json"
_MAX_SHARDS: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """What a user has to say explicitly."""

    arch: str | None = None
    """open_clip's name of the architecture; for a bare weights file, and only there."""
    preprocess: str | None = None
    """How pictures are prepared, where no file of the checkpoint says it: a tag, ARCH/TAG, or a JSON file."""
    allow_pickle: bool = False
    """Read ``.pt``, ``.pth`` and ``.bin`` files, tensors only; everything else in them is still refused."""
    waive_sanity: bool = False
    """Load a checkpoint that does not rank matched pairs above chance; its findings mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The files and settings that a name stands for; nothing is loaded yet."""

    model: ModelConfig | TransformersConfig
    preparation: Preparation
    weights: tuple[Path, ...]
    """One file, or the shards of one."""
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
    check_checkpoint(name, options.arch, options.preprocess)
    scheme, _, rest = name.partition(":")
    from_scheme = {"phantom": _from_phantom, "open_clip": _from_open_clip, "hf-hub": _from_hub}.get(scheme)
    if from_scheme is not None:
        return from_scheme(rest, options)
    path = Path(name)
    return _from_file(path, options) if is_file(path) else _from_folder(path, options)


def _from_phantom(name: str, options: LoadOptions) -> Source:
    return _from_folder(phantom_folder(name), options)


def _from_folder(folder: Path, options: LoadOptions) -> Source:
    files = _Folder(folder=folder.resolve())
    lineage_file = files.optional(LINEAGE_FILE)
    files.optional(TOKENIZER_CONFIG_FILE)
    config_file = files.optional(CONFIG_FILE) or files.required(TRANSFORMERS_CONFIG_FILE)
    model, preparation = _model(config_file, lambda: files.optional(PROCESSOR_FILE), options)
    return Source(
        model=model,
        preparation=preparation,
        weights=_find_weights(files, options),
        tokenizer_json=files.optional(TOKENIZER_FILE),
        architecture=model.describe(),
        lineage=() if lineage_file is None else _read_lineage(lineage_file),
    )


def _model(
    config_file: Path, processor: Callable[[], Path | None], options: LoadOptions
) -> tuple[ModelConfig | TransformersConfig, Preparation]:
    """Return the architecture that a folder states, in the form of either library, and how it wants pictures."""
    if config_file.name == CONFIG_FILE:
        config = parse_folder_config(config_file)
        return config.model_cfg, Preparation(settings=config.preprocess_cfg, stated_by=CONFIG_FILE)
    model = parse_transformers_config(read_json(config_file), where=str(config_file))
    return model, for_transformers_folder(processor(), str(config_file.parent), options.preprocess)


def _from_file(path: Path, options: LoadOptions) -> Source:
    arch = options.arch or ""  # check_checkpoint asks for it
    model = _built_in(arch)
    return Source(
        model=model,
        preparation=for_weights_file(path, arch, options.preprocess),
        weights=(path.resolve(),),
        tokenizer_json=_Folder(folder=path.parent.resolve()).optional(TOKENIZER_FILE),
        architecture=arch,
        lineage=(),
    )


def _from_open_clip(rest: str, options: LoadOptions) -> Source:
    arch, _, tag = rest.rpartition("/")
    model = _built_in(arch)
    known = _published(arch, tag, model)
    preprocess = published(arch, tag)
    assert preprocess is not None  # noqa: S101  (_published refuses a tag that is not there)
    repo, _, file = str(known["hf_hub"]).rpartition("/")
    repository = Repository(repo=repo, revision=None)
    names = [f"{file.rpartition('.')[0]}.safetensors"] if file else list(_SAFE_WEIGHTS)
    pickles = ([file] if file else list(_PICKLED_WEIGHTS)) if options.allow_pickle else []
    weights = repository.first_of([*names, *pickles])
    return Source(
        model=model,
        preparation=Preparation(settings=preprocess, stated_by=f"open_clip's record of {rest}"),
        weights=(weights,),
        tokenizer_json=_fetch_tokenizer(repository.pinned(weights), model),
        lineage=(tag, repo, *data_of_tag(tag)),
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
    config_file = repository.first_of([CONFIG_FILE, TRANSFORMERS_CONFIG_FILE])
    repository = repository.pinned(config_file)
    model, preparation = _model(config_file, lambda: repository.optional(PROCESSOR_FILE), options)
    lineage_file = repository.optional(LINEAGE_FILE)
    return Source(
        model=model,
        preparation=preparation,
        weights=_hub_weights(repository, options),
        tokenizer_json=_fetch_tokenizer(repository, model),
        architecture=model.describe(),
        lineage=(repo, *_data_of_repository(repo), *(() if lineage_file is None else _read_lineage(lineage_file))),
    )


def _hub_weights(repository: Repository, options: LoadOptions) -> tuple[Path, ...]:
    pickles = list(_PICKLED_WEIGHTS) if options.allow_pickle else []
    found = repository.first_of([*_SAFE_WEIGHTS, _INDEX_FILE, *pickles])
    if found.name != _INDEX_FILE:
        return (found,)
    return tuple(repository.first_of([name]) for name in _shards(found))


def _shards(index: Path) -> list[str]:
    """Return the names of the files that an index of shards lists, each once.

    Raises:
        RefusedProblem: If it lists none, or anything else than files that lie beside it.
    """
    content = read_json(index, max_bytes=16 << 20)
    table = content.get("weight_map") if isinstance(content, dict) else None
    listed = list(table.values()) if isinstance(table, dict) else []
    plain = all(isinstance(name, str) and Path(name).name == name and name.endswith(".safetensors") for name in listed)
    names = list(dict.fromkeys(listed)) if plain else []
    if not names or len(names) > _MAX_SHARDS:
        raise RefusedProblem(
            f"{index} lists no shards of safetensors that lie beside it.",
            remedy="Get the folder again from its source.",
        )
    return names


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Folder:
    """A checkpoint's folder; a snapshot in the cache of a hub is one of links into the cache of its repository."""

    folder: Path

    @property
    def root(self) -> Path:
        """Return the folder out of which no link may lead."""
        cache = self.folder.parent.parent
        is_snapshot = self.folder.parent.name == "snapshots" and is_folder(cache / "blobs")
        return cache if is_snapshot else self.folder

    def optional(self, name: str) -> Path | None:
        """Return a file of the folder; ``None`` if there is none of this name."""
        path = self.folder / name
        return within(self.root, path) if is_there(path) or is_link(path) else None

    def required(self, name: str) -> Path:
        """Return a file that the folder must hold."""
        return within(self.root, self.folder / name)


def _find_weights(files: _Folder, options: LoadOptions) -> tuple[Path, ...]:
    root, names = files.folder, {path.name for path in entries(files.folder)}
    safe = next((name for name in _SAFE_WEIGHTS if name in names), None)
    if safe is not None:
        return (files.required(safe),)
    if _INDEX_FILE in names:
        return tuple(files.required(name) for name in _shards(files.required(_INDEX_FILE)))
    pickled = next((name for name in _PICKLED_WEIGHTS if options.allow_pickle and name in names), None)
    if pickled is not None:
        return (files.required(pickled),)
    suffixes = (".safetensors", *(PICKLE_SUFFIXES if options.allow_pickle else ()))
    others = sorted(name for name in names if Path(name).suffix in suffixes)
    if len(others) == 1:
        return (files.required(others[0]),)
    if others:
        raise RefusedProblem(
            f"{root} holds several weights files: {', '.join(others[:6])}.",
            remedy=f"Name one of them {WEIGHTS_FILE}, or move the others away; shards need their {_INDEX_FILE}.",
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


def _fetch_tokenizer(repository: Repository, model: ModelConfig | TransformersConfig) -> Path | None:
    if isinstance(model, ModelConfig) and model.text_cfg.hf_tokenizer_name is None:
        return None
    repository.optional(TOKENIZER_CONFIG_FILE)
    return repository.fetch(TOKENIZER_FILE)


def _data_of_repository(repo: str) -> tuple[str, ...]:
    """Return what open_clip's own weights in a repository were trained on; nothing for any other repository."""
    published = (
        (tag, str(open_clip.pretrained.get_pretrained_cfg(arch, tag).get("hf_hub", "")))
        for arch, tag in open_clip.list_pretrained()
    )
    tags = {tag: None for tag, place in published if place.rstrip("/").casefold().startswith(repo.casefold())}
    return tuple(dict.fromkeys(name for tag in tags for name in data_of_tag(tag)))


def _read_lineage(path: Path) -> tuple[str, ...]:
    """Return what a folder says of its relatives and of its training data; none of it is more than said."""
    said = check(Lineage, read_json(path), where=str(path))
    plain = tuple(name for name in said.lineage if not name.startswith((TRAINED_ON, SAID)))
    data = (name.removeprefix(SAID).removeprefix(TRAINED_ON) for name in said.lineage if name not in plain)
    return (*plain, *data_as_said((*data, *said.trained_on)))
