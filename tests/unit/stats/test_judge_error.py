import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa
from statsmodels.stats.proportion import proportion_confint

from audit.seeding import derive_seed
from audit.stats import Neither, PooledRate, Rate, agreement, cluster_share, rogan_gladen
from tests.oracles.coverage_worlds import judged_world

SHARES = np.array([0.0, 0.25, 0.5, 0.25, 0.0, 0.5, 0.75, 0.25])
EXACT_ONE, EXACT_ZERO = Rate(value=1.0, low=1.0, high=1.0), Rate(value=0.0, low=0.0, high=0.0)


def read(shares, *, level=0.95):
    return cluster_share(np.array(shares), [str(number) for number in range(len(shares))], level=level)


def rate(hits, images, *, level=0.95):
    low, high = proportion_confint(hits, images, 1 - level, "wilson")
    return Rate(value=hits / images, low=low, high=high)


def test_value_is_that_of_the_formula():
    found = rogan_gladen(read(SHARES), rate(45, 50), rate(5, 100))
    assert found.value == pytest.approx((0.3125 + 0.95 - 1) / (0.9 + 0.95 - 1))


def test_judge_without_error_leaves_the_share_and_its_interval():
    found, plain = rogan_gladen(read(SHARES), EXACT_ONE, EXACT_ZERO), read(SHARES)
    assert (found.value, found.low, found.high) == pytest.approx((plain.value, plain.low, plain.high), abs=1e-6)


def test_few_labels_widen_the_interval():
    few, many = (rogan_gladen(read(SHARES), rate(9 * k, 10 * k), rate(k, 20 * k)) for k in (1, 100))
    assert few.value == pytest.approx(many.value)
    assert few.high - few.low > many.high - many.low


def test_misses_turned_into_hits_mirror_the_share():
    there = rogan_gladen(read(SHARES), rate(45, 50), rate(24, 120))
    back = rogan_gladen(read(1 - SHARES), rate(96, 120), rate(5, 50))
    assert (there.value, there.low, there.high) == pytest.approx((1 - back.value, 1 - back.high, 1 - back.low))


@pytest.mark.parametrize("alarms", [25, 40])
def test_judge_no_better_than_chance_is_refused(alarms):
    found = rogan_gladen(read(SHARES), rate(25, 50), rate(alarms, 50))
    assert (found.value, found.low, found.high) == (None, None, None)
    assert found.method_text == "not corrected for judge error: on labelled images the judge is no better than chance"


def test_share_below_the_false_alarms_is_cut_at_0_and_one_above_what_is_found_at_1():
    low = rogan_gladen(read([0.0, 0.0, 0.25, 0.0]), rate(45, 50), rate(10, 100))
    high = rogan_gladen(read([1.0, 1.0, 0.75, 1.0]), rate(45, 50), rate(10, 100))
    assert (low.value, low.low, high.value, high.high) == (0.0, 0.0, 1.0, 1.0)
    assert low.high > 0.2
    assert high.low < 0.8


def test_hits_that_the_judges_errors_cannot_explain_get_no_interval():
    found = rogan_gladen(read(np.zeros(60)), rate(95, 100), rate(300, 1000))
    assert (found.value, found.low, found.high) == (0.0, None, None)
    assert found.method_text == "no interval: the judge's errors on labelled images do not explain its hits"


def test_nothing_read_has_no_value_and_one_prompt_no_interval():
    nothing, one = (rogan_gladen(read(shares), rate(9, 10), rate(1, 10)) for shares in ([], [0.5]))
    assert (nothing.value, nothing.method_text) == (None, "nothing measured")
    assert (one.value, one.low, one.method_text) == (
        0.5,
        None,
        "no interval: fewer than two prompts; corrected for judge error",
    )


def test_record_says_how_and_of_how_many():
    found = rogan_gladen(read(SHARES), rate(9, 10), rate(1, 10))
    assert found.method_text == "corrected for judge error (Rogan-Gladen), combined single intervals"
    assert (found.n, found.n_clusters, found.over) == (8, 8, "prompts")


def test_ends_are_where_the_single_intervals_explain_the_hits_just_so():
    hits, right, alarms = read(SHARES + 0.25, level=0.9), rate(45, 50, level=0.9), rate(10, 100, level=0.9)
    found = rogan_gladen(hits, right, alarms)
    # at the lower end there are more hits than it gives rise to, at the upper one fewer
    low, high = found.low, found.high
    apart = math.hypot(0.5625 - hits.low, low * (right.high - 0.9), (1 - low) * (alarms.high - 0.1))
    assert 0.5625 - low * 0.9 - (1 - low) * 0.1 == pytest.approx(apart)
    apart = math.hypot(hits.high - 0.5625, high * (0.9 - right.low), (1 - high) * (0.1 - alarms.low))
    assert high * 0.9 + (1 - high) * 0.1 - 0.5625 == pytest.approx(apart)


