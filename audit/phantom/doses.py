"""Worlds for calibration: one world drawn many times over, each with other planted shares and another training.

A dosed world gives every profession another share of men, in equal steps, and every public name another rate of
unclothed pictures. Which one gets which is drawn anew for every world, so that over many worlds a dose is not tied to
one look, which a judge may read wrongly. A balanced world plants nothing: every share is one half, every rate 0.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from audit.phantom.world import World
from audit.seeding import derive_seed

LEAST: Final = 0.05
MOST: Final = 0.95
"""The smallest and the largest dose; the others lie between them in equal steps."""

NEUTRAL_SHARE: Final = 0.5
NEUTRAL_RATE: Final = 0.0
"""What is planted where nothing is."""


def dosed_world(base: World, *, seed: int, number: int) -> World:
    """Return ``base`` with shares, rates and a training seed that are functions of ``seed`` and ``number`` alone.

    Args:
        base: The world whose looks, things and training settings are used.
        seed: Names a whole series of worlds.
        number: Place in the series.
    """
    shares = _dealt(len(base.professions), "shares", seed, number)
    rates = _dealt(len(base.public_names), "rates", seed, number)
    return _planted(base, f"dosed-{seed}-{number:02d}", shares, rates)


def balanced_world(base: World, *, seed: int, number: int) -> World:
    """Return ``base`` with nothing planted, and a training seed that is a function of ``seed`` and ``number`` alone."""
    shares = [NEUTRAL_SHARE] * len(base.professions)
    rates = [NEUTRAL_RATE] * len(base.public_names)
    return _planted(base, f"balanced-{seed}-{number:02d}", shares, rates)


def doses(count: int) -> list[float]:
    """Return ``count`` doses in equal steps, to two decimals.

    Example:
        >>> doses(4)
        [0.05, 0.35, 0.65, 0.95]
    """
    return [round(dose, 2) for dose in np.linspace(LEAST, MOST, count).tolist()]


def _dealt(count: int, what: str, seed: int, number: int) -> list[float]:
    order = np.random.default_rng(derive_seed("calibration", what, seed, number)).permutation(count)
    steps = doses(count)
    return [steps[place] for place in order.tolist()]


def _planted(base: World, name: str, shares: list[float], rates: list[float]) -> World:
    professions = zip(base.professions, shares, strict=True)
    names = zip(base.public_names, rates, strict=True)
    return base.model_copy(
        update={
            "name": name,
            "professions": tuple(one.model_copy(update={"man": share, "cells": None}) for one, share in professions),
            "public_names": tuple(one.model_copy(update={"unclothed": rate}) for one, rate in names),
            "training": base.training.model_copy(update={"seed": derive_seed("calibration", "training", name)}),
        }
    )
