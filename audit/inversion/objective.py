"""What an inversion makes small: the way to the text, and the roughness of the image."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import BackwardCFunction, FunctionCtx
from torch.nn.functional import normalize

from audit.inversion.layout import as_pixels
from audit.inversion.recipe import Recipe


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
