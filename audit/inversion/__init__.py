"""Inversion: prompts become images that a checkpoint finds to match, each with its quality.

Read in this order: ``recipe`` (all settings, and recipes with a part changed), ``draws`` (all random numbers),
``parameterization`` (what is optimised), ``views`` (what a step looks at), ``loop`` (the steps), ``fast_copy`` (the
tower that they go through), ``image_quality`` (what came of it), ``inverter`` (shards of items, memory, precision).
"""

from audit.inversion.image_quality import Quality, References, lie_too_near
from audit.inversion.inverter import Inverted, Inverter, Item, batch_size
from audit.inversion.recipe import PARTS, RECIPES, STRENGTHS, Recipe, Strength, ablate, changes_anything, find_recipe

__all__ = [
    "PARTS",
    "RECIPES",
    "STRENGTHS",
    "Inverted",
    "Inverter",
    "Item",
    "Quality",
    "Recipe",
    "References",
    "Strength",
    "ablate",
    "batch_size",
    "changes_anything",
    "find_recipe",
    "lie_too_near",
]
