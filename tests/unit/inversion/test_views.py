"""Views: affine maps, colours and noise, each from its own numbers."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from audit.inversion.draws import VIEW_NUMBERS, noise_tiles
from audit.inversion.recipe import RECIPES, Span
from audit.inversion.views import affine_maps, make_views

STILL = dataclasses.replace(
    RECIPES["fast"],
    view_probability=0.0,
    noise=Span(start=0.0, end=0.0),
    colour=Span(start=0.0, end=0.0),
)
MOVING = dataclasses.replace(STILL, view_probability=1.0, rotation=90.0, zoom=(0.5, 2.0), shift=0.25)
TILES = noise_tiles(16, torch.device("cpu"))
IDENTITY = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def numbers(**given: float) -> torch.Tensor:
    """Return the numbers of one view of one image; the middle of every range unless given by place."""
    row = torch.full((1, 1, VIEW_NUMBERS), 0.5)
    for place, value in given.items():
        row[0, 0, int(place[1:])] = value
    return row


@pytest.fixture
def image() -> torch.Tensor:
    return torch.rand((1, 3, 16, 16), generator=torch.Generator().manual_seed(0))


def random_numbers(views: int) -> torch.Tensor:
    return torch.rand((1, views, VIEW_NUMBERS), generator=torch.Generator().manual_seed(1))


def test_with_probability_zero_every_map_is_the_identity():
    maps = affine_maps(random_numbers(20)[0], STILL)
    assert torch.equal(maps, IDENTITY.expand(20, 2, 3))


def test_with_a_probability_between_about_that_share_is_moved():
    maps = affine_maps(random_numbers(400)[0], dataclasses.replace(MOVING, view_probability=0.25))
    moved = (maps - IDENTITY).abs().flatten(1).max(dim=1).values > 0
    assert 0.18 < float(moved.float().mean()) < 0.32


def test_the_middle_of_every_range_of_a_symmetric_recipe_moves_nothing():
    middle = dataclasses.replace(MOVING, zoom=(0.5, 1.5))
    assert torch.allclose(affine_maps(numbers()[0], middle)[0], IDENTITY)


def test_a_rotation_turns_by_its_angle():
    quarter = affine_maps(numbers(_1=1.0)[0], dataclasses.replace(MOVING, zoom=(1.0, 1.0)))[0]
    assert torch.allclose(quarter, torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]), atol=1e-6)


def test_a_zoom_of_two_samples_half_of_the_image():
    twice = affine_maps(numbers(_2=1.0)[0], MOVING)[0]
    assert torch.allclose(twice, torch.tensor([[0.5, 0.0, 0.0], [0.0, 0.5, 0.0]]), atol=1e-6)


def test_a_shift_of_a_quarter_side_is_half_a_unit():
    shifted = affine_maps(numbers(_3=1.0, _4=0.0)[0], dataclasses.replace(MOVING, zoom=(1.0, 1.0)))[0]
    assert shifted[:, 2].tolist() == pytest.approx([0.5, -0.5])


def test_at_the_identity_a_view_is_the_image(image):
    assert torch.allclose(make_views(image, numbers(), STILL, 0.0, TILES), image, atol=1e-6)


def test_a_quarter_turn_is_the_image_turned(image):
    recipe = dataclasses.replace(MOVING, zoom=(1.0, 1.0))
    turned = make_views(image, numbers(_1=1.0), recipe, 0.0, TILES)
    assert min(float((turned - image.rot90(turns, (2, 3))).abs().max()) for turns in (1, 3)) < 1e-5


def test_outside_of_the_image_its_border_repeats(image):
    recipe = dataclasses.replace(MOVING, zoom=(1.0, 1.0), shift=0.5)
    shifted = make_views(image, numbers(_3=1.0), recipe, 0.0, TILES)
    assert torch.allclose(shifted[..., :8], image[..., 8:], atol=1e-5)
    assert torch.allclose(shifted[..., 8:], image[..., -1:].expand(1, 3, 16, 8), atol=1e-5)


def test_a_smaller_image_is_brought_to_the_size_of_the_checkpoint():
    views = make_views(torch.full((2, 3, 5, 5), 0.25), random_numbers(3).expand(2, 3, -1), STILL, 0.0, TILES)
    assert views.shape == (6, 3, 16, 16)
    assert torch.allclose(views, torch.tensor(0.25))


def test_views_stand_image_by_image():
    images = torch.stack([torch.zeros(3, 16, 16), torch.ones(3, 16, 16)])
    views = make_views(images, random_numbers(2).expand(2, 2, -1), STILL, 0.0, TILES)
    assert views.mean(dim=(1, 2, 3)).tolist() == pytest.approx([0.0, 0.0, 1.0, 1.0])


def test_contrast_and_brightness_move_each_channel_by_its_own_number(image):
    recipe = dataclasses.replace(STILL, colour=Span(start=0.4, end=0.4))
    view = make_views(image, numbers(_5=1.0, _9=0.0), recipe, 0.0, TILES)
    assert torch.allclose(view[:, 0], (image[:, 0] - 0.5) * math.exp(0.4) + 0.5, atol=1e-5)
    assert torch.allclose(view[:, 1], image[:, 1] - 0.1, atol=1e-5)
    assert torch.allclose(view[:, 2], image[:, 2], atol=1e-5)


def test_noise_is_one_tile_of_the_bank_with_a_sign(image):
    recipe = dataclasses.replace(STILL, noise=Span(start=0.2, end=0.1))
    for place, sign, tile in ((0.0, -1, 0), (0.999999, 1, len(TILES) - 1)):
        view = make_views(image, numbers(_11=place, _12=place), recipe, 1.0, TILES)
        assert torch.allclose(view - image, sign * 0.1 * TILES[tile][None], atol=1e-5)


def test_spans_are_read_at_the_progress_of_the_step(image):
    recipe = dataclasses.replace(STILL, noise=Span(start=0.2, end=0.0))
    sizes = [float((make_views(image, numbers(), recipe, p, TILES) - image).std()) for p in (0.0, 0.5, 1.0)]
    assert sizes == pytest.approx([0.2, 0.1, 0.0], abs=0.01)


def test_a_view_of_an_image_does_not_depend_on_the_other_images():
    generator = torch.Generator().manual_seed(3)
    images = torch.rand((4, 3, 16, 16), generator=generator)
    rolls = torch.rand((4, 2, VIEW_NUMBERS), generator=generator)
    together = make_views(images, rolls, RECIPES["fast"], 0.3, TILES)
    alone = torch.cat([make_views(images[k : k + 1], rolls[k : k + 1], RECIPES["fast"], 0.3, TILES) for k in range(4)])
    assert torch.allclose(together, alone, atol=1e-6)


def test_gradients_reach_every_pixel():
    image = torch.full((1, 3, 16, 16), 0.5, requires_grad=True)
    make_views(image, numbers(), STILL, 0.0, TILES).sum().backward()
    assert float(image.grad.min()) > 0
