"""Means over concepts that are asked in the same templates."""

import numpy as np
import pytest
from scipy import stats

from audit.seeding import derive_seed
from audit.stats import cluster_mean, cluster_share, crossed_mean, crossed_share


def design(values):
    concepts, templates = (list(axis.ravel().astype(str)) for axis in np.indices(values.shape))
    names = [f"{one} {other}" for one, other in zip(concepts, templates, strict=True)]
    return values.ravel(), names, {"concepts": concepts, "templates": templates}


def table(rng, *, concepts, templates, sd):
    return (
        rng.normal(0, 0.3, (concepts, 1))
        + rng.normal(0, sd, (1, templates))
        + rng.normal(0, 0.2, (concepts, templates))
    )


def crossed(values, found=crossed_mean):
    numbers, names, where = design(values)
    return found(numbers, names, **where)


def test_interval_of_a_complete_design_by_hand():
    values = table(np.random.default_rng(1), concepts=6, templates=4, sd=0.3)
    rows, columns = values.mean(axis=1).var(ddof=1) / 6, values.mean(axis=0).var(ddof=1) / 4
    freedom = (rows + columns) ** 2 / (rows**2 / 5 + columns**2 / 3)
    half = stats.t.ppf(0.975, freedom) * np.sqrt(rows + columns)
    found = crossed(values)
    assert (found.value, found.low, found.high) == pytest.approx(
        (values.mean(), values.mean() - half, values.mean() + half)
    )
    assert (found.n_clusters, found.n, found.method_text) == (6, 24, "t over concepts and templates")


def test_prompts_weigh_the_same_within_their_concept_and_concepts_within_the_suite():
    found = crossed_mean(
        np.array([1.0, 1.0, 0.0, 0.4]),
        ["p", "p", "q", "r"],
        concepts=["x", "x", "x", "y"],
        templates=["a", "a", "b", "a"],
    )
    assert found.value == pytest.approx((0.5 + 0.4) / 2)


def test_a_single_template_leaves_the_interval_over_concepts():
    values = np.array([[0.1], [0.4], [0.2], [0.7]])
    found, plain = crossed(values), cluster_mean(values.ravel(), list("abcd"), unit="concepts")
    assert (found.low, found.high, found.method_text) == (plain.low, plain.high, "t over concepts")


@pytest.mark.parametrize("found", [crossed_mean, crossed_share])
def test_nothing_measured_is_none(found):
    nothing = found(np.array([]), [], concepts=[], templates=[])
    assert (nothing.value, nothing.method_text) == (None, "nothing measured")


@pytest.mark.parametrize("found", [crossed_mean, crossed_share])
def test_a_value_without_its_template_is_refused(found):
    with pytest.raises(ValueError, match="template; got 1, 1, 1 and 0"):
        found(np.array([0.5]), ["p"], concepts=["x"], templates=[])


def test_no_hit_in_any_concept_has_the_exact_upper_end():
    found = crossed(np.zeros((14, 8)), crossed_share)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 14))


def test_a_template_that_decides_alone_widens_a_share():
    values = np.tile([1.0, 0.0, 0.0, 0.0], (40, 1))
    values[:5] = 0.0
    found = crossed(values, crossed_share)
    plain = cluster_share(values.mean(axis=1), [str(row) for row in range(40)])
    assert found.high - found.low > 2 * (plain.high - plain.low)
    assert found.method_text == "exact (Korn and Graubard) over concepts and templates"


@pytest.mark.parametrize(("concepts", "sd"), [(14, 0.1), (14, 0.35), (40, 0.2)])
def test_what_templates_do_to_all_concepts_is_covered(concepts, sd):
    rng = np.random.default_rng(derive_seed("crossed", str(concepts), str(sd)))
    covered = without = 0
    for _ in range(200):
        values = table(rng, concepts=concepts, templates=8, sd=sd)
        found, plain = crossed(values), cluster_mean(values.mean(axis=1), [str(row) for row in range(concepts)])
        covered += found.low <= 0 <= found.high
        without += plain.low <= 0 <= plain.high
    assert covered / 200 >= 0.91
    assert without <= covered
