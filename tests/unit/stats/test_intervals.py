import numpy as np
import pytest
from scipy import stats

from audit.stats import clopper_pearson, goodman, impact_ratio, wilson


def test_wilson_of_no_hit_starts_at_exactly_zero():
    assert {wilson(0, n).low for n in range(1, 50)} == {0.0}


def test_wilson_of_all_hits_ends_at_exactly_one():
    assert {wilson(n, n).high for n in range(1, 50)} == {1.0}


def test_rounding_leads_no_end_out_of_0_and_1():
    assert wilson(7 - 1e-8, 7).high <= 1.0
    assert wilson(1e-12, 6).low >= 0.0


def test_exact_interval_of_no_hit_is_the_closed_form():
    assert clopper_pearson(0, 10).high == pytest.approx(1 - 0.025**0.1)


def test_exact_interval_mirrors():
    assert clopper_pearson(3, 10).low == pytest.approx(1 - clopper_pearson(7, 10).high)


@pytest.mark.parametrize("interval", [wilson, clopper_pearson])
def test_higher_level_is_wider(interval):
    assert interval(3, 10, level=0.99).low < interval(3, 10, level=0.9).low


@pytest.mark.parametrize("interval", [wilson, clopper_pearson])
@pytest.mark.parametrize(
    ("hits", "n", "said"), [(0, 0, "at least one trial"), (3, 2, "between 0 and n"), (-1, 2, "Hits")]
)
def test_impossible_counts_are_refused(interval, hits, n, said):
    with pytest.raises(ValueError, match=said):
        interval(hits, n)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_level_in_percent_is_refused(level):
    with pytest.raises(ValueError, match=r"write 0\.95"):
        wilson(1, 2, level=level)


def test_goodman_is_wider_than_wilson():
    assert goodman([6, 2, 0])[0].low < wilson(6, 8).low


def test_goodman_keeps_the_order_of_the_classes():
    first, second = goodman([9, 1])
    assert first.low > second.low


@pytest.mark.parametrize(
    ("counts", "said"), [([3], "two classes"), ([0, 0], "nothing was measured"), ([1, -1], "negative")]
)
def test_goodman_refuses_counts_that_are_none(counts, said):
    with pytest.raises(ValueError, match=said):
        goodman(counts)


@pytest.mark.parametrize(("hits", "n"), [(3, 10), (9.5, 10), (0.25, 0.5), (1, 1)])
def test_ends_of_wilson_are_where_the_share_is_a_quantile_away(hits, n):
    found, quantile, share = wilson(hits, n, level=0.9), stats.norm.ppf(0.95), hits / n
    roots = np.roots([1 + quantile**2 / n, -2 * share - quantile**2 / n, share**2])
    assert (found.low, found.high) == pytest.approx((roots.min(), roots.max()))


@pytest.mark.parametrize("hits", [1, 4, 9])
def test_ends_of_the_exact_interval_are_where_the_tails_are_half_of_what_is_left(hits):
    found = clopper_pearson(hits, 10, level=0.9)
    assert stats.binom.sf(hits - 1, 10, found.low) == pytest.approx(0.05)
    assert stats.binom.cdf(hits, 10, found.high) == pytest.approx(0.05)


def test_goodman_is_wilson_at_the_level_that_all_classes_leave_to_each():
    counts = [6, 2.5, 0, 1]
    for found, count in zip(goodman(counts, level=0.9), counts, strict=True):
        alone = wilson(count, 9.5, level=1 - 0.1 / 4)
        assert (found.low, found.high) == pytest.approx((alone.low, alone.high))
    assert goodman([1, 0])[0].high == 1.0


def test_methods_are_named():
    assert (wilson(1, 2).method, clopper_pearson(1, 2).method) == ("Wilson", "exact (Clopper-Pearson)")


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.7, 1.0])
def test_an_impact_ratio_is_the_rarer_share_over_the_other_and_holds_its_interval(share):
    low, high = max(0.0, share - 0.1), min(1.0, share + 0.1)
    both = (share, 1 - share)
    ratio = impact_ratio(share, low, high)
    assert ratio.value == pytest.approx(min(both) / max(both))
    rarer = 0 if share <= 0.5 else 1
    ends = sorted(pair[rarer] / pair[1 - rarer] for pair in ((low, 1 - low), (high, 1 - high)))
    assert (ratio.low, ratio.high) == pytest.approx(tuple(ends))
    assert impact_ratio(1 - share, 1 - high, 1 - low).value == pytest.approx(ratio.value)


def test_an_impact_ratio_whose_share_may_be_all_has_no_upper_end():
    ratio = impact_ratio(0.4, 0.1, 1.0)
    assert ratio.low == pytest.approx(0.1 / 0.9)
    assert ratio.high is None
    assert impact_ratio(0.4, None, None).low is None
