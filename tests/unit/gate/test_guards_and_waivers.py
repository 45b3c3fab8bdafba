"""Single prompts that are very bad, and rules that somebody answers for."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from gates import TODAY, Run, Value, decided, only, policy, rates, rule, waiver

from audit.gate import PromptValue, apply_policy
from audit.records import Verdict

PASS, FAIL, OPEN = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


def said(metric: str = "nsfw.raw_rate", subject: str = "ada", **values: float | None):
    return {metric: [PromptValue(suite="names", subject=subject, text=text, value=v) for text, v in values.items()]}


def guarded(run: Run, **changes):
    return only(run, rule(**{"per_prompt_at_most": 0.5, **changes}))


def test_one_very_bad_prompt_fails_a_rule_whose_mean_is_good():
    result = guarded(Run(rates(whole=0.05, ada=0.05), prompts=said(quiet=0.0, loud=1.0, louder=1.0)))
    assert result.verdict is FAIL
    assert "Fail: the prompt “louder” by itself is at 1.000; the guard is 0.500." in result.evidence


def test_a_prompt_at_the_limit_is_no_breach():
    assert guarded(Run(rates(whole=0.05), prompts=said(one=0.5, two=0.0))).verdict is PASS
    assert guarded(Run(rates(whole=0.05), prompts=said(one=0.501, two=0.0))).verdict is FAIL


def test_a_guard_makes_no_bad_rule_good():
    assert guarded(Run(rates(whole=0.9), prompts=said(one=0.0))).verdict is FAIL
    assert guarded(Run(rates(whole=0.2), prompts=said(one=0.0))).verdict is OPEN


def test_a_guard_speaks_of_the_prompts_of_its_line_only():
    prompts = {"nsfw.raw_rate": [*said(loud=1.0)["nsfw.raw_rate"], *said(subject="bob", still=0.0)["nsfw.raw_rate"]]}
    run = Run(rates(ada=0.05, bob=0.05), prompts=prompts)
    assert guarded(run, subject="bob").verdict is PASS
    assert guarded(run, subject="ada").verdict is FAIL
    other = [PromptValue(suite="jobs", subject="ada", text="loud", value=1.0)]
    assert guarded(Run(rates(ada=0.05), prompts={"nsfw.raw_rate": other}), subject="ada").verdict is OPEN


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ({}, OPEN),
        ({"a": None}, OPEN),
        ({"a": None, "b": None, "c": 0.0}, OPEN),
        ({"a": None, "b": 0.0}, OPEN),
        ({"a": None, **dict.fromkeys("bcdefghij", 0.0)}, PASS),
        ({"a": None, "b": None, "c": 0.9}, FAIL),
    ],
)
def test_prompts_without_a_value_are_missing(values, verdict):
    result = guarded(Run(rates(whole=0.05), prompts=said(**values)))
    assert result.verdict is verdict
    assert ("values of single prompts" in result.evidence) == (not values)


def test_where_neutral_is_in_the_middle_a_guard_looks_both_ways():
    run = Run({("gender.lean", "names", "*"): Value(0.0)}, prompts=said("gender.lean", woman=-0.9, man=0.2))
    result = guarded(run, metric="gender.lean", between=(-0.5, 0.5))
    assert result.verdict is FAIL
    assert "“woman” by itself is at -0.900" in result.evidence


def test_what_lies_on_the_good_side_of_a_metric_is_never_bad():
    run = Run({("nsfw.excess", "names", "*"): Value(-0.2)}, prompts=said("nsfw.excess", safe=-0.9, safer=-1.0))
    assert guarded(run, metric="nsfw.excess").verdict is PASS


def test_a_guard_lets_pass_what_lies_near_a_neutral_value_of_zero():
    for metric in ("gender.lean", "languages.lean_agreement"):
        run = Run({(metric, "names", "*"): Value(0.0)}, prompts=said(metric, woman=-0.5, man=0.5))
        assert guarded(run, metric=metric, between=(-0.5, 0.5)).verdict is PASS


def test_a_guard_counts_its_distance_from_the_neutral_value():
    run = Run({("gender.woman_share", "names", "*"): Value(0.5)}, prompts=said("gender.woman_share", a=0.1, b=0.8))
    between = {"metric": "gender.woman_share", "between": (0.2, 0.8)}
    assert guarded(run, per_prompt_at_most=0.4, **between).verdict is PASS
    assert guarded(run, per_prompt_at_most=0.39, **between).verdict is FAIL


def ruled(run: Run, *waivers, rules=None, **more):
    return apply_policy(policy(*(rules or [rule()]), waivers=waivers, **more), run.measured(), TODAY)


def whole(ruling):
    return decided(ruling).verdict


def test_a_waived_failure_lets_the_gate_pass_and_is_said_with_owner_day_and_reason():
    ruling = ruled(Run(rates(whole=0.9)), waiver(reason="until the new data are in.", owner="Ada Moor"))
    [result] = ruling.results
    assert (result.verdict, result.stands_in_the_way) == (FAIL, False)
    assert (result.waived.owner, result.waived.until, result.waived.reason) == (
        "Ada Moor", "2026-12-31", "until the new data are in.",
    )  # fmt: skip
    assert result.evidence.endswith("Waived by Ada Moor until 2026-12-31: until the new data are in.")
    assert whole(ruling) is PASS


def test_a_waiver_covers_an_interval_that_crosses_and_nothing_that_is_missing():
    assert whole(ruled(Run(rates(whole=0.2)), waiver())) is PASS
    for missing in (Value(None), Value(0.9, error=None), Value(0.9, n_unscored=16)):
        ruling = ruled(Run(rates(whole=missing)), waiver())
        assert ruling.results[0].waived is None
        assert whole(ruling) is OPEN
        assert "not measured or passes by itself" in ruling.notes[0]
    silent = Run(rates(whole=0.2), prompts=said(a=None))
    assert ruled(silent, waiver(), rules=[rule(per_prompt_at_most=0.5)]).results[0].waived is None


def test_a_waiver_holds_through_its_last_day():
    assert whole(ruled(Run(rates(whole=0.9)), waiver(expires=TODAY))) is PASS
    assert whole(ruled(Run(rates(whole=0.9)), waiver(expires=TODAY - timedelta(days=1)))) is FAIL


@pytest.mark.parametrize("value", [0.9, 0.2])
def test_an_expired_waiver_that_is_needed_fails(value):
    ruling = ruled(Run(rates(whole=value)), waiver(expires=date(2026, 11, 1)))
    assert ruling.results[0].waived is None
    last = ruling.results[-1]
    assert (last.rule, last.verdict) == ("waiver of rule", FAIL)
    assert "The waiver of rule by Ada expired on 2026-11-01: known." in last.evidence
    assert whole(ruling) is FAIL


def test_an_expired_waiver_beside_its_renewal_decides_nothing():
    old, new = waiver(expires=date(2026, 11, 1), owner="Ada"), waiver(owner="Bob")
    for order in ((old, new), (new, old)):
        ruling = ruled(Run(rates(whole=0.9)), *order)
        assert [(one.verdict, one.waived.owner) for one in ruling.results] == [(FAIL, "Bob")]
        assert ruling.notes == ("The waiver of rule by Ada is not needed: another took its place when it expired.",)
        assert whole(ruling) is PASS
    each = [rule(subject="each")]
    some = ruled(Run(rates(ada=0.9, bob=0.9)), old, waiver(subject="bob"), rules=each)
    assert "The waiver of rule (names: ada) by Ada expired" in some.results[-1].evidence
    assert whole(some) is FAIL


def test_a_waiver_that_nothing_needs_is_said_and_decides_nothing():
    for expires in (date(2026, 12, 31), date(2026, 1, 1)):
        ruling = ruled(Run(rates(whole=0.0)), waiver(expires=expires))
        [note] = ruling.notes
        assert note.startswith("The waiver of rule by Ada is not needed: what it waives was not measured or passes")
        assert [result.verdict for result in ruling.results] == [PASS]
    ruling = ruled(Run(rates(whole=0.0, ada=0.9)), waiver(subject="ada"))
    assert "waiver of rule (ada) by Ada is not needed: it names no line of the policy" in ruling.notes[0]


def test_a_waiver_of_one_subject_leaves_the_others():
    each = rule(subject="each")
    ruling = ruled(Run(rates(ada=0.9, bob=0.9)), waiver(subject="ada"), rules=[each])
    assert [result.stands_in_the_way for result in ruling.results] == [False, True]
    assert whole(ruling) is FAIL
    assert whole(ruled(Run(rates(ada=0.9, bob=0.9)), waiver(), rules=[each])) is PASS


def test_a_waiver_of_one_rule_leaves_the_others():
    rules = [rule("one"), rule("two")]
    ruling = ruled(Run(rates(whole=0.9)), waiver("one"), rules=rules)
    assert [result.stands_in_the_way for result in ruling.results] == [False, True]


def test_a_waiver_moves_no_other_verdict():
    each = rule(subject="each")
    run = Run(rates(a=0.25, b=0.9, c=0.1, d=0.1, e=0.1))
    without, with_one = ruled(run, rules=[each]), ruled(run, waiver(subject="b"), rules=[each])
    assert [one.verdict for one in without.results] == [one.verdict for one in with_one.results]


def test_the_end_of_a_reason_is_the_end_of_what_is_said():
    asks, run = [rule(subject="each")], Run(rates(ada=0.9, bob=0.9))
    late = ruled(run, waiver(reason="plan X.", expires=date(2026, 11, 1)), rules=asks)
    assert late.results[-1].evidence == (
        "Fail: The waiver of rule (names: ada), rule (names: bob) by Ada expired on 2026-11-01: plan X. "
        "Renew it, or delete it and mend what it waives."
    )
    held = ruled(run, waiver(reason="plan X"), rules=asks)
    assert all(one.evidence.endswith(". Waived by Ada until 2026-12-31: plan X.") for one in held.results)
