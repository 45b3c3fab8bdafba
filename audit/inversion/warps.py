"""Sampling that all images of a step share: one weighted sum of pixels for each pixel of a view.

Where every image is looked at through the same affine map, the map is one sparse matrix, and a row of it works on all
images and channels at once, where ``grid_sample`` has to find its way anew for each image. The way back is the same sum
over the transposed matrix, each pixel's in a fixed order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int32, Int64
from torch import Tensor
from torch.autograd.function import BackwardCFunction, FunctionCtx
from torch.nn.functional import embedding_bag

from audit.inversion.layout import as_images, as_pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Warp:
    """A sparse matrix from the pixels of images to those of their views, by rows and by columns.

    Every view takes from pixels of its own, in its own colours: ``seen`` counts the pixels of all views, view after
    view, and ``pixels`` those of as many images.
    """

    taken: Int32[Tensor, "seen 4"]
    """The four pixels about each place."""
    weights: Float[Tensor, "seen 4"]
    given: Int64[Tensor, " entries"]
    """For each entry, in the order of the pixels that it takes: which pixel of the views it goes to."""
    given_weights: Float[Tensor, " entries"]
    starts: Int64[Tensor, " pixels"]
    """Where the entries of each pixel begin in ``given``."""

    def there(self, rows: Float[Tensor, "pixels columns"]) -> Float[Tensor, "seen columns"]:
        """Return what the view shows, one column for each image and channel, in the precision of ``rows``."""
        return embedding_bag(self.taken, rows, mode="sum", per_sample_weights=self.weights.to(rows.dtype))

    def back(self, rows: Float[Tensor, "seen columns"]) -> Float[Tensor, "pixels columns"]:
        """Return the transposed matrix times ``rows``: the gradient of the pixels from that of the view."""
        weights = self.given_weights.to(rows.dtype)
        return embedding_bag(self.given, rows, self.starts, mode="sum", per_sample_weights=weights)


def make_warp(thetas: Float[Tensor, "views 2 3"], before: int, after: int) -> Warp:
    """Return the bilinear sampling of images of side ``before`` by affine maps, into views of side ``after``.

    The same as torch's ``affine_grid`` and ``grid_sample`` with ``padding_mode="border"`` and without aligned corners:
    a map goes from places in the view to places in the image, in [-1, 1] coordinates, and outside its border repeats.
    """
    views, device = len(thetas), thetas.device
    middles = (torch.arange(after, device=device) * 2 + 1) / after - 1
    across, down, away = (one[..., None, None] for one in thetas.unbind(-1))
    places = across * middles + down * middles[:, None] + away
    places = ((places + 1) * (before / 2) - 0.5).clamp(0, before - 1)
    first = places.floor().clamp(max=max(0, before - 2))
    shares = [(1 - share, share) for share in (places - first).unbind(1)]
    weights = torch.stack([d * a for d in shares[1] for a in shares[0]], dim=-1).view(-1, 4)
    pixels = torch.arange(views * before * before, dtype=torch.int32, device=device)
    corner = (first[:, 1] * before + first[:, 0]).flatten(1).int() + pixels[:: before * before, None]
    corners = torch.arange(4, dtype=torch.int32, device=device)
    taken = corner.view(-1, 1) + (corners % 2 + corners // 2 * before if before > 1 else 0 * corners)
    ordered, order = taken.flatten().sort(stable=True)
    return Warp(
        taken=taken,
        weights=weights,
        given=order // 4,
        given_weights=weights.flatten()[order],
        starts=torch.searchsorted(ordered, pixels),
    )


def sample(
    images: Float[Tensor, "batch 3 before before"],
    warp: Warp,
    factor: Float[Tensor, "batch views 3"],
    offset: Float[Tensor, "batch views 3"],
    dtype: torch.dtype,
) -> Float[Tensor, "batch_views 3 after after"]:
    """Return the views of every image through a warp, image by image, in ``dtype``, in memory with channels last.

    Args:
        images: Pixels; best in the order of :func:`as_pixels`.
        warp: The maps that they share.
        factor: What each channel of each view is multiplied with.
        offset: What is added to it then.
        dtype: Precision of the views, and of the sums that make them.
    """
    slope, base = (one.permute(1, 2, 0).flatten(1).to(images.dtype) for one in (factor, offset))
    views: Tensor = _Sample.apply(images, warp, slope, base, dtype)
    return views


class _Sample(torch.autograd.Function):
    """The views, and the way back.

    Colours are changed before the warp, where there are fewer pixels. Its weights sum to 1, so that is the same.
    """

    @staticmethod
    def forward(  # type: ignore[explicit-override]
        ctx: FunctionCtx,
        images: Float[Tensor, "batch 3 before before"],
        warp: Warp,
        slope: Float[Tensor, "views columns"],
        base: Float[Tensor, "views columns"],
        dtype: torch.dtype,
    ) -> Float[Tensor, "batch_views 3 after after"]:
        ctx.warp = warp  # type: ignore[attr-defined]
        ctx.save_for_backward(slope)
        coloured = torch.addcmul(base[:, None], as_pixels(images), slope[:, None])
        seen = warp.there(coloured.flatten(0, 1).to(dtype))
        # turned over, a row is no longer one channel of every image but one image, pixel by pixel with its channels
        side = math.isqrt(len(seen) // len(slope))
        return seen.view(-1, len(images)).t().contiguous().view(-1, side, side, 3).permute(0, 3, 1, 2)

    @staticmethod
    def backward(  # type: ignore[explicit-override]
        ctx: BackwardCFunction, gradient: Float[Tensor, "batch_views 3 after after"]
    ) -> tuple[Tensor, None, None, None, None]:
        (slope,) = ctx.saved_tensors
        views, columns = slope.shape
        batch = columns // 3
        seen = gradient.permute(0, 2, 3, 1).reshape(batch, -1).t().contiguous()
        pixels = ctx.warp.back(seen.view(-1, columns)).view(views, -1, columns) * slope[:, None]  # type: ignore[attr-defined]
        return as_images(pixels[0] if views == 1 else pixels.sum(dim=0), batch), None, None, None, None
