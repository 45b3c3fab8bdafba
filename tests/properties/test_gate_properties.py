"""What holds of any policy and any run."""

from __future__ import annotations

import dataclasses
import math

from gates import TODAY, Run, Value, policy, rule, waiver
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.gate import Ruling, apply_policy
from audit.records import RuleResult, Verdict

PASS, FAIL = Verdict.PASS, Verdict.FAIL
CONCEPTS = ("a", "b", "c", "d", "e", "f")
LEAN = "gender.lean"

numbers = st.floats(-1.5, 1.5)
values = st.builds(
    Value,
    value=st.none() | numbers | st.just(math.nan),
    error=st.none() | st.floats(0, 0.5) | st.just(math.inf),
    n_images=st.integers(0, 20),
    n_prompts=st.integers(0, 10),
    n_unscored=st.integers(0, 20),
)
runs = st.dictionaries(st.sampled_from(CONCEPTS), values, max_size=6).map(
    lambda found: Run({(LEAN, "names", name): value for name, value in found.items()}, concepts=CONCEPTS)
)
bounds = st.one_of(
    st.builds(lambda x: {"at_most": x}, numbers),
    st.builds(lambda x: {"at_least": x}, numbers),
    st.builds(lambda x, y: {"between": (min(x, y), max(x, y))}, numbers, numbers),
)
levels = st.sampled_from([0.5, 0.8, 0.95, 0.99])
corrections = st.sampled_from(["holm", "none"])


def rules_of(many: list[dict]) -> list:
    return [rule(f"r{k}", metric=LEAN, subject="each", **bound) for k, bound in enumerate(many)]


rule_lists = st.lists(bounds, min_size=1, max_size=3).map(rules_of)


def ruled(run: Run, rules, **more) -> Ruling:
    return apply_policy(policy(*rules, **more), run.measured(), TODAY)


def verdicts(ruling: Ruling) -> dict[str, Verdict]:
    return {result.rule: result.verdict for result in ruling.results}


def is_missing(value: Value | None) -> bool:
    if value is None or value.value is None or value.error is None:
        return True
    return not math.isfinite(value.value) or not math.isfinite(value.error) or not value.n_images or not value.n_prompts


@settings(max_examples=150, deadline=None)
@given(run=runs, rules=rule_lists, level=levels, correction=corrections)
def test_what_is_missing_neither_passes_nor_fails(run, rules, level, correction):
    for result in ruled(run, rules, level=level, correction=correction).results:
        if is_missing(run.values.get((LEAN, "names", result.line.subject))):
            assert result.verdict is Verdict.INCONCLUSIVE


@settings(max_examples=150, deadline=None)
@given(run=runs, rules=rule_lists, level=levels, correction=corrections)
def test_every_rule_has_a_line_for_every_concept(run, rules, level, correction):
    found = [(r.line.rule_id, r.line.subject) for r in ruled(run, rules, level=level, correction=correction).results]
    assert found == [(one.rule_id, concept) for one in rules for concept in CONCEPTS]


@settings(max_examples=200, deadline=None)
@given(
    run=runs, rules=rule_lists, level=levels, correction=corrections, looser=st.floats(0, 1), which=st.integers(0, 2)
)
def test_a_more_lenient_threshold_turns_no_pass_into_a_failure_and_no_line_from_pass(
    run, rules, level, correction, looser, which
):
    place = which % len(rules)
    old = rules[place].threshold
    new = dataclasses.replace(
        old,
        low=None if old.low is None else old.low - looser,
        high=None if old.high is None else old.high + looser,
    )
    moved = [*rules]
    moved[place] = dataclasses.replace(rules[place], threshold=new)
    before = verdicts(ruled(run, rules, level=level, correction=correction))
    after = verdicts(ruled(run, moved, level=level, correction=correction))
    assert all(after[name] is PASS for name, verdict in before.items() if verdict is PASS)
    own = [name for name in before if name.startswith(f"r{place} ")]
    assert all(before[name] is FAIL for name in own if after[name] is FAIL)


@settings(max_examples=150, deadline=None)
@given(run=runs, rules=rule_lists, level=levels, correction=corrections, data=st.data())
def test_the_order_of_rules_and_findings_changes_nothing(run, rules, level, correction, data):
    shuffled = data.draw(st.permutations(rules))
    values_in_another_order = dict(data.draw(st.permutations(list(run.values.items()))))
    other = Run(values_in_another_order, concepts=CONCEPTS)
    one = {r.rule: repr(r) for r in ruled(run, rules, level=level, correction=correction).results}
    two = {r.rule: repr(r) for r in ruled(other, shuffled, level=level, correction=correction).results}
    assert one == two


@settings(max_examples=200, deadline=None)
@given(run=runs, rules=rule_lists, level=levels)
def test_holm_fails_nothing_that_would_not_fail_alone_and_passes_the_same(run, rules, level):
    corrected = verdicts(ruled(run, rules, level=level))
    alone = verdicts(ruled(run, rules, level=level, correction="none"))
    assert {name for name in corrected if corrected[name] is FAIL} <= {name for name in alone if alone[name] is FAIL}
    assert {name for name in corrected if corrected[name] is PASS} == {name for name in alone if alone[name] is PASS}


@settings(max_examples=150, deadline=None)
@given(run=runs, rules=rule_lists, more=bounds, level=levels)
def test_another_rule_adds_no_failure_to_the_others(run, rules, more, level):
    fewer = verdicts(ruled(run, rules, level=level))
    added = rule("more", metric=LEAN, subject="nobody", **more)  # a line that is missing still counts as one
    with_more = verdicts(ruled(run, [*rules, added], level=level))
    assert all(fewer[name] is FAIL for name in fewer if with_more[name] is FAIL)
    assert all(with_more[name] is PASS for name in fewer if fewer[name] is PASS)


@settings(max_examples=150, deadline=None)
@given(run=runs, rules=rule_lists, subject=st.none() | st.sampled_from(CONCEPTS), level=levels)
def test_a_waiver_takes_from_the_way_what_was_measured_and_moves_no_verdict(run, rules, subject, level):
    before = ruled(run, rules, level=level).results
    after = ruled(run, rules, waivers=[waiver("r0", subject=subject)], level=level).results
    assert [one.verdict for one in before] == [one.verdict for one in after]
    for result in after:
        if result.waived is not None:
            assert result.line.rule_id == "r0"
            assert subject in {None, result.line.subject}
            assert not is_missing(run.values.get((LEAN, "names", result.line.subject)))
            assert result.verdict is not PASS


@settings(max_examples=100, deadline=None)
@given(run=runs, rules=rule_lists, level=levels, correction=corrections)
def test_evidence_is_one_paragraph_that_ends_with_the_verdict(run, rules, level, correction):
    result: RuleResult
    for result in ruled(run, rules, level=level, correction=correction).results:
        assert "\n" not in result.evidence
        assert " nan" not in result.evidence
        assert "inf " not in result.evidence
        assert f". {result.verdict.value.capitalize()}: " in result.evidence
        assert result.evidence.endswith(".")
