"""What a checkpoint is, how it will be read and what says so, and what is missing: everything short of an audit.

The steps are those of loading. What fails is kept beside what was found so far, so that one look tells all that is to
be mended.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Final

from audit.checkpoints.checkpoint import Checkpoint
from audit.checkpoints.config import ModelConfig
from audit.checkpoints.doubts import in_words
from audit.checkpoints.loading import load_checkpoint
from audit.checkpoints.names import LoadOptions, Source, resolve
from audit.checkpoints.tokenizer import BytePairTokenizer, load_tokenizer
from audit.checkpoints.weights import fitting_architectures, look_at_weights
from audit.early_checks import CONFIG_FILE, TRANSFORMERS_CONFIG_FILE
from audit.errors import AuditProblem, UsageProblem
from audit.opening import entries, is_file, is_folder, is_there, read_text, size_of

_STAND_IN: Final = "ViT-B-32/openai"
"""Preprocessing that stands in for what nothing states, so that the rest can be looked at."""
_MAX_README: Final = 1 << 20
_MAX_LISTED: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that was found."""

    name: str
    found: str
    source: str
    """The file, the record or the default that says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What was found, what is wrong, and what is doubted."""

    facts: tuple[Fact, ...]
    problems: tuple[AuditProblem, ...]
    doubts: tuple[str, ...]


def examine(name: str, options: LoadOptions) -> Examination:
    """Return what there is to say of a checkpoint; a hub is asked only if the name says so.

    Problems are kept, not raised. The model is loaded, and put through the sanity gate, only where nothing is wrong.
    """
    facts: list[Fact] = []
    problems: list[AuditProblem] = []
    doubts: tuple[str, ...] = ()
    source = _resolved(name, options, problems)
    if source is None:
        facts += _facts_of_path(Path(name), options)
    else:
        facts += _facts_of_source(name, source, states_pictures=not problems)
        for look in (_facts_of_tokenizer, _facts_of_weights):
            try:
                facts += look(name, source, options)
            except AuditProblem as problem:
                problems.append(problem)
        facts += _licence(source)
    if not problems:
        try:
            checkpoint = load_checkpoint(name, options=options)
        except AuditProblem as problem:
            problems.append(problem)
        else:
            facts += _facts_of_checkpoint(checkpoint, options)
            doubts = checkpoint.card.doubts
    return Examination(facts=tuple(facts), problems=tuple(problems), doubts=doubts)


def _resolved(name: str, options: LoadOptions, problems: list[AuditProblem]) -> Source | None:
    """Return what the name stands for, as far as it does; what is missing is added to the problems."""
    try:
        return resolve(name, options)
    except UsageProblem as problem:
        problems.append(problem)
        if options.preprocess is not None or "--preprocess" not in problem.remedy:
            return None
    except AuditProblem as problem:
        problems.append(problem)
        return None
    try:  # pictures are what nothing states: look at the rest all the same
        return resolve(name, replace(options, preprocess=_STAND_IN))
    except AuditProblem as problem:
        problems.append(problem)
        return None


def _facts_of_path(path: Path, options: LoadOptions) -> Iterator[Fact]:
    """Say what a folder holds that could not be understood, and what a weights file fits that names no architecture."""
    if is_there(path) and is_folder(path):
        held = sorted(entry.name for entry in entries(path))
        shown = ", ".join(held[:_MAX_LISTED]) + (", ..." if len(held) > _MAX_LISTED else "")
        yield Fact(name="folder", found=f"{len(held)} entries: {shown}" if held else "empty", source=str(path))
    elif is_there(path) and options.arch is None:
        try:
            fits = fitting_architectures(path, allow_pickle=options.allow_pickle)
        except AuditProblem as problem:
            yield Fact(name="weights", found=problem.what, source=path.name)
        else:
            found = " or ".join(fits) or "none of open_clip"
            yield Fact(name="architecture", found=f"{found}, by names and shapes", source=path.name)


