import pytest

from audit.stats import clopper_pearson, goodman, wilson


def test_wilson_of_no_hit_starts_at_exactly_zero():
    assert wilson(0, 7).low == 0.0


def test_wilson_of_all_hits_ends_at_exactly_one():
    assert wilson(7, 7).high == 1.0


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
