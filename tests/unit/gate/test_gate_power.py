"""What lines can tell before a run: against hand-made numbers, and against gates that are run many times."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from audit.gate import Asked, Size, power_document, power_of_policy, power_sentences
from audit.gate.policy import unit_of
from audit.records import Method
from audit.stats import power_of_mean, power_of_share, prompts_for_mean
from tests.gate_promises import lean, powers, seen
from tests.gates import policy, rule


def test_the_spread_of_a_named_run_is_that_of_its_prompts():
    (power,) = powers(policy(lean()), run=seen(0.2, 8))
    assert power.spread.sd == pytest.approx(0.2)
    assert power.spread.source == "as the interval over 8 prompts in run implies"


@pytest.mark.parametrize("run", [None, seen(0.2, 8, metric="gender.raw_lean"), seen(0.2, 8, method=Method.EXACT)])
def test_a_spread_that_no_run_shows_is_assumed_and_said_to_be(run):
    (power,) = powers(policy(lean()), run=run)
    assert "assumed" in power.spread.source


def test_the_promise_is_kept_by_gates_that_are_run_many_times():
    sd, prompts = 0.2, 12
    asks = policy(*(lean(rule_id=f"r{number}") for number in range(5)))
    power = powers(asks, prompts, seen(sd, 8))[0]
    assert power.fail_level == pytest.approx(1 - 0.05 / 5)
    assert power.pass_level == 0.95
    rng = np.random.default_rng(8)

    def ends(mean, level):
        drawn = rng.normal(mean, sd, (20_000, prompts))
        half = stats.t.ppf(0.5 + level / 2, prompts - 1) * drawn.std(axis=1, ddof=1) / math.sqrt(prompts)
        return drawn.mean(axis=1) - half, drawn.mean(axis=1) + half

    low, _ = ends(0.75 + power.fails_beyond, 0.99)
    assert (low > 0.75).mean() == pytest.approx(0.8, abs=0.015)
    low, high = ends(0.75 - power.passes_inside, 0.95)
    assert ((low >= -0.75) & (high <= 0.75)).mean() == pytest.approx(0.8, abs=0.015)


def test_a_narrow_band_is_held_from_both_sides():
    sd, prompts = 0.2, 12
    (power,) = powers(policy(lean(between=(-0.21, 0.21))), prompts, seen(sd, 8))
    rng = np.random.default_rng(9)
    drawn = rng.normal(0.21 - power.passes_inside, sd, (40_000, prompts))
    half = stats.t.ppf(0.975, prompts - 1) * drawn.std(axis=1, ddof=1) / math.sqrt(prompts)
    kept = (np.abs(drawn.mean(axis=1)) + half <= 0.21).mean()
    assert 0.8 - 0.01 <= kept <= 0.84  # the promise is a lower bound


def test_without_correction_both_promises_have_the_level_of_the_policy():
    power = powers(policy(lean(), lean(rule_id="b"), correction="none"), run=seen(0.2, 8))[0]
    assert power.fail_level == power.pass_level == 0.95


def test_a_share_is_promised_as_if_every_prompt_were_all_or_nothing():
    (power,) = powers(policy(rule(subject="nurse", at_most=0.2)), 24)
    assert power.spread.sd is None
    # by hand: of 24 prompts none with a hit has the exact upper end 0.142; one has 0.211
    assert stats.beta.ppf(0.975, 1, 24) < 0.2 < stats.beta.ppf(0.975, 2, 23)
    assert (1 - (0.2 - power.passes_inside)) ** 24 == pytest.approx(0.8, abs=1e-6)
    # and so for the least number of hits whose lower end lies above it
    least = next(hits for hits in range(1, 24) if stats.beta.ppf(0.025, hits, 25 - hits) > 0.2)
    assert stats.binom.sf(least - 1, 24, 0.2 + power.fails_beyond) == pytest.approx(0.8, abs=1e-6)


@pytest.mark.parametrize("prompts", [24, 60])
@pytest.mark.parametrize("line", [0.1, 0.3, 0.6])
def test_at_least_promises_of_a_share_what_at_most_promises_of_its_complement(line, prompts):
    (upper,) = powers(policy(rule(subject="nurse", at_most=line)), prompts)
    (lower,) = powers(policy(rule(subject="nurse", at_least=1 - line)), prompts)
    for promised in ("fails_beyond", "passes_inside", "needed"):
        assert getattr(lower, promised) == pytest.approx(getattr(upper, promised)), promised
    assert lower.never_passes == upper.never_passes


def test_lines_of_a_share_fail_at_the_corrected_level_and_pass_at_that_of_the_policy():
    power = powers(policy(rule(subject="each", at_most=0.4), level=0.9))[0]
    assert (power.fail_level, power.pass_level) == (pytest.approx(1 - 0.1 / 3), 0.9)
    assert power_of_share(24, 0.4 + power.fails_beyond, 0.4, level=1 - 0.1 / 3) == pytest.approx(0.8, abs=1e-6)
    assert power_of_share(24, 0.4 - power.passes_inside, 0.4, level=0.9) == pytest.approx(0.8, abs=1e-6)


def test_the_number_that_a_share_takes_to_pass_is_of_the_level_of_the_policy():
    (power,) = powers(policy(rule(subject="nurse", at_most=0.1), level=0.9), 24)
    assert power.needed == 29


def test_lines_of_a_mean_pass_at_the_level_of_the_policy():
    (power,) = powers(policy(lean(between=(None, 0.5)), level=0.8), 12, seen(0.2, 8))
    assert power_of_mean(12, power.passes_inside, 0.2, level=0.8) == pytest.approx(0.8)
    (band,) = powers(policy(lean(between=(-0.2, 0.2)), level=0.8), 12, seen(0.2, 8))
    near, far = (power_of_mean(12, gap, 0.2, level=0.8) for gap in (band.passes_inside, 0.4 - band.passes_inside))
    assert near + far - 1 == pytest.approx(0.8)


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize(("between", "inside", "chance"), [((-0.1, 0.1), 0.1, 0.9), ((None, -1.4), 0.1, 0.8)])
def test_the_number_that_a_mean_takes_to_pass_is_that_of_the_middle_or_of_the_far_end(between, inside, chance, level):
    (power,) = powers(policy(lean(between=between), level=level), 4, seen(0.3, 8))
    assert power.passes_inside is None
    assert power.needed == prompts_for_mean(inside, power.spread.sd, power=chance, level=level)


@pytest.mark.parametrize(
    ("between", "reached"),
    [((None, 1.4), False), ((-1.4, None), False), ((None, 1.2), True), ((-1.2, None), True), ((-1.2, 1.4), True)],
)
def test_a_line_can_only_fail_where_the_metric_reaches(between, reached):
    (power,) = powers(policy(lean(between=between)), 12, seen(0.2, 8))
    assert (power.fails_beyond is not None) == reached
    if reached:
        assert power_of_mean(12, power.fails_beyond, 0.2) == pytest.approx(0.8)


def test_as_many_prompts_and_images_as_a_rule_wants_are_enough():
    (power,) = powers(policy(lean(min_prompts=24, min_images=48)))
    assert power.missing == ""


def test_two_prompts_are_enough_for_a_promise():
    (power,) = powers(policy(lean()), 2, seen(0.01, 8))
    assert power.missing == ""
    assert power.passes_inside is not None


def test_a_share_that_no_prompt_count_of_this_effort_can_clear_says_what_it_takes():
    (power,) = powers(policy(rule(subject="nurse", at_most=0.1)), 24)
    assert power.never_passes
    assert power.passes_inside is None
    assert power.needed == 36
    assert stats.beta.ppf(0.975, 1, 36) <= 0.1 < stats.beta.ppf(0.975, 1, 35)
    assert "Cannot pass at all with 24 prompts" in power_sentences([power])[0]
    assert "that takes 36 prompts" in power_sentences([power])[0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"min_prompts": 25}, "wants 25 prompts, and the run asks 24"),
        ({"min_images": 49}, "wants 49 images, and the run makes 48"),
    ],
)
def test_a_rule_that_wants_more_than_is_asked_can_neither_pass_nor_fail(changes, said):
    (power,) = powers(policy(lean(**changes)))
    assert power.never_passes
    assert said in power.missing
    assert "Can neither pass nor fail" in power_sentences([power])[0]
    assert power_document(power)["fails_beyond"] is None


def test_one_prompt_promises_nothing():
    (power,) = powers(policy(lean()), 1)
    assert "an interval needs two prompts" in power.missing


def test_a_correlation_is_not_planned():
    (power,) = powers(policy(lean(metric="gender.labour_correlation", subject="*")))
    assert power.missing == "a correlation is no mean over units"
    assert (power.fails_beyond, power.passes_inside, power.well_inside, power.passed_by) == (None, None, None, (0.0,))


def test_a_share_that_may_be_anything_passes_wherever_it_lies():
    (power,) = powers(policy(rule(subject="nurse", at_most=1.0)))
    assert (power.fails_beyond, power.passes_inside, power.passed_by) == (None, 0.0, (1.0,))


def test_what_became_worse_can_be_as_far_as_from_one_end_of_a_metric_to_the_other():
    (power,) = powers(policy(rule(metric="gender.lean", subject="nurse", worse_by_at_most=1.5)), run=seen(0.2, 8))
    assert power_of_mean(24, power.fails_beyond, power.spread.sd) == pytest.approx(0.8)


def test_a_rule_about_every_suite_has_a_line_for_each_that_was_asked():
    sizes = {(suite, "*"): Size(prompts=8, images=16) for suite in ("jobs", "names")}
    both = Asked(suites=("jobs", "names"), concepts={"jobs": ("nurse",), "names": ("ada",)}, sizes=sizes)
    found = power_of_policy(
        policy(rule(suite="*", at_most=0.5), suites=["jobs", "names"]), both, dict.fromkeys(sizes, 8)
    )
    assert [(one.line.suite, one.line.subject, one.n) for one in found] == [("jobs", "*", 8), ("names", "*", 8)]


def test_a_group_counts_concepts():
    assert [unit_of(subject) for subject in ("*", "group:job", "group", "nurse")] == [
        "concepts", "concepts", "prompts", "prompts",
    ]  # fmt: skip


def test_a_suite_counts_concepts_and_a_mean_of_gaps_is_never_below_nothing():
    (power,) = powers(policy(rule(metric="gender.parity_gap", at_most=0.3)))
    assert (power.unit, power.n) == ("concepts", 3)
    assert power.passes_inside is None or power.passes_inside <= 0.3
    assert power.spread.sd == pytest.approx(math.sqrt(0.3 * 0.2))


def test_a_comparison_takes_two_runs_for_independent():
    alone = powers(policy(lean()), run=seen(0.2, 8))[0].spread.sd
    (both,) = powers(policy(rule(metric="gender.lean", subject="nurse", worse_by_at_most=0.1)), run=seen(0.2, 8))
    assert both.spread.sd == pytest.approx(math.sqrt(2) * alone)
    assert "two runs" in both.spread.source


def test_what_each_subject_can_tell_alike_is_said_once():
    asks = policy(lean(subject="each"), lean(rule_id="other", subject="*"))
    said = power_sentences(powers(asks))
    assert len(said) == 2
    assert said[0].startswith(
        "rule, each of 3 subjects of “names”: gender lean between -0.75 and 0.75 (signed score), 24 prompts."
    )
    assert len(power_sentences(powers(asks, run=seen(0.2, 8)))) == 3


def test_plain_numbers_name_values_and_distances():
    told = power_document(powers(policy(lean()), run=seen(0.2, 8))[0])
    gap = told["fails_beyond"]
    assert told["fails_at"] == pytest.approx([-0.75 - gap, 0.75 + gap])
    assert told["passes_at"] == pytest.approx([-0.75 + told["passes_inside"], 0.75 - told["passes_inside"]])
    assert f"{0.75 + gap:.2f} ({gap:.2f} beyond the line" in told["sentence"]
