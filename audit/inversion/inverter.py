"""Inverts shards of items with one checkpoint: towers, batches that shrink when memory runs out, quality."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import normalize

from audit.checkpoints import Checkpoint
from audit.errors import EnvironmentProblem
from audit.inversion.draws import draw, noise_tiles
from audit.inversion.fast_copy import fast_copy
from audit.inversion.image_quality import Quality, References, assess, contrast, fresh_views, high_frequency_share
from audit.inversion.loop import Tower, Watcher, invert
from audit.inversion.memory import keep_freed_pages, ran_out_of_memory
from audit.inversion.recipe import Recipe
from audit.precision import Precision

_VIEWS_ON_CPU: Final = 192
_VIEWS_ON_GPU: Final = 512
_LARGEST_BATCH: Final = 192
_SHORTEST: Final = 1e-6
"""Squared length below which the difference of two texts is rounding, and has no direction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One inversion to be made."""

    text: str
    concept: str
    seed: int
    blank: bool = False
    """Whether the image is a control made of noise, with nothing inverted."""
    opposite: str = ""
    """A second text: the image is brought to a direction between the two."""
    grade: float = 1.0
    """Where between: from -1, at ``opposite``, to +1, at ``text``."""
    taken_off: tuple[str, str] | None = None
    """Two texts whose direction is taken out of the target, which then lies in the middle between them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inverted:
    """One image and its quality."""

    pixels: UInt8[Tensor, "3 size size"]
    quality: Quality


def take_off(
    targets: Float[Tensor, "items embedding"], directions: Float[Tensor, "items embedding"]
) -> Float[Tensor, "items embedding"]:
    """Return unit targets without what they have along a direction each; a direction of no length takes nothing.

    Formula: ``t - (t . d) / (d . d) * d``, brought to unit length. With d the difference of two opposite unit texts,
    the place of the result between them (``place_between`` of the lenses) is 0.
    """
    lengths = (directions * directions).sum(dim=-1, keepdim=True)
    along = (targets * directions).sum(dim=-1, keepdim=True) / lengths.clamp(min=_SHORTEST)
    return torch.where(lengths > _SHORTEST, normalize(targets - along * directions, dim=-1), targets)


