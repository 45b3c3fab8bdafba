"""Memory: what it says when it runs out, and how the pages of one step serve the next."""

from __future__ import annotations

import ctypes
import functools
from typing import Final

import torch

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
