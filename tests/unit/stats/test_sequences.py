import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import beta

from audit.stats import (
    e_benjamini_hochberg,
    evidence_against_at_least,
    evidence_against_at_most,
    mean_sequence,
    share_sequence,
    wilson,
)

VALUES = np.array([0.1, 0.4, 0.3, 0.0, 1.0, 0.2])
SEQUENCES = [mean_sequence, lambda values, **more: share_sequence(float(values.sum()), len(values), **more)]


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_interval_holds_the_mean_and_stays_between_0_and_1(sequence):
    for values in (VALUES, np.zeros(5), np.ones(5), np.full(5, 0.5)):
        found = sequence(values)
        assert 0 <= found.low <= values.mean() <= found.high <= 1


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_hits_and_misses_mirror_each_other(sequence):
    there, back = sequence(VALUES), sequence(1 - VALUES)
    assert (there.low, there.high) == pytest.approx((1 - back.high, 1 - back.low))


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_extreme_values_reach_their_end(sequence):
    assert sequence(np.zeros(9)).low == 0.0
    assert sequence(np.ones(9)).high == 1.0
    assert sequence(np.zeros(9)).high < 0.5
    assert sequence(np.ones(9)).low > 0.5


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_order_of_the_values_changes_nothing(sequence):
    assert sequence(VALUES) == sequence(VALUES[::-1])


@pytest.mark.parametrize("hits", [0, 3, 12, 24])
def test_freedom_to_stop_costs_width(hits):
    any_time, fixed = share_sequence(hits, 24), wilson(hits, 24)
    assert any_time.high - any_time.low > fixed.high - fixed.low


def test_values_that_vary_little_are_narrower_by_betting():
    steady = np.full(24, 0.5)
    by_betting, by_counting = mean_sequence(steady), share_sequence(12, 24)
    assert by_betting.high - by_betting.low < 0.5 * (by_counting.high - by_counting.low)


def test_nothing_measured_yet_says_nothing():
    for found in (share_sequence(0, 0), mean_sequence(np.array([]))):
        assert (found.low, found.high) == (0.0, 1.0)
        assert found.method.endswith("nothing measured yet")


def test_method_is_named():
    assert share_sequence(1, 4).method == "beta-binomial confidence sequence"
    assert mean_sequence(VALUES).method == "confidence sequence by betting"


def test_one_value_is_not_enough_to_say_much():
    found = mean_sequence(np.array([0.5]))
    assert found.low < 0.1
    assert found.high > 0.9


@pytest.mark.parametrize("prior", [(0.0, 1.0), (1.0, -0.5)])
def test_mixture_without_weight_is_refused(prior):
    with pytest.raises(ValueError, match="weights of the mixture"):
        share_sequence(1, 4, prior=prior)


@pytest.mark.parametrize(("hits", "n"), [(5, 4), (-1, 4), (1, 0)])
def test_impossible_hits_are_refused(hits, n):
    with pytest.raises(ValueError, match=r"[Hh]its lie|at least one trial"):
        share_sequence(hits, n)


@pytest.mark.parametrize("compute", [mean_sequence, lambda values: evidence_against_at_most(values, 0.5)])
@pytest.mark.parametrize("odd", [-0.1, 1.1, math.nan])
def test_value_outside_0_and_1_is_refused(compute, odd):
    with pytest.raises(ValueError, match="Values lie between 0 and 1"):
        compute(np.array([0.5, odd]))


@pytest.mark.parametrize("against", [evidence_against_at_most, evidence_against_at_least])
@pytest.mark.parametrize("threshold", [-0.1, 1.1])
def test_threshold_outside_0_and_1_is_refused(against, threshold):
    with pytest.raises(ValueError, match="threshold of such values"):
        against(VALUES, threshold)


@pytest.mark.parametrize("against", [evidence_against_at_most, evidence_against_at_least])
def test_no_value_is_no_evidence(against):
    found = against(np.array([]), 0.5)
    assert (found.value, found.n, found.method) == (1.0, 0, "capital won by betting")


def test_all_hits_against_one_half_by_hand():
    stakes_integral = (2**5 - 1) / 5  # of (1 + c)**4 over c in (0, 1)
    assert evidence_against_at_most(np.ones(4), 0.5).value == pytest.approx(stakes_integral)


def test_all_misses_against_one_half_by_hand():
    assert evidence_against_at_most(np.zeros(4), 0.5).value == pytest.approx(1 / 5)


