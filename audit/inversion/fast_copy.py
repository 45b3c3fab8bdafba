"""The copy of a tower that gradients flow through: fewer operations, the same function.

Attention is computed in the order that pays. A tower returns one token of its last attention: the class token of a
transformer, the mean token of CLIP's ResNets. With that one query per head, keys and values need not be computed for
every token t:

    logits  q . (K x_t + b) = (K' q) . x_t + q . b      the last term is the same for every t, and a softmax drops it
    answer  sum_t a_t (V x_t + c) = V (sum_t a_t x_t) + c        since the weights a_t sum to 1

so each projection is applied once per image instead of once per token. And ``nn.MultiheadAttention`` turns its tokens
to the front before it projects them. Where the weights are frozen, torch then multiplies with a copy of the weights for
every token; in bf16 on a CPU that takes most of the time.

Convolutions are made shorter, too. In evaluation mode a BatchNorm is one factor and one shift per channel, so it can be
multiplied into the weights of the convolution before it. That saves a pass over every activation, forward and backward,
and the memory of the activations that a BatchNorm keeps for its backward pass even where nothing in it is trained. And
a convolution whose windows do not overlap, such as the one that cuts an image into patches, is one matrix product,
which is quicker on its way back.
"""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import dataclass
from typing import Final, final

import torch
from jaxtyping import Float
from torch import Tensor, fx, nn
from torch.nn.functional import linear, scaled_dot_product_attention
from torch.nn.utils.fusion import fuse_conv_bn_eval

from audit.checkpoints import AttentionBlock, AttentionPool, VisionTransformer

_LONGEST_ON_CPU: Final = 300
"""Tokens up to which attention in bf16 on a CPU is computed step by step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Projections:
    """The parameters of an attention; weights are (outputs, inputs)."""

    heads: int
    query: Float[Tensor, "inner width"]
    key: Float[Tensor, "inner width"]
    value: Float[Tensor, "inner width"]
    out: Float[Tensor, "out inner"]
    query_bias: Float[Tensor, " inner"]
    value_bias: Float[Tensor, " inner"]
    out_bias: Float[Tensor, " out"]


@final
class OneQuery(nn.Module):
    """Attention of one token to all; holds copies of the parameters and is frozen."""

    def __init__(self, projections: Projections) -> None:
        super().__init__()
        heads, width = projections.heads, projections.key.shape[1]
        self.heads = heads
        self.keys = _frozen(projections.key.reshape(heads, -1, width))
        self.values = _frozen(projections.value.reshape(heads, -1, width))
        self.ask, self.ask_bias = _frozen(projections.query), _frozen(projections.query_bias)
        self.answer, self.answer_bias = _frozen(projections.out), _frozen(projections.out_bias)
        self.value_bias = _frozen(projections.value_bias)

    # typing has no override in Python 3.11, here and below
    def forward(  # type: ignore[explicit-override]
        self, asking: Float[Tensor, "batch width"], tokens: Float[Tensor, "batch tokens width"]
    ) -> Float[Tensor, "batch out"]:
        """Return the answer to one token of each image."""
        query = linear(asking, self.ask, self.ask_bias).reshape(len(asking), self.heads, -1)
        by_head = torch.einsum("bhs,hsw->bhw", query * query.shape[-1] ** -0.5, self.keys)
        weights = (by_head @ tokens.transpose(1, 2)).softmax(dim=-1)
        seen = torch.einsum("bhw,hsw->bhs", weights @ tokens, self.values).flatten(1) + self.value_bias
        return linear(seen, self.answer, self.answer_bias)


@final
class MeanTokenPool(nn.Module):
    """What open_clip's ``AttentionPool2d`` returns, for less."""

    def __init__(self, whole: AttentionPool) -> None:
        super().__init__()
        self.positions = _frozen(whole.positional_embedding)
        self.attention = OneQuery(_of_pool(whole))

    def forward(  # type: ignore[explicit-override]
        self, features: Float[Tensor, "batch width height across"]
    ) -> Float[Tensor, "batch out"]:
        """Return one embedding per feature map, not of unit length."""
        pixels = features.flatten(2).transpose(1, 2)
        tokens = torch.cat([pixels.mean(dim=1, keepdim=True), pixels], dim=1) + self.positions
        pooled: Tensor = self.attention(tokens[:, 0], tokens)
        return pooled


