import numpy as np
import pytest
from scipy import stats

from audit.stats import pearson, spearman

RISING = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])


def test_perfect_order_of_few_is_no_certainty():
    found = spearman(RISING, RISING**3)
    assert found.value == 1.0
    assert found.low < 1.0 == found.high


def test_reversing_one_side_changes_the_sign():
    other = np.array([2.0, 1.0, 4.0, 3.0, 6.0, 5.0])
    there, back = spearman(RISING, other), spearman(RISING, -other)
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))


@pytest.mark.parametrize("correlate", [pearson, spearman])
def test_side_that_does_not_vary_has_no_correlation(correlate):
    assert correlate(RISING, np.full(6, 0.3)).value is None


@pytest.mark.parametrize("correlate", [pearson, spearman])
def test_three_pairs_have_no_interval(correlate):
    found = correlate(RISING[:3], np.array([1.0, 3.0, 2.0]))
    assert found.value == pytest.approx(0.5)
    assert found.low is None


def test_points_on_a_line_have_no_interval():
    assert pearson(RISING, RISING).low is None


@pytest.mark.parametrize("correlate", [pearson, spearman])
def test_missing_number_is_refused(correlate):
    with pytest.raises(ValueError, match="missing or infinite"):
        correlate(RISING, np.array([1.0, np.nan, 3.0, 4.0, 5.0, 6.0]))


@pytest.mark.parametrize("correlate", [pearson, spearman])
def test_unequal_lengths_are_refused(correlate):
    with pytest.raises(ValueError, match="6 and 5 numbers"):
        correlate(RISING, RISING[:5])


@pytest.mark.parametrize("count", [4, 6])
def test_product_moments_and_their_intervals_are_those_of_scipy(count):
    one, two = RISING[:count], np.array([2.0, 1.0, 4.5, 3.0, 9.0, 5.0])[:count]
    found, expected = pearson(one, two, level=0.9), stats.pearsonr(one, two)
    low, high = expected.confidence_interval(0.9)
    assert (found.value, found.low, found.high) == pytest.approx((expected.statistic, low, high))


def test_ranks_with_ties_are_those_of_scipy():
    other = np.array([2.0, 1.0, 1.0, 3.0, 9.0, 5.0])
    assert spearman(RISING, other).value == pytest.approx(stats.spearmanr(RISING, other).statistic)


def test_a_correlation_as_an_estimate_keeps_its_numbers():
    found = pearson(RISING, RISING[::-1] ** 2)
    told = found.over_concepts
    assert (told.value, told.low, told.high) == (found.value, found.low, found.high)
    assert (told.method, told.n, told.n_clusters) == ("Pearson with Fisher's z over concepts", 6, 6)


@pytest.mark.parametrize(("count", "slope"), [(4, 3), (10, 0.3), (4, 7)])
def test_points_on_a_line_round_to_one_and_not_beyond(count, slope):
    steps = np.arange(count) * 0.1
    assert pearson(steps, slope * steps + 0.2).value <= 1.0
    assert pearson(steps, -slope * steps + 0.2).value >= -1.0
