"""The published loop (arXiv 2403.02580), written out once more in the plainest PyTorch, against the reference arms."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, affine_grid, grid_sample, interpolate, normalize
from torch.nn.utils import clip_grad_norm_

from audit.inversion import Inverter, Item, batch_size
from audit.inversion.draws import draw
from audit.inversion.loop import Tower, invert
from audit.inversion.recipe import RECIPES, Recipe

SIZE = 28  # an eighth of 224: sides of 8, 16 and 28
CPU = torch.device("cpu")
REFERENCE = dataclasses.replace(RECIPES["reference"], steps=34, views=3)  # grows at steps 9 and 18
ARMS = {name: dataclasses.replace(RECIPES[name], steps=34, views=3) for name in RECIPES if name.startswith("reference")}
SEEDS = [21, 22, 23]
HALF = torch.full((3,), 0.5)


class Quarters(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return adaptive_avg_pool2d(images.float(), 2).flatten(1)


TOWER = Tower(visual=Quarters(), mean=HALF, std=HALF, size=SIZE, dtype=torch.float32)
TARGETS = normalize(torch.randn((3, 12), generator=torch.Generator().manual_seed(5)), dim=1)


def total_variation(image: Tensor) -> Tensor:
    """Frobenius norms of the differences to the right, down, and along both diagonals."""
    steps = [
        image[:, :, 1:] - image[:, :, :-1],
        image[:, 1:, :] - image[:, :-1, :],
        image[:, 1:, 1:] - image[:, :-1, :-1],
        image[:, 1:, :-1] - image[:, :-1, 1:],
    ]
    return sum(step.flatten(1).norm(dim=1).mean() for step in steps)


def one_view(image: Tensor, numbers: Tensor, recipe: Recipe) -> Tensor:
    """Turn, zoom and shift one image about its middle with probability p, then bring it to the tower's side."""
    used, turn, size, across, down = (float(number) for number in numbers[:5])
    if used < recipe.view_probability:
        angle = math.radians(recipe.rotation * (2 * turn - 1))
        zoom = recipe.zoom[0] + (recipe.zoom[1] - recipe.zoom[0]) * size
        way = torch.tensor([2 * across - 1, 2 * down - 1]) * recipe.shift * 2  # 2 units are a side
        back = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]) / zoom
        theta = torch.cat([back, (back @ way)[:, None]], dim=1)[None]
        grid = affine_grid(theta, [1, *image.shape], align_corners=False)
        image = grid_sample(image[None], grid, padding_mode="border", align_corners=False)[0]
    return interpolate(image[None], size=(SIZE, SIZE), mode="bicubic")[0]


def published(target: Tensor, seed: int, recipe: Recipe) -> Tensor:
    """Invert one target, one step after the other, as the script does by default."""
    draws = draw([seed], recipe, SIZE, CPU)
    image = torch.special.ndtr(draws.start[0, :, :8, :8]).requires_grad_()
    optimiser = torch.optim.Adam([image], lr=0.1)
    for step in range(recipe.steps):
        if step in (9, 18):
            side = 16 if step == 9 else SIZE
            image = interpolate(image.detach()[None], size=(side, side), mode="bicubic")[0].requires_grad_()
            optimiser = torch.optim.Adam([image], lr=0.1)
        optimiser.zero_grad()
        views = torch.stack([one_view(image, numbers, recipe) for numbers in draws.views[0, step]])
        embeddings = normalize(TOWER.embed(views), dim=1)
        loss = (embeddings - target).norm(dim=1).mean() + 0.005 * total_variation(image)
        loss.backward()
        clip_grad_norm_([image], 1.0)
        with torch.no_grad():
            image.clamp_(0, 1)
        optimiser.step()
    return image.detach().clamp(0, 1)


def test_the_reference_recipe_is_the_published_loop():
    expected = torch.stack([published(target, seed, REFERENCE) for target, seed in zip(TARGETS, SEEDS, strict=True)])
    assert torch.allclose(invert(TOWER, TARGETS, SEEDS, REFERENCE), expected, atol=2e-3)


