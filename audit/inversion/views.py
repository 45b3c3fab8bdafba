"""Views: each step looks at an image through a roll, a few random affine maps, colour shifts and noise.

What follows the sampling is one factor and one offset per view and channel, the tower's normalisation among them, so
it is done in one pass, and the views leave it as the tower reads them. All views of an image are sampled together, as
one tall picture, while the image is still in the processor's cache.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int32, Int64
from torch import Tensor
from torch.autograd.function import BackwardCFunction, FunctionCtx
from torch.nn.functional import embedding_bag, grid_sample, interpolate

from audit.inversion.memory import as_images, as_pixels
from audit.inversion.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a tower reads pixels in [0, 1]: less ``mean``, divided by ``std``, in ``dtype``."""

    mean: Float[Tensor, " 3"]
    std: Float[Tensor, " 3"]
    dtype: torch.dtype


def make_views(
    images: Float[Tensor, "batch 3 side side"],
    numbers: Float[Tensor, "batch views numbers"],
    recipe: Recipe,
    progress: float,
    tiles: Float[Tensor, "tiles 3 height width"],
    reading: Reading | None = None,
) -> Float[Tensor, "batch_views 3 height width"]:
    """Return every view of every image, image by image, at the size of ``tiles``, in memory with channels last.

    Args:
        images: Pixels, nominally in [0, 1], of any side.
        numbers: Uniform draws in [0, 1), see ``draws.VIEW_NUMBERS``. Where sampling is shared, the first image's maps
            are those of all.
        recipe: Sizes of the transformations.
        progress: Share of the steps that is done, in [0, 1].
        tiles: Bank of standard normal noise at the size of the checkpoint's images; channels last and in the precision
            of ``reading``, it is used without a copy.
        reading: What the views are for; pixels in [0, 1] unless given.
    """
    reading = reading or Reading(mean=images.new_zeros(3), std=images.new_ones(3), dtype=images.dtype)
    flat, side = numbers.flatten(0, 1), tiles.shape[-1]
    contrast, brightness = _colours(flat, recipe, progress)
    unit, origin = _normalisation(flat, recipe, reading)
    factor, offset = contrast * unit, brightness * unit + origin
    views: Tensor
    if recipe.sampling == "shared":
        warp = make_warp(affine_maps(numbers[0], recipe), images.shape[-1], side)
        views = sample(
            images, warp, factor.view(*numbers.shape[:2], 3), offset.view(*numbers.shape[:2], 3), reading.dtype
        )
    else:
        views = _Finish.apply(_sample(images, numbers, recipe, side), factor, offset, reading.dtype)
    sigma = recipe.noise.at(progress)
    return _add_noise(views, flat, sigma * unit, tiles) if sigma > 0 else views


def _sample(
    images: Float[Tensor, "batch 3 before before"],
    numbers: Float[Tensor, "batch views numbers"],
    recipe: Recipe,
    side: int,
) -> Float[Tensor, "batch 3 views side side"]:
    """Return the views as they come from their affine maps; outside of the image its border repeats.

    One bilinear sampling rotates, zooms, shifts and resizes. With ``sampling="published"`` it keeps the size of the
    images, and a bicubic resize follows.
    """
    batch, views = numbers.shape[:2]
    first = images.shape[-1] if recipe.sampling == "published" else side
    theta = affine_maps(numbers.flatten(0, 1), recipe).view(batch, views, 2, 3)
    grid = _places(theta, first).flatten(2, 3).permute(0, 2, 3, 1)
    tall = grid_sample(images.to(grid.dtype), grid, mode="bilinear", padding_mode="border", align_corners=False)
    return resize(tall.view(batch, 3 * views, first, first), side).view(batch, 3, views, side, side)


def _places(theta: Float[Tensor, "batch views 2 3"], side: int) -> Float[Tensor, "batch 2 views side side"]:
    """Return where the maps take the middle of each pixel, in [-1, 1] coordinates: across for all views, then down.

    Kept apart like this, the sampler reads either in one go.
    """
    middles = (torch.arange(side, device=theta.device) * 2 + 1) / side - 1
    by_axis = theta.transpose(1, 2).contiguous()
    by_column = by_axis[..., :1] * middles
    by_row = by_axis[..., 1:2] * middles + by_axis[..., 2:]
    return by_row[..., None] + by_column[..., None, :]


def _colours(
    numbers: Float[Tensor, "views numbers"], recipe: Recipe, progress: float
) -> tuple[Float[Tensor, "views 3"], Float[Tensor, "views 3"]]:
    """Return the factor and the offset that are a view's contrast about mid-grey and its brightness."""
    spread = recipe.colour.at(progress)
    contrast = torch.exp((numbers[:, 5:8] * 2 - 1) * spread)
    brightness = (numbers[:, 8:11] * 2 - 1) * (spread * 0.25)
    return contrast, brightness + 0.5 * (1 - contrast)


