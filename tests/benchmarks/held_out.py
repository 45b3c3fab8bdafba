"""Quality as checkpoints see it that had no part in the optimisation: rank, margin, robustness, diversity."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from PIL import Image, ImageFilter

from audit.checkpoints import Checkpoint

_AT_ONCE: Final = 256
_JPEG_QUALITY: Final = 50

Picture = UInt8[np.ndarray, "side side 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """What images are placed against: every text of the suites, and which concept it is about."""

    texts: tuple[str, ...]
    concepts: tuple[str, ...]

    def foreign(self) -> np.ndarray:
        """Return a square table: whether a column's text is about another concept than the row's."""
        names = np.array(self.concepts)
        return names[:, None] != names[None, :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one judge says of some images; every axis but the last is that of the images."""

    z: Float[np.ndarray, "*lead"]
    rank: Int[np.ndarray, "*lead"]
    """Place of the own text among itself and the texts of other concepts; 1 is best."""
    exact_rank: Int[np.ndarray, "*lead"]
    """Place of the own text among all texts, those of its own concept in other words too."""
    embeddings: Float[np.ndarray, "*lead embedding"]


def margins(cosines: Float[np.ndarray, "n texts"], own: Int[np.ndarray, " n"], foreign: np.ndarray) -> np.ndarray:
    """Return z of each image: own cosine less the mean of those with texts of other concepts, in their deviations.

    Args:
        cosines: Of each image with every text.
        own: Which text is the image's own.
        foreign: From :meth:`Texts.foreign`.
    """
    rows = np.where(foreign[own], cosines, np.nan)
    return (cosines[np.arange(len(own)), own] - np.nanmean(rows, axis=1)) / np.nanstd(rows, axis=1, ddof=1)


def ranks(cosines: Float[np.ndarray, "n texts"], own: Int[np.ndarray, " n"], rivals: np.ndarray) -> np.ndarray:
    """Return one plus the number of rival texts that match better; ``rivals`` is a square table as ``foreign`` is."""
    better = cosines > cosines[np.arange(len(own)), own][:, None]
    return 1 + (better & rivals[own]).sum(axis=1)


def diversity(embeddings: Float[np.ndarray, "prompts seeds embedding"]) -> Float[np.ndarray, " prompts"]:
    """Return, for each prompt, one less the mean cosine between the images of its seeds, two by two."""
    cosines = embeddings @ embeddings.transpose(0, 2, 1)
    seeds = embeddings.shape[1]
    pairs = seeds * (seeds - 1)
    if pairs == 0:
        return np.full(len(embeddings), np.nan)
    return 1 - (cosines.sum(axis=(1, 2)) - np.trace(cosines, axis1=1, axis2=2)) / pairs


class HeldOutJudge:
    """A checkpoint that looks at images of others."""

    def __init__(self, checkpoint: Checkpoint, texts: Texts, *, name: str) -> None:
        self.name = name
        self._checkpoint = checkpoint
        self._texts = checkpoint.encode_text(texts.texts).double().cpu().numpy()
        self._foreign = texts.foreign()
        self._others = ~np.eye(len(texts.texts), dtype=bool)

    def read(self, images: UInt8[np.ndarray, "*lead 3 side side"], own: Int[np.ndarray, "*lead"]) -> Reading:
        """Return what this judge says of images in 8 bits; ``own`` is the number of each image's text."""
        lead = images.shape[:-3]
        flat = torch.from_numpy(images.reshape(-1, *images.shape[-3:]))
        parts = [self._checkpoint.encode_image(part.float() / 255) for part in torch.split(flat, _AT_ONCE)]
        embeddings = torch.cat(parts).double().cpu().numpy()
        cosines, which = embeddings @ self._texts.T, own.reshape(-1)
        return Reading(
            z=margins(cosines, which, self._foreign).reshape(lead),
            rank=ranks(cosines, which, self._foreign).reshape(lead),
            exact_rank=ranks(cosines, which, self._others).reshape(lead),
            embeddings=embeddings.reshape(*lead, -1),
        )


def blurred(picture: Picture) -> Picture:
    """Return a picture under Pillow's Gaussian blur, its radius 1 of 64 pixels a side."""
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(picture.shape[0] / 64)))


def compressed(picture: Picture) -> Picture:
    """Return a picture as JPEG at quality 50 leaves it."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=_JPEG_QUALITY)
    with Image.open(buffer) as image:
        return np.asarray(image.convert("RGB"))


def shifted(picture: Picture) -> Picture:
    """Return a picture moved by an eighth of its side, down and to the right; its border repeats."""
    side = picture.shape[0]
    away = side // 8
    return np.pad(picture, ((away, 0), (away, 0), (0, 0)), mode="edge")[:side, :side]


CONDITIONS: Final[Mapping[str, Callable[[Picture], Picture]]] = {
    "blur": blurred,
    "JPEG": compressed,
    "shift": shifted,
}


def changed(images: UInt8[np.ndarray, "*lead 3 side side"], condition: str) -> UInt8[np.ndarray, "*lead 3 side side"]:
    """Return the images under one of ``CONDITIONS``."""
    flat = images.reshape(-1, *images.shape[-3:]).transpose(0, 2, 3, 1)
    pictures = [CONDITIONS[condition](np.ascontiguousarray(one)) for one in flat]
    return np.stack(pictures).transpose(0, 3, 1, 2).reshape(images.shape)


def own_numbers(texts: Texts, wanted: Sequence[str], shape: tuple[int, ...]) -> Int[np.ndarray, "*lead"]:
    """Return the number of each prompt's text, repeated over the further axes of ``shape``."""
    places = {text: number for number, text in enumerate(texts.texts)}
    numbers = np.array([places[text] for text in wanted])
    return np.broadcast_to(numbers.reshape(-1, *[1] * len(shape)), (len(wanted), *shape))
