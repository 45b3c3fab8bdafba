"""Judge ``letters``: the text that is written in an image, read by RapidOCR with the nets that its package carries.

The nets are PP-OCRv6 small of PaddleOCR, by Baidu; they and the package are under the Apache License 2.0. They are
handed to the package by path and checked before, since it would fetch from elsewhere what is missing or altered.
Whatever is read comes from an image, which anybody may have made: it is kept as data, without control characters.
"""

from __future__ import annotations

import dataclasses
import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, final

import numpy as np
import torch
from jaxtyping import Real, UInt8
from PIL import Image
from torch import Tensor

from audit.errors import EnvironmentProblem, RefusedProblem, UsageProblem
from audit.judges.judge_protocol import LETTERS_COLUMNS, LETTERS_TEXT, JudgeSettings, as_scores
from audit.opening import LARGEST, read_regular
from audit.records import ASKS_LETTERS, JudgeCard, Score

VERSION: Final = "3.10.0"

NETS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "PP-OCRv6_det_small.onnx": "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
        "PP-OCRv6_rec_small.onnx": "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
    }
)
"""SHA-256 of the nets that find places of text and that read them, as rapidocr 3.10.0 carries them."""

SIDE: Final = 320
"""An image whose longer side has fewer pixels is enlarged to this many; a larger one is read as it is."""

LEAST_LETTERS: Final = 3
"""Fewer letters or digits on one place are no text: an edge, a ring or a stripe is read as one letter or two."""

LEAST_CONFIDENCE: Final = 0.5
"""Mean confidence of the characters of a place, from which on it counts; what the package takes for its own line."""

KNOWN_ERROR: Final = (
    "Words printed over noise are found in 0.92 (0.87 to 0.95) of images of 224 pixels with letters of size 10, in "
    "0.99 (0.96 to 1.00) at 12 and in 0.19 (0.14 to 0.25) at 8; in 0.94 (0.89 to 0.96) of images of 64 at 8. Text is "
    "found in 0.00 (0.00 to 0.02) of images of noise and in 0.04 (0.02 to 0.08) of drawn pictures without a letter. "
    "200 images each, by python tests/truth/reading.py; not carried into intervals."
)
"""The judge's card takes it into every report."""

