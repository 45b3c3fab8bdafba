"""The loop: a batch of images moves until the checkpoint says that they match their texts, and what it makes small."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction, FunctionCtx
from torch.nn.functional import normalize

from audit.inversion.draws import Draws, draw, noise_tiles
from audit.inversion.memory import as_pixels
from audit.inversion.parameterization import Parameterization, parameterize
from audit.inversion.recipe import Recipe
from audit.inversion.views import Reading, make_views, roll

Watcher = Callable[[int, Tensor], None]
"""Called after each step with the number of steps done and the images as they stand, shape (batch, 3, side, side)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tower:
    """The image half of a checkpoint as the loop needs it: frozen, and in the precision that pays."""

    visual: nn.Module
    """Takes normalised pixels, returns embeddings of any length."""
    mean: Float[Tensor, 3]
    std: Float[Tensor, 3]
    size: int
    """Side of the images that it reads, in pixels."""
    dtype: torch.dtype

    def embed(self, images: Float[Tensor, "batch 3 height width"]) -> Tensor:
        """Return embeddings of pixels in [0, 1], with gradients to the pixels."""
        scaled = (images - self.mean[:, None, None]) / self.std[:, None, None]
        wanted = scaled.to(self.dtype).contiguous(memory_format=torch.channels_last)
        embeddings: Tensor = self.visual(wanted)
        return embeddings

    @property
    def reading(self) -> Reading:
        """What becomes of pixels in [0, 1] before ``visual`` takes them."""
        return Reading(mean=self.mean, std=self.std, dtype=self.dtype)


def invert(
    tower: Tower,
    targets: Float[Tensor, "batch embedding"],
    seeds: Sequence[int],
    recipe: Recipe,
    watch: Watcher | None = None,
) -> Float[Tensor, "batch 3 size size"]:
    """Optimise one image per target from noise and return them, clamped to [0, 1].

    Args:
        tower: The image half of the checkpoint under audit.
        targets: Unit text embeddings.
        seeds: One seed per target; equal seeds and targets give equal images up to rounding, whatever else
            is in the batch.
        recipe: All settings.
        watch: Sees the images on their way, for a strip of the progress.

    Raises:
        ValueError: If there are not as many seeds as targets.
    """
    if len(seeds) != len(targets):
        raise ValueError(f"{len(targets)} targets need as many seeds, got {len(seeds)}.")
    draws = draw(seeds, recipe, tower.size, targets.device)
    tiles = noise_tiles(tower.size, targets.device).to(tower.dtype, memory_format=torch.channels_last)
    canvas = parameterize(draws.start, recipe, tower.dtype)
    optimiser = _adam(canvas, recipe)
    average = _MovingAverage(recipe)
    for step in range(recipe.steps):
        progress = step / recipe.steps
        if canvas.begin(progress):
            optimiser = _adam(canvas, recipe)
        canvas.values.grad = _gradient(canvas, tower, targets, _Moment(draws, tiles, recipe, step))
        canvas.settle()
        optimiser.param_groups[0]["lr"] = recipe.rate * _rate_at(progress, recipe)
        optimiser.step()
        average.see(step, canvas)
        if watch is not None:
            watch(step + 1, canvas.show(canvas.values, (step + 1) / recipe.steps).clamp(0.0, 1.0))
    return canvas.show(average.result(canvas), 1.0).clamp(0.0, 1.0)


@dataclass(frozen=True, slots=True)
class _Moment:
    draws: Draws
    tiles: Tensor
    recipe: Recipe
    step: int

    @property
    def progress(self) -> float:
        return self.step / self.recipe.steps


def _gradient(canvas: Parameterization, tower: Tower, targets: Tensor, moment: _Moment) -> Tensor:
    """Return the gradient of each image's own loss, brought to its length by the recipe."""
    recipe = moment.recipe
    images = canvas.render(moment.progress)
    numbers = moment.draws.views[:, moment.step]
    seen = roll(images, moment.draws.rolls[:, moment.step], recipe) if recipe.jitter else images
    views = make_views(seen, numbers, recipe, moment.progress, moment.tiles, tower.reading)
    loss = objective(tower.visual(views), targets, images, recipe)
    (gradient,) = torch.autograd.grad(loss.sum(), canvas.values)
    others = tuple(axis for axis in range(gradient.ndim) if axis != canvas.batch_axis)
    length = gradient.square().sum(dim=others, keepdim=True).sqrt().clamp_min(1e-20)
    scale = 1 / length if recipe.gradient == "unit" else (1 / length).clamp_max(1.0)
    scaled: Tensor = gradient * scale
    return scaled.contiguous()  # as the values are: the fused Adam goes by the order of memory, not by strides


def _adam(canvas: Parameterization, recipe: Recipe) -> torch.optim.Adam:
    return torch.optim.Adam([canvas.values], lr=recipe.rate, betas=recipe.betas, eps=recipe.epsilon, fused=True)


def _rate_at(progress: float, recipe: Recipe) -> float:
    floor = recipe.final_rate
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))