@final
class ClassTokenBlock(nn.Module):
    """What the last block of a transformer makes of the class token, and of no other."""

    def __init__(self, whole: AttentionBlock) -> None:
        super().__init__()
        self.attention = OneQuery(_of_attention(whole.attn))
        self.before, self.between = whole.ln_1, whole.ln_2
        self.scale, self.scale_again = whole.ls_1, whole.ls_2
        self.mlp = whole.mlp

    def forward(  # type: ignore[explicit-override]
        self, tokens: Float[Tensor, "batch tokens width"], attn_mask: Tensor | None = None
    ) -> Float[Tensor, "batch 1 width"]:
        """Return the class token alone; the pooling after it reads no other."""
        if attn_mask is not None:
            raise ValueError("An image tower masks no tokens.")
        normed = self.before(tokens)
        token = tokens[:, 0] + self.scale(self.attention(normed[:, 0], normed))
        token = token + self.scale_again(self.mlp(self.between(token)))
        alone: Tensor = token[:, None]
        return alone


@final
class SelfAttention(nn.Module):
    """``nn.MultiheadAttention`` of tokens with themselves; anything else is left to the module that it replaces."""

    def __init__(self, whole: nn.MultiheadAttention) -> None:
        super().__init__()
        self.whole = whole

    def forward(  # type: ignore[explicit-override]
        self, query: Tensor, key: Tensor, value: Tensor, **options: object
    ) -> tuple[Tensor, Tensor | None]:
        """Return the answers to all tokens, and no weights."""
        masked = any(options.get(name) is not None for name in ("attn_mask", "key_padding_mask"))
        if masked or options.get("need_weights", True) or not (query is key and key is value):
            answer: tuple[Tensor, Tensor | None] = self.whole(query, key, value, **options)
            return answer
        whole = self.whole
        joint = linear(query, whole.in_proj_weight, whole.in_proj_bias)
        q, k, v = joint.reshape(*query.shape[:2], 3, whole.num_heads, -1).permute(2, 0, 3, 1, 4)
        seen = _attend(q, k, v).transpose(1, 2).flatten(2)
        return linear(seen, whole.out_proj.weight, whole.out_proj.bias), None


def shorten_attention(visual: nn.Module) -> nn.Module:
    """Replace, in place, what attends for longer than it needs to; what is not understood is left as it is.

    Returns:
        The same module.
    """
    if type(visual) is VisionTransformer:
        _shorten_last_block(visual)
    for name, module in list(visual.named_modules()):
        if type(module) is AttentionPool:
            visual.set_submodule(name, MeanTokenPool(module))
        elif type(module) is nn.MultiheadAttention and module.batch_first and _is_plain(module):
            visual.set_submodule(name, SelfAttention(module))
    return visual


def _shorten_last_block(tower: VisionTransformer) -> None:
    """Let the last block see to the class token alone where nobody reads another."""
    reads_one = tower.pool_type == "tok" and tower.attn_pool is None and not tower.output_tokens
    blocks = tower.transformer.resblocks
    if (
        reads_one
        and tower.transformer.batch_first
        and type(blocks[-1]) is AttentionBlock
        and _is_plain(blocks[-1].attn)
    ):
        blocks[-1] = ClassTokenBlock(blocks[-1])


def _of_pool(whole: AttentionPool) -> Projections:
    return Projections(
        heads=whole.num_heads,
        query=whole.q_proj.weight,
        key=whole.k_proj.weight,
        value=whole.v_proj.weight,
        out=whole.c_proj.weight,
        query_bias=whole.q_proj.bias,
        value_bias=whole.v_proj.bias,
        out_bias=whole.c_proj.bias,
    )


def _of_attention(whole: nn.MultiheadAttention) -> Projections:
    query, key, value = whole.in_proj_weight.chunk(3)
    query_bias, _, value_bias = whole.in_proj_bias.chunk(3)
    return Projections(
        heads=whole.num_heads,
        query=query,
        key=key,
        value=value,
        out=whole.out_proj.weight,
        query_bias=query_bias,
        value_bias=value_bias,
        out_bias=whole.out_proj.bias,
    )


def _is_plain(attention: nn.MultiheadAttention) -> bool:
    """Tell whether an attention has one joint projection with biases, and nothing else."""
    parameters = dict(attention.named_parameters())
    return parameters.keys() == {"in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"} and (
        not attention.add_zero_attn
    )


def _attend(query: Tensor, key: Tensor, value: Tensor) -> Float[Tensor, "batch heads tokens size"]:
    """Return softmax(q k' / sqrt(size)) v; in bf16 on a CPU the fused kernel is several times slower."""
    if query.device.type == "cpu" and query.dtype == torch.bfloat16 and query.shape[2] <= _LONGEST_ON_CPU:
        scaled = query * query.shape[-1] ** -0.5
        stepwise: Tensor = (scaled @ key.transpose(2, 3)).softmax(dim=-1) @ value
        return stepwise
    return scaled_dot_product_attention(query, key, value)


def _frozen(tensor: Tensor) -> nn.Parameter:
    return nn.Parameter(tensor.detach().clone(), requires_grad=False)


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
