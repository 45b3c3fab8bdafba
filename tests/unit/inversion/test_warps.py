"""Sampling that all images share, beside torch's own sampling of each image."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from audit.inversion.layout import as_images, as_pixels
from audit.inversion.warps import make_warp, sample

TURNED = torch.tensor([[0.9, -0.3, 0.2], [0.4, 1.1, -0.3]])
IDENTITY = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
NUMBERS = torch.Generator().manual_seed(8)
IMAGES = torch.rand((5, 3, 12, 12), generator=NUMBERS)
FACTOR, OFFSET = (torch.rand((5, 3), generator=NUMBERS) + 0.5 for _ in range(2))


def plain(images: Tensor, theta: Tensor, after: int) -> Tensor:
    grid = affine_grid(theta.expand(len(images), 2, 3), [len(images), 3, after, after], align_corners=False)
    seen = grid_sample(images, grid, padding_mode="border", align_corners=False)
    return seen * FACTOR[:, :, None, None] + OFFSET[:, :, None, None]


def both(images: Tensor, theta: Tensor, after: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    warp = make_warp(theta, images.shape[-1], after)
    return sample(images, warp, FACTOR, OFFSET, dtype), plain(images, theta, after)


@pytest.mark.parametrize("theta", [TURNED, IDENTITY, IDENTITY * 3], ids=["turned", "identity", "far outside"])
@pytest.mark.parametrize("sides", [(12, 16), (12, 12), (12, 5), (1, 4), (2, 3)], ids=str)
def test_a_view_is_that_of_the_plain_sampling(theta, sides):
    before, after = sides
    found, expected = both(IMAGES[..., :before, :before].contiguous(), theta, after)
    assert torch.allclose(found, expected, atol=2e-5)
    assert found.permute(0, 2, 3, 1).is_contiguous()


@pytest.mark.parametrize("after", [16, 12, 7])
def test_the_way_back_is_that_of_the_plain_sampling(after):
    images = IMAGES.clone().requires_grad_()
    weights = torch.randn((5, 3, after, after), generator=torch.Generator().manual_seed(9))
    quick, slow = (torch.autograd.grad((one * weights).sum(), images)[0] for one in both(images, TURNED, after))
    assert torch.allclose(quick, slow, atol=1e-4)


def test_a_view_in_bf16_is_as_near_as_its_precision():
    found, expected = both(IMAGES, TURNED, 16, torch.bfloat16)
    assert found.dtype == torch.bfloat16
    assert float((found.float() - expected).abs().max()) < 0.03
    assert float((found.float() - expected).mean().abs()) < 1e-3


def test_a_warp_spreads_each_pixel_of_a_view_over_four_whose_shares_sum_to_one():
    warp = make_warp(TURNED, 12, 16)
    assert torch.allclose(warp.weights.sum(dim=1), torch.ones(256))
    assert float(warp.weights.min()) >= 0
    assert int(warp.taken.min()) >= 0
    assert int(warp.taken.max()) < 144


def test_the_transposed_matrix_is_the_transposed_matrix():
    warp = make_warp(TURNED, 6, 9)
    there, back = warp.there(torch.eye(36)), warp.back(torch.eye(81))
    assert torch.allclose(there.t(), back, atol=1e-6)


def test_pixels_in_rows_are_the_images_and_no_copy():
    rows = as_pixels(IMAGES)
    assert rows.shape == (144, 15)
    assert rows[13].view(3, 5)[2].tolist() == IMAGES[:, 2, 1, 1].tolist()
    images = as_images(rows, 5)
    assert torch.equal(images, IMAGES)
    assert as_pixels(images).data_ptr() == rows.data_ptr()


def test_an_image_does_not_depend_on_those_beside_it():
    warp = make_warp(TURNED, 12, 16)
    together = sample(IMAGES, warp, FACTOR, OFFSET, torch.float32)
    alone = sample(IMAGES[3:4], warp, FACTOR[3:4], OFFSET[3:4], torch.float32)
    assert torch.allclose(alone, together[3:4], atol=1e-6)