def batch_size(recipe: Recipe, image_size: int, device: torch.device) -> int:
    """Return how many images to optimise at once: the views of a step fill the device and fit its memory."""
    views = _VIEWS_ON_GPU if device.type == "cuda" else _VIEWS_ON_CPU
    if device.type == "cpu":
        views = max(recipe.views, int(views * min(1.0, (96 / image_size) ** 2)))
    return recipe.batch(max(1, min(_LARGEST_BATCH, views // recipe.views)))


class Inverter:
    """Makes images for one checkpoint with one recipe, in a precision that the recipe chose; encodes each text once.

    Raises:
        EnvironmentProblem: If a single image does not fit into memory.
    """

    def __init__(self, checkpoint: Checkpoint, recipe: Recipe, precision: Precision) -> None:
        self._checkpoint = checkpoint
        self._recipe = recipe
        self.precision = precision
        self._dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        self._fast: Tower | None = None
        self._known: dict[str, Float[Tensor, " embedding"]] = {}
        self._too_many = sys.maxsize
        """Images of the smallest batch that did not fit into memory."""

    def with_recipe(self, recipe: Recipe) -> Inverter:
        """Return one that goes by another recipe and shares the copy of the tower and the texts that it knows."""
        other = Inverter(self._checkpoint, recipe, self.precision)
        other._fast, other._known = self._tower(), self._known
        return other

    def references(self, texts: Sequence[str], concepts: Sequence[str], also: Sequence[str] = ()) -> References:
        """Embed the texts that images are placed against, and others that will be inverted; once per run."""
        fresh = [text for text in dict.fromkeys((*texts, *also)) if text not in self._known]
        self._known.update(zip(fresh, self._checkpoint.encode_text(fresh), strict=True))
        return References(embeddings=self._embed(texts), concepts=tuple(concepts))

    def _embed(self, texts: Sequence[str]) -> Float[Tensor, "texts embedding"]:
        """Return unit embeddings; a text that is new is encoded by itself, so that its shard does not matter."""
        for text in dict.fromkeys(texts):
            if text not in self._known:
                self._known[text] = self._checkpoint.encode_text([text])[0]
        return torch.stack([self._known[text] for text in texts]) if texts else self._checkpoint.encode_text([])

    def make(
        self, items: Sequence[Item], references: References, watch: Watcher | None = None, *, halvings: int = 0
    ) -> list[Inverted]:
        """Return one image per item, in order; a batch that does not fit into memory is halved, and so are later ones.

        Images of a halved batch are rounded otherwise than those of a whole one, whenever it is halved.

        Args:
            items: What is made.
            references: What the images are placed against.
            watch: Sees the images of each step.
            halvings: How often the batch is halved before it is begun.
        """
        try:
            if len(items) == 1 or (not halvings and len(items) < self._too_many):
                return self._make(items, references, watch)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not ran_out_of_memory(error):
                raise
            if len(items) == 1:
                raise EnvironmentProblem(
                    f"One image of {self._checkpoint.card.image_size} pixels a side does not fit into the memory of "
                    f"{self._checkpoint.device}.",
                    remedy="Use a device with more memory, or a recipe with fewer views.",
                ) from error
            self._too_many = len(items)
        half = len(items) // 2  # out here, where the error no longer holds on to the memory of what failed
        less = max(0, halvings - 1)
        parts = items[:half], items[half:]
        return [image for part in parts for image in self.make(part, references, watch, halvings=less)]

    def _make(self, items: Sequence[Item], references: References, watch: Watcher | None) -> list[Inverted]:
        device, size = self._checkpoint.device, self._checkpoint.card.image_size
        targets = self._targets(items)
        images = torch.zeros((len(items), 3, size, size), device=device)
        blank = torch.tensor([item.blank for item in items])
        for chosen, is_blank in ((blank, True), (~blank, False)):
            rows = chosen.nonzero().flatten().tolist()
            if rows:
                seeds = [items[row].seed for row in rows]
                made = (
                    self._noise(seeds) if is_blank else invert(self._tower(), targets[rows], seeds, self._recipe, watch)
                )
                images[rows] = made
        finite = torch.isfinite(images).flatten(1).all(dim=1)
        pixels = (torch.nan_to_num(images) * 255).round().to(torch.uint8)
        shown = torch.where(finite[:, None, None, None], pixels.float() / 255, torch.full_like(images, torch.nan))
        qualities = self._qualities(shown, items, targets, references)
        return [Inverted(pixels=p, quality=q) for p, q in zip(pixels.cpu(), qualities, strict=True)]

    def _targets(self, items: Sequence[Item]) -> Float[Tensor, "items embedding"]:
        ends = [self._embed(texts) for texts in ([i.text for i in items], [i.opposite or i.text for i in items])]
        grades = torch.tensor([item.grade for item in items], device=self._checkpoint.device)[:, None]
        targets = normalize((1 + grades) / 2 * ends[0] + (1 - grades) / 2 * ends[1], dim=-1)
        sides = [item.taken_off or (item.text, item.text) for item in items]
        upper, lower = (self._embed(texts) for texts in zip(*sides, strict=True)) if sides else (targets, targets)
        return take_off(targets, upper - lower)

    def _tower(self) -> Tower:
        """Return the tower that gradients flow through, a copy in the chosen precision, made once."""
        if self._fast is None:
            checkpoint = self._checkpoint
            keep_freed_pages()
            self._fast = Tower(
                visual=fast_copy(checkpoint.visual, self._dtype),
                mean=checkpoint.mean,
                std=checkpoint.std,
                size=checkpoint.card.image_size,
                dtype=self._dtype,
            )
        return self._fast

    def _noise(self, seeds: Sequence[int]) -> Float[Tensor, "batch 3 size size"]:
        """Return white noise, uniform in [0, 1]: a control that shows nothing."""
        draws = draw(seeds, self._recipe, self._checkpoint.card.image_size, self._checkpoint.device)
        noise: Tensor = torch.special.ndtr(draws.start)
        return noise

    @torch.no_grad()
    def _qualities(
        self, images: Tensor, items: Sequence[Item], targets: Tensor, references: References
    ) -> list[Quality]:
        checkpoint = self._checkpoint
        tiles = noise_tiles(checkpoint.card.image_size, checkpoint.device)
        views = fresh_views(images, [item.seed for item in items], tiles)
        exact = Tower(
            visual=checkpoint.visual,
            mean=checkpoint.mean,
            std=checkpoint.std,
            size=images.shape[-1],
            dtype=torch.float32,
        )
        parts = [exact.embed(part) for part in torch.split(views, 64)]
        embeddings = normalize(torch.cat(parts), dim=-1).reshape(len(items), -1, targets.shape[1])
        concepts = [item.concept for item in items]
        return assess(embeddings, high_frequency_share(images), contrast(images), targets, concepts, references)
