"""What a number of prompts can show, before any image is made.

Every power here is the chance that the whole interval lies on the side of a line where the truth is: what the gate asks
for. Nothing is said about intervals on the wrong side. With several looks, it is so at any look so far: what was
decided stays decided. The prompts of a look are those of the look before and some more; where there are no more, it
sees the same values at its own level.
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
from scipy.stats import binom, nct

from audit.stats.clusters import share_interval
from audit.stats.intervals import check_level

MOST_PROMPTS: Final = 100_000
"""Prompts beyond which no plan goes."""
_WORLDS: Final = 20_000
"""Simulated samples; a power of 0.8 has a standard error of 0.003."""
_SEED: Final = 20_261_125


def power_of_mean(prompts: int, gap: float, sd: float, *, level: float = 0.95) -> float:
    """Chance that the t interval of a mean over prompts excludes a line, on the side where the mean is.

    Formula: ``P(T > t(G - 1))`` with T of the noncentral t distribution with G - 1 degrees of freedom and noncentrality
    ``gap * sqrt(G) / sd``, and t the two-sided quantile of ``level``. For a paired comparison, ``sd`` is that of the
    differences.
    Source: Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, 2nd edition, chapter 2.

    Args:
        prompts: Number G of prompts, at least 2.
        gap: Distance of the true mean from the line, 0 or more, in the unit of the mean.
        sd: Standard deviation of the prompt means, above 0, in the same unit; it holds what replicates of a prompt
            differ by, so that it falls with their number.
        level: Confidence level of the interval, in (0, 1).

    Returns:
        The power, in [0, 1].

    Raises:
        ValueError: If a number is out of its range.

    Example:
        >>> round(power_of_mean(24, 0.1, 0.17), 4)
        0.7881
    """
    check_gap(gap, sd)
    if prompts < 2:
        raise ValueError(f"An interval over prompts needs at least two; got {prompts}.")
    quantile = float(stdtrit(prompts - 1, 0.5 + check_level(level) / 2))
    # nct, since special.nctdtr is not a number at some noncentralities from 36 on
    return float(nct.sf(quantile, prompts - 1, gap * math.sqrt(prompts) / sd))


def prompts_for_mean(gap: float, sd: float, *, power: float = 0.8, level: float = 0.95) -> int | None:
    """Smallest number of prompts at which :func:`power_of_mean` reaches ``power``.

    Args:
        gap: Distance of the true mean from the line, 0 or more.
        sd: Standard deviation of the prompt means, above 0.
        power: Wanted chance, in (0, 1).
        level: Confidence level of the interval, in (0, 1).

    Returns:
        The number; ``None`` where ``MOST_PROMPTS`` would not do, as without a gap.

    Raises:
        ValueError: If a number is out of its range.

    Example:
        >>> prompts_for_mean(0.1, 0.17)
        25
    """
    _check_power(power)
    if power_of_mean(MOST_PROMPTS, gap, sd, level=level) < power:
        return None
    least, enough = 1, MOST_PROMPTS
    while enough - least > 1:  # power rises with the number of prompts
        middle = (least + enough) // 2
        if power_of_mean(middle, gap, sd, level=level) >= power:
            enough = middle
        else:
            least = middle
    return enough


def power_of_share(prompts: int, rate: float, threshold: float, *, level: float = 0.95) -> float:
    """Chance that the interval of a share of prompts lies wholly on the side of a line where the rate is.

    Formula: the sum of the binomial probabilities of those numbers of hits whose interval by
    :func:`audit.stats.cluster_share` lies below ``threshold`` (above it, for a rate above). For agreeing replicates;
    with others, prompts say more.
    Source: as for :func:`audit.stats.cluster_share`.

    Args:
        prompts: Number of prompts, at least 2.
        rate: True chance of a hit per prompt, in [0, 1].
        threshold: The line, in [0, 1].
        level: Confidence level of the interval, in (0, 1).

    Returns:
        The power, in [0, 1].

    Raises:
        ValueError: If a number is out of its range.

    Example:
        >>> round(power_of_share(36, 0.0, 0.1), 4), round(power_of_share(36, 0.01, 0.1), 4)
        (1.0, 0.6964)
    """
    if not (0 <= rate <= 1 and 0 <= threshold <= 1):
        raise ValueError(f"Rates lie between 0 and 1; got {rate} and a line at {threshold}.")
    low, high = ends_by_hits(prompts, check_level(level))
    clear = high <= threshold if rate <= threshold else low > threshold
    return min(1.0, float(binom.pmf(np.arange(prompts + 1), prompts, rate)[clear].sum()))


def prompts_for_zero_hits(threshold: float, *, level: float = 0.95) -> int:
    """Smallest number of prompts without any hit that shows a rate to be at most ``threshold``.

    Formula: the smallest n with ``1 - (a / 2)**(1 / n) <= threshold``, a = 1 - level: the upper end of the
    Clopper-Pearson interval of 0 hits. (One-sided at 95 %, it is the rule of three, n of about 3 / threshold; the
    two-sided interval that a gate looks at asks for 3.7 / threshold.)
    Source: Hanley and Lippman-Hand (1983), JAMA 249(13):1743-1745, doi:10.1001/jama.1983.03330370053031.

    Args:
        threshold: Largest rate that is allowed, in (0, 1).
        level: Confidence level of the two-sided interval, in (0, 1).

    Raises:
        ValueError: If a number is out of its range.

    Example:
        >>> prompts_for_zero_hits(0.1), prompts_for_zero_hits(0.1, level=0.9)
        (36, 29)
    """
    if not 0 < threshold < 1:
        raise ValueError(f"The largest rate that is allowed lies between 0 and 1; got {threshold}.")
    number = math.ceil(math.log((1 - check_level(level)) / 2) / math.log1p(-threshold))
    return max(1, number)


def implied_sd(low: float, high: float, units: int, *, level: float = 0.95) -> float:
    """Standard deviation between units that a t interval of their mean implies.

    Formula: ``(high - low) / 2 / t(G - 1) * sqrt(G)``. Of an interval that is not Student's it is what a t interval of
    the same width would have had.
    Source: Higgins, Li and Deeks (2023), Cochrane Handbook for Systematic Reviews of Interventions, 6.5.2.2.

    Args:
        low: Lower end.
        high: Upper end, above the lower one.
        units: Number G of units, at least 2.
        level: Confidence level of the interval, in (0, 1).

    Returns:
        The standard deviation, in the unit of the ends.

    Raises:
        ValueError: If there are fewer than two units, or the ends do not rise.

    Example:
        >>> round(implied_sd(-0.1, 0.1, 24), 4)
        0.2368
    """
    if units < 2 or not low < high:
        raise ValueError(f"An interval of at least two units has ends that rise; got {low} to {high} of {units}.")
    return (high - low) / 2 / float(stdtrit(units - 1, 0.5 + check_level(level) / 2)) * math.sqrt(units)


@lru_cache(maxsize=64)
def ends_by_hits(
    prompts: int, level: float
) -> tuple[Float[np.ndarray, " numbers_of_hits"], Float[np.ndarray, " numbers_of_hits"]]:
    """Return the ends of the interval of every number of hits, from none to all prompts.

    Args:
        prompts: Number of prompts, at least 2.
        level: Confidence level of the intervals, in (0, 1).
    """
    answers = [np.repeat([1.0, 0.0], [hits, prompts - hits]) for hits in range(prompts + 1)]
    intervals = [share_interval(those, level=level) for those in answers]
    return np.array([one.low for one in intervals]), np.array([one.high for one in intervals])


def check_gap(gap: float, sd: float) -> None:
    """Refuse a distance or a standard deviation that is none.

    Raises:
        ValueError: If ``gap`` is below 0, ``sd`` is not above it, or either is not finite.
    """
    if not (math.isfinite(gap) and gap >= 0):
        raise ValueError(f"A gap is a finite number from 0 up; got {gap}.")
    if not (math.isfinite(sd) and sd > 0):
        raise ValueError(f"A standard deviation is a finite number above 0; got {sd}.")


def _check_power(power: float) -> None:
    if not 0 < power < 1:
        raise ValueError(f"A power lies between 0 and 1; got {power}. For 80 % write 0.8.")


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