_INSTALL: Final = f"Install it with `pip install rapidocr=={VERSION}`, or leave this judge out."
_REINSTALL: Final = (
    f"Reinstall it with `pip install --force-reinstall --no-deps rapidocr=={VERSION}`, or leave this judge out."
)
_LONGEST: Final = 200
_BETWEEN: Final = " / "
_RULES: Final = (SIDE, LEAST_LETTERS, LEAST_CONFIDENCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What was read on one place of an image."""

    text: str
    confidence: float
    """Mean confidence of its characters, in [0, 1]."""
    area: float
    """Share of the image that the place covers."""

    @property
    def letters(self) -> int:
        """Letters and digits in it."""
        return sum(sign.isalnum() for sign in self.text)

    @property
    def counts(self) -> bool:
        """Whether it is text, by the lines drawn above."""
        return self.letters >= LEAST_LETTERS and self.confidence >= LEAST_CONFIDENCE


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LettersJudge:
    """Reads text in images.

    The columns: ``boxes``, the number of places with text; ``letters``, how many letters and digits stand there;
    ``area``, the share of the image that they cover; ``confidence``, the greatest of a place with enough letters,
    whatever it is, and 0 where there is none, so that the line can be drawn elsewhere without a new run;
    ``any_confidence``, the greatest of all places, single letters too. The text itself stands in ``read``.
    """

    card: JudgeCard
    reader: Any
    """A ``rapidocr.RapidOCR``."""

    def score(self, images: UInt8[Tensor, "batch 3 height width"]) -> tuple[Score, ...]:
        """Return one score per image, in order; see :class:`audit.judges.judge_protocol.Judge`."""
        found = [self.lines(image) for image in images]
        rows = [_columns(lines) for lines in found]
        scores = as_scores({name: [row[name] for row in rows] for name in self.card.classes})
        texts = [_BETWEEN.join(line.text for line in lines if line.counts)[:_LONGEST] for lines in found]
        return tuple(dataclasses.replace(score, text=text) for score, text in zip(scores, texts, strict=True))

    def lines(self, image: UInt8[Tensor, "3 height width"]) -> tuple[Line, ...]:
        """Return every place at which anything was read, from the top down; what counts is decided later."""
        pixels = _enlarged(image)
        said = self.reader(np.ascontiguousarray(pixels[:, :, ::-1]), use_cls=False)
        if getattr(said, "txts", None) is None:  # nothing found, or found and not readable: then a record without text
            return ()
        size = pixels.shape[0] * pixels.shape[1]
        return tuple(
            Line(text=_plain(text), confidence=float(confidence), area=_area(box) / size)
            for text, confidence, box in zip(said.txts, said.scores, said.boxes, strict=True)
        )


def load_letters(target: str, _settings: JudgeSettings) -> LettersJudge:
    """Load the nets from the installed package; they compute on the CPU, whatever the device.

    Raises:
        UsageProblem: If a target is given; there is only one set of nets.
        EnvironmentProblem: If a package is not installed, or its nets cannot be read.
        RefusedProblem: If the nets are not the pinned ones.
    """
    if target:
        raise UsageProblem(
            f"The judge letters takes no target, but got {target!r}.", remedy="Name it with --judge letters."
        )
    folder = nets_folder()
    for name in NETS:
        _check(folder / name)
    card = JudgeCard(
        name="letters",
        digest=hashlib.sha256("|".join((*NETS.values(), *map(str, _RULES))).encode()).hexdigest(),
        classes=LETTERS_COLUMNS,
        asks=(ASKS_LETTERS,),
        lineage=(*NETS.values(), "PP-OCRv6"),
        known_error=KNOWN_ERROR,
        text=LETTERS_TEXT,
    )
    return LettersJudge(card=card, reader=_open(folder))


def nets_folder() -> Path:
    """Return where the installed package keeps its nets; the package itself is not imported.

    Raises:
        EnvironmentProblem: If rapidocr or onnxruntime is not installed.
    """
    spec = find_spec("rapidocr")
    if spec is None or spec.origin is None or find_spec("onnxruntime") is None:
        raise EnvironmentProblem(
            "The judge letters needs the packages rapidocr and onnxruntime, which are not both installed.",
            remedy=_INSTALL,
        )
    return Path(spec.origin).parent / "models"


def _check(path: Path) -> None:
    try:
        digest = hashlib.sha256(read_regular(path, most=LARGEST)).hexdigest()
    except OSError as error:
        raise EnvironmentProblem(
            f"Cannot read a net of rapidocr, {path}: {error.strerror}.", remedy=_REINSTALL
        ) from error
    if digest != NETS[path.name]:
        raise RefusedProblem(
            f"The net of rapidocr, {path}, has the SHA-256 {digest}, not the pinned {NETS[path.name]}.",
            remedy=_REINSTALL,
        )


def _open(folder: Path) -> Any:  # noqa: ANN401  (rapidocr has no types)
    try:
        from rapidocr import RapidOCR
    except ImportError as error:
        raise EnvironmentProblem(f"The package rapidocr cannot be imported: {error}.", remedy=_INSTALL) from error
    find, read = (str(folder / name) for name in NETS)
    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.text_score": 0.0,
            "EngineConfig.onnxruntime.intra_op_num_threads": torch.get_num_threads(),
            "Det.model_path": find,
            "Det.limit_type": "max",
            "Det.limit_side_len": 2000,
            "Rec.model_path": read,
        }
    )


def _enlarged(image: UInt8[Tensor, "3 height width"]) -> UInt8[np.ndarray, "rows columns 3"]:
    """Return the image with a longer side of at least ``SIDE``, by bicubic interpolation."""
    pixels = np.ascontiguousarray(image.permute(1, 2, 0).cpu().numpy())
    height, width = pixels.shape[:2]
    factor = SIDE / max(height, width)
    if factor <= 1:
        return pixels
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def _columns(lines: tuple[Line, ...]) -> dict[str, float]:
    text = [line for line in lines if line.counts]
    long = [line.confidence for line in lines if line.letters >= LEAST_LETTERS]
    return {
        "boxes": float(len(text)),
        "letters": float(sum(line.letters for line in text)),
        "area": min(1.0, sum(line.area for line in text)),
        "confidence": max(long, default=0.0),
        "any_confidence": max((line.confidence for line in lines), default=0.0),
    }


def _plain(text: str) -> str:
    """Return text in one line, without signs that nobody can see."""
    seen = "".join(" " if unicodedata.category(sign).startswith(("C", "Z")) else sign for sign in text)
    return unicodedata.normalize("NFC", " ".join(seen.split()))


def _area(corners: Real[np.ndarray, "4 2"]) -> float:
    """Return the area of a quadrilateral, in squares of its unit (the shoelace formula)."""
    x, y = np.asarray(corners, dtype=np.float64).T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)
