"""What each kernel of the inversion buys: CPU seconds of whole steps without it, over those with all of them.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.kernels
    OMP_NUM_THREADS=1 python -m tests.benchmarks.kernels --tower phantom:skewed --rounds 5

Towers are shipped phantoms, and ViT-B-32 and RN50 of open_clip at 224 pixels with random weights. One run measures
everything in turns: in each round all kernels together, each left out, and all together once more. What is left out
is what a plain writer of the loop would have put there. CPU seconds do not count the time that other jobs had; a ratio
of 1.05 is 5 % more.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample

from audit.checkpoints import load_checkpoint
from audit.inversion import RECIPES, Recipe, batch_size, loop, parameterization, views
from audit.inversion.fast_copy import (
    ClassTokenBlock,
    MeanTokenPool,
    SelfAttention,
    fold_batch_norms,
    patches_as_products,
    shorten_attention,
)
from audit.inversion.loop import Tower, invert
from audit.inversion.memory import keep_freed_pages
from tests.benchmarks.tables import rule
from tests.benchmarks.timing import machine
from tests.benchmarks.towers import Made, make

TOWERS = ("phantom:skewed", "phantom:scenes", "ViT-B-32", "RN50")
_RENDER = parameterization._Render
FREED = "freed pages are kept (`keep_freed_pages`)"


def prepared(visual: nn.Module, *, without: str = "") -> nn.Module:
    """The copy that an audit makes, one of its parts left out."""
    whole, shorter = visual, copy.deepcopy(visual)
    if without != "fold":
        shorter = fold_batch_norms(shorter)
    shorter = shorten_attention(shorter)
    undone = {"query": (ClassTokenBlock, MeanTokenPool), "self": (SelfAttention,)}.get(without, ())
    for name, module in list(shorter.named_modules()):
        if isinstance(module, undone):
            original = module.whole if isinstance(module, SelfAttention) else copy.deepcopy(whole.get_submodule(name))
            shorter.set_submodule(name, original)
    if without != "patches":
        shorter = patches_as_products(shorter)
    return shorter if without == "channels" else shorter.to(memory_format=torch.channels_last)


def plain_render(values: Tensor, gain: Tensor, waves: parameterization.Waves) -> Tensor:
    """Images by torch's own inverse transform, each image for itself in memory."""
    if len(waves.across) != len(values):  # only what is shown at the end, at another side
        shown: Tensor = _RENDER.apply(values, gain, waves)
        return shown
    mixed = torch.einsum("dacxb,dcyx->bydca", values, gain)
    size = (len(values), len(values))
    return torch.fft.irfft2(torch.view_as_complex(mixed.contiguous()), s=size, norm="ortho").sigmoid()


class _Plain:
    """Stands where an autograd function stood."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        self.apply = function


def plain_warp(thetas: Tensor, before: int, after: int) -> tuple[Tensor, int]:
    """The maps themselves."""
    del before
    return thetas, after


def plain_sample(
    images: Tensor, warp: tuple[Tensor, int], factor: Tensor, offset: Tensor, dtype: torch.dtype
) -> Tensor:
    """Views by torch's own sampler, image by image."""
    (thetas, side), (batch, count) = warp, factor.shape[:2]
    grid = affine_grid(thetas, [count, 3, side, side], align_corners=False).repeat(batch, 1, 1, 1)
    each = images.repeat_interleave(count, dim=0)
    seen = grid_sample(each, grid.to(each.dtype), mode="bilinear", padding_mode="border", align_corners=False)
    coloured = seen * factor.flatten(0, 1)[..., None, None] + offset.flatten(0, 1)[..., None, None]
    return coloured.to(dtype).contiguous(memory_format=torch.channels_last)


def plain_variation(images: Tensor) -> Tensor:
    """Total variation whose gradient torch finds."""
    norms = [((end - begin).square().sum(dim=(2, 3)) + 1e-12).sqrt() for end, begin in loop._ends(images)]
    return torch.stack(norms).sum(dim=0).mean(dim=1)


@contextmanager
def _without_warp() -> Iterator[None]:
    with patch.object(views, "make_warp", plain_warp), patch.object(views, "sample", plain_sample):
        yield


KERNELS: dict[str, tuple[str, Callable[[], object]]] = {
    "BatchNorms folded into convolutions (`fold_batch_norms`)": ("fold", nullcontext),
    "one query in the last attention (`ClassTokenBlock`, `MeanTokenPool`)": ("query", nullcontext),
    "attention without turned tokens (`SelfAttention`)": ("self", nullcontext),
    "patches as one product (`PatchProjection`)": ("patches", nullcontext),
    "weights with channels last": ("channels", nullcontext),
    "Fourier transform as products, images side by side (`Waves`)": (
        "",
        lambda: patch.object(parameterization, "_Render", _Plain(plain_render)),
    ),
    "sampling shared by all images (`Warp`)": ("", _without_warp),
    "total variation with its gradient written out (`_TotalVariation`)": (
        "",
        lambda: patch.object(loop, "_TotalVariation", _Plain(plain_variation)),
    ),
}


