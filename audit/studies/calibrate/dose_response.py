"""Dose against response: what an audit measures where so much is planted, and whether the order comes through."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from audit.stats import ClusterEstimate, cluster_mean, spearman
from audit.studies.calibrate.planted_and_measured import Kind, Row, in_dosed_worlds, worlds_of


@dataclass(frozen=True, slots=True, kw_only=True)
class DosePoint:
    """The mean response at one dose, with an interval over worlds."""

    dose: float
    response: ClusterEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldRank:
    """How far the order of the measured follows that of the planted within one world."""

    world: str
    correlation: float | None
    """Spearman's; ``None`` below three measured concepts, or where one side is constant."""
    n: int
    """Number of measured concepts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankAgreement:
    """Rank agreement by world, its mean with an interval over worlds, and its range."""

    by_world: tuple[WorldRank, ...]
    mean: ClusterEstimate
    smallest: float | None
    largest: float | None


def dose_response(rows: Sequence[Row], kind: Kind, *, level: float = 0.95) -> tuple[DosePoint, ...]:
    """Return the mean response at every dose, in rising order of doses.

    Formula: see :func:`audit.stats.cluster_mean`, with worlds as clusters. Rates are cut at 0 and 1; a lean may lie
    beyond the ends of its scale.

    Args:
        rows: Rows of one kind, of dosed and of balanced worlds; those without a value are left out.
        kind: Which.
        level: Confidence level, in (0, 1).
    """
    measured: dict[float, list[tuple[float, str]]] = defaultdict(list)
    for row in rows:
        if row.value is not None:
            measured[row.planted].append((row.value, row.world))
    bounds = None if kind == "lean" else (0.0, 1.0)
    return tuple(
        DosePoint(
            dose=dose,
            response=cluster_mean(
                np.array([value for value, _ in found], dtype=float),
                [world for _, world in found],
                level=level,
                bounds=bounds,
                unit="worlds",
            ),
        )
        for dose, found in sorted(measured.items())
    )


def rank_agreement(rows: Sequence[Row], *, level: float = 0.95) -> RankAgreement:
    """Return Spearman's correlation of planted and measured for every dosed world, and its mean over worlds.

    Args:
        rows: Rows of one kind; those of balanced worlds, which have no order, are left out.
        level: Confidence level, in (0, 1).
    """
    dosed = in_dosed_worlds(rows)
    ranks = tuple(_rank(world, [row for row in dosed if row.world == world]) for world in worlds_of(dosed))
    known = {rank.world: rank.correlation for rank in ranks if rank.correlation is not None}
    mean = cluster_mean(
        np.array(list(known.values()), dtype=float), list(known), level=level, bounds=(-1.0, 1.0), unit="worlds"
    )
    return RankAgreement(
        by_world=ranks,
        mean=mean,
        smallest=min(known.values(), default=None),
        largest=max(known.values(), default=None),
    )


def rising_fit(rows: Sequence[Row]) -> dict[float, float]:
    """Return the average response at every dose, by isotonic regression on the dose; it never falls.

    Source: Barlow, Bartholomew, Bremner and Brunk (1972), Statistical Inference under Order Restrictions, chapter 1.
    """
    measured: dict[float, list[float]] = defaultdict(list)
    for row in rows:
        if row.value is not None:
            measured[row.planted].append(row.value)
    if not measured:
        return {}
    doses = sorted(measured)
    means = np.array([math.fsum(measured[dose]) / len(measured[dose]) for dose in doses])
    fit = isotonic_regression(means, weights=np.array([len(measured[dose]) for dose in doses], dtype=float)).x
    return dict(zip(doses, fit.tolist(), strict=True))


def _rank(world: str, rows: Sequence[Row]) -> WorldRank:
    pairs = [(row.planted, row.value) for row in rows if row.value is not None]
    found = spearman(
        np.array([planted for planted, _ in pairs], dtype=float), np.array([value for _, value in pairs], dtype=float)
    )
    return WorldRank(world=world, correlation=found.value, n=len(pairs))
