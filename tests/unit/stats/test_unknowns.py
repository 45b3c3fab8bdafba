import numpy as np
import pytest

from audit.stats import undetermined_bounds


def test_without_unknowns_the_bounds_meet_at_the_share():
    found = undetermined_bounds(np.array([3.0]), np.array([1.0]), np.array([0.0]))
    assert (found.low, found.high) == (0.75, 0.75)


def test_unknowns_alone_leave_everything_open():
    found = undetermined_bounds(np.array([0.0]), np.array([0.0]), np.array([4.0]))
    assert (found.low, found.high) == (0.0, 1.0)


def test_share_of_the_known_lies_within_the_bounds():
    hits, misses, unknown = np.array([1.0, 0.0, 0.0]), np.array([0.0, 8.0, 0.0]), np.array([7.0, 0.0, 3.0])
    found = undetermined_bounds(hits, misses, unknown)
    assert found.low <= 0.5 <= found.high


def test_nothing_has_no_bounds():
    assert undetermined_bounds(np.zeros(2), np.zeros(2), np.zeros(2)) is None


def test_negative_count_is_refused():
    with pytest.raises(ValueError, match="not negative"):
        undetermined_bounds(np.array([-1.0]), np.array([1.0]), np.array([0.0]))


def test_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match="per prompt; got 1, 2, 1"):
        undetermined_bounds(np.zeros(1), np.zeros(2), np.zeros(1))


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("odd", [-1.0, np.nan, np.inf])
def test_impossible_count_of_any_kind_is_refused(place, odd):
    counts = [np.array([1.0]) for _ in range(3)]
    counts[place] = np.array([odd])
    with pytest.raises(ValueError, match="finite and not negative"):
        undetermined_bounds(*counts)


def test_bounds_say_how_and_weigh_prompts_alike():
    found = undetermined_bounds(np.array([1.0, 0.0]), np.array([0.0, 9.0]), np.array([1.0, 0.0]))
    assert (found.low, found.high, found.method) == (0.25, 0.5, "bounds over the undetermined")


def test_a_prompt_of_a_single_answer_counts():
    found = undetermined_bounds(np.array([1.0, 0.0]), np.array([0.0, 2.0]), np.array([0.0, 0.0]))
    assert (found.low, found.high) == (0.5, 0.5)
