"""Views: affine maps, colours and noise, each from its own numbers."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch.nn.functional import affine_grid, grid_sample

from audit.inversion.draws import MAP_NUMBERS, VIEW_NUMBERS, noise_tiles
from audit.inversion.recipe import RECIPES, Recipe, Span
from audit.inversion.views import Reading, affine_maps, make_views, resize, roll

APART = dataclasses.replace(RECIPES["fast"], sampling="at once")
"""Each image has maps of its own."""
STILL = dataclasses.replace(
    APART,
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


PUBLISHED = dataclasses.replace(MOVING, sampling="published")


def test_the_published_shift_comes_after_the_zoom_and_the_turn():
    shifted = affine_maps(numbers(_2=1.0, _3=1.0, _4=0.5)[0], PUBLISHED)[0]  # zoomed by 2, shifted by a quarter side
    assert shifted[:, 2].tolist() == pytest.approx([0.25, 0.0])
    turned = dataclasses.replace(PUBLISHED, zoom=(1.0, 1.0))
    quarter = affine_maps(numbers(_1=1.0, _3=1.0, _4=0.5)[0], turned)[0]
    assert quarter[:, 2].tolist() == pytest.approx([0.0, 0.5], abs=1e-6)


def cubic(distance: float) -> float:
    """Weight of a sample at this distance: Keys' cubic convolution with a = -0.75."""
    x, a = abs(distance), -0.75
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0


def test_a_published_view_is_resized_bicubically():
    small = torch.rand((1, 3, 5, 5), generator=torch.Generator().manual_seed(2))
    still = dataclasses.replace(PUBLISHED, view_probability=0.0)
    view = make_views(small, numbers(), still, 0.0, TILES)
    weights = torch.zeros(16, 5)
    for place in range(16):
        middle = (place + 0.5) * 5 / 16 - 0.5
        for sample in range(math.floor(middle) - 1, math.floor(middle) + 3):
            weights[place, min(max(sample, 0), 4)] += cubic(middle - sample)
    assert torch.allclose(view, torch.einsum("ij,bcjk,lk->bcil", weights, small, weights), atol=1e-5)


def test_a_published_view_is_turned_at_the_images_own_side():
    small = torch.rand((1, 3, 5, 5), generator=torch.Generator().manual_seed(2))
    recipe = dataclasses.replace(PUBLISHED, zoom=(1.0, 1.0))
    view = make_views(small, numbers(_1=1.0), recipe, 0.0, TILES)
    turned = [resize(small.rot90(turns, (2, 3)), 16) for turns in (1, 3)]
    assert min(float((view - one).abs().max()) for one in turned) < 1e-5


def test_an_image_that_has_the_wanted_side_is_not_resized(image):
    assert resize(image, 16) is image
    assert resize(image, 24).shape == (1, 3, 24, 24)


def test_a_roll_is_by_whole_pixels_and_loses_none():
    images = torch.rand((3, 3, 16, 16), generator=torch.Generator().manual_seed(4))
    recipe = dataclasses.replace(STILL, jitter=0.25)  # 4 pixels of 16 either way: 9 offsets
    rolled = roll(images, torch.tensor([[0.0, 0.5], [0.999, 0.0], [0.45, 0.7]]), recipe)
    assert torch.equal(rolled[0], images[0].roll((-4, 0), (1, 2)))
    assert torch.equal(rolled[1], images[1].roll((4, -4), (1, 2)))
    assert torch.equal(rolled[2], images[2].roll((0, 2), (1, 2)))


def test_every_offset_of_a_roll_is_as_frequent_as_any_other():
    rows = torch.arange(16.0)[None, None, :, None].expand(900, 3, 16, 16)
    draws = (torch.arange(900)[:, None] / 900).expand(900, 2)
    first = roll(rows, draws, dataclasses.replace(STILL, jitter=0.25))[:, 0, 0, 0]
    assert torch.bincount(first.long(), minlength=16).tolist() == [100] * 5 + [0] * 7 + [100] * 4


READING = Reading(mean=torch.tensor([0.5, 0.4, 0.3]), std=torch.tensor([0.25, 0.2, 0.1]), dtype=torch.float32)


def read(pixels: torch.Tensor) -> torch.Tensor:
    return (pixels - READING.mean[:, None, None]) / READING.std[:, None, None]


def test_a_colour_shift_acts_on_normalised_channels(image):
    recipe = dataclasses.replace(STILL, colour_shift=(1.0, 1.0))
    shifted = make_views(image, numbers(_5=1.0, _9=0.0), recipe, 0.0, TILES, READING)
    assert torch.allclose(shifted[:, 0], read(image)[:, 0] / math.e, atol=1e-5)  # s = e, m = 0
    assert torch.allclose(shifted[:, 1], read(image)[:, 1] + 1, atol=1e-5)  # s = 1, m = -1
    assert torch.allclose(shifted[:, 2], read(image)[:, 2], atol=1e-5)


