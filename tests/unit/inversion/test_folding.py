"""BatchNorm folded into convolutions: the same function and gradients, and nothing touched that is not understood."""

from __future__ import annotations

import copy

import open_clip
import pytest
import timm
import torch
from torch import nn
from torch.nn.functional import relu

from audit.checkpoints import load_checkpoint
from audit.inversion.fast_copy import MeanTokenPool, PatchProjection, fast_copy, fold_batch_norms, patches_as_products


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def with_random_statistics(tower: nn.Module) -> nn.Module:
    """Give every BatchNorm statistics and weights that are far from their defaults, of either sign."""
    numbers = generator()
    for norm in tower.modules():
        if isinstance(norm, nn.BatchNorm2d):
            for tensor, low, high in (
                (norm.running_mean, -0.5, 0.5),
                (norm.running_var, 0.3, 3.0),
                (norm.weight, -1.5, 1.5),
                (norm.bias, -1.0, 1.0),
            ):
                tensor.data.copy_(torch.rand(tensor.shape, generator=numbers) * (high - low) + low)
    return tower.eval().requires_grad_(requires_grad=False)


def resnet() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        tower = open_clip.model.ModifiedResNet(layers=[1, 2, 1, 1], output_dim=24, heads=16, image_size=64, width=16)
    return with_random_statistics(tower)


def timm_resnet() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return with_random_statistics(timm.create_model("resnet18", num_classes=8))


def norms(tower: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in tower.modules())


PICTURES = torch.randn((3, 3, 64, 64), generator=generator())


def answer(tower: nn.Module, given: torch.Tensor = PICTURES) -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings of what is given, and the gradient to it of a fixed projection of them."""
    given = given.clone().requires_grad_()
    out = tower(given)
    direction = torch.randn(out.shape, generator=generator()).to(out.dtype)
    (gradient,) = torch.autograd.grad((out * direction).sum(), given)
    return out.detach(), gradient


def assert_alike(found: torch.Tensor, expected: torch.Tensor) -> None:
    assert float((found - expected).norm() / expected.norm()) < (1e-9 if expected.dtype == torch.float64 else 1e-4)


@pytest.mark.parametrize("make", [resnet, timm_resnet])
def test_a_folded_resnet_has_the_same_embeddings_and_gradients(make):
    tower = make().double()  # in fp32 rounding puts some ReLUs on the other side of 0, other ones on each kind of CPU
    folded = fold_batch_norms(copy.deepcopy(tower))
    assert norms(tower) > 10
    assert norms(folded) == 0
    for found, expected in zip(answer(folded, PICTURES.double()), answer(tower, PICTURES.double()), strict=True):
        assert_alike(found, expected)


@pytest.mark.parametrize("name", ["phantom:skewed", "phantom:judge"])
def test_a_shipped_phantom_folds_whole(name):
    tower = load_checkpoint(name).visual.double()  # as above
    folded = fold_batch_norms(copy.deepcopy(tower))
    assert norms(folded) == 0 < norms(tower)
    for found, expected in zip(answer(folded, PICTURES.double()), answer(tower, PICTURES.double()), strict=True):
        assert_alike(found, expected)


def test_a_transformer_is_left_alone():
    tower = open_clip.model.VisionTransformer(
        image_size=64, patch_size=16, width=32, layers=2, heads=2, mlp_ratio=2.0, output_dim=16
    ).eval()
    before = dict(tower.named_modules())
    fold_batch_norms(tower)
    assert dict(tower.named_modules()) == before


class Odd(nn.Module):
    """Every pair that must not be folded, and one that may."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)  # read twice
        self.conv2, self.bn2 = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)  # used twice
        self.bn3, self.conv3 = nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1)  # the wrong way round
        self.conv4, self.bn4 = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4, track_running_stats=False)  # no statistics
        self.conv5, self.bn5 = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)  # something between them
        self.conv6, self.bn6 = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4, affine=False)  # folds

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        raw = self.conv1(pixels)
        x = relu(self.bn1(raw)) + raw
        for _ in range(2):
            x = relu(self.bn2(self.conv2(x)))
        x = self.conv3(self.bn3(x))
        x = self.bn4(self.conv4(x))
        x = self.bn5(relu(self.conv5(x)))
        return self.bn6(self.conv6(x)).mean(dim=(2, 3))


