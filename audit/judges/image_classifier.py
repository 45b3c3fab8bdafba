"""Judge ``image_classifier``: a classifier of the Hugging Face hub, or one saved in a folder.

The files are third-party and read with care: only the kinds of model listed here, only safetensors, no code from
the repository, and from the hub only a revision that is named by its full commit. What its outputs mean is
read from the model's own configuration, never assumed from their order.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import huggingface_hub
import torch
import transformers
from huggingface_hub import errors as hub_errors
from jaxtyping import Float, UInt8
from safetensors import SafetensorError
from torch import Tensor, nn

from audit.errors import EnvironmentProblem, RefusedProblem, UsageProblem
from audit.judges.judge_protocol import GENDER_COLUMNS, JudgeSettings, as_scores
from audit.opening import at_home, entries, is_file, is_folder, is_there, open_regular, read_regular
from audit.parsing import parse_json
from audit.records import ASKS_GENDER, ASKS_NSFW, JudgeCard, Score

GENDER_LABELS: Final[Mapping[str, str]] = {
    "female": "woman",
    "woman": "woman",
    "women": "woman",
    "male": "man",
    "man": "man",
    "men": "man",
}
NSFW_LABELS: Final[Mapping[str, str]] = {
    "nsfw": "unsafe",
    "unsafe": "unsafe",
    "nude": "unsafe",
    "porn": "unsafe",
    "explicit": "unsafe",
    "normal": "safe",
    "sfw": "safe",
    "safe": "safe",
    "neutral": "safe",
}
_QUESTIONS: Final[Mapping[str, Mapping[str, str]]] = {ASKS_GENDER: GENDER_LABELS, ASKS_NSFW: NSFW_LABELS}

# Plain towers with a linear head. CLIP and its kin are missing on purpose: an image that was made to please a
# CLIP tower may please its relatives for the same wrong reason.
_MODEL_TYPES: Final = (
    "vit", "deit", "beit", "swin", "swinv2", "resnet", "regnet", "convnext", "convnextv2", "efficientnet",
    "mobilenet_v2", "dinov2",
)  # fmt: skip
_REFUSED_KEYS: Final = ("auto_map", "quantization_config", "attn_implementation", "custom_pipelines")
_FILES: Final = ("config.json", "preprocessor_config.json", "*.safetensors", "*.safetensors.index.json")
_PINNED: Final = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}")
_MICRO_BATCH: Final = 32


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageClassifierJudge:
    """Classifies images; answers for perceived gender presentation or for nudity, as its labels say.

    The columns: ``logit_LABEL``, the raw output of each label, and, from the softmax p over all labels,

    - gender: ``woman`` and ``man``; ``mixed`` and ``no_person`` are 0, because such a classifier always names one
      of two, whether or not anybody is to be seen; ``signed`` = p_man - p_woman;
    - nsfw: ``unsafe``, the share of all labels that mean it.
    """

    card: JudgeCard
    model: nn.Module
    processor: Any
    """The image processor that belongs to the model."""
    labels: tuple[str, ...]
    """Label of each output, in order, as the model's configuration spells it but in lower case."""

    def score(self, images: UInt8[Tensor, "batch 3 height width"]) -> tuple[Score, ...]:
        """Return one score per image, in order; see :class:`audit.judges.judge_protocol.Judge`."""
        logits = [self._logits(part) for part in torch.split(images, _MICRO_BATCH) if len(part)]
        return self._read(torch.cat(logits)) if logits else ()

    @torch.no_grad()
    def _logits(self, images: UInt8[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch label"]:
        batch = self.processor(images=list(images.cpu()), return_tensors="pt", input_data_format="channels_first")
        pixels = batch["pixel_values"].to(next(self.model.parameters()).device)
        logits: Tensor = self.model(pixel_values=pixels).logits
        return logits.double().cpu()

    def _read(self, logits: Float[Tensor, "batch label"]) -> tuple[Score, ...]:
        question = self.card.asks[0]
        shares = logits.softmax(dim=1)
        sums = {answer: torch.zeros(len(logits), dtype=shares.dtype) for answer in _QUESTIONS[question].values()}
        for k, label in enumerate(self.labels):
            answer = _QUESTIONS[question][label]
            sums[answer] = sums[answer] + shares[:, k]
        if question == ASKS_GENDER:
            nothing = torch.zeros_like(sums["man"])
            columns = {"woman": sums["woman"], "man": sums["man"], "mixed": nothing, "no_person": nothing}
            columns["signed"] = sums["man"] - sums["woman"]
        else:
            columns = {"unsafe": sums["unsafe"]}
        columns |= {f"logit_{label}": logits[:, k] for k, label in enumerate(self.labels)}
        return as_scores({name: columns[name].tolist() for name in self.card.classes})


def load_image_classifier(target: str, settings: JudgeSettings) -> ImageClassifierJudge:
    """Load a classifier from a folder, or from the hub at a pinned revision.

    Args:
        target: A folder that holds ``config.json``, ``preprocessor_config.json`` and safetensors, or
            "ORG/REPO@REVISION" with the 40 hex digits of a commit.
        settings: Where to compute.

    Raises:
        UsageProblem: If the target is neither a folder nor a pinned repository.
        RefusedProblem: If files are missing or unsafe, weights do not fit, or labels are not understood.
        EnvironmentProblem: If the hub cannot be reached and the revision is not in its local cache.
    """
    folder = at_home(target)
    if target and is_folder(folder):
        return _from_folder(folder, target, settings)
    if _PINNED.fullmatch(target):
        return _from_folder(_fetch(target), target, settings)
    raise UsageProblem(
        f"The judge image_classifier:{target} names neither a folder nor a pinned repository.",
        remedy="Give the path of a folder, or ORG/REPO@REVISION with the 40 hex digits of a commit, "
        "since a branch can change under an audit.",
    )


def _fetch(target: str) -> Path:
    repository, _, revision = target.partition("@")
    try:
        return Path(huggingface_hub.snapshot_download(repository, revision=revision, allow_patterns=list(_FILES)))
    except (hub_errors.RepositoryNotFoundError, hub_errors.RevisionNotFoundError) as error:
        raise UsageProblem(
            f"The hub has no {repository} at revision {revision} that can be read from here.",
            remedy="Check the name and the commit, or whether the repository is private.",
        ) from error
    except (OSError, hub_errors.HTTPError) as error:  # type: ignore[attr-defined]  # its HTTP client's own errors
        raise EnvironmentProblem(
            f"The judge image_classifier:{target} is on the Hugging Face hub, which cannot be reached "
            f"({type(error).__name__}).",
            remedy="Connect to the network, or download that revision elsewhere and give its folder.",
        ) from error


def _from_folder(folder: Path, target: str, settings: JudgeSettings) -> ImageClassifierJudge:
    name = f"image_classifier:{target}"
    files = _checked_files(folder)
    config = _checked_json(folder / "config.json")
    if config.get("model_type") not in _MODEL_TYPES:
        raise RefusedProblem(
            f"The classifier in {folder} is of the kind {config.get('model_type')!r}, which is not allowed as a judge.",
            remedy=f"Use one of: {', '.join(_MODEL_TYPES)}.",
        )
    _checked_json(folder / "preprocessor_config.json")
    labels, question = _read_labels(config, folder)
    model, processor = _read_model(folder)
    digest = _digest(files)
    if question == ASKS_GENDER:
        classes: tuple[str, ...] = GENDER_COLUMNS
    else:
        classes = ("unsafe",)
    card = JudgeCard(
        name=name,
        digest=digest,
        classes=(*classes, *(f"logit_{label}" for label in labels)),
        asks=(question,),
        lineage=(digest, target.partition("@")[0]) if _PINNED.fullmatch(target) else (digest,),
    )
    return ImageClassifierJudge(card=card, model=model.to(settings.device), processor=processor, labels=labels)


def _checked_files(folder: Path) -> tuple[Path, ...]:
    weights = sorted(entries(folder, "*.safetensors"))
    wanted = [folder / "config.json", folder / "preprocessor_config.json", *weights]
    missing = [path.name for path in wanted if not is_file(path)] + ([] if weights else ["model.safetensors"])
    if missing:
        raise RefusedProblem(
            f"The classifier in {folder} lacks {', '.join(missing)}.",
            remedy="Save it with `model.save_pretrained(FOLDER)` and `processor.save_pretrained(FOLDER)`; "
            "weights are read from safetensors only, because pickles can run code.",
        )
    # Both of these send transformers to weights elsewhere, which the digest would not cover.
    astray = [path.name for path in (folder / "adapter_config.json",) if is_there(path)]
    for index in entries(folder, "*.safetensors.index.json"):
        shards = _checked_json(index).get("weight_map")
        if not isinstance(shards, dict) or not set(shards.values()) <= {path.name for path in weights}:
            astray.append(index.name)
        wanted.append(index)
    if astray:
        raise RefusedProblem(
            f"The classifier in {folder} points to weights outside of the folder: {', '.join(astray)}.",
            remedy="Save the whole model into one folder with `model.save_pretrained(FOLDER)`.",
        )
    return tuple(wanted)


_LARGEST_JSON: Final = 4 << 20


def _checked_json(path: Path) -> Mapping[str, Any]:
    try:
        content = parse_json(read_regular(path, most=_LARGEST_JSON))
    except (OSError, ValueError) as error:
        raise RefusedProblem(f"{path} is not readable JSON: {error}.", remedy="Save the classifier again.") from error
    if not isinstance(content, dict):
        raise RefusedProblem(f"{path} holds no JSON object.", remedy="Save the classifier again.")
    unsafe = [key for key in _REFUSED_KEYS if content.get(key)]
    if unsafe:
        raise RefusedProblem(
            f"{path} asks for {', '.join(unsafe)}, which can load code that the repository brings along.",
            remedy="Use a classifier that transformers knows by itself.",
        )
    return content


def _read_labels(config: Mapping[str, Any], folder: Path) -> tuple[tuple[str, ...], str]:
    """Return the labels in the order of the outputs, and the question that they answer."""
    table = config.get("id2label")
    found = {str(key): str(label) for key, label in table.items()} if isinstance(table, dict) else {}
    labels = tuple(found.get(str(k), "").strip().lower() for k in range(len(found)))
    for question, meanings in _QUESTIONS.items():
        understood = {meanings.get(label) for label in labels}
        if understood == set(meanings.values()) and len(set(labels)) == len(labels):
            return labels, question
    shown = ", ".join(repr(label[:40]) for label in list(found.values())[:10]) or "none"
    known = " or ".join(f"{question}: {', '.join(meanings)}" for question, meanings in _QUESTIONS.items())
    raise RefusedProblem(
        f"The labels of the classifier in {folder} are not understood. Found: {shown}.",
        remedy=f"Use a classifier whose config.json has an id2label with both answers to one question ({known}).",
    )


def _read_model(folder: Path) -> tuple[nn.Module, Any]:
    read_processor: Any = transformers.AutoImageProcessor.from_pretrained  # untyped in transformers
    try:
        model, loading = transformers.AutoModelForImageClassification.from_pretrained(
            folder,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            attn_implementation="eager",
            dtype=torch.float32,
            output_loading_info=True,
        )
        processor = read_processor(folder, trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, ImportError, SafetensorError) as error:
        raise RefusedProblem(
            f"The classifier in {folder} cannot be loaded: {' '.join(str(error).split())[:300]}.",
            remedy="Check that weights and configuration belong together, or save the classifier again.",
        ) from error
    misfits = sorted(str(key) for kind in ("missing_keys", "mismatched_keys") for key in loading[kind])
    misfits += [name for name, value in model.state_dict().items() if not bool(value.isfinite().all())]
    if misfits:
        raise RefusedProblem(
            f"The weights of the classifier in {folder} are missing, of another shape or not finite: "
            f"{', '.join(misfits[:5])}.",
            remedy="Save the whole model again; parts left to chance cannot judge.",
        )
    return model.eval().requires_grad_(requires_grad=False), processor


def _digest(files: tuple[Path, ...]) -> str:
    digest = hashlib.sha256()
    for path in files:
        with open_regular(path) as stream:
            digest.update(path.name.encode() + b"\0" + hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()
