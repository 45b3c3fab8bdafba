"""How far the groups of people in a ranking depart from their shares in what was ranked.

Source: Geyik, Ambler and Kenthapadi (2019), Fairness-aware ranking in search and recommendation systems, KDD,
doi:10.1145/3292500.3330691, definitions 2.1 (Skew), 2.2 (MaxSkew is its largest) and 2.4 (NDKL).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from audit.stats.intervals import check_level

Measure = Callable[[Int[np.ndarray, " ranked"], Float[np.ndarray, " groups"]], float]
"""Takes the groups of what is ranked, best first, as places among the groups, and the shares that they should have."""


def max_skew(ranked: Int[np.ndarray, " ranked"], desired: Float[np.ndarray, " groups"], *, top: int) -> float:
    """MaxSkew@k: how far the group that the first k favour most exceeds its share, as a logarithm.

    Formula: ``max over g of ln(share of g among the first k / desired share of g)``; 0 where all have their shares.

    Args:
        ranked: Group of each item as its place in ``desired``, best first.
        desired: Share of each group, above 0, with sum 1.
        top: k, at most the number of items.

    Raises:
        ValueError: If ``top`` is not between 1 and the number of items, or a share is not above 0.

    Example:
        >>> round(max_skew(np.array([0, 0, 0, 1, 1, 1]), np.array([0.5, 0.5]), top=4), 4)
        0.4055
    """
    if not 1 <= top <= len(ranked) or not (desired > 0).all():
        raise ValueError(f"MaxSkew needs 1 to {len(ranked)} first items and shares above 0; got {top} and {desired}.")
    shares = np.bincount(ranked[:top], minlength=len(desired)) / top
    return float(np.log(shares[shares > 0] / desired[shares > 0]).max())


def ndkl(ranked: Int[np.ndarray, " ranked"], desired: Float[np.ndarray, " groups"]) -> float:
    """NDKL: how far the groups of every beginning of a ranking depart from their shares, earlier ones counting more.

    Formula: ``sum_i KL(shares among the first i || desired) / log2(i + 1) / sum_i 1 / log2(i + 1)``, KL in nats.

    Args:
        ranked: As for :func:`max_skew`.
        desired: As for :func:`max_skew`.

    Raises:
        ValueError: If nothing is ranked, or a share is not above 0.

    Example:
        >>> round(ndkl(np.array([0, 1, 0, 1]), np.array([0.5, 0.5])), 4)
        0.2816
    """
    if not len(ranked) or not (desired > 0).all():
        raise ValueError(f"NDKL needs something ranked, and shares above 0; got {len(ranked)} items and {desired}.")
    places = np.arange(1, len(ranked) + 1)
    shares = np.cumsum(ranked[:, None] == np.arange(len(desired))[None, :], axis=0) / places[:, None]
    parts = shares * np.log(np.where(shares > 0, shares, 1.0) / np.where(shares > 0, desired, 1.0))
    weights = 1 / np.log2(places + 1)
    return float((parts.sum(axis=1) * weights).sum() / weights.sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingResult:
    """A measure of a ranking, with what it comes to when people are drawn anew, and when groups mean nothing."""

    value: float
    low: float
    high: float
    by_lot: float
    """Its mean when the groups are dealt to people by lot: it cannot fall below 0, so that it is above 0 then too."""
    p_value: float


def measure_ranking(  # noqa: PLR0913  (what is ranked, how it is measured, and how often)
    measure: Measure,
    scores: Float[np.ndarray, " items"],
    people: Int[np.ndarray, " items"],
    groups: Int[np.ndarray, " people"],
    *,
    rng: np.random.Generator,
    draws: int = 999,
    level: float = 0.95,
) -> RankingResult:
    """Measure a ranking by scores, the person as the unit: pictures of one person are no separate evidence.

    The desired shares are those of the groups among all items. The interval is that of the percentiles when people are
    drawn anew with all of their items. The p-value is the share of ``draws`` deals of the groups to people by lot, the
    deal that was seen counted in, that come to at least as much.
    Source: Davison and Hinkley (1997), Bootstrap Methods and their Application, sections 3.8 and 4.3 (resampling of
    clusters, permutation tests); Phipson and Smyth (2010), doi:10.2202/1544-6115.1585, for counting the seen one in.

    Args:
        measure: As :func:`max_skew` with its k, or :func:`ndkl`.
        scores: Of each item; the highest is ranked first, and the first of equals too.
        people: Place of the person of each item.
        groups: Place of the group of each person; each group has a person.
        rng: What is drawn is drawn from.
        draws: How often.
        level: Confidence level, in (0, 1).

    Raises:
        ValueError: If ``level`` is outside of (0, 1), or ``measure`` raises it.
    """
    check_level(level)
    order = np.argsort(-scores, kind="stable")
    ranked_people, count = people[order], len(groups)
    size = int(groups.max()) + 1

    def of(labels: Int[np.ndarray, " people"], ranked: Int[np.ndarray, " ranked"]) -> float:
        shares = np.bincount(labels[ranked], minlength=size) / len(ranked)
        kept = shares > 0  # a group that was not drawn has no share to be compared with
        places = np.cumsum(kept) - 1
        return measure(places[labels[ranked]], shares[kept])

    value = of(groups, ranked_people)
    drawn = np.empty(draws)
    dealt = np.empty(draws)
    for draw in range(draws):
        times = np.bincount(rng.integers(count, size=count), minlength=count)
        drawn[draw] = of(groups, np.repeat(ranked_people, times[ranked_people]))
        dealt[draw] = of(groups[rng.permutation(count)], ranked_people)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return RankingResult(
        value=value,
        low=min(value, float(low)),
        high=max(value, float(high)),
        by_lot=float(dealt.mean()),
        p_value=float((1 + (dealt >= value - 1e-12).sum()) / (1 + draws)),
    )