def test_what_is_not_a_plain_pair_is_left_as_it_is():
    tower = Odd().eval()
    for name, module in tower.named_modules():
        if isinstance(module, nn.BatchNorm2d) and name != "bn4":
            module.running_var.uniform_(0.5, 2.0, generator=generator())
    folded = fold_batch_norms(copy.deepcopy(tower))
    assert [name for name, module in folded.named_modules() if isinstance(module, nn.BatchNorm2d)] == [
        "bn1", "bn2", "bn3", "bn4", "bn5"
    ]  # fmt: skip
    for found, expected in zip(answer(folded), answer(tower), strict=True):
        assert_alike(found, expected)


class Branching(nn.Module):
    """Its forward asks for a value, so that nobody can know its graph."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        x = self.bn(self.conv(pixels))
        return x if x.sum() > 0 else -x


def test_a_tower_that_cannot_be_traced_is_left_as_it_is():
    tower = Branching().eval()
    assert norms(fold_batch_norms(tower)) == 1


def test_a_tower_in_training_is_refused():
    with pytest.raises(ValueError, match="evaluation mode"):
        fold_batch_norms(Branching().train())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_the_fast_copy_is_folded_and_channels_last_and_the_tower_is_left_as_it_was(dtype):
    tower = resnet()
    before = {name: tensor.clone() for name, tensor in tower.state_dict().items()}
    fast = fast_copy(tower, dtype)
    convolutions = [module for module in fast.modules() if isinstance(module, nn.Conv2d)]
    assert norms(fast) == 0
    assert type(fast.attnpool) is MeanTokenPool
    assert {tensor.dtype for tensor in (*fast.parameters(), *fast.buffers())} == {dtype}
    assert all(one.weight.is_contiguous(memory_format=torch.channels_last) for one in convolutions)
    assert not any(parameter.requires_grad for parameter in fast.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in tower.state_dict().items())
    assert norms(tower) > 0


CONVOLUTIONS = {
    "patches": (nn.Conv2d(3, 5, 8, stride=8, bias=False), True),
    "patches that leave a rest": (nn.Conv2d(3, 5, 7, stride=7), True),
    "overlapping": (nn.Conv2d(3, 5, 8, stride=4), False),
    "padded": (nn.Conv2d(3, 5, 8, stride=8, padding=2), False),
    "dilated": (nn.Conv2d(3, 5, 4, stride=4, dilation=2), False),
    "by channel": (nn.Conv2d(3, 6, 4, stride=4, groups=3), False),
    "oblong": (nn.Conv2d(3, 5, (4, 8), stride=(4, 8)), False),
    "of one pixel": (nn.Conv2d(3, 5, 1), False),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_a_convolution_becomes_a_product_where_its_windows_lie_side_by_side(name):
    conv, patchwise = CONVOLUTIONS[name]
    straight = patches_as_products(nn.Sequential(copy.deepcopy(conv)))
    assert (type(straight[0]) is PatchProjection) == patchwise
    for given in (PICTURES, PICTURES.contiguous(memory_format=torch.channels_last)):
        for found, expected in zip(answer(straight, given), answer(conv, given), strict=True):
            assert found.shape == expected.shape
            assert_alike(found, expected)


@pytest.mark.parametrize("name", ["phantom:skewed", "phantom:judge"])
def test_the_fast_copy_of_a_shipped_phantom_is_the_same_function(name):
    tower = load_checkpoint(name).visual.double()
    fast = fast_copy(tower, torch.float64)
    for found, expected in zip(answer(fast, PICTURES.double()), answer(tower, PICTURES.double()), strict=True):
        assert_alike(found, expected)
