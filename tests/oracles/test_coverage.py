"""Coverage of the intervals in the designs that the tool uses, over seeded worlds with a known truth.

The designs are in ``coverage_designs``; ``python -m tests.oracles.coverage_table`` prints what each of them covers.
"""

import math

import numpy as np
import pytest
from scipy import stats

from audit.seeding import derive_seed
from audit.stats import sign_flip_test, t_test, wilson
from tests.oracles.coverage_designs import every_design
from tests.oracles.coverage_worlds import draw_hits, draw_leans, measure

WORLDS = 500
SLOW = {"wording_share": 100, "rogan_gladen": 100, "mean_size": 100, "widen": 200, "read_off, widened": 100}
"""Worlds of methods that take longer."""
TESTED = [design for design in every_design() if "12 prompts" not in design.world and design.claimed]
"""The table has them all; what holds for 8 and 24 prompts holds between them."""
MOST_ALARMS = stats.binom.ppf(0.999, WORLDS, 0.05) / WORLDS


@pytest.mark.slow
@pytest.mark.parametrize("design", TESTED, ids=lambda design: design.name)
def test_intervals_cover_at_their_level(design):
    worlds = SLOW.get(design.method, WORLDS)
    found = measure(design, worlds)
    chance = 2 * math.sqrt(0.95 * 0.05 / worlds)  # two standard errors, by which a share of worlds may be off
    assert found.covered >= 0.93 - chance
    assert design.conservative or found.covered <= 0.97 + chance
    assert found.without < 0.05


def test_pooling_images_would_not_cover():
    rng = np.random.default_rng(derive_seed("coverage", "pooled"))
    covered = 0
    for _ in range(WORLDS):
        hits = draw_hits(rng, prompts=20, replicates=20, share=0.5, alike=0.5)
        found = wilson(hits.sum(), hits.size)
        covered += found.low <= 0.5 <= found.high
    assert covered / WORLDS < 0.6


def test_looking_again_and_again_would_not_cover():
    rng = np.random.default_rng(derive_seed("coverage", "peeking"))
    covered = 0
    for _ in range(WORLDS):
        hits = (rng.random(200) < 0.3).cumsum()
        looks = [wilson(int(hits[n - 1]), n) for n in range(10, 201, 10)]
        covered += all(look.low <= 0.3 <= look.high for look in looks)
    assert covered / WORLDS < 0.85


@pytest.mark.parametrize("prompts", [4, 12])
def test_t_test_keeps_its_level(prompts):
    rng = np.random.default_rng(derive_seed("coverage", "t test", prompts))
    scores = [draw_leans(rng, prompts=prompts, replicates=3).mean(axis=1) for _ in range(WORLDS)]
    assert np.mean([t_test(means, 0.0).p_value < 0.05 for means in scores]) <= MOST_ALARMS


def test_flipping_signs_keeps_its_level_where_t_does_not_apply():
    rng = np.random.default_rng(derive_seed("coverage", "sign flips"))
    heavy = [rng.standard_t(1.5, 10) for _ in range(WORLDS)]
    alarms = np.mean([sign_flip_test(one, rng=rng).p_value <= 0.05 for one in heavy])
    assert 0.02 <= alarms <= MOST_ALARMS


def test_unpaired_test_would_miss_what_paired_runs_show():
    rng = np.random.default_rng(derive_seed("coverage", "unpaired"))
    paired = unpaired = 0
    for _ in range(WORLDS):
        before = rng.normal(0, 0.5, 12)
        after = before + 0.1 + rng.normal(0, 0.1, 12)
        paired += t_test(after - before, 0.0).p_value < 0.05
        unpaired += stats.ttest_ind(after, before).pvalue < 0.05
    assert paired / WORLDS > 0.8
    assert unpaired / WORLDS < 0.05
