"""How a checkpoint wants pictures prepared: what says it, and in which order it is asked.

Mean, standard deviation, interpolation and resizing are part of a checkpoint as its weights are. They are read from the
files beside the weights, else from what open_clip has on record, else from ``--preprocess``; never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import open_clip
from pydantic import ConfigDict, Field

from audit.checkpoints.config import PreprocessConfig, Strict, check, parse_folder_config
from audit.checkpoints.safe_files import read_json
from audit.early_checks import CONFIG_FILE
from audit.errors import RefusedProblem, UsageProblem
from audit.opening import check_named_file, is_file

PROCESSOR_FILE: Final = "preprocessor_config.json"

_PUBLISHED: Final = ("mean", "std", "interpolation", "resize_mode")
_RESAMPLE: Final[Mapping[int, Literal["bilinear", "bicubic"]]] = {2: "bilinear", 3: "bicubic"}
"""Pillow's numbers of its filters."""
_MOST_TAGS: Final = 8
_MODES: Final = {
    "shortest": "shortest side resized, middle cut out",
    "longest": "longest side resized, rest filled",
    "squash": "both sides resized",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """How pictures are prepared, and what said so."""

    settings: PreprocessConfig
    stated_by: str
    """The file, the record or the option that it was read from, for people."""

    def describe(self) -> str:
        """Return both in a sentence, for people."""
        one, mode = self.settings, _MODES[self.settings.resize_mode]
        mean, std = (" ".join(f"{value:.4g}" for value in values) for values in (one.mean, one.std))
        return f"mean {mean}, standard deviation {std}, {one.interpolation}, {mode}; stated by {self.stated_by}"


def published(arch: str, tag: str) -> PreprocessConfig | None:
    """Return how the weights ``tag`` of open_clip want pictures; ``None`` where open_clip has no such weights."""
    known: Mapping[str, Any] = open_clip.pretrained.get_pretrained_cfg(arch, tag)
    if not known:
        return None
    plain = {key: list(known[key]) if key in {"mean", "std"} else known[key] for key in _PUBLISHED if key in known}
    return check(PreprocessConfig, plain, where=f"{arch}/{tag}")


def for_weights_file(path: Path, arch: str, asked: str | None) -> Preparation:
    """Return how a bare weights file wants pictures: as asked, as the files beside it say, or as open_clip records.

    Args:
        path: The weights file.
        arch: open_clip's name of its architecture.
        asked: ``--preprocess``: a tag of that architecture, ARCH/TAG, or a JSON file; ``None`` where it was not given.

    Raises:
        UsageProblem: If nothing says it, or what was asked for is not there.
        RefusedProblem: If a file says something that cannot be followed.
    """
    if asked is not None:
        return _asked(asked, arch)
    beside = path.with_name(CONFIG_FILE)
    if is_file(beside):
        return Preparation(settings=parse_folder_config(beside).preprocess_cfg, stated_by=str(beside))
    if is_file(path.with_name(PROCESSOR_FILE)):
        return from_processor(path.with_name(PROCESSOR_FILE))
    tags = open_clip.list_pretrained_tags_by_model(arch)
    kinds = {tag: published(arch, tag) for tag in tags}
    distinct = list({repr(kind): kind for kind in kinds.values() if kind is not None}.values())
    if len(distinct) == 1:
        shown = "all published weights" if len(tags) > 1 else f"the weights {tags[0]}"
        return Preparation(settings=distinct[0], stated_by=f"open_clip's record of {shown} of {arch}")
    raise UsageProblem(
        f"Nothing says how {path.name} wants pictures normalised and resized: "
        + (f"the published weights of {arch} differ in it" if distinct else f"open_clip has no weights of {arch}")
        + f", and neither {CONFIG_FILE} nor {PROCESSOR_FILE} lies beside it.",
        remedy=f"Add --preprocess with {_choices(arch, kinds)}or put one of the two files beside the weights.",
    )


def for_transformers_folder(processor: Path | None, where: str, asked: str | None) -> Preparation:
    """Return how a Hugging Face folder wants pictures: as asked, else as its ``preprocessor_config.json`` says.

    Raises:
        UsageProblem: If nothing says it.
        RefusedProblem: If the file says something that cannot be followed.
    """
    if asked is not None:
        return _asked(asked, "")
    if processor is None:
        raise UsageProblem(
            f"{where} does not say how pictures are normalised and resized: it has no {PROCESSOR_FILE}.",
            remedy="Add that file from where the checkpoint was published, or give --preprocess with the ARCH/TAG of "
            "open_clip whose pictures are prepared alike (such as ViT-B-32/openai).",
        )
    return from_processor(processor)


def _choices(arch: str, kinds: Mapping[str, PreprocessConfig | None]) -> str:
    if not kinds:
        return "the ARCH/TAG of open_clip whose pictures are prepared alike (such as ViT-B-32/openai), "
    shown = ", ".join(list(kinds)[:_MOST_TAGS])
    return f"the tag of {arch} that the weights were made from ({shown}), "


def _asked(asked: str, arch: str) -> Preparation:
    if asked.endswith(".json"):
        path = Path(asked)
        check_named_file(path, "Name a file or a tag with --preprocess.")
        if "preprocess_cfg" in _table(read_json(path)):
            return Preparation(settings=parse_folder_config(path).preprocess_cfg, stated_by=str(path))
        return from_processor(path)
    owner, _, tag = asked.rpartition("/")
    settings = published(owner or arch, tag) if owner or arch else None
    if settings is None and not (owner or arch):
        raise UsageProblem(
            f"--preprocess {ascii(asked)[:80]} names no architecture.",
            remedy="Write ARCH/TAG as open_clip names them, such as ViT-B-32/openai, or a JSON file.",
        )
    if settings is None:
        tags = open_clip.list_pretrained_tags_by_model(owner or arch)
        raise UsageProblem(
            f"open_clip has no weights {ascii(tag)[:80]} of {owner or arch} for --preprocess.",
            remedy=f"Its tags are {', '.join(tags[:_MOST_TAGS])}." if tags else "Name ARCH/TAG or a JSON file.",
        )
    return Preparation(settings=settings, stated_by=f"open_clip's record of {owner or arch}/{tag} (--preprocess)")


class _Size(Strict):
    """A size in the words of transformers' image processors."""

    shortest_edge: int | None = None
    longest_edge: int | None = None
    height: int | None = None
    width: int | None = None


_Three = Annotated[list[float], Field(min_length=3, max_length=3)]


class _Processor(Strict):
    """What of ``preprocessor_config.json`` decides how a picture is prepared."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, allow_inf_nan=False)

    image_mean: _Three
    image_std: _Three
    resample: Literal[2, 3] = 3
    size: int | _Size | None = None
    crop_size: int | _Size | None = None
    do_center_crop: bool | None = None
    do_normalize: Literal[True] | None = None
    do_resize: Literal[True] | None = None
    do_pad: Literal[False] | None = None
    do_rescale: Literal[True] | None = None
    rescale_factor: Annotated[float, Field(ge=0.0039, le=0.00393)] | None = None
    do_convert_rgb: bool | None = None


def from_processor(path: Path) -> Preparation:
    """Return what a ``preprocessor_config.json`` of transformers says.

    Raises:
        RefusedProblem: If it lacks mean or standard deviation, or prepares pictures in a way that is not done here.
    """
    told = check(_Processor, read_json(path), where=str(path))
    settings = check(
        PreprocessConfig,
        {
            "mean": told.image_mean,
            "std": told.image_std,
            "interpolation": _RESAMPLE[told.resample],
            "resize_mode": _resize_mode(told, path),
        },
        where=str(path),
    )
    return Preparation(settings=settings, stated_by=str(path))


def _resize_mode(told: _Processor, path: Path) -> str:
    size, crop = _edges(told.size), _edges(told.crop_size)
    crops = bool(told.do_center_crop)
    if crops and size.shortest_edge is not None:
        inner = {edge for edge in (crop.shortest_edge, crop.height, crop.width) if edge is not None}
        if inner <= {size.shortest_edge}:
            return "shortest"
        raise RefusedProblem(
            f"{path} cuts {sorted(inner)} pixels out of a picture of {size.shortest_edge}, which is not done here.",
            remedy="Give --preprocess with the tag of open_clip that is nearest, and say so where you report.",
        )
    if not crops and size.height is not None and size.height == size.width:
        return "squash"
    if told.size is None or (not crops and size.shortest_edge is None and size.longest_edge is None):
        return "squash"
    raise RefusedProblem(
        f"{path} resizes pictures in a way that is not done here (size {told.size!r}, cropping {crops}).",
        remedy="Give --preprocess with the tag of open_clip that is nearest, and say so where you report.",
    )


def _edges(size: int | _Size | None) -> _Size:
    return _Size(shortest_edge=size) if isinstance(size, int) else size or _Size()


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
