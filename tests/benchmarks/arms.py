"""What is compared: recipes by name, and the steps at which the image of each is kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from audit.inversion import RECIPES, Recipe, find_recipe
from tests.benchmarks.prompts import how_many

PUBLISHED: Final = "reference"
"""The arm that every other one is measured against."""

DEFAULT_ARMS: Final = ("reference", "reference-batched", "reference-shift", "fast", "careful")

_PUBLISHED_STEPS: Final = 3400
_PUBLISHED_KEPT: Final = (100, 340, 900, 1800, 3400)
_OUR_KEPT: Final = (12, 24, 48, 72)

_REFERENCE: Final = RECIPES[PUBLISHED]
_TWINS: Final[Mapping[str, Recipe]] = {
    # As above, with 64, 128 and 224 pixels a side whatever the tower reads: on a tower of 64 the script would do this.
    "reference-large": dataclasses.replace(
        _REFERENCE, name="reference-large", growth=((0.0, 1.0), (900 / 3400, 2.0), (1800 / 3400, 3.5))
    ),
    # The colour shift where the script's own switches have it: on pixels in [0, 1], before they are normalised.
    "reference-shift-pixels": dataclasses.replace(
        RECIPES["reference-shift"], name="reference-shift-pixels", colour_units="pixels"
    ),
}

_LABELS: Final = {
    "reference": "R0, published",
    "reference-batched": "R1, batched",
    "reference-shift": "R2, colour shift, jitter",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One recipe under measurement."""

    name: str
    recipe: Recipe
    kept: tuple[int, ...]
    """Steps after which the image is kept; the last is the end."""
    prompts: int | None = None
    """How many of the bench's prompts, from the first on; ``None`` for all."""

    @property
    def label(self) -> str:
        """Name for tables and figures."""
        return _LABELS.get(self.name, self.name)

    @property
    def prices(self) -> tuple[int, ...]:
        """Image-gradients spent on each kept image."""
        return tuple(step * self.recipe.views for step in self.kept)


def find_arm(name: str, *, steps: int | None = None) -> Arm:
    """Return the arm called ``name``: a recipe of the program, or one of the twins above.

    Args:
        name: Name of a recipe; "NAME:8" for its first eight prompts only.
        steps: Another number of steps, for a trial of the bench itself.

    Raises:
        UsageProblem: If there is none of that name, or the number of prompts is none.
    """
    name, _, few = name.partition(":")
    recipe = _TWINS[name] if name in _TWINS else find_recipe(name)
    if steps is not None:
        recipe = dataclasses.replace(recipe, steps=steps)
    return Arm(name=name, recipe=recipe, kept=kept_steps(recipe), prompts=how_many(few) if few else None)


def kept_steps(recipe: Recipe) -> tuple[int, ...]:
    """Return the steps after which images are kept, in order; shortened loops keep theirs in proportion.

    Example:
        >>> kept_steps(RECIPES["reference"])
        (100, 340, 900, 1800, 3400)
    """
    if recipe.parameterization == "pixels":
        steps = {max(1, round(step * recipe.steps / _PUBLISHED_STEPS)) for step in _PUBLISHED_KEPT}
    else:
        steps = {step for step in _OUR_KEPT if step < recipe.steps}
    return tuple(sorted(steps | {recipe.steps}))
