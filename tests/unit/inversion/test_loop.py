"""The loop, on a tower that can be seen through: an image's embedding is its colours in four quarters."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, normalize

from audit.inversion import loop
from audit.inversion.draws import draw, noise_tiles
from audit.inversion.loop import Tower, invert
from audit.inversion.parameterization import FourierImages, parameterize
from audit.inversion.recipe import RECIPES, Recipe

SIZE = 16
FAST = dataclasses.replace(RECIPES["fast"], steps=12)
GROWING = dataclasses.replace(RECIPES["reference"], steps=12, views=2)
SEEDS = [11, 12, 13]


class Quarters(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return adaptive_avg_pool2d(images.float(), 2).flatten(1)


@pytest.fixture
def tower() -> Tower:
    half = torch.full((3,), 0.5)
    return Tower(visual=Quarters(), mean=half, std=half, size=SIZE, dtype=torch.float32)


@pytest.fixture
def targets() -> Tensor:
    return normalize(torch.randn((3, 12), generator=torch.Generator().manual_seed(5)), dim=1)


def cosines(tower: Tower, images: Tensor, targets: Tensor) -> Tensor:
    return (normalize(tower.embed(images), dim=1) * targets).sum(dim=1)


def gradient_at(step: int, recipe: Recipe, tower: Tower, targets: Tensor) -> Tensor:
    draws = draw(SEEDS, recipe, SIZE, torch.device("cpu"))
    moment = loop._Moment(draws, noise_tiles(SIZE, torch.device("cpu")), recipe, step)
    canvas = parameterize(draws.start, recipe)
    return loop._gradient(canvas, tower, targets, moment)


@pytest.mark.parametrize("recipe", [FAST, GROWING], ids=lambda recipe: recipe.name)
def test_images_come_to_match_their_targets(tower, targets, recipe):
    seen: list[Tensor] = []
    longer = dataclasses.replace(recipe, steps=40)
    images = invert(tower, targets, SEEDS, longer, lambda _step, at: seen.append(at))
    after = cosines(tower, images, targets)
    assert bool((after > cosines(tower, seen[0], targets) + 0.1).all())
    assert float(after.mean()) > 0.75


@pytest.mark.parametrize("recipe", [FAST, GROWING], ids=lambda recipe: recipe.name)
def test_images_are_as_large_as_the_checkpoint_reads_and_in_range(tower, targets, recipe):
    images = invert(tower, targets, SEEDS, recipe)
    assert images.shape == (3, 3, SIZE, SIZE)
    assert float(images.min()) >= 0
    assert float(images.max()) <= 1
    assert not images.requires_grad


def test_pixels_that_the_last_step_brought_beyond_their_range_come_back_clamped(tower, targets, monkeypatch):
    ends: list[Tensor] = []
    original = loop._MovingAverage.result

    def result(self: object, canvas: object) -> Tensor:
        ends.append(original(self, canvas))
        return ends[-1]

    monkeypatch.setattr(loop._MovingAverage, "result", result)
    images = invert(tower, targets, SEEDS, GROWING)
    assert float(ends[0].min()) < 0
    assert float(ends[0].max()) > 1
    assert (float(images.min()), float(images.max())) == (0.0, 1.0)


@pytest.mark.parametrize("recipe", [FAST, GROWING], ids=lambda recipe: recipe.name)
def test_an_image_does_not_depend_on_its_neighbours(tower, targets, recipe):
    together = invert(tower, targets, SEEDS, recipe)
    turned = invert(tower, targets[[2, 0]], [SEEDS[2], SEEDS[0]], recipe)
    assert torch.allclose(turned, together[[2, 0]], atol=1e-3)


def test_one_image_that_breaks_does_not_break_its_neighbours(tower, targets):
    broken = targets.clone()
    broken[1] = torch.nan
    images, sound = invert(tower, broken, SEEDS, FAST), invert(tower, targets, SEEDS, FAST)
    assert bool(torch.isnan(images[1]).any())
    assert torch.allclose(images[[0, 2]], sound[[0, 2]], atol=1e-3)


def test_the_gradient_of_each_image_has_length_one(tower, targets):
    for step in (0, 6, 11):
        lengths = gradient_at(step, FAST, tower, targets).flatten(0, -2).norm(dim=0)
        assert lengths.tolist() == pytest.approx([1.0] * 3, rel=1e-4)


def test_a_gradient_lies_in_memory_as_the_values_do(tower, targets):
    """The fused Adam takes both in the order of memory: with other strides it would move the wrong coefficients."""
    for recipe in (FAST, GROWING):
        canvas = parameterize(torch.zeros(3, 3, SIZE, SIZE), recipe)
        assert gradient_at(3, recipe, tower, targets).stride() == canvas.values.stride()


def test_a_clipped_gradient_is_at_most_of_length_one_and_else_as_it_is(tower, targets):
    still = dataclasses.replace(FAST, total_variation=0.0)
    clipped = dataclasses.replace(still, gradient="clipped")
    large = dataclasses.replace(clipped, total_variation=100.0)
    assert gradient_at(3, large, tower, targets).flatten(0, -2).norm(dim=0).tolist() == pytest.approx(
        [1.0] * 3, rel=1e-4
    )
    dull = dataclasses.replace(tower, visual=_Dull())
    small = gradient_at(3, clipped, dull, targets)
    lengths = small.flatten(0, -2).norm(dim=0)
    assert bool((lengths < 1).all())
    unit = gradient_at(3, still, dull, targets)
    assert torch.allclose(small, unit * lengths, atol=1e-6)


def test_an_image_that_has_no_gradient_stays_finite(tower, targets):
    flat = dataclasses.replace(tower, visual=_Constant())
    still = dataclasses.replace(FAST, total_variation=0.0)
    assert bool(torch.isfinite(invert(flat, targets, SEEDS, still)).all())


class _Dull(Quarters):
    """Sees everything almost alike."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images) * 1e-3 + 1


