"""Which region of a picture a judge's score rests on: one part after another is hidden, and the judge asked again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import torch
from captum.attr import Occlusion
from jaxtyping import Float, UInt8
from torch import Tensor

PARTS: Final = 4
"""The hidden square has this part of the picture's side, and moves by half of itself."""

_AT_ONCE: Final = 16

Scorer = Callable[[UInt8[Tensor, "batch 3 height width"]], Sequence[float]]
"""What a judge says of each picture, as one number."""


def hide_parts(picture: UInt8[Tensor, "3 height width"], scorer: Scorer) -> Float[np.ndarray, "height width"]:
    """Return, for every pixel, by how much the score falls when its surroundings are hidden.

    A square of the picture's mean colour takes the place of the part, wherever it fits in steps of half a square; a
    pixel has the mean over the squares that cover it. Nothing of the judge is needed but its scores, so that a
    detector and another CLIP are asked alike.
    Source: Zeiler and Fergus (2014), "Visualizing and understanding convolutional networks", ECCV, arXiv 1311.2901,
    section 4.2; computed by captum's ``Occlusion``.

    Args:
        picture: RGB in [0, 255].
        scorer: Finite numbers, in any unit; the result has the same.
    """
    height, width = picture.shape[1:]
    side = max(2, min(height, width) // PARTS)
    pixels = picture.float()[None]

    def forward(batch: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, " batch"]:
        return torch.tensor(list(scorer(batch.round().to(torch.uint8))), dtype=torch.float32)

    found: Tensor = Occlusion(forward).attribute(
        pixels,
        sliding_window_shapes=(3, side, side),
        strides=(3, side // 2, side // 2),
        baselines=pixels.mean(dim=(2, 3), keepdim=True).expand_as(pixels),
        perturbations_per_eval=_AT_ONCE,
    )
    return np.asarray(found[0].mean(dim=0).numpy(), dtype=np.float64)
