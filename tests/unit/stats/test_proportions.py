import math

import pytest

from audit.stats import newcombe_difference, wilson


def ends(found):
    return found.low, found.high


def test_difference_changes_sign_with_the_order():
    low, high = ends(newcombe_difference(6, 10, 4, 12))
    assert ends(newcombe_difference(4, 12, 6, 10)) == pytest.approx((-high, -low))


def test_hits_and_misses_mirror_each_other():
    low, high = ends(newcombe_difference(6, 10, 4, 12))
    assert ends(newcombe_difference(4, 10, 8, 12)) == pytest.approx((-high, -low))


def test_zero_hits_are_no_zero_width():
    found = newcombe_difference(0, 8, 0, 8)
    assert ends(found) == pytest.approx((-wilson(0, 8).high, wilson(0, 8).high))


def test_ends_stay_between_minus_one_and_one():
    found = newcombe_difference(4, 4, 0, 4)
    assert found.high == 1.0
    assert -1.0 <= found.low < 1.0


def test_nothing_measured_is_refused():
    with pytest.raises(ValueError, match="at least one trial"):
        newcombe_difference(0, 0, 1, 2)


def test_difference_by_hand():
    found, one, two = newcombe_difference(6, 10, 4, 12, level=0.9), wilson(6, 10, level=0.9), wilson(4, 12, level=0.9)
    apart = 0.6 - 4 / 12
    low = apart - math.sqrt((0.6 - one.low) ** 2 + (two.high - 4 / 12) ** 2)
    high = apart + math.sqrt((one.high - 0.6) ** 2 + (4 / 12 - two.low) ** 2)
    assert ends(found) == pytest.approx((low, high))
