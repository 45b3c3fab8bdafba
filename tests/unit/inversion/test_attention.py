"""Attention in fewer operations: the same answers and gradients, and nothing touched that is not understood."""

from __future__ import annotations

import copy

import open_clip
import pytest
import timm
import torch
from torch import Tensor, nn

from audit.checkpoints import AttentionPool
from audit.inversion.fast_copy import ClassTokenBlock, MeanTokenPool, SelfAttention, fast_copy, shorten_attention


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def seeded(make, *args: object, **more: object) -> nn.Module:
    """A module with weights from a seed, biases and factors included: fresh ones are 0 and 1, which would hide them."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(1)
        module = make(*args, **more)
    numbers = generator()
    for name, parameter in module.named_parameters():
        if parameter.ndim == 1 and name != "class_embedding":
            parameter.data.add_(torch.randn(parameter.shape, generator=numbers) * 0.3)
    return module.eval().requires_grad_(requires_grad=False)


def answer(module: nn.Module, given: Tensor) -> tuple[Tensor, Tensor]:
    given = given.clone().requires_grad_()
    out = module(given)
    direction = torch.randn(out.shape, generator=generator())
    (gradient,) = torch.autograd.grad((out * direction).sum(), given)
    return out.detach(), gradient


def assert_alike(module: nn.Module, other: nn.Module, given: Tensor) -> None:
    for found, expected in zip(answer(module, given), answer(other, given), strict=True):
        assert float((found - expected).norm() / expected.norm()) < 1e-4


def pictures(side: int = 32) -> Tensor:
    return torch.randn((3, 3, side, side), generator=generator())


def transformer(**more: object) -> nn.Module:
    given = {
        "image_size": 32,
        "patch_size": 8,
        "width": 32,
        "layers": 3,
        "heads": 4,
        "mlp_ratio": 2.0,
        "output_dim": 16,
    }
    return seeded(open_clip.model.VisionTransformer, **given | more)


def kinds(module: nn.Module) -> list[type[nn.Module]]:
    return [type(one) for one in module.modules()]


@pytest.mark.parametrize(("heads", "side", "width", "out"), [(1, 2, 16, 8), (4, 2, 64, 16), (8, 7, 32, 32)])
def test_a_mean_token_pool_is_the_pool_that_it_replaces(heads, side, width, out):
    whole = seeded(AttentionPool, spacial_dim=side, embed_dim=width, num_heads=heads, output_dim=out)
    short = shorten_attention(nn.Sequential(copy.deepcopy(whole)))[0]
    assert type(short) is MeanTokenPool
    assert_alike(short, whole, torch.randn((3, width, side, side), generator=generator()) * 3)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"layers": 1},
        {"ls_init_value": 0.5},
        {"no_ln_pre": True},
        {"final_ln_after_pool": True},
        {"act_layer": open_clip.transformer.QuickGELU},
    ],
    ids=str,
)
def test_a_transformer_attends_in_the_last_block_for_the_class_token_alone(more):
    tower = transformer(**more)
    short = shorten_attention(copy.deepcopy(tower))
    assert kinds(short).count(ClassTokenBlock) == 1
    assert kinds(short).count(SelfAttention) == len(tower.transformer.resblocks) - 1
    assert_alike(short, tower, pictures())


@pytest.mark.parametrize(
    "more",
    [
        {"pool_type": "avg"},
        {"attentional_pool": True, "attn_pooler_heads": 4, "attn_pooler_queries": 6},
        {"block_type": "custom"},
    ],
    ids=str,
)
def test_where_other_tokens_are_read_the_last_block_stays_whole(more):
    tower = transformer(**more)
    short = shorten_attention(copy.deepcopy(tower))
    assert ClassTokenBlock not in kinds(short)
    assert_alike(short, tower, pictures())


def test_a_tower_that_returns_its_tokens_keeps_them_all():
    tower = transformer(output_tokens=True)
    short = shorten_attention(copy.deepcopy(tower))
    for found, expected in zip(short(pictures()), tower(pictures()), strict=True):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def attention(**more: object) -> nn.MultiheadAttention:
    return seeded(nn.MultiheadAttention, 16, 2, **{"batch_first": True} | more)


def tokens(seed: int) -> Tensor:
    return torch.randn((2, 5, 16), generator=torch.Generator().manual_seed(seed))


def test_self_attention_leaves_everything_else_to_the_module_that_it_replaces():
    whole = attention()
    short = shorten_attention(nn.Sequential(whole))[0]
    one, other, mask = tokens(1), tokens(2), torch.full((5, 5), -torch.inf).triu(1)
    assert type(short) is SelfAttention
    for given, options in (
        ((one, one, one), {"need_weights": False}),
        ((one, one, one), {"need_weights": False, "attn_mask": None}),
        ((one, one, one), {}),
        ((one, one, one), {"need_weights": True}),
        ((one, one, one), {"need_weights": False, "attn_mask": mask}),
        ((one, one, one), {"need_weights": False, "key_padding_mask": torch.eye(2, 5).bool()}),
        ((one, other, other), {"need_weights": False}),
        ((one, one, other), {"need_weights": False}),
    ):
        (found, weights), (expected, theirs) = short(*given, **options), whole(*given, **options)
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
        assert (weights is None) == (theirs is None)


@pytest.mark.parametrize(
    "more",
    [{"batch_first": False}, {"bias": False}, {"add_bias_kv": True}, {"add_zero_attn": True}, {"kdim": 8, "vdim": 8}],
    ids=str,
)
def test_an_attention_of_another_make_is_left_as_it_is(more):
    whole = nn.Sequential(attention(**more))
    assert type(shorten_attention(whole)[0]) is nn.MultiheadAttention


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "resnet18"])
def test_a_tower_of_timm_is_the_same_function(name):
    more = {"img_size": 32} if name.startswith("vit") else {}
    tower = seeded(timm.create_model, name, num_classes=8, **more)
    assert_alike(fast_copy(tower, torch.float32), tower, pictures())


def test_the_fast_copy_of_a_transformer_is_the_same_function_in_fp32_and_close_in_bf16():
    tower = transformer(width=64, layers=4)
    fast = fast_copy(tower, torch.float32)
    assert_alike(fast, tower, pictures())
    (_, exact), (_, rounded) = (
        answer(tower, pictures()),
        answer(fast_copy(tower, torch.bfloat16), pictures().bfloat16()),
    )
    cosines = torch.cosine_similarity(exact.flatten(1), rounded.float().flatten(1), dim=1)
    assert float(cosines.min()) > 0.99