class _Constant(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return (images.float().flatten(1)[:, :12] * 0) + 1


def test_the_rate_falls_along_a_cosine_to_its_floor():
    recipe = dataclasses.replace(FAST, final_rate=0.2)
    assert [loop._rate_at(p, recipe) for p in (0.0, 0.5, 1.0)] == pytest.approx([1.0, 0.6, 0.2])
    assert loop._rate_at(1 / 3, recipe) == pytest.approx(0.2 + 0.8 * (1 + math.cos(math.pi / 3)) / 2)
    constant = dataclasses.replace(FAST, final_rate=1.0)
    assert {loop._rate_at(p / 7, constant) for p in range(8)} == {1.0}


def test_the_average_is_over_the_last_steps_only():
    recipe = dataclasses.replace(FAST, steps=4, average_from=0.5)
    average, canvas = loop._MovingAverage(recipe), FourierImages(torch.zeros(1, 3, SIZE, SIZE), recipe)
    for step in range(4):
        with torch.no_grad():
            canvas.values.fill_(float(step))
        average.see(step, canvas)
    assert torch.equal(average.result(canvas), torch.full_like(canvas.values, 2.5))


def test_without_an_average_the_last_image_counts():
    recipe = dataclasses.replace(GROWING, growth=())
    average, canvas = loop._MovingAverage(recipe), parameterize(torch.zeros(1, 3, SIZE, SIZE), recipe)
    with torch.no_grad():
        canvas.values.fill_(1.5)
    average.see(11, canvas)
    assert torch.equal(average.result(canvas), canvas.values)


def test_a_watcher_sees_every_step_and_changes_nothing(tower, targets):
    seen: list[tuple[int, float, float]] = []

    def watch(step: int, images: Tensor) -> None:
        seen.append((step, float(images.min()), float(images.max())))
        images.zero_()

    watched, alone = invert(tower, targets, SEEDS, FAST, watch), invert(tower, targets, SEEDS, FAST)
    assert [step for step, _, _ in seen] == list(range(1, FAST.steps + 1))
    assert all(low >= 0 and high <= 1 for _, low, high in seen)
    assert torch.equal(watched, alone)


@pytest.mark.parametrize("steps", [1, 2, 12])
def test_images_that_grow_are_shown_and_returned_whole_however_short_the_run(tower, targets, steps):
    shapes = []
    brief = dataclasses.replace(GROWING, steps=steps)
    images = invert(tower, targets, SEEDS, brief, lambda _step, at: shapes.append(tuple(at.shape)))
    assert shapes == [(3, 3, SIZE, SIZE)] * steps
    assert images.shape == (3, 3, SIZE, SIZE)


def test_seeds_and_targets_have_to_be_as_many(tower, targets):
    with pytest.raises(ValueError, match="3 targets need as many seeds, got 2"):
        invert(tower, targets, SEEDS[:2], FAST)


def test_another_seed_gives_another_image(tower, targets):
    one, other = invert(tower, targets[:1], [1], FAST), invert(tower, targets[:1], [2], FAST)
    assert float((one - other).abs().mean()) > 0.02
