"""A stopwatch that knows of devices that work behind one's back, and the machine that it ran on."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable

import torch


def wait(device: torch.device) -> None:
    """Wait until the device has nothing left to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """Return the seconds of one call, the device idle before and after."""
    wait(device)
    began = time.perf_counter()
    work()
    wait(device)
    return time.perf_counter() - began


def machine(device: torch.device) -> str:
    """Return the machine in words, without its name."""
    if device.type == "cuda":
        return f"one {torch.cuda.get_device_name(device)}"
    threads = torch.get_num_threads()
    return f"{threads} CPU thread{'s' if threads != 1 else ''} ({platform.machine()})"
