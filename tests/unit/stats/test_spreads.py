import numpy as np
import pytest

from audit.stats import jackknife_difference, repeated_variance


def test_without_noise_it_is_the_variance_of_the_items():
    items = np.array([0.1, 0.4, 0.9])
    found = repeated_variance(np.repeat(items[:, None], 4, axis=1))
    assert found.value == pytest.approx(np.var(items, ddof=1))


def test_what_a_repeat_does_to_all_items_cancels():
    items, repeats = np.array([0.1, 0.4, 0.9]), np.array([5.0, -3.0, 0.0, 8.0])
    found = repeated_variance(items[:, None] + repeats[None, :])
    assert found.value == pytest.approx(np.var(items, ddof=1))


def test_it_is_that_of_the_analysis_of_variance():
    values = np.random.default_rng(5).normal(size=(5, 4)) + np.arange(5)[:, None]
    residual = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0, keepdims=True) + values.mean()
    within = (residual**2).sum() / (4 * 3)
    between = 4 * values.mean(axis=1).var(ddof=1)
    assert repeated_variance(values).value == pytest.approx((between - within) / 4)


def test_noise_alone_adds_nothing_on_average():
    rng = np.random.default_rng(6)
    found = [repeated_variance(rng.normal(size=(4, 4))).value for _ in range(1000)]
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(1000)


def test_interval_covers_the_variance_of_the_items():
    rng = np.random.default_rng(7)
    items = np.array([-0.4, 0.0, 0.1, 0.5])
    found = [repeated_variance(items[:, None] + rng.normal(0, 0.2, size=(4, 4))) for _ in range(400)]
    covered = np.mean([one.low <= items.var(ddof=1) <= one.high for one in found])
    assert covered >= 0.93 - 2 * np.sqrt(0.95 * 0.05 / 400)


def test_missing_value_leaves_out_its_repeat_for_its_pairs_alone():
    values = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, np.nan], [0.0, np.nan, np.nan]])
    found = repeated_variance(values)
    assert (found.value, found.n, found.n_clusters) == (0.5, 6, 3)


@pytest.mark.parametrize("values", [np.zeros((1, 4)), np.zeros((3, 1)), np.full((2, 3), np.nan), np.zeros((0, 0))])
def test_without_two_items_in_two_repeats_there_is_no_value(values):
    found = repeated_variance(values)
    assert (found.value, found.low, found.method_text) == (
        None,
        None,
        "not told apart: no two items were measured twice together",
    )
    assert (found.n, found.n_clusters) == (np.isfinite(values).sum(), np.isfinite(values).any(axis=0).sum())


def test_two_repeats_give_a_value_and_no_interval():
    found = repeated_variance(np.array([[0.0, 0.1], [1.0, 1.0]]))
    assert (found.low, found.method_text) == (None, "no interval: fewer than three repeats")


def test_infinite_value_is_refused():
    with pytest.raises(ValueError, match="infinite"):
        repeated_variance(np.array([[0.0, np.inf], [1.0, 1.0]]))


def test_interval_is_that_of_leaving_out_one_repeat_at_a_time():
    values = np.random.default_rng(8).normal(size=(4, 5)) + np.arange(4)[:, None]
    left_out = np.array([repeated_variance(np.delete(values, place, axis=1)).value for place in range(5)])
    found = repeated_variance(values, level=0.9)
    plain = jackknife_difference(found.value, left_out, level=0.9)
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high))
    assert (found.method_text, found.n, found.n_clusters) == ("jackknife over repeats, t", 20, 5)


def test_repeats_in_which_nothing_was_measured_are_none():
    values = np.array([[0.0, 0.1, np.nan, 0.3], [1.0, 1.0, np.nan, 0.9]])
    found, without = repeated_variance(values), repeated_variance(np.delete(values, 2, axis=1))
    assert found == without
    assert (found.n, found.n_clusters) == (6, 3)
    two = repeated_variance(np.array([[0.0, 0.1], [1.0, 1.0]]))
    assert (two.n, two.n_clusters, two.value) == (4, 2, pytest.approx(0.9 / 2))


def test_repeats_that_are_all_alike_have_no_interval():
    found = repeated_variance(np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]))
    assert (found.value, found.low) == (0.5, None)
    assert found.method_text == "no interval: it is the same whichever repeat is left out"