def _facts_of_source(name: str, source: Source, *, states_pictures: bool) -> Iterator[Fact]:
    model, told = source.model, source.preparation
    is_open_clip = isinstance(model, ModelConfig)
    folder = str(source.weights[0].parent)
    is_named = name.startswith("open_clip:") or is_file(Path(name))
    by = "open_clip, by its name" if is_named else CONFIG_FILE if is_open_clip else TRANSFORMERS_CONFIG_FILE
    yield Fact(name="form", found=_form(name, source), source=folder)
    yield Fact(name="architecture", found=source.architecture, source=by)
    loader = "open_clip_torch" if is_open_clip else "transformers"
    yield Fact(name="loader", found=f"{loader} {version(loader)}", source="no code of the checkpoint is run")
    yield Fact(name="image size", found=f"{model.side} x {model.side} pixels", source=by)
    yield Fact(name="activation", found="QuickGELU" if model.quick_gelu else "GELU", source=by)
    yield Fact(name="embedding", found=f"{model.embed_dim} numbers", source=by)
    if not states_pictures:
        yield Fact(name="pictures", found="nothing says how they are prepared", source="missing")
        return
    settings = told.settings
    values = {
        "mean": in_words(settings.mean),
        "std": in_words(settings.std),
        "interpolation": settings.interpolation,
        "resize_mode": settings.resize_mode,
    }
    for key, found in values.items():
        stated = key in settings.model_fields_set
        yield Fact(name=key, found=found, source=told.stated_by if stated else "default of open_clip, not stated")


def _form(name: str, source: Source) -> str:
    scheme = name.partition(":")[0]
    kind = "open_clip" if isinstance(source.model, ModelConfig) else "transformers"
    if scheme == "open_clip":
        return "published weights of open_clip"
    if is_file(Path(name)):
        return "a weights file"
    shards = f", weights in {len(source.weights)} shards" if len(source.weights) > 1 else ""
    place = "a repository of a hub" if scheme == "hf-hub" else "a folder"
    return f"{place}, as {kind} saves it{shards}"


def _facts_of_tokenizer(name: str, source: Source, options: LoadOptions) -> Iterator[Fact]:
    del options
    tokenizer = load_tokenizer(source.model, source.tokenizer_json, where=name)
    own = isinstance(tokenizer, BytePairTokenizer)
    by = "open_clip's own" if own or source.tokenizer_json is None else str(source.tokenizer_json)
    found = f"{source.model.context_length} tokens at most, {source.model.vocab_size} known; {tokenizer.digest[:12]}"
    yield Fact(name="tokenizer", found=found, source=by)


def _facts_of_weights(name: str, source: Source, options: LoadOptions) -> Iterator[Fact]:
    del name
    look = look_at_weights(source.model, source.weights, allow_pickle=options.allow_pickle)
    files = ", ".join(file.name for file in source.weights[:2]) + (", ..." if len(source.weights) > 2 else "")
    stored = ", ".join(look.n_by_dtype)
    yield Fact(name="weights", found=f"{look.n_parameters:,} numbers, {look.layout} names", source=files)
    yield Fact(name="precision", found=f"stored in {stored}, computed in float32", source=files)


def _licence(source: Source) -> Iterator[Fact]:
    """Say what the front matter of a README, or a licence file, says that lies beside the weights."""
    folder = source.weights[0].parent
    readme = folder / "README.md"
    if is_file(readme) and size_of(readme) <= _MAX_README:
        head = read_text(readme).split("\n---", 1)[0]
        found = re.search(r"^license(?:_name)?:\s*(\S.*)$", head, re.MULTILINE) if head.startswith("---") else None
        if found is not None:
            yield Fact(name="licence", found=found[1].strip()[:80], source=readme.name)
            return
    files = sorted(path.name for path in entries(folder, "LICEN[CS]E*"))
    if files:
        yield Fact(name="licence", found=f"see {files[0]}", source=files[0])
    else:
        yield Fact(
            name="licence", found="not stated", source="neither README.md nor LICENSE beside the weights says it"
        )


def _facts_of_checkpoint(checkpoint: Checkpoint, options: LoadOptions) -> Iterator[Fact]:
    yield Fact(name="digest", found=checkpoint.card.digest, source="configuration, tokenizer and weights")
    gate = "waived (--waive-sanity)" if options.waive_sanity else "passed"
    yield Fact(name="sanity", found=gate, source="twelve drawn pictures and their captions")
