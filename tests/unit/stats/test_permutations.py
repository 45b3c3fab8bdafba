import itertools

import numpy as np
import pytest

from audit.stats import max_t, sign_flip_test


def rng():
    return np.random.default_rng(7)


def test_few_prompts_are_tested_exactly_and_without_a_draw():
    found = sign_flip_test(np.array([0.1, 0.3, 0.2, 0.4, 0.5, -0.1]), rng=rng())
    assert found.p_value == 6 / 64  # the sum is 1.4; 1.6 and, by either 0.1, 1.4 are as far out, on both sides
    assert found.method == "exact sign-flip test over prompts"


def test_no_difference_is_no_evidence():
    assert sign_flip_test(np.zeros(6), rng=rng()).p_value == 1.0


def test_prompts_without_a_difference_say_nothing():
    few = np.array([0.1, 0.3, 0.2, 0.4])
    assert sign_flip_test(np.append(few, np.zeros(3)), rng=rng()).p_value == sign_flip_test(few, rng=rng()).p_value


def test_many_prompts_are_tested_by_draws_and_never_at_zero():
    found = sign_flip_test(np.full(40, 1.0), rng=rng(), draws=199)
    assert (found.p_value, found.method) == (1 / 200, "sign-flip test over prompts, 199 draws")


@pytest.mark.parametrize(("draws", "exact"), [(31, False), (32, True)])
def test_exact_as_soon_as_there_are_no_more_ways_than_draws(draws, exact):
    found = sign_flip_test(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), rng=rng(), draws=draws)
    assert found.method.startswith("exact") == exact


def test_same_seed_gives_the_same_p_value():
    values = np.random.default_rng(1).normal(0.2, 1, 30)
    assert sign_flip_test(values, rng=rng()) == sign_flip_test(values, rng=rng())


def test_sign_of_the_differences_does_not_matter():
    values = np.array([0.1, 0.3, -0.2, 0.4, 0.5])
    assert sign_flip_test(values, rng=rng()).p_value == sign_flip_test(-values, rng=rng()).p_value


def test_no_prompt_is_not_tested():
    found = sign_flip_test(np.array([]), rng=rng())
    assert (found.p_value, found.n, found.method) == (None, 0, "not tested: no prompt")


def test_missing_difference_is_refused():
    with pytest.raises(ValueError, match="difference is missing"):
        sign_flip_test(np.array([0.1, np.nan]), rng=rng())


@pytest.mark.parametrize("draws", [0, -1])
def test_test_without_draws_is_refused(draws):
    with pytest.raises(ValueError, match="needs at least one"):
        sign_flip_test(np.array([0.1, 0.2]), rng=rng(), draws=draws)


def test_family_of_one_is_the_single_test():
    values = np.array([0.4, 0.3, -0.1, 0.5, 0.2, 0.6, 0.1])
    assert max_t(values[:, None], rng=rng()).p_values == (sign_flip_test(values, rng=rng()).p_value,)


def test_members_that_repeat_each_other_cost_nothing():
    values = np.array([0.4, 0.3, -0.1, 0.5, 0.2, 0.6, 0.1])
    alone = sign_flip_test(values, rng=rng()).p_value
    assert max_t(np.stack([values, -2 * values, values], axis=1), rng=rng()).p_values == (alone,) * 3


def test_missing_differences_leave_a_prompt_out_of_that_member_only():
    family = np.array([[0.4, 1.0], [0.3, np.nan], [0.2, -2.0], [0.5, 1.5], [0.1, np.nan]])
    zeros = np.nan_to_num(family)
    assert max_t(family, rng=rng()).p_values == max_t(zeros, rng=rng()).p_values


def test_member_that_was_never_measured_is_missing_and_no_member():
    values = np.array([0.4, 0.3, -0.1, 0.5, 0.2, 0.6])
    found = max_t(np.stack([np.full(6, np.nan), values], axis=1), rng=rng())
    assert found.p_values == (None, max_t(values[:, None], rng=rng()).p_values[0])
    assert (found.n_tested, found.missing) == (1, (0,))
    assert found.note == "max-T over sign flips, step-down, exact over 1 test; 1 missing one left out"


@pytest.mark.parametrize("shape", [(0, 2), (3, 0)])
def test_nothing_to_test_gives_nothing(shape):
    found = max_t(np.zeros(shape), rng=rng())
    assert (found.p_values, found.n_tested, found.missing) == ((None,) * shape[1], 0, tuple(range(shape[1])))


def test_infinite_difference_is_refused():
    with pytest.raises(ValueError, match="infinite"):
        max_t(np.array([[np.inf, 0.1]]), rng=rng())


def test_draws_are_named_and_their_p_values_above_zero():
    found = max_t(np.full((40, 2), 1.0), rng=rng(), draws=99)
    assert found.p_values == (0.01, 0.01)
    assert found.method == "max-T over sign flips, step-down, 99 draws"


def test_size_of_a_member_does_not_matter():
    family = np.random.default_rng(5).normal([0.5, 0.9, 0.1], 1, (8, 3))
    small = family * np.array([1e-3, 1.0, 1e3])
    assert max_t(small, rng=rng()).p_values == max_t(family, rng=rng()).p_values


def test_one_draw_is_enough_to_say_next_to_nothing():
    assert sign_flip_test(np.arange(1.0, 9.0), rng=rng(), draws=1).p_value in {0.5, 1.0}


def test_family_says_how_and_of_how_many():
    found = max_t(np.full((2, 2), np.nan), rng=rng())
    assert (found.p_values, found.method) == ((None, None), "max-T over sign flips, step-down")
    assert sign_flip_test(np.array([0.1, 0.2]), rng=rng()).n == 2


def signs_of(count):
    return np.array(list(itertools.product([1.0, -1.0], repeat=count)))


@pytest.mark.parametrize("seed", [6, 7, 8])
def test_corrected_p_values_are_those_of_all_ways_stepped_down_by_hand(seed):
    family = np.random.default_rng(seed).normal([0.1, 0.8, 0.4, -0.6], 0.8, (7, 4))
    sizes = np.sqrt((family**2).sum(axis=0))
    ways, seen = np.abs(signs_of(7) @ family) / sizes, np.abs(family.sum(axis=0)) / sizes
    by_hand, before, left = [0.0] * 4, 0.0, list(np.argsort(-seen))
    for member in list(left):
        before = max(before, (ways[:, left].max(axis=1) >= seen[member] - 1e-9).mean())
        by_hand[member] = before
        left.remove(member)
    assert len(set(by_hand)) >= 3
    assert max_t(family, rng=rng()).p_values == pytest.approx(by_hand)


def test_all_ways_are_gone_through_batch_by_batch():
    values = np.random.default_rng(7).normal(0.3, 1.0, 13)
    sums = np.abs(signs_of(13) @ values)
    found = sign_flip_test(values, rng=rng())
    assert (found.p_value, found.method) == (
        pytest.approx((sums >= abs(values.sum()) - 1e-9).mean()),
        "exact sign-flip test over prompts",
    )


def test_draws_are_9999_where_nothing_is_said_and_no_chance_is_above_one():
    found = sign_flip_test(np.zeros(40), rng=rng())
    assert (found.p_value, found.method) == (1.0, "sign-flip test over prompts, 9999 draws")
    assert max_t(np.ones((40, 1)), rng=rng()).p_values == (1 / 10_000,)