def test_images_that_show_neither_are_taken_out_first():
    """Of 100 images 20 show neither, half of these read as the first: of the others 0.3 * 0.9 + 0.7 * 0.1 are."""
    neither = Neither(share=Rate(value=0.2, low=0.2, high=0.2), read=Rate(value=0.5, low=0.5, high=0.5))
    hits = 0.8 * (0.3 * 0.9 + 0.7 * 0.1) + 0.2 * 0.5
    found = rogan_gladen(read([hits] * 8), rate(45, 50), rate(5, 50), neither=neither)
    assert found.value == pytest.approx(0.3)
    unsure = Neither(share=Rate(value=0.2, low=0.1, high=0.3), read=Rate(value=0.5, low=0.2, high=0.8))
    wider = rogan_gladen(read([hits] * 8), rate(45, 50), rate(5, 50), neither=unsure)
    assert wider.value == found.value
    assert wider.low <= found.low <= found.high <= wider.high
    assert wider.high - wider.low > found.high - found.low


def test_concept_with_labels_has_a_rate_of_its_own_and_one_without_a_wide_interval():
    pooled = PooledRate({"baker": (57, 100), "nurse": (0, 100), "pilot": (2, 100), "judge": (11, 100)})
    assert pooled.of("baker").value == pytest.approx(0.57, abs=0.02)
    assert pooled.of("nurse").high < 0.06
    unlabelled = pooled.of("chef")
    assert unlabelled.low < 0.02
    assert unlabelled.high > 0.6


def test_concepts_of_one_rate_lend_each_other_strength():
    alike = PooledRate({str(number): (2, 20) for number in range(12)}).of("0")
    alone = PooledRate({"0": (2, 20)}).of("0")
    assert alike.high - alike.low < 0.6 * (alone.high - alone.low)


def test_concept_with_very_many_labels_needs_no_other():
    found = PooledRate({"a": (300, 1000), "b": (0, 10)}).of("a")
    low, high = scipy_stats.beta.ppf([0.025, 0.975], 300, 700)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.005)


def test_mean_rate_of_many_concepts_is_their_mean():
    rng = np.random.default_rng(1)
    rates = rng.beta(2, 8, 200)
    found = PooledRate({str(i): (int(rng.binomial(400, one)), 400) for i, one in enumerate(rates)}).overall()
    half = 1.96 * rates.std() / math.sqrt(200)
    assert found.value == pytest.approx(rates.mean(), abs=0.01)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.25)


@settings(max_examples=20, deadline=None)
@given(
    st.dictionaries(st.text(min_size=1, max_size=2), st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=5),
    st.sampled_from([0.8, 0.95, 0.9999]),
)
def test_every_rate_lies_within_its_interval_and_the_interval_within_0_and_1(counts, level):
    pooled = PooledRate({name: (hits, hits + rest) for name, (hits, rest) in counts.items()})
    for found in (
        pooled.overall(level=level),
        pooled.of("?", level=level),
        *(pooled.of(c, level=level) for c in counts),
    ):
        assert 0 <= found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize("counts", [(11, 10), (-1, 10)])
def test_counts_that_no_labels_have_are_refused(counts):
    with pytest.raises(ValueError, match=r"none to all of the images; got -?1"):
        PooledRate({"nurse": counts})


def test_one_correction_for_all_concepts_would_not_cover_those_that_the_judge_errs_on():
    """Nothing unsafe is there, false alarms from 0 to 0.57: what the two corrections say of the 0.57."""
    rng = np.random.default_rng(derive_seed("judge error", "one for all"))
    covered = {"pooled": 0, "one for all": 0, "none": 0}
    for _ in range(60):
        world = judged_world(rng, share=0.0, concept=0.57)
        covered["pooled"] += world.covers(world.corrected())
        covered["one for all"] += world.covers(world.corrected_by_one_rate())
        covered["none"] += world.covers(world.read)
    assert covered["pooled"] >= 0.93 * 60
    assert covered["one for all"] < 0.5 * 60
    assert covered["none"] < 0.1 * 60


def test_agreement_is_fleiss_kappa_but_for_small_numbers():
    rng = np.random.default_rng(7)
    truth = rng.integers(0, 3, 40)
    labels = np.where(rng.random((40, 3)) < 0.75, truth[:, None], rng.integers(0, 3, (40, 3)))
    kappa = fleiss_kappa(aggregate_raters(labels)[0])
    found = agreement({str(place): [list(map(str, row))] for place, row in enumerate(labels)})
    assert 1 - found.value == pytest.approx((1 - kappa) * 119 / 120)
    assert found.low < found.value < found.high
    assert (found.n, found.n_clusters, found.over) == (40, 40, "concepts")


def test_agreement_needs_no_equal_number_of_labels():
    """By hand: 2 + 3 labels; apart 2 * (1 * 2) / 2 in the second image only; by lot 2 * (3 * 2)."""
    found = agreement({"nurse": [["a", "a"], ["a", "b", "b"], ["b"]]})
    assert found.value == pytest.approx(1 - 4 * (2 * 1 * 2 / 2) / (2 * 3 * 2))
    assert found.low is None


@pytest.mark.parametrize("labels", [{}, {"nurse": [["a"], ["b"]]}, {"nurse": [["a", "a"], ["a", "a"]]}])
def test_agreement_that_labels_cannot_show_has_no_value(labels):
    assert agreement(labels).value is None


def test_agreement_of_people_who_always_agree_is_1():
    found = agreement({name: [["a", "a"], ["b", "b"]] for name in "xyz"})
    assert found.value == 1.0
