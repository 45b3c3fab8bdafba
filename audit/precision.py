"""The floating-point precision of training, inversion and judging: decided here and nowhere else.

Gradients flow in fp32 or in bf16. bf16 halves the memory of a tower and, where the hardware multiplies it, about
doubles its speed; where the hardware does not, libraries emulate it, which takes several times as long as fp32. Images
of the two precisions differ as images of two seeds do, so what a run used stands in its spec, and results name it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, Literal, TypeGuard

from audit.errors import UsageProblem

if TYPE_CHECKING:
    import torch

Precision = Literal["fp32", "bf16"]
Asked = Literal["auto", "fp32", "bf16"]

PRECISIONS: Final[tuple[Asked, ...]] = ("auto", "fp32", "bf16")
"""What a user can ask for."""
JUDGING: Final[Precision] = "fp32"
"""Judges, embeddings and quality are computed in fp32 on every device: they cost little, and are what counts."""

_BF16_FLAGS: Final = ("amx_bf16", "avx512_bf16", "bf16", "sve_bf16")
"""Names that ``torch.cpu.get_capabilities`` gives to instructions that multiply bf16, on x86-64 and on Arm."""
_WITHOUT: Final = frozenset({"AVX2", "NO AVX"})
"""Levels of torch's own CPU kernels, as ``ATEN_CPU_CAPABILITY`` limits them, that use no such instruction."""
_ROUNDS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A precision, and why it is that one."""

    precision: Precision
    reason: str
    """A clause that follows the precision, as in "fp32: this CPU has no instruction that multiplies bf16"."""
    warning: str = ""
    """What a user who asked for this precision should know; empty where there is nothing."""


def check_precision(asked: str) -> Asked:
    """Return the name of a precision that can be asked for.

    Raises:
        UsageProblem: If there is none of this name.
    """
    if not _is_known(asked):
        raise UsageProblem(
            f"There is no precision {asked!r}.", remedy=f"Choose one with --precision: {', '.join(PRECISIONS)}."
        )
    return asked


def _is_known(asked: str) -> TypeGuard[Asked]:
    return asked in PRECISIONS


def choose_precision(asked: str, device: torch.device) -> Choice:
    """Return the precision of gradients on ``device``: for "auto", bf16 where it is in the hardware and faster.

    The same on every call of a process: the speed is measured once for each kind of device.

    Raises:
        UsageProblem: If ``asked`` is none of ``PRECISIONS``.
    """
    named = check_precision(asked)
    native = has_bf16(device)
    if named == "fp32":
        return Choice(precision="fp32", reason="as asked")
    if named == "bf16":
        warning = "" if native else (
            f"bf16 was asked for and {_name(device)} has no instruction that multiplies it: it is emulated, and "
            f"takes about {1 / bf16_speedup(device.type):.0f} times as long as fp32. --precision auto takes fp32 here."
        )  # fmt: skip
        return Choice(precision="bf16", reason="as asked", warning=warning)
    if not native:
        return Choice(precision="fp32", reason=f"{_name(device)} has no instruction that multiplies bf16")
    gain = bf16_speedup(device.type)
    if gain <= 1:
        return Choice(precision="fp32", reason=f"bf16 is in the hardware, and slower: {gain:.1f} times the speed")
    return Choice(precision="bf16", reason=f"in the hardware, {gain:.1f} times as fast as fp32 on a measured step")


def has_bf16(device: torch.device) -> bool:
    """Tell whether ``device`` multiplies bf16 in hardware, by what torch knows of it."""
    import torch  # noqa: PLC0415  (a name is checked before torch is loaded)

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu" or torch.backends.cpu.get_cpu_capability() in _WITHOUT:
        return False
    found = torch.cpu.get_capabilities()
    return any(found.get(name, False) for name in _BF16_FLAGS)


@cache
def bf16_speedup(kind: str) -> float:
    """Return how many times faster a convolution and its gradient run in bf16 than in fp32 on a kind of device.

    Least times of some rounds, taken in turn; a few milliseconds where bf16 is in the hardware. On a CPU they are of
    processor time, so that other jobs on the machine do not decide.
    """
    import torch  # noqa: PLC0415  (as above)

    best = dict.fromkeys((torch.float32, torch.bfloat16), float("inf"))
    for _ in range(1 + _ROUNDS):  # least times leave out the first round, which makes the kernels
        for dtype in best:
            best[dtype] = min(best[dtype], _seconds_of_step(kind, dtype))
    return best[torch.float32] / best[torch.bfloat16]


def _seconds_of_step(kind: str, dtype: torch.dtype) -> float:
    """Return how long 16 images of 64 channels and 28 pixels a side take through a 3 x 3 convolution and back."""
    import torch  # noqa: PLC0415  (as above)

    images = torch.ones((16, 64, 28, 28), device=kind, dtype=dtype).to(memory_format=torch.channels_last)
    weights = torch.ones((64, 64, 3, 3), device=kind, dtype=dtype).to(memory_format=torch.channels_last)
    images.requires_grad_()
    if kind == "cuda":
        torch.cuda.synchronize()
    clock = time.perf_counter if kind == "cuda" else time.process_time
    began = clock()
    torch.conv2d(images, weights, padding=1).sum().backward()  # type: ignore[no-untyped-call]
    if kind == "cuda":
        torch.cuda.synchronize()
    return clock() - began


def _name(device: torch.device) -> str:
    return "this CPU" if device.type == "cpu" else "this GPU" if device.type == "cuda" else f"the device {device.type}"
