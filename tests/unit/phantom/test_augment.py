"""What training does to a picture."""

from __future__ import annotations

import pytest
import torch

from audit.phantom.training import adversarial_step, augment, clutter, low_pass


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def pictures() -> torch.Tensor:
    return torch.rand((6, 3, 64, 64), generator=generator(9))


def test_augmentation_is_a_function_of_its_generator_and_leaves_the_pictures_alone(pictures):
    before = pictures.clone()
    one, again, other = (augment(pictures, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(pictures, before)
    assert one.shape == pictures.shape
    assert bool(torch.isfinite(one).all())


def test_a_low_pass_leaves_flat_pictures_and_flattens_fine_ones():
    flat = torch.full((1, 3, 64, 64), 0.3)
    checks = (torch.arange(64)[:, None] + torch.arange(64)[None, :]).remainder(2).float().expand(1, 3, 64, 64)
    assert torch.allclose(low_pass(flat, 16), flat)
    assert float((low_pass(checks, 16) - 0.5).abs().max()) < 1e-6


def test_clutter_of_no_weight_changes_nothing_and_of_some_weight_everything(pictures):
    assert torch.equal(clutter(pictures, 0.0, generator()), pictures)
    changed = (clutter(pictures, 0.6, generator()) - pictures).abs().flatten(1).max(dim=1).values
    assert bool((changed > 0).all())


def test_an_adversarial_step_raises_the_loss_and_moves_each_picture_by_no_more_than_asked(pictures):
    def loss(moving: torch.Tensor) -> torch.Tensor:
        return (moving**2).sum()

    moved = adversarial_step(pictures, loss, 0.5, generator())
    lengths = (moved - pictures).flatten(1).norm(dim=1)
    assert float(loss(moved)) > float(loss(pictures))
    assert bool((lengths <= 0.5 + 1e-5).all())
    assert float(lengths.std()) > 0.05  # not all of one size
    assert not moved.requires_grad
    assert not pictures.requires_grad


def test_an_adversarial_step_without_a_gradient_goes_nowhere(pictures):
    moved = adversarial_step(pictures, lambda moving: (moving * 0).sum(), 1.0, generator())
    assert torch.equal(moved, pictures)
