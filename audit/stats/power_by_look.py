"""What a number of prompts can show when it is looked at more than once.

As in ``power``, each power is the chance that the whole interval lies on the side of a line where the truth is, here at
any look so far: what was decided stays decided. The prompts of a look are those of the look before and some more; where
there are no more, it sees the same values at its own level.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np
from jaxtyping import Float
from scipy.special import stdtrit
from scipy.stats import binom

from audit.stats.intervals import check_level
from audit.stats.power import check_gap, ends_by_hits

_WORLDS: Final = 20_000
"""Simulated samples; a power of 0.8 has a standard error of 0.003."""
_SEED: Final = 20_261_125


def power_of_mean_by_look(
    prompts: Sequence[int], gap: float, sd: float, *, levels: Sequence[float], far: float = math.inf
) -> tuple[float, ...]:
    """Chance that the t interval of a mean over prompts has excluded a line by each look.

    Formula: by look k, ``P(gap / sd > min over j <= k of t_j * s_j / sqrt(G_j) - m_j)``, with m_j and s_j the mean and
    the standard deviation of the first G_j of standard normal values and t_j the two-sided quantile of ``levels[j]``;
    by simulation, of always the same samples. With one look it is :func:`audit.stats.power_of_mean`. Means and sums of
    squares of what a look adds are drawn and put together, not single values.
    Source: as for :func:`audit.stats.power_of_mean`; Chan, Golub and LeVeque (1983), The American Statistician
    37(3):242-247, doi:10.1080/00031305.1983.10483115.

    Args:
        prompts: Number of prompts at each look, at least 2, never fewer than before.
        gap: Distance of the true mean from the line, 0 or more, in the unit of the mean.
        sd: Standard deviation of the prompt means, above 0, in the same unit, the same at every look.
        levels: Confidence level of the interval at each look, in (0, 1).
        far: Distance to a line on the other side, which has to be excluded at the same look.

    Returns:
        The power by each look, in [0, 1].

    Raises:
        ValueError: If a number is out of its range, or there are not as many levels as looks.

    Example:
        >>> [round(chance, 2) for chance in power_of_mean_by_look([3, 6, 8], 0.7, 0.35, levels=[0.9999, 0.99, 0.96])]
        [0.0, 0.75, 1.0]
    """
    check_gap(gap, sd)
    if math.isnan(far):
        raise ValueError("The distance to the line on the other side is not a number.")
    _check_looks(prompts, levels)
    means, errors = _samples(tuple(prompts))
    counts = np.array(prompts)
    quantiles = stdtrit(counts - 1, 0.5 + np.array([check_level(level) for level in levels]) / 2)
    halves = quantiles * errors
    clear = (gap / sd > halves - means) & (far / sd > halves + means)
    return tuple(np.logical_or.accumulate(clear, axis=1).mean(axis=0).tolist())


def power_of_share_by_look(
    prompts: Sequence[int], rate: float, threshold: float, *, levels: Sequence[float]
) -> tuple[float, ...]:
    """Chance that the interval of a share of prompts has lain on the side of a line where the rate is, by each look.

    Formula: exact. The numbers of hits whose interval lies there decide and are taken out at each look; to what is left
    come the binomial hits of the prompts that the next look adds. With one look it is
    :func:`audit.stats.power_of_share`.
    Source: as for :func:`audit.stats.cluster_share`; Armitage, McPherson and Rowe (1969), JRSS A 132(2):235-244,
    doi:10.2307/2343787.

    Args:
        prompts: Number of prompts at each look, at least 2, never fewer than before.
        rate: True chance of a hit per prompt, in [0, 1].
        threshold: The line, in [0, 1].
        levels: Confidence level of the interval at each look, in (0, 1).

    Returns:
        The power by each look, in [0, 1].

    Raises:
        ValueError: If a number is out of its range, or there are not as many levels as looks.

    Example:
        >>> [round(chance, 2) for chance in power_of_share_by_look([12, 24], 0.01, 0.2, levels=[0.99, 0.96])]
        [0.0, 0.79]
    """
    if not (0 <= rate <= 1 and 0 <= threshold <= 1):
        raise ValueError(f"Rates lie between 0 and 1; got {rate} and a line at {threshold}.")
    _check_looks(prompts, levels)
    undecided, decided, chances = np.array([1.0]), 0.0, []
    for more, count, level in zip(np.diff([0, *prompts]).tolist(), prompts, levels, strict=True):
        undecided = np.convolve(undecided, binom.pmf(np.arange(more + 1), more, rate))
        low, high = ends_by_hits(count, check_level(level))
        clear = high <= threshold if rate <= threshold else low > threshold
        decided += float(undecided[clear].sum())
        undecided = np.where(clear, 0.0, undecided)
        chances.append(min(1.0, decided))
    return tuple(chances)


@lru_cache(maxsize=64)
def _samples(
    prompts: tuple[int, ...],
) -> tuple[Float[np.ndarray, "worlds looks"], Float[np.ndarray, "worlds looks"]]:
    """Return the means of standard normal samples that grow from look to look, and their standard errors."""
    rng = np.random.default_rng(_SEED)
    mean, squares, count = np.zeros(_WORLDS), np.zeros(_WORLDS), 0
    means, errors = [], []
    for more in np.diff([0, *prompts]).tolist():
        if more:
            new = rng.standard_normal(_WORLDS) / math.sqrt(more)
            within = rng.chisquare(more - 1, _WORLDS) if more > 1 else np.zeros(_WORLDS)
            squares = squares + within + (new - mean) ** 2 * count * more / (count + more)
            mean = mean + (new - mean) * more / (count + more)
            count += more
        means.append(mean)
        errors.append(np.sqrt(squares / (count - 1) / count))
    return np.stack(means, axis=1), np.stack(errors, axis=1)


def _check_looks(prompts: Sequence[int], levels: Sequence[float]) -> None:
    if not prompts or len(prompts) != len(levels):
        raise ValueError(f"Each look has its prompts and its level; got {len(prompts)} and {len(levels)}.")
    if min(prompts) < 2 or any(later < earlier for earlier, later in pairwise(prompts)):
        raise ValueError(f"A look has at least two prompts, and all of the look before; got {list(prompts)}.")
