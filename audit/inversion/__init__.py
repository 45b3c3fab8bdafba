"""Inversion: prompts become images that a checkpoint finds to match, each with its quality.

Read in this order: ``recipe`` (all settings), ``draws`` (all random numbers), ``parameterization`` (what is
optimised), ``views`` and ``objective`` (what a step looks at and makes small), ``loop`` (the steps), ``quality``
(what came of it), ``inverter`` (shards of items, memory, precision).
"""

from audit.inversion.inverter import Inverted, Inverter, Item, batch_size, choose_precision
from audit.inversion.quality import Quality, References
from audit.inversion.recipe import RECIPES, Recipe, find_recipe

__all__ = [
    "RECIPES",
    "Inverted",
    "Inverter",
    "Item",
    "Quality",
    "Recipe",
    "References",
    "batch_size",
    "choose_precision",
    "find_recipe",
]
