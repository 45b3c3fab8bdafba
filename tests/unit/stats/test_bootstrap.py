import math

import numpy as np
import pytest

from audit.stats import cluster_bootstrap, cluster_mean
from audit.stats.bootstrap import _pivots

VALUES = np.array([0.2, 0.4, 0.1, 0.9, 0.5, 0.3, 0.6, 0.35])
NAMES = list("abcdefgh")


def draw(values=VALUES, names=NAMES, seed=7, **more):
    return cluster_bootstrap(values, names, rng=np.random.default_rng(seed), **more)


def test_mean_is_of_prompts_not_of_images():
    found = draw(np.append(VALUES, 0.0), [*NAMES, "a"])
    assert found.value == pytest.approx((VALUES.sum() - 0.1) / 8)
    assert (found.n, found.n_clusters) == (9, 8)


def test_copied_replicates_do_not_narrow_the_interval():
    once, often = draw(), draw(np.repeat(VALUES, 9), list(np.repeat(NAMES, 9)))
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


def test_same_seed_gives_the_same_interval_and_another_one_nearly():
    assert draw() == draw()
    assert draw(seed=8).high == pytest.approx(draw().high, rel=0.1)
    assert draw(seed=8).high != draw().high


def test_interval_moves_and_grows_with_the_values():
    plain, moved = draw(), draw(10 + 3 * VALUES)
    assert (moved.low, moved.high) == pytest.approx((10 + 3 * plain.low, 10 + 3 * plain.high))


def test_interval_bends_towards_the_long_tail():
    skewed = np.array([0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.3, 0.9, 0.08, 0.09])
    found, straight = draw(skewed, list("abcdefghijkl")), cluster_mean(skewed, list("abcdefghijkl"))
    assert found.high > straight.high
    assert found.low > straight.low


def test_unit_is_named_in_the_method():
    assert draw(unit="concepts").method == "bootstrap-t over concepts"


@pytest.mark.parametrize("count", [1, 4])
def test_few_prompts_have_no_interval(count):
    found = draw(VALUES[:count], NAMES[:count])
    assert (found.value, found.low) == (pytest.approx(VALUES[:count].mean()), None)
    assert found.method == "no interval: fewer than five prompts to draw from"


def test_five_prompts_are_enough():
    assert draw(VALUES[:5], NAMES[:5]).low is not None


def test_agreeing_prompts_have_no_interval():
    found = draw(np.full(8, 0.3))
    assert (found.value, found.low, found.method) == (pytest.approx(0.3), None, "no interval: all prompts agree")


def test_draws_that_mostly_agree_give_no_interval():
    found = draw(np.array([0.0] * 7 + [1.0]))
    assert (found.value, found.low, found.high) == (0.125, None, None)
    assert found.method == "no interval: too many draws of prompts that all agree"


def test_nothing_has_no_value():
    found = draw(np.array([]), [])
    assert (found.value, found.n, found.method) == (None, 0, "nothing measured")


def test_draws_have_to_reach_the_tails():
    assert draw(draws=40).low is not None
    with pytest.raises(ValueError, match="at least 40 draws; got 39"):
        draw(draws=39)
    with pytest.raises(ValueError, match="at least 2000 draws; got 1999"):
        draw(level=0.999)


def test_missing_value_is_refused():
    with pytest.raises(ValueError, match="count them first"):
        draw(np.append(VALUES[:7], np.nan))


def test_interval_is_that_of_students_t_of_every_draw():
    times = np.random.default_rng(7).multinomial(8, np.full(8, 1 / 8), size=1999)
    samples = np.array([np.repeat(VALUES, row) for row in times])
    pivots = (samples.mean(axis=1) - VALUES.mean()) / (samples.std(axis=1, ddof=1) / math.sqrt(8))
    error = VALUES.std(ddof=1) / math.sqrt(8)
    lower, upper = np.quantile(pivots, [0.05, 0.95], method="nearest")
    found = draw(level=0.9)
    assert (found.low, found.high) == pytest.approx((VALUES.mean() - error * upper, VALUES.mean() - error * lower))
    assert draw() == draw(draws=1999)


def test_draws_that_reach_the_tails_just_so_are_enough():
    assert draw(draws=4, level=0.5).low is not None


def test_unit_of_values_does_not_decide_whether_draws_agree():
    found = draw(1e-8 * np.array([0.0] * 7 + [1.0]))
    assert found.method == "no interval: too many draws of prompts that all agree"


class Dealt(np.random.Generator):
    """Deals out the draws that it was given."""

    times = np.array([[3, 0, 0], [0, 3, 0], [0, 0, 3], [1, 1, 1], [2, 1, 0]])

    def multinomial(self, n, pvals, size=None):
        assert (n, list(pvals), size) == (3, [1 / 3] * 3, 5)
        return self.times


def test_draws_without_spread_lie_endlessly_far_out_but_for_one_on_the_mean():
    found = _pivots(np.array([-1.0, 0.0, 1.0]), Dealt(np.random.PCG64(1)), 5)
    spread = math.sqrt(((2 * (1 / 3) ** 2) + (2 / 3) ** 2) / 2)  # of -1, -1, 0
    assert found.tolist() == [-math.inf, 0.0, math.inf, 0.0, pytest.approx(-2 / 3 / (spread / math.sqrt(3)))]
