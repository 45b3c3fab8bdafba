"""All settings of an inversion in one record, and the recipes that ship."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from audit.errors import UsageProblem


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
    """Where the moving average of the image begins, as a share of the steps; 1 is no average."""
    decay: float = 1.0
    """Exponent of the spectrum that Fourier coefficients start from and move by."""
    contrast: float = 12.0
    """Factor on the field behind the squashing function, at 64 pixels a side; larger images get more in proportion."""
    cutoff: Span = Span(start=3.0, end=16.0)
    """Low-pass in cycles per 64 pixels; opens until ``open_until``, and stays at its end."""
    open_until: float = 0.6
    growth: tuple[tuple[float, float], ...] = ()
    """Pixels only: (share of the steps, share of the side) at which the image is doubled."""

    @property
    def image_gradients(self) -> int:
        """Price of one inversion: views through the tower and back to the pixels."""
        return self.steps * self.views

    @property
    def digest(self) -> str:
        """First 16 hex digits of the SHA-256 over all settings."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


_FAST: Final = Recipe(
    name="fast",
    parameterization="fourier",
    steps=96,
    views=4,
    rate=0.1,
    betas=(0.5, 0.99),
    final_rate=0.02,
    gradient="unit",
    loss="spherical",
    total_variation=2e-3,
    absolute=0.0,
    rotation=12.0,
    zoom=(0.85, 1.15),
    shift=0.12,
    view_probability=1.0,
    noise=Span(start=0.12, end=0.02),
    colour=Span(start=0.30, end=0.05),
    average_from=0.8,
)

RECIPES: Final[Mapping[str, Recipe]] = {
    "fast": _FAST,
    "careful": dataclasses.replace(_FAST, name="careful", steps=200, views=6),
    # Kazemi et al. (arXiv 2403.02580) and the defaults of their published script: see reports/LOG.md.
    "reference": Recipe(
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
    ),
}


def find_recipe(name: str) -> Recipe:
    """Return the recipe called ``name``.

    Raises:
        UsageProblem: If there is none of that name.
    """
    recipe = RECIPES.get(name)
    if recipe is None:
        raise UsageProblem(f"There is no recipe {name!r}.", remedy=f"Choose one of: {', '.join(RECIPES)}.")
    return recipe
