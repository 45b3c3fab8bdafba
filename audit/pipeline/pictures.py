"""Images on their way to the disk and back: lossless PNG, the same bytes for the same pixels."""

from __future__ import annotations

import io

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor


def encode_png(pixels: UInt8[Tensor, "3 height width"]) -> bytes:
    """Return an image as lossless PNG; the same pixels give the same bytes."""
    buffer = io.BytesIO()
    Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(buffer, format="PNG")
    return buffer.getvalue()


def decode_png(png: bytes) -> UInt8[Tensor, "3 height width"]:
    """Return the pixels of a PNG that :func:`encode_png` wrote."""
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        pixels = np.array(image.convert("RGB"), dtype=np.uint8)
    return torch.from_numpy(pixels).permute(2, 0, 1)