def test_a_colour_shift_may_act_on_pixels(image):
    recipe = dataclasses.replace(STILL, colour_shift=(0.5, 1.0), colour_units="pixels")
    view = make_views(image, numbers(_5=0.0, _8=1.0), recipe, 0.0, TILES)
    assert torch.allclose(view[:, 0], (image[:, 0] - 0.5) * math.e, atol=1e-5)
    assert torch.allclose(view[:, 1:], image[:, 1:], atol=1e-6)


def plain_views(images: torch.Tensor, rolls: torch.Tensor, recipe: Recipe, progress: float) -> torch.Tensor:
    """Make the views once more, in the order of the recipe's fields, one operation after the other."""
    flat = rolls.flatten(0, 1)
    repeated = images.repeat_interleave(rolls.shape[1], dim=0)
    grid = affine_grid(affine_maps(flat, recipe), list(repeated.shape), align_corners=False)
    views = grid_sample(repeated, grid, padding_mode="border", align_corners=False)
    first, second = ((flat[:, k : k + 3] * 2 - 1)[:, :, None, None] for k in (5, 8))
    spread = recipe.colour.at(progress)
    views = (views - 0.5) * torch.exp(first * spread) + 0.5 + second * spread * 0.25
    signs = torch.where(flat[:, 12] < 0.5, -1.0, 1.0)[:, None, None, None]
    views = read(views + recipe.noise.at(progress) * signs * TILES[(flat[:, 11] * len(TILES)).long()])
    return (views - second * recipe.colour_shift[0]) / torch.exp(first * recipe.colour_shift[1])


@pytest.mark.parametrize("sampling", ["shared", "at once"])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.7, 0.4)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 1e-2)])
def test_views_and_their_gradients_are_those_of_the_plain_way(shift, dtype, tolerance, sampling):
    generator = torch.Generator().manual_seed(6)
    images = torch.rand((3, 3, 16, 16), generator=generator).requires_grad_()
    rolls = torch.rand((3, 5, VIEW_NUMBERS), generator=generator)
    recipe = dataclasses.replace(RECIPES["fast"], colour_shift=shift, sampling=sampling)
    if sampling == "shared":
        rolls[:, :, :MAP_NUMBERS] = rolls[:1, :, :MAP_NUMBERS].clone()
    found = make_views(images, rolls, recipe, 0.4, TILES, dataclasses.replace(READING, dtype=dtype))
    expected = plain_views(images, rolls, recipe, 0.4)
    assert found.dtype == dtype
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert float(((found - expected).norm() / expected.norm()).detach()) < tolerance
    weights = torch.randn(expected.shape, generator=generator)
    (plain,) = torch.autograd.grad((expected * weights).sum(), images)
    (quick,) = torch.autograd.grad((found * weights.to(dtype)).sum(), images)
    assert float((quick - plain).norm() / plain.norm()) < tolerance


def test_a_bank_of_noise_that_is_ready_for_the_tower_gives_the_same_views(image):
    reading = dataclasses.replace(READING, dtype=torch.bfloat16)
    ready = TILES.to(torch.bfloat16, memory_format=torch.channels_last)
    for recipe in (APART, RECIPES["fast"]):
        views = [make_views(image, random_numbers(4), recipe, 0.0, bank, reading) for bank in (TILES, ready)]
        assert torch.equal(*views)


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
    together = make_views(images, rolls, APART, 0.3, TILES)
    alone = torch.cat([make_views(images[k : k + 1], rolls[k : k + 1], APART, 0.3, TILES) for k in range(4)])
    assert torch.allclose(together, alone, atol=1e-6)


def test_shared_views_have_the_maps_of_the_first_image_and_colours_of_their_own():
    recipe = dataclasses.replace(MOVING, sampling="shared", colour=Span(start=0.4, end=0.4))
    images = torch.rand((1, 3, 16, 16), generator=torch.Generator().manual_seed(3)).expand(2, 3, 16, 16)
    rolls = torch.rand((2, 1, VIEW_NUMBERS), generator=torch.Generator().manual_seed(4))
    first, second = make_views(images, rolls, recipe, 0.0, TILES)
    colourless = dataclasses.replace(recipe, colour=Span(start=0.0, end=0.0))
    alike = make_views(images, rolls, colourless, 0.0, TILES)
    assert torch.equal(alike[0], alike[1])
    assert not torch.allclose(first, second, atol=0.01)


def test_gradients_reach_every_pixel():
    image = torch.full((1, 3, 16, 16), 0.5, requires_grad=True)
    make_views(image, numbers(), STILL, 0.0, TILES).sum().backward()
    assert float(image.grad.min()) > 0