def _normalisation(
    numbers: Float[Tensor, "views numbers"], recipe: Recipe, reading: Reading
) -> tuple[Float[Tensor, "views 3"], Float[Tensor, "views 3"]]:
    """Return the factor and the offset that bring pixels to what the tower reads, by way of ``colour_shift``.

    The shift is (x - m) / s, m and log s uniform. Source: Ghiasi et al., "Plug-In Inversion" (arXiv 2201.12961), whose
    images are normalised ones; the script of arXiv 2403.02580 has it for pixels in [0, 1], switched off.
    """
    largest, widest = recipe.colour_shift
    divisor = torch.exp((numbers[:, 5:8] * 2 - 1) * widest)
    away = (numbers[:, 8:11] * 2 - 1) * largest
    if recipe.colour_units == "pixels":
        offset = -(away / divisor + reading.mean) / reading.std
    else:
        offset = -(reading.mean / reading.std + away) / divisor
    return 1 / (divisor * reading.std), offset


class _Finish(torch.autograd.Function):
    """Sampled pixels times a factor plus an offset, in the tower's precision, channels last; and the way back."""

    @staticmethod
    def forward(  # type: ignore[explicit-override]
        ctx: FunctionCtx,
        sampled: Float[Tensor, "batch 3 views side side"],
        factor: Float[Tensor, "batch_views 3"],
        offset: Float[Tensor, "batch_views 3"],
        dtype: torch.dtype,
    ) -> Float[Tensor, "batch_views 3 side side"]:
        batch = len(sampled)
        slope, base = (one.view(batch, -1, 3).transpose(1, 2)[..., None, None] for one in (factor, offset))
        ctx.save_for_backward(slope)
        views = (sampled * slope).add_(base).to(dtype)
        return torch.stack(views.unbind(1), dim=-1).flatten(0, 1).permute(0, 3, 1, 2)

    @staticmethod
    def backward(  # type: ignore[explicit-override]
        ctx: BackwardCFunction, gradient: Float[Tensor, "batch_views 3 side side"]
    ) -> tuple[Tensor, None, None, None]:
        (slope,) = ctx.saved_tensors
        by_image = gradient.view(len(slope), -1, *gradient.shape[1:]).transpose(1, 2)
        return by_image.contiguous().to(slope.dtype) * slope, None, None, None


def _add_noise(
    views: Float[Tensor, "views 3 height width"],
    numbers: Float[Tensor, "views numbers"],
    sizes: Float[Tensor, "views 3"],
    tiles: Float[Tensor, "tiles 3 height width"],
) -> Float[Tensor, "views 3 height width"]:
    """Return the views with a tile of noise each, of its own sign, ``sizes`` large in each channel."""
    picks = (numbers[:, 11] * len(tiles)).long().clamp_max(len(tiles) - 1)
    signed = torch.where(numbers[:, 12:] < 0.5, -sizes, sizes)
    # a row of pixels with its channels side by side is long enough to be worked on at once
    rows, bank = (one.permute(0, 2, 3, 1).flatten(2) for one in (views, tiles))
    by_row = signed.to(views.dtype).repeat(1, views.shape[-1])[:, None]
    noisy = torch.addcmul(rows, bank.to(views.dtype).index_select(0, picks), by_row)
    return noisy.view(len(views), *views.shape[2:], 3).permute(0, 3, 1, 2)


def affine_maps(numbers: Float[Tensor, "views numbers"], recipe: Recipe) -> Float[Tensor, "views 2 3"]:
    """Return the sampling maps (output to input, in [-1, 1] coordinates) of the views."""
    used = (numbers[:, 0] < recipe.view_probability).to(numbers.dtype)
    angle = (numbers[:, 1] * 2 - 1) * math.radians(recipe.rotation) * used
    low, high = recipe.zoom
    zoom = 1 + (low + (high - low) * numbers[:, 2] - 1) * used
    shifts = (numbers[:, 3:5] * 2 - 1) * (2 * recipe.shift) * used[:, None]
    cosine, sine = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    rows = torch.stack([torch.stack([cosine, -sine], 1), torch.stack([sine, cosine], 1)], 1)
    offsets = shifts[:, :, None]
    if recipe.sampling == "published":
        offsets = rows @ offsets
    return torch.cat([rows, offsets], dim=2)


def roll(
    images: Float[Tensor, "batch 3 side side"], numbers: Float[Tensor, "batch 2"], recipe: Recipe
) -> Float[Tensor, "batch 3 side side"]:
    """Return each image rolled down and across by whole pixels, at most ``recipe.jitter`` of its side either way.

    Args:
        images: Pixels of any side; what leaves an edge comes in at the other.
        numbers: Uniform draws in [0, 1), down and across.
        recipe: Says how far.
    """
    side = images.shape[-1]
    furthest = round(recipe.jitter * side)
    offsets = (numbers * (2 * furthest + 1)).floor().long() - furthest
    places = (torch.arange(side, device=images.device) - offsets[:, :, None]) % side
    down = places[:, None, 0, :, None].expand(images.shape)
    across = places[:, None, 1, None, :].expand(images.shape)
    return images.gather(2, down).gather(3, across)


def resize(
    images: Float[Tensor, "batch channels before before"], side: int
) -> Float[Tensor, "batch channels side side"]:
    """Return the images at another side, bicubic and without antialiasing; as they are where they have it already."""
    if images.shape[-1] == side:
        return images
    return interpolate(images, size=(side, side), mode="bicubic", align_corners=False)


# Sampling that all images of a step share: one weighted sum of pixels for each pixel of a view.
#
# Where every image is looked at through the same affine map, the map is one sparse matrix, and a row of it works on
# all images and channels at once, where ``grid_sample`` has to find its way anew for each image. The way back is the
# same sum over the transposed matrix, each pixel's in a fixed order.


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
