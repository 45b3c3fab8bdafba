"""All settings of an inversion in one record, the recipes that ship, and the same with one part changed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from audit.errors import UsageProblem
from audit.precision import Choice, check_precision, choose_precision

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A setting that moves from ``start`` to ``end`` over the inversion."""

    start: float
    end: float

    def at(self, progress: float) -> float:
        """Return the value at ``progress`` in [0, 1], moving geometrically; linearly where an end is 0."""
        if self.start > 0 and self.end > 0:
            return float(self.start * (self.end / self.start) ** progress)
        return self.start + (self.end - self.start) * progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that decides what an inversion looks like, apart from its seed and its checkpoint."""

    name: str
    parameterization: Literal["fourier", "pixels"]
    steps: int
    views: int
    """Views of an image in each step; steps x views is the price in image-gradients."""
    rate: float
    """Adam's learning rate."""
    betas: tuple[float, float]
    final_rate: float
    """Share of ``rate`` left at the end of a cosine decay; 1 is a constant rate."""
    gradient: Literal["unit", "clipped"]
    """Each image's gradient is brought to length 1 (``unit``), or to at most 1 (``clipped``)."""
    loss: Literal["spherical", "distance"]
    total_variation: float
    absolute: float
    """Weight of the L1 term, on the distance of the pixels from mid-grey."""
    rotation: float
    """Largest rotation of a view, in degrees."""
    zoom: tuple[float, float]
    shift: float
    """Largest shift of a view, in image sides."""
    view_probability: float
    """Probability that a view is transformed at all."""
    noise: Span
    """Standard deviation of the noise on a view, in units of [0, 1] pixels."""
    colour: Span
    """Spread of the log contrast and, times 0.25, of the brightness of a view's channels."""
    average_from: float
    """Where the average of what is optimised begins, as a share of the steps; 1 is no average."""
    epsilon: float = 1e-8
    """Of Adam: coefficients whose gradient is much smaller hardly move, and so don't blow up rounding."""
    decay: float = 1.0
    """Exponent of the spectrum that Fourier coefficients start from and move by."""
    contrast: float = 12.0
    """Factor on the field behind the squashing function, at 64 pixels a side; larger images get more in proportion."""
    spread: float = 0.6
    """Fourier only: standard deviation of the coefficients that images start from."""
    cutoff: Span = Span(start=3.0, end=16.0)
    """Low-pass in cycles per 64 pixels; opens until ``open_until``, and stays at its end."""
    open_until: float = 0.6
    canvas: float = 1.0
    """Fourier only: side of what a step renders, as a share of the tower's; finer detail does not exist."""
    growth: tuple[tuple[float, float], ...] = ()
    """Pixels only: (share of the steps, side as a share of the tower's) at which the image grows."""
    sampling: Literal["shared", "at once", "published"] = "at once"
    """How a view is sampled. ``at once``: one bilinear sampling turns, zooms, shifts and resizes. ``shared``: the same,
    and all images of a step share its maps, which are those of the recipe and not of the seed. ``published``: the
    affine map bilinear at the pixels' own side, its shift after turn and zoom; then a bicubic resize to the tower's."""
    jitter: float = 0.0
    """Largest roll of the image, in image sides; all views of a step share it, and no pixel is lost."""
    colour_shift: tuple[float, float] = (0.0, 0.0)
    """A view's channels x become (x - m) / s: largest |m| and largest |log s|, each drawn uniformly."""
    colour_units: Literal["normalised", "pixels"] = "normalised"
    """What ``colour_shift`` acts on: channels as the tower reads them, or pixels in [0, 1]."""
    together: int = 0
    """Images that are optimised at once; 0 is as many as fill the device."""
    precision: Literal["device", "fp32"] = "device"
    """``device``: what was asked for, or suits the device (``audit.precision``). ``fp32``: fp32 everywhere."""

    @property
    def image_gradients(self) -> int:
        """Price of one inversion: views through the tower and back to the pixels."""
        return self.steps * self.views

    def batch(self, filling: int) -> int:
        """Return how many images to optimise at once, where ``filling`` would fill the device."""
        return self.together or filling

    def choose_precision(self, asked: str, device: torch.device) -> Choice:
        """Return the precision of this recipe's gradients on ``device``.

        Raises:
            UsageProblem: If ``asked`` names none, or bf16 where the recipe computes in fp32.
        """
        if self.precision == "device":
            return choose_precision(asked, device)
        if check_precision(asked) == "bf16":
            raise UsageProblem(
                f"The recipe {self.name} computes in fp32, and bf16 was asked for.",
                remedy="Leave --precision out, or choose another recipe with --recipe.",
            )
        return Choice(precision="fp32", reason=f"the recipe {self.name} computes in fp32")

    @property
    def digest(self) -> str:
        """First 16 hex digits of the SHA-256 over all settings."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


_FAST: Final = Recipe(
    name="fast",
    parameterization="fourier",
    steps=64,
    views=1,
    rate=0.2,
    betas=(0.5, 0.99),
    final_rate=0.02,
    gradient="unit",
    loss="spherical",
    total_variation=5e-3,
    absolute=0.0,
    rotation=12.0,
    zoom=(0.85, 1.15),
    shift=0.12,
    view_probability=1.0,
    noise=Span(start=0.4, end=0.15),
    colour=Span(start=0.30, end=0.05),
    average_from=0.8,
    epsilon=1e-3,
    canvas=0.625,
    sampling="shared",
)

# The loop of Kazemi et al. (arXiv 2403.02580), with the defaults of the script that was published with it: affine
# views without colour shift, roll or noise, a constant rate, one prompt at a time in fp32. Its sides of 64, 128 and 224
# pixels are shares of the tower's 224. Left out: its debugging mode, which only takes time, and the stretching of
# contrast when it saves an image.
_REFERENCE: Final = Recipe(
    name="reference",
    parameterization="pixels",
    steps=3400,
    views=13,
    rate=0.1,
    betas=(0.9, 0.999),
    final_rate=1.0,
    gradient="clipped",
    loss="distance",
    total_variation=0.005,
    absolute=0.0,
    rotation=30.0,
    zoom=(0.7, 1.2),
    shift=0.1,
    view_probability=0.5,
    noise=Span(start=0.0, end=0.0),
    colour=Span(start=0.0, end=0.0),
    average_from=1.0,
    growth=((0.0, 64 / 224), (900 / 3400, 128 / 224), (1800 / 3400, 1.0)),
    sampling="published",
    together=1,
    precision="fp32",
)

RECIPES: Final[Mapping[str, Recipe]] = {
    "fast": _FAST,
    "careful": dataclasses.replace(_FAST, name="careful", steps=160, views=2),
    "thorough": dataclasses.replace(_FAST, name="thorough", steps=256, canvas=1.0),
    "reference": _REFERENCE,
    "reference-batched": dataclasses.replace(_REFERENCE, name="reference-batched", together=0, precision="device"),
    "reference-shift": dataclasses.replace(
        _REFERENCE, name="reference-shift", together=0, precision="device", colour_shift=(1.0, 1.0), jitter=0.5
    ),
}


# Recipes with one part off, or weaker, or stronger: what an inversion is like without it.
#
# A name says all of it: ``fast/noise-off`` is the recipe ``fast`` without noise on its views. Each part is what the
# published script (arXiv 2403.02580) has under that name, or what stands in its place in this recipe.


Strength = Literal["off", "weak", "strong"]
STRENGTHS: Final[tuple[Strength, ...]] = ("off", "weak", "strong")

_FACTORS: Final[Mapping[Strength, float]] = {"off": 0.0, "weak": 0.5, "strong": 2.0}
"""Of the views' and the noise's sizes and of the low-pass."""
_WEIGHTS: Final[Mapping[Strength, float]] = {"off": 0.0, "weak": 0.25, "strong": 4.0}
"""Of total variation; a weight has to move further than a size for the same effect."""
_ABSOLUTE: Final[Mapping[Strength, float]] = {"off": 0.0, "weak": 0.1, "strong": 1.0}
"""The L1 term itself: recipes have it off, as the defaults of the published script do."""
_OPEN: Final = 1e6
"""Cycles per 64 pixels of a low-pass that lets everything through."""


def _views(recipe: Recipe, strength: Strength) -> dict[str, Any]:
    """Turn, zoom, shift and colours of a view; how many views there are is the price, and stays."""
    by = _FACTORS[strength]
    low, high = recipe.zoom
    return {
        "rotation": by * recipe.rotation,
        "zoom": (1 + by * (low - 1), 1 + by * (high - 1)),
        "shift": by * recipe.shift,
        "colour": _times(recipe.colour, by),
        "colour_shift": tuple(by * one for one in recipe.colour_shift),
        "jitter": min(0.5, by * recipe.jitter),
    }


def _noise(recipe: Recipe, strength: Strength) -> dict[str, Any]:
    return {"noise": _times(recipe.noise, _FACTORS[strength])}


def _low_pass(recipe: Recipe, strength: Strength) -> dict[str, Any]:
    """Where the image is made of waves, the highest of them; else the sides that pixels grow through."""
    if recipe.parameterization == "pixels":
        return {"growth": ()} if strength == "off" else {}
    if strength == "off":
        return {"cutoff": Span(start=_OPEN, end=_OPEN), "canvas": 1.0}
    by = 1 / _FACTORS[strength]
    return {"cutoff": _times(recipe.cutoff, by), "canvas": min(1.0, max(1.0, by) * recipe.canvas)}


def _total_variation(recipe: Recipe, strength: Strength) -> dict[str, Any]:
    return {"total_variation": _WEIGHTS[strength] * recipe.total_variation}


def _absolute(_recipe: Recipe, strength: Strength) -> dict[str, Any]:
    return {"absolute": _ABSOLUTE[strength]}


PARTS: Final[Mapping[str, Callable[[Recipe, Strength], dict[str, Any]]]] = MappingProxyType(
    {"views": _views, "noise": _noise, "low-pass": _low_pass, "tv": _total_variation, "l1": _absolute}
)
"""Every part under its name, with what changes when it is off, weak or strong."""


def ablate(recipe: Recipe, part: str, strength: Strength) -> Recipe:
    """Return ``recipe`` with one of ``PARTS`` at another strength, and named after that.

    Example:
        >>> ablate(RECIPES["fast"], "noise", "off").noise
        Span(start=0.0, end=0.0)
    """
    changed = PARTS[part](recipe, strength)
    return dataclasses.replace(recipe, name=f"{recipe.name}/{part}-{strength}", **changed)


def changes_anything(recipe: Recipe, ablated: Recipe) -> bool:
    """Tell whether two recipes differ in more than their name."""
    return dataclasses.replace(ablated, name=recipe.name) != recipe


def find_recipe(name: str) -> Recipe:
    """Return the recipe called ``name``, or one with a part changed: ``NAME/PART-off``, ``-weak`` or ``-strong``.

    Raises:
        UsageProblem: If there is none of that name.
    """
    whole, slash, change = name.partition("/")
    recipe = RECIPES.get(whole)
    if recipe is None:
        raise UsageProblem(f"There is no recipe {name!r}.", remedy=f"Choose --recipe from: {', '.join(RECIPES)}.")
    if not slash:
        return recipe
    for part in PARTS:
        for strength in STRENGTHS:
            if change == f"{part}-{strength}":
                return ablate(recipe, part, strength)
    raise UsageProblem(
        f"There is no recipe {name!r}.",
        remedy=f"Behind the slash stands a part ({', '.join(PARTS)}), a hyphen, and {', '.join(STRENGTHS)}.",
    )


def _times(span: Span, by: float) -> Span:
    return Span(start=by * span.start, end=by * span.end)
