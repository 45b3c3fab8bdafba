import numpy as np
import pytest

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