def test_evidence_against_at_least_is_that_of_the_misses():
    assert evidence_against_at_least(VALUES, 0.3) == evidence_against_at_most(1 - VALUES, 0.7)


def test_claim_that_no_mean_can_break_gathers_no_evidence():
    assert evidence_against_at_most(np.ones(50), 1.0).value == pytest.approx(1.0)


def test_claim_of_none_is_broken_by_any_hit():
    assert evidence_against_at_most(np.array([0.0, 0.1]), 0.0).value == math.inf
    assert evidence_against_at_most(np.zeros(3), 0.0).value == 1.0


def test_overwhelming_evidence_is_infinite_and_not_an_error():
    assert evidence_against_at_most(np.ones(5000), 0.01).value == math.inf


def test_ends_of_the_sequence_are_where_the_evidence_reaches_its_bound():
    found = mean_sequence(VALUES, level=0.9)
    for end in (found.low, found.high):
        both = [evidence_against_at_most(VALUES, end).value, evidence_against_at_least(VALUES, end).value]
        assert np.mean(both) == pytest.approx(10)


def test_e_values_are_rejected_as_their_rule_says():
    e_values = [100.0, 3.0, 45.0, 0.5, 30.0, math.inf]
    corrected = e_benjamini_hochberg(e_values).p_values
    ordered = sorted(e_values, reverse=True)
    for level in (0.01, 0.05, 0.1, 0.2, 0.5):
        sizes = [k for k in range(1, 7) if ordered[k - 1] >= 6 / (level * k)]
        rejected = set(ordered[: max(sizes, default=0)])
        assert {e for e, p in zip(e_values, corrected, strict=True) if p <= level} == rejected


def test_missing_e_values_are_left_out_and_said():
    found = e_benjamini_hochberg([100.0, None, math.nan, 20.0])
    assert found.p_values == (0.02, None, None, 0.05)
    assert found.note == "e-BH over 2 tests; 2 missing ones left out"


def test_e_value_below_0_is_refused():
    with pytest.raises(ValueError, match=r"got \[-1\.0\]"):
        e_benjamini_hochberg([2.0, -1.0])


def test_e_value_of_0_is_allowed():
    assert e_benjamini_hochberg([0.0, 40.0]).p_values == (1.0, 0.05)


@pytest.mark.parametrize(("hits", "n"), [(3, 10), (0, 8), (2.5, 4)])
@pytest.mark.parametrize("prior", [(0.5, 0.5), (1.0, 3.0)])
def test_ends_of_the_mixture_are_where_its_likelihood_ratio_reaches_the_bound(hits, n, prior):
    found = share_sequence(hits, n, level=0.9, prior=prior)
    a, b = prior
    mixture = beta(a + hits, b + n - hits) / beta(a, b)
    ends = [found.high] if hits == 0 else [found.low, found.high]
    for end in ends:
        assert mixture / (end**hits * (1 - end) ** (n - hits)) == pytest.approx(10)


def test_the_mixture_over_shares_is_that_of_jeffreys():
    assert share_sequence(3, 10) == share_sequence(3, 10, prior=(0.5, 0.5))


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.9])
def test_capital_is_the_mean_over_stakes_of_what_each_wins(threshold):
    won = quad(lambda stake: np.prod(1 - stake + stake * VALUES / threshold), 0, 1)[0]
    found = evidence_against_at_most(VALUES, threshold)
    assert (found.value, found.n) == (pytest.approx(won), 6)


def test_values_that_occur_often_count_as_often():
    found = evidence_against_at_most(np.array([0.2, 0.9, 0.9, 0.9]), 0.4).value
    won = quad(lambda stake: (1 - stake / 2) * (1 + stake * 1.25) ** 3, 0, 1)[0]
    assert found == pytest.approx(won)


def test_ends_that_are_close_to_0_and_1_are_not_put_on_them():
    assert 0.0 < share_sequence(0.15, 1).low < 1e-10
    assert 1.0 - 1e-10 < share_sequence(0.85, 1).high < 1.0
    assert share_sequence(0.01, 1).low == 0.0
    assert share_sequence(0.99, 1).high == 1.0


def test_a_refused_threshold_is_named_as_it_was_given():
    with pytest.raises(ValueError, match=r"lies between 0 and 1; got 1\.25\.$"):
        evidence_against_at_least(VALUES, 1.25)