@pytest.mark.parametrize(
    "change",
    [
        lambda recipe: dataclasses.replace(recipe, view_probability=1.0),
        lambda recipe: dataclasses.replace(recipe, sampling="at once"),
        lambda recipe: dataclasses.replace(recipe, total_variation=0.0),
        lambda recipe: dataclasses.replace(recipe, loss="spherical"),
        lambda recipe: dataclasses.replace(recipe, final_rate=0.1),
        lambda recipe: dataclasses.replace(recipe, growth=recipe.growth[:1] + recipe.growth[2:]),
        lambda recipe: dataclasses.replace(recipe, gradient="unit"),
    ],
    ids=["probability", "sampling", "variation", "loss", "rate", "growth", "gradient"],
)
def test_a_change_of_any_part_is_another_loop(change: Callable[[Recipe], Recipe]):
    expected = published(TARGETS[0], SEEDS[0], REFERENCE)
    assert not torch.allclose(invert(TOWER, TARGETS[:1], SEEDS[:1], change(REFERENCE))[0], expected, atol=0.02)


def test_adam_begins_anew_where_the_image_grows():
    """The first step of Adam moves every pixel by the whole rate, whatever its gradient."""
    steps: list[Tensor] = []
    still = dataclasses.replace(REFERENCE, view_probability=0.0)
    invert(TOWER, TARGETS[:1], SEEDS[:1], still, lambda _step, images: steps.append(images[0]))
    moved = [(after - before).abs() for before, after in itertools.pairwise(steps)]
    inner = [(image > 0.11) & (image < 0.89) for image in steps]
    grown = moved[17][inner[17]]  # from the eighteenth step to the nineteenth, the first at the tower's own side
    assert float(grown.median()) == pytest.approx(0.1, abs=0.01)
    assert float(moved[16][inner[16]].median()) < 0.09


@pytest.mark.parametrize("recipe", ARMS.values(), ids=ARMS)
def test_an_image_of_a_reference_arm_is_a_function_of_its_target_and_seed(recipe):
    together = invert(TOWER, TARGETS, SEEDS, recipe)
    turned = invert(TOWER, TARGETS[[2, 0]], [SEEDS[2], SEEDS[0]], recipe)
    alone = invert(TOWER, TARGETS[1:2], SEEDS[1:2], recipe)
    assert torch.allclose(turned, together[[2, 0]], atol=2e-3)
    assert torch.allclose(alone, together[1:2], atol=2e-3)


def test_batched_in_fp32_the_published_loop_makes_the_images_that_it_makes_alone(tiny_checkpoint):
    """The benchmark makes the images of the published loop in batches, and its seconds one at a time."""
    recipe = dataclasses.replace(RECIPES["reference"], steps=34)
    inverter = Inverter(tiny_checkpoint, recipe, "fp32")
    texts = ["a photo of a nurse", "a photo of an engineer", "a photo of a baker"]
    references = inverter.references(texts, texts)
    items = [Item(text=text, concept=text, seed=70 + k) for k, text in enumerate(texts)]
    together = inverter.make(items, references)
    alone = [inverter.make([item], references)[0] for item in items]
    apart = [(a.pixels.float() - b.pixels.float()).abs().mean() for a, b in zip(together, alone, strict=True)]
    other = (together[0].pixels.float() - together[1].pixels.float()).abs().mean()
    assert float(max(apart)) < 1.5 < float(other) / 3


@pytest.mark.parametrize(("precision", "used"), [("bf16", torch.bfloat16), ("fp32", torch.float32)])
def test_the_tower_is_of_the_precision_that_is_named(tiny_checkpoint, precision, used):
    assert Inverter(tiny_checkpoint, RECIPES["reference-batched"], precision)._tower().dtype == used


def test_the_published_loop_works_on_one_prompt_at_a_time_and_its_twins_on_many():
    assert batch_size(RECIPES["reference"], 64, CPU) == 1
    assert batch_size(RECIPES["reference-batched"], 64, CPU) == batch_size(RECIPES["reference-shift"], 64, CPU) > 8
