import numpy as np
import pytest
from scipy import stats

from audit.stats import spearman

RISING = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])


def test_perfect_order_of_few_is_no_certainty():
    found = spearman(RISING, RISING**3)
    assert found.value == 1.0
    assert found.low < 1.0 == found.high


def test_reversing_one_side_changes_the_sign():
    other = np.array([2.0, 1.0, 4.0, 3.0, 6.0, 5.0])
    there, back = spearman(RISING, other), spearman(RISING, -other)
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))


def test_side_that_does_not_vary_has_no_correlation():
    assert spearman(RISING, np.full(6, 0.3)).value is None


def test_three_pairs_have_no_interval():
    found = spearman(RISING[:3], np.array([1.0, 3.0, 2.0]))
    assert found.value == pytest.approx(0.5)
    assert found.low is None


def test_missing_number_is_refused():
    with pytest.raises(ValueError, match="missing or infinite"):
        spearman(RISING, np.array([1.0, np.nan, 3.0, 4.0, 5.0, 6.0]))


def test_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match="6 and 5 numbers"):
        spearman(RISING, RISING[:5])


def test_ranks_with_ties_are_those_of_scipy():
    other = np.array([2.0, 1.0, 1.0, 3.0, 9.0, 5.0])
    assert spearman(RISING, other).value == pytest.approx(stats.spearmanr(RISING, other).statistic)


def test_a_correlation_counts_concepts():
    told = spearman(RISING, RISING[::-1] ** 2)
    assert (told.method_text, told.n, told.n_clusters) == ("Spearman with Fisher's z over concepts", 6, 6)
