"""Our statistics against independent implementations."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import multinomial_proportions_confint, proportion_confint

from audit import stats as ours

COUNTS = [(0, 1), (1, 1), (0, 7), (3, 7), (7, 7), (1, 200), (123, 400)]
LEVELS = [0.8, 0.95, 0.99]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("hits", "n"), COUNTS)
@pytest.mark.parametrize(("mine", "method"), [(ours.wilson, "wilson"), (ours.clopper_pearson, "beta")])
def test_single_share_agrees_with_statsmodels(mine, method, hits, n, level):
    found = mine(hits, n, level=level)
    assert (found.low, found.high) == pytest.approx(proportion_confint(hits, n, 1 - level, method), abs=1e-10)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("hits", "n"), COUNTS)
@pytest.mark.parametrize(("mine", "method"), [(ours.wilson, "wilson"), (ours.clopper_pearson, "exact")])
def test_single_share_agrees_with_scipy(mine, method, hits, n, level):
    found = mine(hits, n, level=level)
    theirs = stats.binomtest(hits, n).proportion_ci(level, method)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-10)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("counts", [[6, 2, 0, 0, 0], [20, 31, 4, 9, 1], [1, 1]])
def test_goodman_agrees_with_statsmodels(counts, level):
    found = [[interval.low, interval.high] for interval in ours.goodman(counts, level=level)]
    theirs = multinomial_proportions_confint(counts, 1 - level, method="goodman")
    assert np.array(found) == pytest.approx(theirs, abs=1e-10)


@pytest.mark.parametrize("level", LEVELS)
def test_cluster_mean_agrees_with_scipy_on_the_prompt_means(level):
    values = np.random.default_rng(5).random((9, 4))
    found = ours.cluster_mean(values.ravel(), [str(number) for number in np.repeat(range(9), 4)], level=level)
    theirs = stats.ttest_1samp(values.mean(axis=1), 0.0).confidence_interval(level)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))


@pytest.mark.parametrize("level", LEVELS)
def test_cluster_share_of_single_images_agrees_with_scipy(level):
    values = np.array([1.0] * 5 + [0.0] * 15)
    found = ours.cluster_share(values, [str(number) for number in range(20)], level=level)
    theirs = stats.binomtest(5, 20).proportion_ci(level, method="exact")
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))


@pytest.mark.parametrize("level", LEVELS)
def test_difference_agrees_with_scipy(level):
    rng = np.random.default_rng(6)
    one, two = rng.random(7), rng.random(12) * 0.3
    found = ours.welch_difference(one, two, level=level)
    theirs = stats.ttest_ind(one, two, equal_var=False).confidence_interval(level)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))


GRADES = np.array([-1.0, -0.5, 0.5, 1.0])


def standards(rng: np.random.Generator, prompts: int, truth: float) -> tuple[np.ndarray, np.ndarray]:
    """Readings and standards of a judge that bends the scale and is off by an amount of every wording's own."""

    def bent(grade: np.ndarray | float) -> np.ndarray:
        return 0.6 * np.tanh(1.2 * np.asarray(grade)) / np.tanh(1.2)

    wording = rng.normal(0.3, 0.08, prompts)
    readings = bent(truth) + wording + rng.normal(0, 0.1, prompts)
    return readings, bent(GRADES) + wording[:, None] + rng.normal(0, 0.14, (prompts, len(GRADES)))


def read_by_the_minimax_formula(readings: np.ndarray, scale: np.ndarray) -> float:
    """The same grade, with the curve from max over lower ends of min over upper ends of the means between them."""
    heights, count = scale.mean(axis=0), len(GRADES)
    curve = [max(min(heights[a : b + 1].mean() for b in range(k, count)) for a in range(k + 1)) for k in range(count)]
    levels = sorted(set(curve))
    knots = [np.mean([g for g, level in zip(GRADES, curve, strict=True) if level == one]) for one in levels]
    reading = readings.mean()
    beyond = reading - np.clip(reading, levels[0], levels[-1])
    return float(np.interp(reading, levels, knots) + beyond / stats.linregress(GRADES, heights).slope)


@pytest.mark.parametrize("truth", [-1.3, -0.7, 0.0, 0.4, 0.9])
def test_grades_agree_with_the_minimax_formula_of_isotonic_regression(truth):
    rng = np.random.default_rng(17)
    for _ in range(40):
        readings, scale = standards(rng, 4, truth)
        found = ours.read_off(readings, scale, GRADES).estimate.value
        assert found is None or found == pytest.approx(read_by_the_minimax_formula(readings, scale))


def test_grades_agree_with_the_bootstrap_where_prompts_are_many():
    readings, scale = standards(np.random.default_rng(18), 400, 0.3)
    found = ours.read_off(readings, scale, GRADES).estimate
    picks = np.random.default_rng(19).integers(0, 400, (2000, 400))
    low, high = np.quantile([read_by_the_minimax_formula(readings[k], scale[k]) for k in picks], [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.004)


@pytest.mark.parametrize(("prompts", "truth"), [(4, 0.0), (4, 0.6), (8, 0.0), (8, 0.6), (8, -1.0)])
def test_intervals_of_grades_cover_at_their_level(prompts, truth):
    rng = np.random.default_rng(20)
    curve = [standards(rng, 20_000, grade)[0].mean() for grade in (*GRADES, truth)]
    aim = np.interp(curve[-1], curve[:-1], GRADES)
    found = [ours.read_off(*standards(rng, prompts, truth), GRADES).estimate for _ in range(1000)]
    covered = [one.low <= aim <= one.high for one in found if one.low is not None]
    assert len(covered) > 950
    assert 0.93 <= np.mean(covered) <= 0.97


@pytest.mark.parametrize("ties", [False, True])
def test_correlations_agree_with_scipy(ties):
    rng = np.random.default_rng(8)
    one, two = rng.random(15), rng.random(15)
    if ties:
        one, two = one.round(1), two.round(1)
    assert ours.spearman(one, two).value == pytest.approx(stats.spearmanr(one, two).statistic)


@pytest.mark.parametrize(("mine", "method"), [(ours.holm, "holm"), (ours.benjamini_hochberg, "fdr_bh")])
def test_corrections_agree_with_statsmodels(mine, method):
    raw = (np.random.default_rng(9).random(25) ** 3).round(3).tolist()
    assert mine(raw).p_values == pytest.approx(multipletests(raw, method=method)[1])


def test_t_test_agrees_with_scipy():
    means = np.random.default_rng(10).normal(0.2, 0.3, 8)
    assert ours.t_test(means, 0.1).p_value == pytest.approx(stats.ttest_1samp(means, 0.1).pvalue)


@pytest.mark.parametrize("means", [[0.1, 0.2, -0.1], [0.1] * 9, [-0.2, -0.1, 0.0, 0.4]])
def test_sign_test_agrees_with_scipy(means):
    away = [mean for mean in means if mean != 0]
    theirs = stats.binomtest(sum(mean > 0 for mean in away), len(away)).pvalue
    assert ours.sign_test(np.array(means), 0.0).p_value == pytest.approx(theirs)
