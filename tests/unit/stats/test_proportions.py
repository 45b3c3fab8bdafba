import math

import pytest

from audit.stats import newcombe_difference, newcombe_paired_difference, wilson


def ends(found):
    return found.low, found.high


def test_difference_changes_sign_with_the_order():
    low, high = ends(newcombe_difference(6, 10, 4, 12))
    assert ends(newcombe_difference(4, 12, 6, 10)) == pytest.approx((-high, -low))
    low, high = ends(newcombe_paired_difference(5, 3, 1, 6))
    assert ends(newcombe_paired_difference(5, 1, 3, 6)) == pytest.approx((-high, -low))


def test_hits_and_misses_mirror_each_other():
    low, high = ends(newcombe_difference(6, 10, 4, 12))
    assert ends(newcombe_difference(4, 10, 8, 12)) == pytest.approx((-high, -low))
    low, high = ends(newcombe_paired_difference(5, 3, 1, 6))
    assert ends(newcombe_paired_difference(6, 1, 3, 5)) == pytest.approx((-high, -low))


def test_zero_hits_are_no_zero_width():
    found = newcombe_difference(0, 8, 0, 8)
    assert ends(found) == pytest.approx((-wilson(0, 8).high, wilson(0, 8).high))
    assert ends(newcombe_paired_difference(0, 0, 0, 8)) == pytest.approx(ends(found))


def test_ends_stay_between_minus_one_and_one():
    for found in (newcombe_difference(4, 4, 0, 4), newcombe_paired_difference(0, 4, 0, 0)):
        assert found.high == 1.0
        assert -1.0 <= found.low < 1.0
    for table in [(0, 0, 8, 0), (0, 3, 1, 0), (0, 1, 0, 0), (1, 0, 7, 0)]:
        found = newcombe_paired_difference(*table)
        assert -1.0 <= found.low < found.high <= 1.0


def test_pairs_that_answer_alike_are_narrower_than_independent_ones():
    paired, apart = newcombe_paired_difference(20, 2, 1, 20), newcombe_difference(22, 43, 21, 43)
    assert paired.high - paired.low < apart.high - apart.low


def test_pairs_that_answer_oppositely_are_wider():
    paired, apart = newcombe_paired_difference(1, 20, 20, 2), newcombe_difference(21, 43, 21, 43)
    assert paired.high - paired.low > apart.high - apart.low


def test_little_likeness_is_taken_for_none():
    alike = newcombe_paired_difference(6, 5, 5, 5)  # 30 - 25 is below half of 21
    assert ends(alike) == pytest.approx(ends(newcombe_difference(11, 21, 11, 21)))
    assert ends(newcombe_paired_difference(1, 0, 0, 1)) == pytest.approx(ends(newcombe_difference(1, 2, 1, 2)))


def test_methods_are_named():
    assert newcombe_difference(1, 2, 1, 2).method == "Newcombe"
    assert newcombe_paired_difference(1, 1, 1, 1).method == "Newcombe, paired"


@pytest.mark.parametrize("counts", [(-1, 1, 1, 1), (1, math.nan, 1, 1), (1, 1, 1, math.inf)])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(ValueError, match="finite and not negative"):
        newcombe_paired_difference(*counts)


def test_nothing_measured_is_refused():
    with pytest.raises(ValueError, match="at least one trial"):
        newcombe_paired_difference(0, 0, 0, 0)
    with pytest.raises(ValueError, match="at least one trial"):
        newcombe_difference(0, 0, 1, 2)


def test_difference_by_hand():
    found, one, two = newcombe_difference(6, 10, 4, 12, level=0.9), wilson(6, 10, level=0.9), wilson(4, 12, level=0.9)
    apart = 0.6 - 4 / 12
    low = apart - math.sqrt((0.6 - one.low) ** 2 + (two.high - 4 / 12) ** 2)
    high = apart + math.sqrt((one.high - 0.6) ** 2 + (4 / 12 - two.low) ** 2)
    assert ends(found) == pytest.approx((low, high))


@pytest.mark.parametrize(
    ("table", "together"),
    [((20, 12, 2, 16), 20 * 16 - 12 * 2 - 25), ((1, 20, 20, 2), 1 * 2 - 20 * 20), ((6, 5, 5, 5), 0.0)],
)
def test_paired_difference_by_hand(table, together):
    both, first, second, neither = table
    n = sum(table)
    one, two = wilson(both + first, n, level=0.9), wilson(both + second, n, level=0.9)
    p, q = (both + first) / n, (both + second) / n
    phi = together / math.sqrt((both + first) * (second + neither) * (both + second) * (first + neither))
    below, above = (p - one.low, two.high - q), (one.high - p, q - two.low)
    low, high = (math.sqrt(x * x - 2 * phi * x * y + y * y) for x, y in (below, above))
    assert ends(newcombe_paired_difference(*table, level=0.9)) == pytest.approx((p - q - low, p - q + high))
