"""What a long run must not do: wait for the device inside a step, or hold on to what a shard left behind.

There is no GPU here, so the waits are found by name: every operation of the loop passes through torch's dispatcher,
and those that need a value on the host are few. Their number must not grow with the steps. Adam's own counter is left
out: torch keeps it on the host. The test marked ``gpu`` in ``test_on_gpu.py`` asks CUDA itself.
"""

from __future__ import annotations

import dataclasses
import gc
import sys
from collections import Counter

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from audit.checkpoints import load_checkpoint
from audit.inversion import RECIPES, Inverter, Item
from audit.inversion.loop import invert

WAITS = frozenset(
    f"aten::{name}"
    for name in ("_local_scalar_dense", "is_nonzero", "equal", "nonzero", "masked_select", "unique_dim", "_unique2")
)
"""Operations whose result the host has to know before it can go on."""
COPIES = frozenset({"aten::lift_fresh"})
"""A tensor made from Python's numbers: on a GPU, a copy that waits."""

INDEXING = frozenset({"aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_"})
"""By a mask, the size of the result has to be known."""


def inside_optimiser() -> bool:
    frame = sys._getframe()
    while frame is not None:
        if "/torch/optim/" in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return False


class Listener(TorchDispatchMode):
    """Counts the operations that wait."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.name().partition(".")[0]
        masks = name in INDEXING and any(one is not None and one.dtype is torch.bool for one in args[1])
        if (name in WAITS | COPIES or masks) and not inside_optimiser():
            self.heard[name] += 1
        return func(*args, **(kwargs or {}))


def waits(tower, targets, recipe) -> Counter[str]:
    with Listener() as listener:
        invert(tower, targets, [1, 2], recipe)
    return listener.heard


def test_the_listener_hears_what_waits():
    numbers = torch.arange(3.0)
    with Listener() as listener:
        numbers.sum().item()
        numbers[numbers > 1]
        bool(numbers.any())
        torch.tensor(1.0)
    assert set(listener.heard) == {"aten::_local_scalar_dense", "aten::index", "aten::lift_fresh"}


@pytest.mark.parametrize("name", RECIPES)
def test_no_step_waits_for_the_device(tiny_checkpoint, name):
    few, more = (dataclasses.replace(RECIPES[name], steps=steps, views=2) for steps in (3, 9))
    tower = Inverter(tiny_checkpoint, few, "fp32")._tower()
    targets = tiny_checkpoint.encode_text(["a photo of a nurse", "a photo of a baker"])
    assert waits(tower, targets, more) == waits(tower, targets, few)


def live_tensors() -> Counter[tuple[int, ...]]:
    gc.collect()
    return Counter(tuple(one.shape) for one in gc.get_objects() if issubclass(type(one), torch.Tensor))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_second_shard_leaves_no_more_behind_than_the_first(precision):
    checkpoint = load_checkpoint("phantom:skewed")
    inverter = Inverter(checkpoint, dataclasses.replace(RECIPES["fast"], steps=3), precision)
    texts = ["a photo of a nurse", "a photo of a pilot", "a photo of an engineer"]
    references = inverter.references(texts, ["nurse", "pilot", "engineer"])

    def shard(first: int) -> None:
        items = [Item(text=text, concept=text, seed=first + k, blank=k == 2) for k, text in enumerate(texts)]
        assert len(inverter.make(items, references)) == 3

    shard(0)
    after_one = live_tensors()
    for number in range(1, 4):
        shard(10 * number)
    assert live_tensors() == after_one
