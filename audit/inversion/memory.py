"""Memory: how a batch of images lies in it, what it says when it runs out, and how pages are used again."""

from __future__ import annotations

import ctypes
import functools
import math
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

_OUT_OF_MEMORY: Final = (
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
)
"""What torch says, in an error of no type of its own, when memory runs out on a CPU (Linux, Windows) or a GPU."""

# From glibc's malloc.h; see mallopt(3).
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_LARGEST_MMAP_THRESHOLD: Final = 32 * 2**20
_KEPT: Final = 2**31 - 1


def ran_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory ran out, and nothing else.

    Example:
        >>> ran_out_of_memory(MemoryError()), ran_out_of_memory(RuntimeError("unknown memory format"))
        (True, False)
    """
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY)


@functools.cache
def keep_freed_pages() -> bool:
    """Ask the C library not to give freed memory back to the system, for the rest of the process.

    Every step frees and takes the same tens of buffers of some megabytes. By default glibc returns them to the system
    and gets them again as empty pages, ten thousand page faults a step on a phantom. The peak stays what it is.

    Returns:
        Whether the C library has such a setting; nothing is done where it has none (macOS, Windows, musl).
    """
    try:
        adjust = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no such function; or no handle on the program itself, as on Windows
        return False
    return bool(adjust(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)) and bool(adjust(_TRIM_THRESHOLD, _KEPT))


# How a batch of images lies in memory: image by image, as torch does, or pixel by pixel.
#
# What is done alike to every image, as shared sampling and total variation are, works on long rows where all images lie
# side by side. A tensor keeps its shape either way; only its strides tell.


def as_pixels(images: Float[Tensor, "batch 3 down across"]) -> Float[Tensor, "pixels columns"]:
    """Return one row for each pixel, its channels one after the other and in each of them all images.

    No copy is made where memory is in that order already, as that of rendered images is.
    """
    return images.permute(2, 3, 1, 0).reshape(images.shape[2] * images.shape[3], -1)


def as_images(pixels: Float[Tensor, "pixels columns"], batch: int) -> Float[Tensor, "batch 3 side side"]:
    """Return the images whose pixels stand in rows; the other way round of :func:`as_pixels`, without a copy."""
    side = math.isqrt(len(pixels))
    return pixels.view(side, side, 3, batch).permute(3, 2, 0, 1)
