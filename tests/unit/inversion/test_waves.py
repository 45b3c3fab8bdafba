"""The inverse Fourier transform as two matrices, beside torch's own."""

from __future__ import annotations

import pytest
import torch

from audit.inversion.parameterization import Waves, make_waves

NUMBERS = torch.Generator().manual_seed(12)


def waves(before: int, after: int, dtype: torch.dtype = torch.float32) -> Waves:
    return make_waves(before, after, torch.device("cpu"), dtype)


def coefficients(side: int, columns: int = 4) -> torch.Tensor:
    return torch.randn((side, 2, side // 2 + 1, columns), generator=NUMBERS)


def plain(rows: torch.Tensor, side: int) -> torch.Tensor:
    turned = torch.view_as_complex(rows.permute(3, 0, 2, 1).contiguous())
    return torch.fft.irfft2(turned, s=(side, side), norm="ortho").permute(1, 2, 0)


@pytest.mark.parametrize("side", [1, 2, 9, 40])
def test_pixels_are_those_of_the_plain_transform(side):
    rows = coefficients(side)
    assert torch.allclose(waves(side, side).there(rows), plain(rows, side), atol=1e-5)


@pytest.mark.parametrize("sides", [(9, 9), (8, 8), (6, 15)], ids=str)
def test_the_way_back_is_the_transposed_transform(sides):
    before, after = sides
    there = waves(*sides).there(
        torch.eye(before * 2 * (before // 2 + 1)).view(before, 2, -1, before * (before // 2 + 1) * 2)
    )
    back = waves(*sides).back(torch.eye(after * after).view(after, after, -1))
    assert torch.allclose(there.reshape(after * after, -1), back.reshape(-1, after * after).t(), atol=1e-5)


def test_a_larger_side_shows_the_same_waves_at_more_places():
    rows = coefficients(8)
    rows[4] = rows[:, :, 4] = 0.0  # the highest frequency stands for two
    small, large = waves(8, 8).there(rows), waves(8, 24).there(rows)
    assert torch.allclose(large[::3, ::3], small, atol=1e-5)


def test_in_bf16_pixels_are_as_near_as_its_precision():
    rows = coefficients(40)
    near = waves(40, 40, torch.bfloat16).there(rows.bfloat16())
    assert near.dtype == torch.bfloat16
    exact = plain(rows, 40)
    assert float((near.float() - exact).norm() / exact.norm()) < 0.01
