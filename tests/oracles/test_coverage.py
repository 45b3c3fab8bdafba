"""Coverage of the intervals in the designs that the tool uses, over seeded worlds with a known truth.

A 95 % interval that covers exactly 95 % misses the lower line of a test here less than once in 1,000.
"""

import numpy as np
import pytest
from scipy import stats

from audit.seeding import derive_seed
from audit.stats import cluster_mean, cluster_share, t_test, welch_difference, wilson

WORLDS = 500
LEAST = stats.binom.ppf(0.001, WORLDS, 0.95) / WORLDS
MOST_ALARMS = stats.binom.ppf(0.999, WORLDS, 0.05) / WORLDS


def draw_hits(rng, *, prompts, replicates, share, alike):
    """Images of prompts whose own shares differ: ``alike`` is the correlation of two images of one prompt."""
    size = share * (1 / alike - 1), (1 - share) * (1 / alike - 1)
    return rng.binomial(1, rng.beta(*size, size=prompts)[:, None], (prompts, replicates)).astype(float)


def labels(prompts, replicates):
    return [str(number) for number in np.repeat(np.arange(prompts), replicates)]


@pytest.mark.parametrize("share", [0.02, 0.2, 0.5])
@pytest.mark.parametrize(("prompts", "replicates"), [(4, 2), (8, 4), (20, 4)])
def test_cluster_share_covers(prompts, replicates, share):
    rng = np.random.default_rng(derive_seed("coverage", "share", prompts, round(100 * share)))
    covered = 0
    for _ in range(WORLDS):
        hits = draw_hits(rng, prompts=prompts, replicates=replicates, share=share, alike=0.5)
        found = cluster_share(hits.ravel(), labels(prompts, replicates))
        covered += found.low <= share <= found.high
    assert covered / WORLDS >= LEAST


def test_pooling_images_would_not_cover():
    rng = np.random.default_rng(derive_seed("coverage", "pooled"))
    covered = 0
    for _ in range(WORLDS):
        hits = draw_hits(rng, prompts=20, replicates=20, share=0.5, alike=0.5)
        found = wilson(hits.sum(), hits.size)
        covered += found.low <= 0.5 <= found.high
    assert covered / WORLDS < 0.6


@pytest.mark.parametrize("prompts", [4, 12])
def test_cluster_mean_covers_and_its_test_keeps_its_level(prompts):
    rng = np.random.default_rng(derive_seed("coverage", "mean", prompts))
    covered = alarms = 0
    for _ in range(WORLDS):
        scores = np.tanh(rng.normal(0, 0.5, (prompts, 1)) + rng.normal(0, 0.3, (prompts, 3)))
        found = cluster_mean(scores.ravel(), labels(prompts, 3), bounds=(-1.0, 1.0))
        covered += found.low <= 0 <= found.high
        alarms += t_test(scores.mean(axis=1), 0.0).p_value < 0.05
    assert covered / WORLDS >= LEAST
    assert alarms / WORLDS <= MOST_ALARMS


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_difference_of_shares_covers(share):
    rng = np.random.default_rng(derive_seed("coverage", "difference", round(100 * share)))
    covered = 0
    for _ in range(WORLDS):
        one = draw_hits(rng, prompts=8, replicates=4, share=share + 0.2, alike=0.4).mean(axis=1)
        two = draw_hits(rng, prompts=14, replicates=4, share=share, alike=0.4).mean(axis=1)
        found = welch_difference(one, two, shares=True)
        covered += found.low <= 0.2 <= found.high
    assert covered / WORLDS >= LEAST