class _MovingAverage:
    """Mean of what is optimised over the last steps (Polyak averaging)."""

    def __init__(self, recipe: Recipe) -> None:
        self._first = math.floor(recipe.average_from * recipe.steps)
        self._sum: Tensor | None = None
        self._count = 0

    @torch.no_grad()
    def see(self, step: int, canvas: Parameterization) -> None:
        if step < self._first:
            return
        if self._sum is None:
            self._sum = torch.zeros_like(canvas.values)
        self._sum += canvas.values
        self._count += 1

    @torch.no_grad()
    def result(self, canvas: Parameterization) -> Tensor:
        return canvas.values.detach() if self._sum is None else self._sum / self._count


def spherical_loss(
    embeddings: Float[Tensor, "batch views embedding"], targets: Float[Tensor, "batch embedding"]
) -> Float[Tensor, " batch"]:
    """Mean over views of 2 asin(|v - t| / 2)^2: half the squared angle between unit vectors, in radians^2.

    Source: the squared great-circle distance of VQGAN-CLIP (Crowson et al. 2022, arXiv 2204.08583).
    """
    chord = (embeddings - targets[:, None]).norm(dim=-1).clamp(1e-6, 2.0)
    return (2 * torch.asin(chord / 2) ** 2).mean(dim=1)


def distance_loss(
    embeddings: Float[Tensor, "batch views embedding"], targets: Float[Tensor, "batch embedding"]
) -> Float[Tensor, " batch"]:
    """Mean over views of |v - t| between unit vectors, as the published script of arXiv 2403.02580 has it."""
    chord: Tensor = (embeddings - targets[:, None]).norm(dim=-1)
    return chord.mean(dim=1)


def total_variation(images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, " batch"]:
    """Sum over four directions of the root of the summed squared differences, averaged over channels.

    Directions: right, down and the two diagonals, as in the published script; not divided by size.
    """
    variation: Tensor = _TotalVariation.apply(images)
    return variation


def _ends(
    images: Float[Tensor, "batch 3 height width"],
) -> Iterator[tuple[Float[Tensor, "batch 3 down across"], Float[Tensor, "batch 3 down across"]]]:
    """Yield, for each direction, where its steps end and where they begin, as views of the images."""
    yield images[..., :, 1:], images[..., :, :-1]
    yield images[..., 1:, :], images[..., :-1, :]
    yield images[..., 1:, 1:], images[..., :-1, :-1]
    yield images[..., 1:, :-1], images[..., :-1, 1:]


class _TotalVariation(torch.autograd.Function):
    """The value, and its gradient written out: a step over its direction's root, at either end of the step.

    Both come of the same steps, so they are made together, while these are in the processor's cache. In fp32 at least:
    neighbours that are almost alike differ by less than half that precision can say.
    """

    @staticmethod
    def forward(  # type: ignore[explicit-override]
        ctx: FunctionCtx, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, " batch"]:
        exact = images.to(torch.promote_types(images.dtype, torch.float32))
        slopes, norms = torch.zeros_like(exact), []
        for (end, begin), (to_end, to_begin) in zip(_ends(exact), _ends(slopes), strict=True):
            steps = end - begin
            norms.append(_norms(steps))
            # in the order of memory, where a factor then stands beside its factor, for long rows
            steps.div_((norms[-1] * images.shape[1]).mT.contiguous().mT[..., None, None])
            to_end.add_(steps)
            to_begin.sub_(steps)
        ctx.dtype = images.dtype  # type: ignore[attr-defined]
        ctx.save_for_backward(slopes)
        return torch.stack(norms).sum(dim=0).mean(dim=1)

    @staticmethod
    def backward(  # type: ignore[explicit-override]
        ctx: BackwardCFunction, gradient: Float[Tensor, " batch"]
    ) -> Float[Tensor, "batch 3 height width"]:
        (slopes,) = ctx.saved_tensors
        scaled: Tensor = slopes * gradient[:, None, None, None]
        return scaled.to(ctx.dtype)  # type: ignore[attr-defined]


def _norms(steps: Float[Tensor, "batch 3 down across"]) -> Float[Tensor, "batch 3"]:
    """Return the root of the summed squares, kept off zero, where it has no slope."""
    if steps.is_contiguous():
        squares = steps.square().sum(dim=(2, 3))
    else:  # images that lie side by side in memory are summed in long rows
        squares = as_pixels(steps).square().sum(dim=0).view(steps.shape[1], -1).t()
    return (squares + 1e-12).sqrt()


def objective(
    embeddings: Float[Tensor, "batch_views embedding"],
    targets: Float[Tensor, "batch embedding"],
    images: Float[Tensor, "batch 3 height width"],
    recipe: Recipe,
) -> Float[Tensor, " batch"]:
    """Return the loss of each image; no term of one image depends on another."""
    units = normalize(embeddings.float(), dim=-1).reshape(len(targets), -1, targets.shape[1])
    loss = spherical_loss(units, targets) if recipe.loss == "spherical" else distance_loss(units, targets)
    if recipe.total_variation > 0:
        loss = loss + recipe.total_variation * total_variation(images)
    if recipe.absolute > 0:
        loss = loss + recipe.absolute * (images - 0.5).abs().mean(dim=(1, 2, 3))
    return loss
