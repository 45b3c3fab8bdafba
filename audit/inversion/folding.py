"""The copy of a tower that gradients flow through: fewer operations, the same function.

``attention`` has one half of it, and here is the other. In evaluation mode a BatchNorm is one factor and one shift per
channel, so it can be multiplied into the weights of the convolution before it. That saves a pass over every
activation, forward and backward, and the memory of the activations that a BatchNorm keeps for its backward pass even
where nothing in it is trained. And a convolution whose windows do not overlap, such as the one that cuts an image into
patches, is one matrix product, which is quicker on its way back.
"""

from __future__ import annotations

import copy
from collections import Counter
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, fx, nn
from torch.nn.functional import linear
from torch.nn.utils.fusion import fuse_conv_bn_eval

from audit.inversion.attention import shorten_attention


def fast_copy(visual: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Return a copy of a tower for gradients to its pixels: made shorter in fp32, then in ``dtype``, channels last.

    Args:
        visual: Image tower in evaluation mode, its parameters frozen; left as it is.
        dtype: What the copy computes in.
    """
    shorter = patches_as_products(shorten_attention(fold_batch_norms(copy.deepcopy(visual))))
    return shorter.to(dtype).to(memory_format=torch.channels_last)


def fold_batch_norms(visual: nn.Module) -> nn.Module:
    """Multiply every BatchNorm into the convolution before it, in place, where that provably changes nothing.

    A pair is folded where the traced graph shows that the BatchNorm reads the convolution's output, that nobody else
    reads it, and that both run once. Everything else is left alone: a tower without BatchNorm, and one that
    ``torch.fx`` cannot trace.

    Returns:
        The same module.

    Raises:
        ValueError: If the module is in training mode, where a BatchNorm is not a fixed factor.
    """
    if visual.training:
        raise ValueError("A tower is folded in evaluation mode only.")
    for conv, norm in _pairs(visual):
        fused = fuse_conv_bn_eval(visual.get_submodule(conv), visual.get_submodule(norm))  # type: ignore[type-var, arg-type]
        visual.set_submodule(conv, fused)
        visual.set_submodule(norm, nn.Identity())
    return visual


def _pairs(visual: nn.Module) -> list[tuple[str, str]]:
    """Return the names of the convolutions and BatchNorms that can be folded."""
    modules = dict(visual.named_modules())
    if not any(type(module) is nn.BatchNorm2d for module in modules.values()):
        return []
    try:
        graph = fx.Tracer().trace(visual)
    except (fx.proxy.TraceError, TypeError, ValueError, RuntimeError, AttributeError, AssertionError):
        return []  # its forward depends on values, so nothing is known of what follows what
    calls = [node for node in graph.nodes if node.op == "call_module"]
    runs = Counter(str(node.target) for node in calls)
    found = []
    for node in calls:
        before = node.args[0] if node.args else None
        if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.users) != 1:
            continue
        conv, norm = str(before.target), str(node.target)
        # exactly these types: a subclass may do more, as timm's BatchNormAct2d does
        exact = type(modules[conv]) is nn.Conv2d and type(modules[norm]) is nn.BatchNorm2d
        if exact and runs[conv] == runs[norm] == 1 and _has_statistics(modules[norm]):
            found.append((conv, norm))
    return found


def _has_statistics(norm: nn.Module) -> bool:
    return isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None and norm.running_var is not None


@final
class PatchProjection(nn.Module):
    """A convolution whose windows lie side by side, as one matrix product; frozen."""

    def __init__(self, whole: nn.Conv2d) -> None:
        super().__init__()
        self.side = whole.kernel_size[0]
        # the order in which pixels lie in memory where channels are last: down, across, channel
        self.weight = nn.Parameter(whole.weight.detach().permute(0, 2, 3, 1).flatten(1).clone(), requires_grad=False)
        self.bias = None if whole.bias is None else nn.Parameter(whole.bias.detach().clone(), requires_grad=False)

    # typing has no override in Python 3.11
    def forward(  # type: ignore[explicit-override]
        self, pixels: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch out down across"]:
        """Return one vector per window; pixels that fill no whole window are left out."""
        side = self.side
        down, across = (length // side for length in pixels.shape[2:])
        rows = pixels.permute(0, 2, 3, 1)[:, : down * side, : across * side]
        windows = rows.reshape(len(rows), down, side, across, side, -1).transpose(2, 3).flatten(3)
        return linear(windows, self.weight, self.bias).permute(0, 3, 1, 2)


def patches_as_products(visual: nn.Module) -> nn.Module:
    """Replace, in place, every convolution whose square windows lie side by side by a matrix product.

    Returns:
        The same module.
    """
    for name, module in list(visual.named_modules()):
        if type(module) is nn.Conv2d and _is_patchwise(module):
            visual.set_submodule(name, PatchProjection(module))
    return visual


def _is_patchwise(conv: nn.Conv2d) -> bool:
    side = conv.kernel_size[0]
    unpadded = conv.padding in ((0, 0), "valid") and conv.dilation == (1, 1) and conv.groups == 1
    return unpadded and side > 1 and conv.kernel_size == conv.stride == (side, side)