def made(name: str) -> Made:
    """A tower by its name."""
    device = torch.device("cpu")
    if ":" not in name:
        return make(name, device)
    checkpoint = load_checkpoint(name)
    card = checkpoint.card
    return Made(name=name, visual=checkpoint.visual, size=card.image_size, embedding=card.embedding_size, device=device)


def steps_of(one: Made, recipe: Recipe, images: int, *, without: str = "") -> Callable[[], float]:
    """What takes some steps and returns the CPU seconds that they took."""
    grey = torch.full((3,), 0.5)
    visual = prepared(one.visual, without=without)
    tower = Tower(visual=visual, mean=grey, std=grey / 2, size=one.size, dtype=torch.float32)
    targets = one.targets(images)

    def take() -> float:
        began = time.process_time()
        invert(tower, targets, list(range(images)), recipe)
        return time.process_time() - began

    return take


def ratios(one: Made, recipe: Recipe, images: int, rounds: int) -> dict[str, list[float]]:
    """CPU seconds without each kernel, over those with all, round by round."""
    whole = layout(prepared(one.visual))
    arms = {
        name: (steps_of(one, recipe, images, without=part), inside)
        for name, (part, inside) in KERNELS.items()
        if not part or layout(prepared(one.visual, without=part)) != whole
    }
    everything = steps_of(one, recipe, images)
    everything()
    found: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(rounds):
        before, spent = everything(), {}
        for name, (take, inside) in arms.items():
            with inside():
                spent[name] = take()
        all_kernels = (before + everything()) / 2
        for name, seconds in spent.items():
            found[name].append(seconds / all_kernels)
    return found


def layout(visual: nn.Module) -> list[object]:
    """What a tower is made of; two copies of one layout compute alike."""
    return [(name, type(module)) for name, module in visual.named_modules()] + [
        weight.stride() for weight in visual.parameters()
    ]


def pages(name: str, given: argparse.Namespace) -> list[float]:
    """The same for pages that are given back, each time in a process of its own: the setting cannot be undone."""
    found = []
    for _ in range(given.rounds):
        seconds = [
            float(
                subprocess.run(
                    [sys.executable, "-m", "tests.benchmarks.kernels", "--tower", name, "--alone", keep],
                    check=True, capture_output=True, text=True,
                ).stdout
            )
            for keep in ("kept", "given back")
        ]  # fmt: skip
        found.append(seconds[1] / seconds[0])
    return found


def said(found: Sequence[float]) -> str:
    """A median ratio as per cent, with the least and the greatest; a dash where the tower has nothing of it."""
    if not found:
        return "-"
    middle, *ends = (100 * (value - 1) for value in (statistics.median(found), min(found), max(found)))
    return f"{middle:+.0f} % ({ends[0]:+.0f} to {ends[1]:+.0f})"


def sized(name: str) -> tuple[Made, Recipe, int]:
    """A tower, a recipe of few steps, and a batch: that of an audit for phantoms, a quarter of it at 224 pixels."""
    one = made(name)
    small = one.size < 128
    recipe = dataclasses.replace(RECIPES["fast"], steps=6 if small else 2)
    images = batch_size(recipe, one.size, one.device)
    return one, recipe, images if small else images // 4


def main() -> None:
    """Print one table: a row for each kernel, a column for each tower."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tower", action="append", help="phantom:NAME, or one of open_clip; repeatable [all four]")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", choices=("kept", "given back"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    names = given.tower or TOWERS
    if given.alone:
        one, recipe, images = sized(names[0])
        if given.alone == "kept":
            keep_freed_pages()
        take = steps_of(one, recipe, images)
        take()
        print(take())
        return
    keep_freed_pages()
    columns: dict[str, dict[str, list[float]]] = {}
    for name in names:
        one, recipe, images = sized(name)
        columns[f"{name}, {one.size} px, {images} images"] = {
            **ratios(one, recipe, images, given.rounds),
            FREED: pages(name, given),
        }
        print(f"{name}: done", file=sys.stderr, flush=True)
    print(f"CPU seconds of a step without the kernel, fp32, {machine(torch.device('cpu'))}, {given.rounds} rounds.\n")
    print("\n".join(rule(("without", *columns))))
    for kernel in (*KERNELS, FREED):
        print(f"| {kernel} | {' | '.join(said(found.get(kernel, ())) for found in columns.values())} |")


if __name__ == "__main__":
    main()
