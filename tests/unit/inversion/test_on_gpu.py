"""What only a GPU can show: the same images as on a CPU, gradients in bf16, no waits, and memory that stays flat."""

from __future__ import annotations

import dataclasses
import warnings

import pytest
import torch

from audit.checkpoints import Checkpoint, load_checkpoint
from audit.inversion import RECIPES, Inverter, Item, References
from audit.inversion.loop import invert
from tests.benchmarks.towers import FULL, gradient_cosines, make

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here"),
]

TEXTS = ["a photo of a nurse", "a photo of an engineer", "a photo of a pilot", "a photo of zelka orrin"]
MEAN_BOUND = 1.5
"""Largest mean difference of the pixels of an image, of 255 levels, as between batches of different sizes."""


@pytest.fixture(scope="module")
def here() -> Checkpoint:
    return load_checkpoint("phantom:skewed")


@pytest.fixture(scope="module")
def there() -> Checkpoint:
    return load_checkpoint("phantom:skewed", device="cuda")


def inverter_on(checkpoint: Checkpoint, precision: str, steps: int) -> tuple[Inverter, References]:
    inverter = Inverter(checkpoint, dataclasses.replace(RECIPES["fast"], steps=steps), precision)
    return inverter, inverter.references(TEXTS, TEXTS)


def items(first: int = 0) -> list[Item]:
    return [Item(text=text, concept=text, seed=first + k, blank=k == 3) for k, text in enumerate(TEXTS)]


def test_images_are_those_of_the_cpu(here, there):
    made = []
    for checkpoint in (here, there):
        inverter, references = inverter_on(checkpoint, "fp32", 16)
        made.append(inverter.make(items(), references))
    for one, other in zip(*made, strict=True):
        assert float((one.pixels.float() - other.pixels.float()).abs().mean()) < MEAN_BOUND
        assert one.quality.own_cosine == pytest.approx(other.quality.own_cosine, abs=0.02)
        assert one.quality.status is other.quality.status


@pytest.mark.parametrize("name", FULL)
def test_gradients_in_bf16_point_where_those_in_fp32_do(name):
    cosines = gradient_cosines(make(name, torch.device("cuda")), 8)
    assert float(cosines.mean()) > 0.99


def waits(tower, targets, recipe) -> int:
    """Count the times that CUDA reports the host to have waited for it."""
    torch.cuda.synchronize()
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            invert(tower, targets, list(range(len(targets))), recipe)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(one.message).lower() for one in heard)


@pytest.mark.parametrize("name", RECIPES)
def test_no_step_waits_for_the_device(there, name):
    few, more = (dataclasses.replace(RECIPES[name], steps=steps, views=2) for steps in (3, 9))
    tower, targets = inverter_on(there, "bf16", 3)[0]._tower(), there.encode_text(TEXTS)
    invert(tower, targets, [0, 1, 2, 3], few)
    assert waits(tower, targets, more) == waits(tower, targets, few)


def test_memory_stays_flat_from_shard_to_shard(there):
    inverter, references = inverter_on(there, "bf16", 3)
    inverter.make(items(), references)
    after_one = torch.cuda.memory_allocated()
    for number in range(1, 5):
        inverter.make(items(10 * number), references)
    assert torch.cuda.memory_allocated() == after_one
