import itertools

import numpy as np
import pytest

from audit.stats import sign_flip_test


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


def test_one_draw_is_enough_to_say_next_to_nothing():
    assert sign_flip_test(np.arange(1.0, 9.0), rng=rng(), draws=1).p_value in {0.5, 1.0}


def signs_of(count):
    return np.array(list(itertools.product([1.0, -1.0], repeat=count)))


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
