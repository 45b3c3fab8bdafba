"""Laws of every function with a level, found by its signature: none has it fixed in its code."""

import inspect

import numpy as np
import pytest

from audit import stats

LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99)
MEANS = np.array([0.2, 0.5, 0.4, 0.9, 0.7, 0.6, 0.1, 0.3])
OTHERS = np.array([0.1, 0.45, 0.4, 0.6, 0.7, 0.35, 0.15, 0.2])
NAMES = list("abcdefgh")
STANDARDS = np.linspace(-1, 1, 3) + np.linspace(-0.1, 0.1, 24).reshape(8, 3)
WORDED = np.random.default_rng(1).normal(size=(6, 4, 2)) + np.arange(6)[:, None, None]
NEUTRAL = np.random.default_rng(5).normal(0, 0.3, (6, 1)) + MEANS - MEANS.mean()
PLACES = [list(axis.ravel().astype(str)) for axis in np.indices(WORDED.shape)]
CROSSED, PROMPTS = WORDED.ravel() - 2.0, [str(place) for place in range(WORDED.size)]


def ends(found):
    return found.low, found.high


POOLED = stats.PooledRate({"a": (3, 10), "b": (1, 10), "c": (6, 10), "d": (2, 10)})
SAID = {name: [["x", "x"], ["y", "y"], ["x", "y" if name in "ad" else "x"]] for name in "abcdef"}


def corrected(level):
    read = stats.cluster_share(MEANS, NAMES, level=level)
    found, alarms = stats.wilson(45, 50, level=level), stats.wilson(2, 50, level=level)
    return stats.rogan_gladen(read, stats.Rate.of(0.9, found), stats.Rate.of(0.04, alarms))


def left_out(values):
    return (values.sum() - values) / (len(values) - 1)


SHARES = np.random.default_rng(3).dirichlet(np.full(3, 4.0), size=8)

INTERVALS = {
    "clopper_pearson": lambda level: ends(stats.clopper_pearson(3, 10, level=level)),
    "cluster_evenness": lambda level: ends(stats.cluster_evenness(SHARES, level=level)),
    "crossed_mean": lambda level: ends(
        stats.crossed_mean(CROSSED, PROMPTS, concepts=PLACES[0], templates=PLACES[1], level=level)
    ),
    "crossed_share": lambda level: ends(
        stats.crossed_share((CROSSED > 0).astype(float), PROMPTS, concepts=PLACES[0], templates=PLACES[1], level=level)
    ),
    "effect_size": lambda level: ends(stats.effect_size(WORDED[0, :, 0], WORDED[2, :, 0], level=level)),
    "cluster_mean": lambda level: ends(stats.cluster_mean(MEANS, NAMES, level=level)),
    "cluster_mean, agreeing": lambda level: ends(
        stats.cluster_mean(np.full(8, 0.4), NAMES, level=level, bounds=(0.0, 1.0))
    ),
    "cluster_share": lambda level: ends(stats.cluster_share(MEANS, NAMES, level=level)),
    "cluster_share, agreeing": lambda level: ends(stats.cluster_share(np.full(8, 0.4), NAMES, level=level)),
    "excess_over_floor": lambda level: ends(stats.excess_over_floor(MEANS, OTHERS, level=level).excess),
    "excess_over_references": lambda level: ends(stats.excess_over_references(MEANS, OTHERS[:2], OTHERS, level=level)),
    "goodman": lambda level: ends(stats.goodman([3, 5, 2], level=level)[1]),
    "mean_size": lambda level: ends(
        stats.mean_size(
            [stats.cluster_mean(one + 3.0, NAMES, level=level) for one in NEUTRAL],
            None,
            level=level,
        )
    ),
    "instrument_error": lambda level: ends(
        stats.instrument_error([stats.cluster_mean(one, NAMES, level=level) for one in NEUTRAL], level=level)
    ),
    "jackknife_difference": lambda level: ends(stats.jackknife_difference(MEANS.mean(), left_out(MEANS), level=level)),
    "paired_difference": lambda level: ends(stats.paired_difference(MEANS, OTHERS, level=level)),
    "paired_difference, agreeing": lambda level: ends(
        stats.paired_difference(MEANS, MEANS, level=level, bounds=(0.0, 1.0))
    ),
    "read_off": lambda level: ends(stats.read_off(MEANS, STANDARDS, np.array([-1.0, 0.0, 1.0]), level=level).estimate),
    "repeated_variance": lambda level: ends(stats.repeated_variance(WORDED[:, :, 0], level=level)),
    "agreement": lambda level: ends(stats.agreement(SAID, level=level)),
    "spearman": lambda level: ends(stats.spearman(MEANS, OTHERS, level=level)),
    "welch_difference": lambda level: ends(stats.welch_difference(MEANS, OTHERS, level=level)),
    "welch_difference, agreeing": lambda level: ends(
        stats.welch_difference(MEANS, np.full(8, 0.2), level=level, shares=True)
    ),
    "welch_difference, trials": lambda level: ends(
        stats.welch_difference(MEANS, OTHERS, level=level, shares=True, trials=(16, 16))
    ),
    "wilson": lambda level: ends(stats.wilson(3, 10, level=level)),
    "wording_share": lambda level: ends(stats.wording_share(WORDED.ravel(), PLACES[1], PLACES[0], level=level).wording),
}
"""Low and high at a level, of every function that has one and gives an interval."""

TOGETHER = {
    "rogan_gladen": lambda level: ends(corrected(level)),
    "pooled rate of a concept": lambda level: ends(POOLED.of("a", level=level)),
    "pooled rate over concepts": lambda level: ends(POOLED.overall(level=level)),
}
"""What takes its level with its arguments, or in a method."""

RISES = {
    "implied_sd": lambda level: -stats.implied_sd(-0.1, 0.1, 24, level=level),
    "power_of_mean": lambda level: -stats.power_of_mean(24, 0.1, 0.2, level=level),
    "power_of_share": lambda level: -stats.power_of_share(24, 0.02, 0.2, level=level),
    "prompts_for_mean": lambda level: stats.prompts_for_mean(0.1, 0.2, level=level),
    "prompts_for_zero_hits": lambda level: stats.prompts_for_zero_hits(0.1, level=level),
}
"""A number that grows with the level, of every function that plans for one."""


def with_level():
    functions = {name: getattr(stats, name) for name in stats.__all__ if inspect.isfunction(getattr(stats, name))}
    return {name for name, function in functions.items() if "level" in inspect.signature(function).parameters}


def test_every_function_with_a_level_is_tested_here():
    assert with_level() == {name.split(",")[0] for name in (*INTERVALS, *RISES)}


@pytest.mark.parametrize("name", [*INTERVALS, *TOGETHER])
def test_higher_level_gives_a_wider_interval_around_the_narrower_one(name):
    low, high = np.array([{**INTERVALS, **TOGETHER}[name](level) for level in LEVELS]).T
    assert (np.diff(low) <= 0).all()
    assert (np.diff(high) >= 0).all()
    assert (np.diff(high - low) > 0).all()


@pytest.mark.parametrize("name", RISES)
def test_higher_level_asks_for_more(name):
    found = [RISES[name](level) for level in LEVELS]
    assert sorted(found) == found
    assert len(set(found)) >= 3


@pytest.mark.parametrize("level", [-0.1, 0.0, 1.0, 95.0, float("nan")])
@pytest.mark.parametrize("name", [*INTERVALS, *RISES])
def test_number_that_is_no_level_is_refused(name, level):
    with pytest.raises(ValueError, match="level lies between 0 and 1"):
        {**INTERVALS, **RISES}[name](level)
