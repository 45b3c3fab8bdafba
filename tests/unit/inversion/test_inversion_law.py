"""The law of the draws: an item's image does not depend on the batch that it is made in.

Convolutions round differently for other batches (and, on several threads, for other places in one), and optimisation
amplifies that, so images of other batches are close and not equal. Measured on `phantom:skewed`, recipe `fast` in bf16,
eight images alone and together: 2.0 of 255 levels in the mean and 5.5 at most, where another seed makes 18 to 45; in
the same batch every byte is the same.
"""

from __future__ import annotations

import dataclasses

import pytest
import torch

from audit.inversion import RECIPES, Inverted, Inverter, Item

RECIPE = dataclasses.replace(RECIPES["fast"], steps=16)
TEXTS = {
    "nurse": "a photo of a nurse",
    "baker": "a photo of a baker",
    "engineer": "a photo of an engineer",
    "zelka orrin": "a photo of zelka orrin",
    "fenn ilko": "this is fenn ilko",
}
ITEMS = [Item(text=text, concept=concept, seed=40 + k) for k, (concept, text) in enumerate(TEXTS.items())]
MEAN_BOUND = 0.5
"""Largest mean difference of the pixels of an image, of 255 levels."""


@pytest.fixture(scope="module")
def inverter(tiny_checkpoint) -> Inverter:
    return Inverter(tiny_checkpoint, RECIPE, "fp32")


@pytest.fixture(scope="module")
def references(inverter):
    return inverter.references(list(TEXTS.values()), list(TEXTS))


@pytest.fixture(scope="module")
def together(inverter, references) -> list[Inverted]:
    return inverter.make(ITEMS, references)


def differences(one: list[Inverted], other: list[Inverted]) -> torch.Tensor:
    return torch.stack([(a.pixels.float() - b.pixels.float()).abs() for a, b in zip(one, other, strict=True)])


def test_the_same_batch_gives_the_same_bytes_and_the_same_figures(inverter, references, together):
    again = inverter.make(ITEMS, references)
    assert float(differences(again, together).max()) == 0
    assert [one.quality for one in again] == [one.quality for one in together]


def test_another_inverter_of_the_same_checkpoint_gives_the_same_bytes(tiny_checkpoint, together):
    other = Inverter(tiny_checkpoint, RECIPE, "fp32")
    made = other.make(ITEMS, other.references(list(TEXTS.values()), list(TEXTS)))
    assert float(differences(made, together).max()) == 0


@pytest.mark.parametrize(
    "parts",
    [
        [[4, 2, 0, 1, 3]],
        [[0], [1], [2], [3], [4]],
        [[0, 1, 2], [3, 4]],
        [[3, 1], [4, 0, 2]],
    ],
    ids=["turned", "alone", "cut", "turned and cut"],
)
def test_other_batches_and_orders_give_the_same_images(inverter, references, together, parts):
    made: dict[int, Inverted] = {}
    for part in parts:
        made.update(zip(part, inverter.make([ITEMS[k] for k in part], references), strict=True))
    apart = differences([made[k] for k in range(len(ITEMS))], together)
    assert float(apart.flatten(1).mean(dim=1).max()) <= MEAN_BOUND
    assert float(apart.flatten().quantile(0.99)) <= 4 * MEAN_BOUND
    for k, one in enumerate(together):
        assert made[k].quality.own_cosine == pytest.approx(one.quality.own_cosine, abs=0.05)


def test_the_bound_is_small_beside_what_another_seed_makes(inverter, references, together):
    reseeded = inverter.make([dataclasses.replace(item, seed=item.seed + 1000) for item in ITEMS], references)
    assert float(differences(reseeded, together).flatten(1).mean(dim=1).min()) > 3 * MEAN_BOUND


def test_before_rounding_has_grown_other_batches_give_the_same_images(tiny_checkpoint, references):
    brief = Inverter(tiny_checkpoint, dataclasses.replace(RECIPE, steps=2), "fp32")
    alone = [brief.make([item], references)[0] for item in ITEMS]
    apart = differences(alone, brief.make(ITEMS, references))
    assert float(apart.flatten(1).mean(dim=1).max()) < 0.05
