import math
from dataclasses import replace

import pytest
from scipy.stats import false_discovery_control, norm

from audit.records import Change, Estimate, Method
from audit.studies.compare.two_runs import Outcome, judge_changes, widened


def estimate(value, low=None, high=None, method=Method.JACKKNIFE):
    return Estimate(value=value, low=low, high=high, level=0.95, method=method, n_images=8, n_prompts=4)


def change(subject="nurse", difference=(0.3, 0.1, 0.5), *, p=0.01, worsening="same", **more) -> Change:
    found = estimate(*difference)
    worse = found if worsening == "same" else None if worsening is None else estimate(*worsening)
    given = {"lens": "gender", "suite": "suite", "metric": "gender.lean", "unit": "signed score"}
    return Change(
        **given | more,
        subject=subject,
        baseline=estimate(0.1),
        candidate=estimate(0.4),
        difference=found,
        worsening=worse,
        p_value=p,
    )


def outcome(one: Change, **settings) -> Outcome:
    [told] = judge_changes([one], **settings)
    return told.outcome


def test_the_sign_of_a_sure_worsening_decides():
    assert outcome(change()) is Outcome.WORSE
    assert outcome(change(worsening=(-0.3, -0.5, -0.1))) is Outcome.BETTER


def test_the_noise_of_another_precision_widens_interval_and_test():
    se = 0.2 / norm.ppf(0.975)
    made = widened(change(difference=(0.3, 0.1, 0.5), p=2 * norm.sf(0.3 / se)), 0.12)
    half = norm.ppf(0.975) * math.hypot(se, 0.12)
    assert (made.difference.low, made.difference.high) == pytest.approx((0.3 - half, 0.3 + half))
    assert made.worsening.low == pytest.approx(made.difference.low)
    assert made.p_value == pytest.approx(2 * norm.sf(0.3 / math.hypot(se, 0.12)))
    assert "the noise of another precision, 0.12" in made.difference.method_text
    assert outcome(change(difference=(0.22, 0.1, 0.34), p=0.001)) is Outcome.WORSE
    assert outcome(widened(change(difference=(0.22, 0.1, 0.34), p=0.001), 0.12)) is Outcome.OPEN


def test_where_that_noise_was_not_measured_nothing_is_told():
    made = widened(change(), None)
    assert (made.difference.low, made.worsening.high, made.p_value) == (None, None, None)
    assert outcome(made) is Outcome.OPEN
    assert "was not measured" in made.difference.method_text


def test_an_interval_that_holds_zero_tells_nothing():
    assert outcome(change(difference=(0.3, -0.1, 0.7), p=0.2)) is Outcome.OPEN
    assert outcome(change(difference=(0.3, 0.0, 0.6), p=0.05)) is Outcome.OPEN


def test_a_change_that_lies_neither_nearer_nor_farther_is_said_to_be_one():
    [told] = judge_changes([change(worsening=(0.0, -0.1, 0.1))])
    assert (told.outcome, told.reason) == (Outcome.OPEN, "it changed, and lies neither nearer nor farther")


def test_one_clear_change_among_many_chances_is_not_told():
    others = [change(f"other {number}", (0.0, -0.1, 0.1), p=0.9) for number in range(9)]
    told = {one.change.subject: one for one in judge_changes([change(p=0.03), *others])}
    assert told["nurse"].change.p_adjusted == pytest.approx(0.3)
    assert told["nurse"].outcome is Outcome.OPEN
    assert "among so many" in told["nurse"].reason


def test_a_family_is_a_metric_of_a_suite_and_the_suite_itself_is_another():
    values = {"a": 0.01, "b": 0.04, "c": 0.03}
    family = [change(name, p=p) for name, p in values.items()]
    apart = [
        change("*", p=0.02),
        change("d", p=0.02, suite="another"),
        change("a", p=0.02, metric="nsfw.rate"),
    ]
    told = {one.change.finding_id: one.change for one in judge_changes([*family, *apart])}
    expected = false_discovery_control(list(values.values()))
    found = [told[f"gender.lean:suite:{name}"].p_adjusted for name in values]
    assert found == pytest.approx(list(expected))
    assert all(told[one.finding_id].p_adjusted == 0.02 for one in apart)


def test_a_missing_p_value_is_counted_and_poisons_nothing():
    told = {one.change.subject: one.change for one in judge_changes([change("a", p=0.01), change("b", p=None)])}
    assert (told["a"].p_adjusted, told["b"].p_adjusted) == (0.01, None)
    assert "Corrected among 1 of 2 (Benjamini-Hochberg)." in told["a"].note
    assert "Corrected" not in told["b"].note


def test_without_an_interval_it_cannot_be_told_and_the_method_says_why():
    missing = replace(change(p=None), difference=estimate(0.3, method=Method.FEW))
    [told] = judge_changes([missing])
    assert (told.outcome, told.reason) == (Outcome.OPEN, "no interval: fewer than two prompts")


def test_a_metric_without_a_good_side_is_neither_worse_nor_better():
    assert outcome(change(worsening=None)) is Outcome.OPEN


def test_identical_images_are_no_different():
    same = change(difference=(0.0, 0.0, 0.0), p=None)
    assert outcome(replace(same, difference=replace(same.difference, method=Method.IDENTICAL))) is Outcome.SAME


@pytest.mark.parametrize(("margin", "expected"), [(0.6, Outcome.SAME), (0.5, Outcome.WORSE), (None, Outcome.WORSE)])
def test_no_different_takes_an_interval_within_the_margin(margin, expected):
    assert outcome(change(), margin=margin) is expected


def test_nothing_is_no_different_without_a_margin():
    assert outcome(change(difference=(0.0, -1e-6, 1e-6), p=1.0)) is Outcome.OPEN
    assert outcome(change(difference=(0.0, -1e-6, 1e-6), p=1.0), margin=0.1) is Outcome.SAME


def test_the_level_is_the_one_that_was_asked():
    assert outcome(change(p=0.03), level=0.95) is Outcome.WORSE
    assert outcome(change(p=0.03), level=0.99) is Outcome.OPEN


def test_what_matters_most_comes_first():
    told = judge_changes(
        [
            change("open, small", (0.1, -0.1, 0.3), p=0.2),
            change("better", worsening=(-0.3, -0.5, -0.1)),
            change("worse, sure", (0.3, 0.2, 0.4)),
            change("open, large", (0.6, -0.1, 1.3), p=0.2),
            change("worse, surer", (0.5, 0.4, 0.6)),
            change("*"),
        ]
    )
    names = ["*", "worse, surer", "worse, sure", "better", "open, large", "open, small"]
    assert [one.change.subject for one in told] == names
