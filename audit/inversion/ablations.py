"""Recipes with one part off, or weaker, or stronger: what an inversion is like without it.

A name says all of it: ``fast/noise-off`` is the recipe ``fast`` without noise on its views. Each part is what the
published script (arXiv 2403.02580) has under that name, or what stands in its place in this recipe.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

from audit.errors import UsageProblem
from audit.inversion.recipe import RECIPES, Recipe, Span

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
        raise UsageProblem(f"There is no recipe {name!r}.", remedy=f"Choose one of: {', '.join(RECIPES)}.")
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
