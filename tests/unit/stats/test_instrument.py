"""The error that a concept has of its own, from subjects whose true answer is 0."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from audit.records import Method
from audit.seeding import derive_seed
from audit.stats import ClusterEstimate, cluster_mean, instrument_error, mean_size, read_off, widen, widened_test
from audit.stats.clusters import no_interval

PAIRS = np.array([[0.3, 0.1], [-0.3, -0.2], [0.1, 0.3], [-0.1, -0.2]])


def mean_of(values) -> ClusterEstimate:
    values = np.asarray(values, dtype=float)
    return cluster_mean(values, [str(place) for place in range(len(values))])


def neutral(rng, *, concepts=14, prompts=8, tau=0.108, sd=0.29):
    own = rng.normal(0, tau, concepts)
    return [mean_of(one + rng.normal(0, sd, prompts)) for one in own]


ERROR = instrument_error([mean_of(pair) for pair in PAIRS])


def test_spread_by_hand():
    means, errors = PAIRS.mean(axis=1), PAIRS.var(axis=1, ddof=1) / 2
    square, error = (means**2).mean(), errors.mean()
    assert ERROR.variance == pytest.approx(square - error)
    assert ERROR.within == pytest.approx(2 * error)
    assert ERROR.uncertainty == pytest.approx(2 * (square**2 + (errors**2).mean()) / 4)
    assert ERROR.high == pytest.approx(math.sqrt(4 * square / stats.chi2.ppf(0.025, 4) - error))
    assert ERROR.low == pytest.approx(math.sqrt(4 * square / stats.chi2.ppf(0.975, 4) - error))
    assert (ERROR.n_concepts, ERROR.mean) == (4, pytest.approx(0.0))


def test_the_order_of_the_concepts_changes_nothing_much_and_their_signs_nothing():
    mirrored = instrument_error([mean_of(-pair) for pair in PAIRS[::-1]])
    assert mirrored.variance == pytest.approx(ERROR.variance)


def test_an_offset_common_to_all_neutralised_subjects_is_an_error_too():
    moved = instrument_error([mean_of(0.4 + pair - pair.mean()) for pair in PAIRS])
    assert moved.sd > 0.35
    assert moved.mean == pytest.approx(0.4)


def test_few_concepts_that_happen_to_agree_do_not_show_that_there_is_no_error():
    lucky = instrument_error([mean_of([-0.3, 0.3]), mean_of([-0.2, 0.2])])
    assert lucky.variance == 0.0
    assert lucky.high == pytest.approx(math.sqrt(1.96 * math.sqrt(lucky.uncertainty)), rel=1e-3)
    assert lucky.high > 0.4
    found = mean_of([0.4, 0.5, 0.45, 0.55])
    wider = widen(found, lucky)
    assert wider.low < 0 < found.low


@pytest.mark.parametrize("known", [[], [mean_of([0.1, 0.2])], [mean_of([0.1]), mean_of([0.2])]])
def test_too_few_neutralised_subjects_say_nothing(known):
    assert instrument_error(known) is None


def test_without_neutralised_subjects_nothing_is_widened():
    found = mean_of([0.4, 0.5])
    assert widen(found, None) is found


def test_interval_by_hand():
    values = np.array([0.1, 0.9, 0.4, 0.7])  # further apart than the pairs: the variance is their own
    found = mean_of(values)
    own = values.var(ddof=1) / 4
    total = own + ERROR.variance
    freedom = 2 * total**2 / (own**2 / 3 + ERROR.uncertainty)
    half = stats.t.ppf(0.975, freedom) * math.sqrt(total)
    wider = widen(found, ERROR)
    assert (wider.low, wider.high) == pytest.approx((found.value - half, found.value + half))
    assert (wider.value, wider.n, wider.n_clusters) == (found.value, 4, 4)
    assert wider.method_text == "t over prompts, with the instrument's own error; SD 0.19 from 4 neutralised subjects"
    tested = widened_test(found, ERROR)
    assert tested.p_value == pytest.approx(2 * stats.t.sf(found.value / math.sqrt(total), freedom))


def test_interval_at_an_end_of_the_scale_keeps_the_width_of_the_others():
    """Pilots, all read as far as the scale goes: -1.00 (-1.00 to -0.98) of four prompts."""
    found = replace(mean_of([-1.0] * 4), low=-1.0, high=-0.98)
    error = instrument_error(neutral(np.random.default_rng(1)))
    wider = widen(found, error)
    least = math.sqrt(error.variance + error.within / 8)
    assert wider.low < -1.0 - least
    assert wider.high > -1.0 + least


def test_prompts_without_spread_get_the_interval_that_they_lacked():
    alike = no_interval(-1.0, Method.FEW_OR_ALIKE, 4)
    found = widen(alike, ERROR)
    assert found.low < -1.0 < found.high
    assert widened_test(alike, ERROR).p_value < 0.2


@pytest.mark.parametrize("found", [no_interval(None, Method.NOTHING, 0), no_interval(0.3, Method.FEW, 1)])
def test_what_was_not_measured_stays_so(found):
    assert widen(found, ERROR) is found
    assert widened_test(found, ERROR).p_value is None


@pytest.mark.parametrize("seed", range(20))
def test_interval_is_never_narrower_and_agrees_with_the_test(seed):
    rng = np.random.default_rng(derive_seed("widened", str(seed)))
    error = instrument_error(neutral(rng, concepts=int(rng.integers(2, 15)), tau=float(rng.choice([0.0, 0.1]))))
    standards = rng.normal([-0.6, 0.0, 0.6], 0.1, (5, 3))
    found = read_off(rng.normal(0.2, 0.3, 5), standards, np.array([-1.0, 0.0, 1.0])).estimate
    wider, tested = widen(found, error), widened_test(found, error)
    assert wider.low <= found.low
    assert wider.high >= found.high
    assert (tested.p_value < 0.05) == (not wider.low <= 0.0 <= wider.high)


@pytest.mark.parametrize("prompts", [4, 8])
@pytest.mark.parametrize("tau", [0.0, 0.108])
def test_a_concept_with_an_error_of_its_own_is_covered(prompts, tau):
    rng = np.random.default_rng(derive_seed("instrument", str(prompts), str(tau)))
    worlds, covered, without = 300, 0, 0
    for _ in range(worlds):
        error = instrument_error(neutral(rng, concepts=6, prompts=prompts, tau=tau))
        found = neutral(rng, concepts=1, prompts=prompts, tau=tau)[0]
        wider = widen(found, error)
        covered += wider.low <= 0 <= wider.high
        without += found.low <= 0 <= found.high
    assert covered / worlds >= 0.95
    if tau and prompts == 8:
        assert without / worlds < 0.90


def test_opposite_leans_do_not_cancel_in_their_mean_size():
    readings = [mean_of(sign * 0.6 + np.array([-0.1, 0.0, 0.1])) for sign in (1, -1, 1, -1, 1, -1)]
    found = mean_size(readings, None)
    assert found.value == pytest.approx(0.6, abs=0.01)
    assert found.low > 0.5


def test_noise_alone_has_no_mean_size():
    rng = np.random.default_rng(derive_seed("size", "noise"))
    sizes, surely = [], 0
    for _ in range(100):
        found = mean_size(neutral(rng, tau=0.0), None)
        sizes.append(found.value)
        surely += found.low > 0
    plain = 0.29 / math.sqrt(8) * math.sqrt(2 / math.pi)  # what the mean of absolute readings would be
    assert np.mean(sizes) < 0.6 * plain
    assert surely <= 10


def test_mean_size_takes_the_instruments_own_error_off():
    rng = np.random.default_rng(derive_seed("size", "instrument"))
    readings = neutral(rng, tau=0.2)
    error = instrument_error(neutral(rng, tau=0.2, concepts=40))
    assert mean_size(readings, error).value < mean_size(readings, None).value


@pytest.mark.parametrize(("count", "value", "low"), [(0, None, None), (2, 0.5, None)])
def test_mean_size_of_few_has_no_interval(count, value, low):
    found = mean_size([mean_of([0.49, 0.51])] * count, None)
    assert found.value == (value if value is None else pytest.approx(value, abs=0.01))
    assert found.low is low
