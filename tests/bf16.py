"""bf16 on a CPU without it: the same rounding, at the speed of fp32, so that tests of both precisions run anywhere.

Hardware multiplies bf16 numbers exactly, adds the products in fp32 and rounds the sum to bf16. So does this: what
multiplies and adds is computed in fp32 of its bf16 inputs, and its result is rounded; all else is torch's own.
Libraries that emulate bf16 take some ten times as long.
"""

from __future__ import annotations

import contextlib

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from audit.precision import has_bf16

ATEN = torch.ops.aten
SUMS = {
    ATEN.mm.default,
    ATEN.bmm.default,
    ATEN.addmm.default,
    ATEN.baddbmm.default,
    ATEN.convolution.default,
    ATEN.convolution_backward.default,
    ATEN._scaled_dot_product_flash_attention_for_cpu.default,
    ATEN._scaled_dot_product_flash_attention_for_cpu_backward.default,
}


class ThroughFp32(TorchDispatchMode):
    """Computes products of bf16 tensors in fp32 and rounds what comes of them to bf16."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func not in SUMS or not any(_is_bf16(one) for one in (*args, *kwargs.values())):
            return func(*args, **kwargs)
        wide = tree_map(lambda one: one.float() if _is_bf16(one) else one, (args, kwargs))
        return tree_map(_rounded, func(*wide[0], **wide[1]))


def _is_bf16(one: object) -> bool:
    return isinstance(one, torch.Tensor) and one.dtype == torch.bfloat16


def _rounded(one: object) -> object:
    return one.bfloat16() if isinstance(one, torch.Tensor) and one.dtype == torch.float32 else one


def bf16_at_speed() -> contextlib.AbstractContextManager[object]:
    """Compute products of bf16 tensors through fp32 where this CPU has no bf16; do nothing where it has."""
    return contextlib.nullcontext() if has_bf16(torch.device("cpu")) else ThroughFp32()
