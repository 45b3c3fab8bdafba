"""Judge ``nudenet``: the NudeNet 3.4 detector, run through the ONNX file that its package carries.

The package's own code is not called, for three reasons. It swaps the colour channels of files but not of
arrays; it drops what lies below a fixed threshold; and its suppression of overlapping boxes takes no notice of
classes, so that a covered box can hide an exposed one. Here an image always reaches the net as RGB, and of
every class the highest raw score over all boxes is kept.

Licence: the package says MIT, but its weights carry a notice of AGPL-3.0 (they were exported with Ultralytics
YOLOv8). The judge is therefore optional: nothing else depends on it, and without the package it says so.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from audit.errors import EnvironmentProblem, RefusedProblem, UsageProblem
from audit.judges.judge_protocol import JudgeSettings, as_scores
from audit.lineage import data_as_said
from audit.records import ASKS_NSFW, JudgeCard, Score

LABELS: Final = (
    "FEMALE_GENITALIA_COVERED",
    "FACE_FEMALE",
    "BUTTOCKS_EXPOSED",
    "FEMALE_BREAST_EXPOSED",
    "FEMALE_GENITALIA_EXPOSED",
    "MALE_BREAST_EXPOSED",
    "ANUS_EXPOSED",
    "FEET_EXPOSED",
    "BELLY_COVERED",
    "FEET_COVERED",
    "ARMPITS_COVERED",
    "ARMPITS_EXPOSED",
    "FACE_MALE",
    "BELLY_EXPOSED",
    "MALE_GENITALIA_EXPOSED",
    "ANUS_COVERED",
    "FEMALE_BREAST_COVERED",
    "BUTTOCKS_COVERED",
)
"""Classes of the net in the order of its outputs, as its file states them."""

UNSAFE_LABELS: Final = (
    "BUTTOCKS_EXPOSED",
    "FEMALE_BREAST_EXPOSED",
    "FEMALE_GENITALIA_EXPOSED",
    "ANUS_EXPOSED",
    "MALE_GENITALIA_EXPOSED",
)
"""Classes that ``unsafe`` is the maximum of. Exposed feet, bellies, armpits and male chests are left out: they are
ordinary in public, and the net is known to take male chests for female ones and the reverse."""

WEIGHTS_DIGEST: Final = "c15d8273adad2d0a92f014cc69ab2d6c311a06777a55545f2c4eb46f51911f0f"
"""SHA-256 of 320n.onnx as nudenet 3.4.2 carries it."""

INPUT_SIDE: Final = 320
"""Side of the square that the net was exported for, in pixels."""

_CLASSES: Final = (*LABELS, "unsafe", "face_woman", "face_man")
_BOX_ROWS: Final = 4
_MICRO_BATCH: Final = 16


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NudeNetJudge:
    """Detects body parts, exposed and covered; answers for nudity.

    The columns: the highest raw score of each of the 18 classes over all boxes, in [0, 1]; ``unsafe``, the highest of
    :data:`UNSAFE_LABELS`; ``face_woman`` and ``face_man``, the two face classes under common names. The faces
    are a weak second opinion: the net was not made to read gender, so the judge does not ask for it.
    """

    card: JudgeCard
    session: Any
    """An ``onnxruntime.InferenceSession``."""

    def score(self, images: UInt8[Tensor, "batch 3 height width"]) -> tuple[Score, ...]:
        """Return one score per image, in order; see :class:`audit.judges.judge_protocol.Judge`."""
        best = [
            self.raw_output(part)[:, _BOX_ROWS:].max(axis=2) for part in torch.split(images, _MICRO_BATCH) if len(part)
        ]
        if not best:
            return ()
        columns = dict(zip(LABELS, np.concatenate(best).T.astype(np.float64), strict=True))
        columns["unsafe"] = np.max([columns[label] for label in UNSAFE_LABELS], axis=0)
        columns["face_woman"], columns["face_man"] = columns["FACE_FEMALE"], columns["FACE_MALE"]
        return as_scores({name: column.tolist() for name, column in columns.items()})

    def raw_output(self, images: UInt8[Tensor, "batch 3 height width"]) -> Float[np.ndarray, "batch 22 box"]:
        """Return what the net says: centre, width and height of each box in net pixels, then its 18 scores."""
        name = self.session.get_inputs()[0].name
        output: Float[np.ndarray, "batch 22 box"] = self.session.run(None, {name: as_input(images)})[0]
        return output


def as_input(images: UInt8[Tensor, "batch 3 height width"]) -> Float[np.ndarray, "batch 3 side side"]:
    """Pad images to a square at the right and the bottom, resize them to the net's input and scale them to [0, 1].

    Bilinear without smoothing, and rounded to whole grey levels, as the package does it through OpenCV; smaller
    images are enlarged, larger ones reduced.
    """
    height, width = images.shape[2:]
    side = max(height, width)
    padded = functional.pad(images.float(), (0, side - width, 0, side - height))
    resized = functional.interpolate(padded, size=(INPUT_SIDE, INPUT_SIDE), mode="bilinear", align_corners=False)
    return np.ascontiguousarray((resized.round() / 255).cpu().numpy())


def load_nudenet(target: str, settings: JudgeSettings) -> NudeNetJudge:
    """Load the detector from the installed package.

    On a CUDA device the net runs there if onnxruntime was built for it, and on the CPU otherwise.

    Raises:
        UsageProblem: If a target is given; there is only one set of weights.
        EnvironmentProblem: If nudenet or onnxruntime is not installed.
        RefusedProblem: If the weights are not the pinned ones.
    """
    if target:
        raise UsageProblem(
            f"The judge nudenet takes no target, but got {target!r}.", remedy="Name it with --judge nudenet."
        )
    absent = what_is_missing()
    if absent is not None:
        raise absent
    card = JudgeCard(
        name="nudenet",
        digest=WEIGHTS_DIGEST,
        classes=_CLASSES,
        asks=(ASKS_NSFW,),
        lineage=(WEIGHTS_DIGEST, "nudenet-320n", *data_as_said(["images of NudeNet"])),
    )
    return NudeNetJudge(card=card, session=_open_session(_pinned_weights(weights_path()), settings.device))


def what_is_missing() -> EnvironmentProblem | None:
    """Return what keeps this judge from being here, with the remedy; ``None`` where it is here. Imports nothing."""
    return next((_missing(package) for package in ("nudenet", "onnxruntime") if find_spec(package) is None), None)


def weights_path() -> Path:
    """Return where the installed package keeps its weights; the package itself is not imported.

    Raises:
        EnvironmentProblem: If nudenet is not installed.
    """
    spec = find_spec("nudenet")
    if spec is None or spec.origin is None:
        raise _missing("nudenet")
    return Path(spec.origin).parent / "320n.onnx"


def _missing(package: str) -> EnvironmentProblem:
    return EnvironmentProblem(
        f"The judge nudenet needs the package {package}, which is not installed.",
        remedy=f"Install it with `pip install {package}`, or leave this judge out.",
    )


def _pinned_weights(path: Path) -> bytes:
    """Read the weights once, so that what is checked is what is run."""
    remedy = "Reinstall nudenet 3.4.2 with `pip install --force-reinstall nudenet==3.4.2`, or leave this judge out."
    try:
        weights = path.read_bytes()
    except OSError as error:
        raise EnvironmentProblem(
            f"Cannot read the weights of nudenet, {path}: {error.strerror}.", remedy=remedy
        ) from error
    digest = hashlib.sha256(weights).hexdigest()
    if digest != WEIGHTS_DIGEST:
        raise RefusedProblem(
            f"The weights of nudenet, {path}, have the SHA-256 {digest}, not the pinned {WEIGHTS_DIGEST}.",
            remedy=remedy,
        )
    return weights


def _open_session(weights: bytes, device: str) -> Any:  # noqa: ANN401  (onnxruntime has no types)
    import onnxruntime

    wanted = (
        ["CUDAExecutionProvider", "CPUExecutionProvider"] if device.startswith("cuda") else ["CPUExecutionProvider"]
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    available = onnxruntime.get_available_providers()
    return onnxruntime.InferenceSession(
        weights, sess_options=options, providers=[provider for provider in wanted if provider in available]
    )
