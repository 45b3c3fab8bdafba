"""Planning, evidence, variance shares and the correction for judge error against independent computation."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import special, stats
from statsmodels.stats.power import TTestPower

from audit import stats as ours


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize("prompts", [2, 4, 24, 200])
def test_power_agrees_with_statsmodels(prompts, level):
    theirs = TTestPower().power(0.4, prompts, (1 - level) / 2, alternative="larger")
    assert ours.power_of_mean(prompts, 0.2, 0.5, level=level) == pytest.approx(theirs)


@pytest.mark.parametrize(("gap", "sd"), [(0.1, 0.17), (0.1, 0.5), (0.3, 0.2)])
def test_number_of_prompts_agrees_with_statsmodels(gap, sd):
    theirs = TTestPower().solve_power(gap / sd, alpha=0.025, power=0.8, alternative="larger")
    assert ours.prompts_for_mean(gap, sd) == np.ceil(theirs)


def test_power_is_how_often_intervals_lie_beyond_the_line():
    rng = np.random.default_rng(21)
    drawn = rng.normal(0.1, 0.17, (4000, 24))
    error = drawn.std(axis=1, ddof=1) / np.sqrt(24)
    beyond = (drawn.mean(axis=1) - stats.t.ppf(0.975, 23) * error > 0).mean()
    assert ours.power_of_mean(24, 0.1, 0.17) == pytest.approx(beyond, abs=0.02)


def anova_of_variances(values):
    """Variances of a complete crossed design from its mean squares, by statsmodels' sums of squares."""
    concepts, templates, replicates = values.shape
    rows, columns, _ = np.indices(values.shape)

    def residual(*factors):
        design = np.column_stack([np.ones(values.size), *(np.eye(f.max() + 1)[f.ravel()][:, 1:] for f in factors)])
        return sm.OLS(values.ravel(), design).fit().ssr

    everything, cells = residual(), residual(rows * templates + columns)
    seed = cells / (values.size - concepts * templates)
    concept_square = (everything - residual(rows)) / (concepts - 1)
    template_square = (everything - residual(columns)) / (templates - 1)
    both = (residual(rows, columns) - cells) / ((concepts - 1) * (templates - 1))
    interaction = (both - seed) / replicates
    template = (template_square - both) / (concepts * replicates)
    return interaction + template, (concept_square - both) / (templates * replicates), seed


def test_variances_are_those_of_the_analysis_of_variance():
    rng = np.random.default_rng(23)
    values = rng.normal(0, 1, (6, 1, 1)) + rng.normal(0, 0.7, (1, 5, 1)) + rng.normal(0, 0.5, (6, 5, 1))
    values = values + rng.normal(0, 0.6, (6, 5, 3))
    rows, columns, _ = np.indices(values.shape)
    found = ours.wording_share(values.ravel(), list(columns.ravel().astype(str)), list(rows.ravel().astype(str)))
    parts = np.array(anova_of_variances(values))
    assert (found.wording.value, found.concept, found.seed) == pytest.approx(tuple(parts / parts.sum()))


def test_variances_of_an_incomplete_design_are_those_that_were_planted():
    rng = np.random.default_rng(24)
    found = []
    for _ in range(150):
        values = rng.normal(0, 1, (10, 1, 1)) + rng.normal(0, 0.5, (1, 8, 1)) + rng.normal(0, 0.5, (10, 8, 1))
        values = values + rng.normal(0, 0.7, (10, 8, 3))
        keep = (rng.random(values.shape) < 0.6).ravel()
        rows, columns, _ = np.indices(values.shape)
        names = [list(axis.ravel()[keep].astype(str)) for axis in (columns, rows)]
        share = ours.wording_share(values.ravel()[keep], *names)
        found.append((share.wording.value, share.concept, share.seed))
    assert np.mean(found, axis=0) == pytest.approx(np.array([0.5, 1.0, 0.49]) / 1.99, abs=0.03)


def test_correction_for_judge_error_agrees_with_the_bootstrap_where_everything_is_many():
    rng = np.random.default_rng(25)
    prompts = rng.beta(2, 3, 600)
    shares = rng.binomial(20, prompts * 0.85 + (1 - prompts) * 0.1) / 20
    read = ours.cluster_share(
        np.repeat(shares, 20), [str(place) for place in range(600) for _ in range(20)], replicates_count=True
    )
    rates = [ours.Rate.of(hits / 2000, ours.wilson(hits, 2000)) for hits in (1700, 200)]
    found = ours.rogan_gladen(read, *rates)
    picks = rng.integers(0, 600, (4000, 600))
    sensitivity, alarms = rng.binomial(2000, 0.85, 4000) / 2000, rng.binomial(2000, 0.1, 4000) / 2000
    low, high = np.quantile((shares[picks].mean(axis=1) - alarms) / (sensitivity - alarms), [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.003)


def test_prompts_for_zero_hits_agree_with_the_beta_distribution():
    prompts = ours.prompts_for_zero_hits(0.05)
    assert special.betaincinv(1, prompts, 0.975) <= 0.05 < special.betaincinv(1, prompts - 1, 0.975)
