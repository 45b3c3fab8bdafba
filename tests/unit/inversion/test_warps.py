"""Sampling that all images share, beside torch's own sampling of each image."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from audit.inversion.memory import as_images, as_pixels
from audit.inversion.views import make_warp, sample

TURNED = torch.tensor([[0.9, -0.3, 0.2], [0.4, 1.1, -0.3]])
IDENTITY = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
NUMBERS = torch.Generator().manual_seed(8)
IMAGES = torch.rand((5, 3, 12, 12), generator=NUMBERS)
FACTOR, OFFSET = (torch.rand((5, 2, 3), generator=NUMBERS) + 0.5 for _ in range(2))


def plain(images: Tensor, theta: Tensor, after: int, view: int) -> Tensor:
    grid = affine_grid(theta.expand(len(images), 2, 3), [len(images), 3, after, after], align_corners=False)
    seen = grid_sample(images, grid, padding_mode="border", align_corners=False)
    return seen * FACTOR[:, view, :, None, None] + OFFSET[:, view, :, None, None]


def both(images: Tensor, thetas: Tensor, after: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """The views of one or two maps, and the same by torch's sampler, image by image."""
    warp, views = make_warp(thetas, images.shape[-1], after), len(thetas)
    expected = torch.stack([plain(images, theta, after, view) for view, theta in enumerate(thetas)], dim=1)
    return sample(images, warp, FACTOR[:, :views], OFFSET[:, :views], dtype), expected.flatten(0, 1)


@pytest.mark.parametrize(
    "maps", [(TURNED,), (IDENTITY,), (IDENTITY * 3, TURNED)], ids=["turned", "identity", "far outside and turned"]
)
@pytest.mark.parametrize("sides", [(12, 16), (12, 12), (12, 5), (1, 4), (2, 3)], ids=str)
def test_views_are_those_of_the_plain_sampling(maps, sides):
    before, after = sides
    found, expected = both(IMAGES[..., :before, :before].contiguous(), torch.stack(maps), after)
    assert torch.allclose(found, expected, atol=2e-5)
    assert found.permute(0, 2, 3, 1).is_contiguous()


@pytest.mark.parametrize("after", [16, 12, 7])
def test_the_way_back_is_that_of_the_plain_sampling(after):
    images = IMAGES.clone().requires_grad_()
    weights = torch.randn((10, 3, after, after), generator=torch.Generator().manual_seed(9))
    maps = torch.stack([TURNED, IDENTITY * 0.8])
    quick, slow = (torch.autograd.grad((one * weights).sum(), images)[0] for one in both(images, maps, after))
    assert torch.allclose(quick, slow, atol=1e-4)


def test_a_view_in_bf16_is_as_near_as_its_precision():
    found, expected = both(IMAGES, TURNED[None], 16, torch.bfloat16)
    assert found.dtype == torch.bfloat16
    assert float((found.float() - expected).abs().max()) < 0.03
    assert float((found.float() - expected).mean().abs()) < 1e-3


def test_a_warp_spreads_each_pixel_of_a_view_over_four_whose_shares_sum_to_one():
    warp = make_warp(torch.stack([IDENTITY, TURNED]), 12, 16)
    assert torch.allclose(warp.weights.sum(dim=1), torch.ones(512))
    assert float(warp.weights.min()) >= 0
    first, second = warp.taken.view(2, -1)
    assert 0 <= int(first.min()) <= int(first.max()) < 144 <= int(second.min()) <= int(second.max()) < 288


def test_the_transposed_matrix_is_the_transposed_matrix():
    warp = make_warp(torch.stack([TURNED, IDENTITY]), 6, 9)
    there, back = warp.there(torch.eye(72)), warp.back(torch.eye(162))
    assert torch.allclose(there.t(), back, atol=1e-6)


def test_pixels_in_rows_are_the_images_and_no_copy():
    rows = as_pixels(IMAGES)
    assert rows.shape == (144, 15)
    assert rows[13].view(3, 5)[2].tolist() == IMAGES[:, 2, 1, 1].tolist()
    images = as_images(rows, 5)
    assert torch.equal(images, IMAGES)
    assert as_pixels(images).data_ptr() == rows.data_ptr()


def test_an_image_does_not_depend_on_those_beside_it():
    warp = make_warp(torch.stack([TURNED, IDENTITY]), 12, 16)
    together = sample(IMAGES, warp, FACTOR, OFFSET, torch.float32)
    alone = sample(IMAGES[3:4], warp, FACTOR[3:4], OFFSET[3:4], torch.float32)
    assert torch.allclose(alone, together[6:8], atol=1e-6)
