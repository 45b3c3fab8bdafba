"""What an inversion makes small, against values worked out by hand."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from audit.inversion.loop import distance_loss, objective, spherical_loss, total_variation
from audit.inversion.recipe import RECIPES

PLAIN = dataclasses.replace(RECIPES["fast"], total_variation=0.0, absolute=0.0)


def at_angle(degrees: float) -> list[float]:
    return [math.cos(math.radians(degrees)), math.sin(math.radians(degrees))]


TARGET = torch.tensor([[1.0, 0.0]])


@pytest.mark.parametrize("degrees", [1.0, 30.0, 60.0, 90.0, 150.0])
def test_the_spherical_loss_is_half_the_squared_angle(degrees):
    view = torch.tensor([[at_angle(degrees)]])
    assert float(spherical_loss(view, TARGET)) == pytest.approx(math.radians(degrees) ** 2 / 2, rel=1e-4)


@pytest.mark.parametrize(("degrees", "chord"), [(0.0, 0.0), (60.0, 1.0), (90.0, math.sqrt(2)), (180.0, 2.0)])
def test_the_distance_loss_is_the_chord(degrees, chord):
    view = torch.tensor([[at_angle(degrees)]])
    assert float(distance_loss(view, TARGET)) == pytest.approx(chord, abs=1e-6)


def test_losses_are_means_over_the_views_of_one_image():
    views = torch.tensor([[at_angle(0), at_angle(60)], [at_angle(90), at_angle(90)]])
    targets = TARGET.expand(2, 2)
    assert distance_loss(views, targets).tolist() == pytest.approx([0.5, math.sqrt(2)])
    half = math.radians(60) ** 2 / 4
    assert spherical_loss(views, targets).tolist() == pytest.approx([half, math.pi**2 / 8], rel=1e-4)


@pytest.mark.parametrize("degrees", [0.0, 180.0])
def test_the_spherical_gradient_is_finite_where_its_formula_is_not(degrees):
    view = torch.tensor([[at_angle(degrees)]], requires_grad=True)
    spherical_loss(view, TARGET).sum().backward()
    assert bool(torch.isfinite(view.grad).all())


def test_total_variation_of_one_bright_pixel_counts_all_four_directions():
    image = torch.zeros(1, 3, 5, 5)
    image[0, :, 2, 2] = 1.0
    # each direction sees the pixel twice (coming and going): four roots of 2
    assert float(total_variation(image)) == pytest.approx(4 * math.sqrt(2), rel=1e-5)


def test_total_variation_of_a_step_by_hand():
    image = torch.zeros(1, 3, 4, 4)
    image[..., 2:] = 0.5  # right half brighter: 4 steps across, none down, 3 on each diagonal
    expected = math.sqrt(4 * 0.25) + 0 + 2 * math.sqrt(3 * 0.25)
    assert float(total_variation(image)) == pytest.approx(expected, abs=1e-5)


def test_total_variation_is_averaged_over_channels_and_told_per_image():
    images = torch.zeros(2, 3, 5, 5)
    images[1, 0, 2, 2] = 1.0
    flat, one_channel = total_variation(images).tolist()
    assert flat == pytest.approx(0.0, abs=1e-5)
    assert one_channel == pytest.approx(4 * math.sqrt(2) / 3, rel=1e-4)


def test_the_gradient_of_total_variation_is_that_of_its_formula():
    images = torch.rand((2, 3, 6, 7), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    assert torch.autograd.gradcheck(total_variation, images.requires_grad_())


def test_a_flat_image_has_no_slope():
    (slope,) = torch.autograd.grad(total_variation(flat := torch.full((1, 3, 5, 5), 0.3, requires_grad=True)), flat)
    assert torch.equal(slope, torch.zeros_like(flat))


def test_total_variation_does_not_depend_on_how_an_image_is_turned():
    image = torch.rand((1, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    values = [float(total_variation(image.rot90(turns, (2, 3)))) for turns in range(4)]
    assert values == pytest.approx([values[0]] * 4, rel=1e-5)


def test_embeddings_of_any_length_count_by_their_direction():
    images, targets = torch.zeros(2, 3, 4, 4), TARGET.expand(2, 2)
    embeddings = torch.tensor([at_angle(60), at_angle(60), at_angle(90), at_angle(90)])
    lengths = torch.tensor([0.1, 3.0, 70.0, 1.0])[:, None]
    assert torch.allclose(
        objective(embeddings * lengths, targets, images, PLAIN), objective(embeddings, targets, images, PLAIN)
    )


def test_the_terms_are_added_with_their_weights():
    image = torch.full((1, 3, 5, 5), 0.5)
    image[0, :, 2, 2] = 1.0
    weighted = dataclasses.replace(PLAIN, total_variation=0.1, absolute=2.0, loss="distance")
    found = float(objective(torch.tensor([at_angle(60)]), TARGET, image, weighted))
    assert found == pytest.approx(1.0 + 0.1 * 4 * math.sqrt(2) * 0.5 + 2.0 * 0.5 / 25, rel=1e-4)


def test_the_loss_of_an_image_does_not_depend_on_its_neighbours():
    generator = torch.Generator().manual_seed(1)
    embeddings, images = torch.randn((6, 2), generator=generator), torch.rand((3, 3, 8, 8), generator=generator)
    targets = TARGET.expand(3, 2)
    recipe = dataclasses.replace(RECIPES["fast"], absolute=0.1)
    together = objective(embeddings, targets, images, recipe)
    alone = [float(objective(embeddings[2 * k : 2 * k + 2], TARGET, images[k : k + 1], recipe)) for k in range(3)]
    assert together.tolist() == pytest.approx(alone, rel=1e-5)
