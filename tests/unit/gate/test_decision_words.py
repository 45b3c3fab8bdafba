"""What each part of a run says of itself in its decision."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd
import pytest

from audit.gate import apply_policy, decision_document, decision_text
from audit.records import Decision, RuleResult, Verdict
from tests.gates import TODAY, Run, Value, decided, policy, rates, rule, sound_controls, waiver

PASS, FAIL, OPEN = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
CONTROL = RuleResult(rule="control: people", verdict=PASS, evidence="Passed: measured 1, asked at least 0.9.")
MEASURED = RuleResult(rule="measured", verdict=PASS, evidence="1 of 1 findings have a value.")


def test_a_sound_run_without_a_policy_has_no_verdict():
    assert decided() == Decision(verdict=Verdict.NONE, results=(CONTROL, MEASURED))
    assert not any(result.stands_in_the_way for result in decided().results)


def test_a_pass_that_needed_a_waiver_is_called_so():
    def of(value: float):
        ruling = apply_policy(policy(waivers=[waiver()]), Run(rates(whole=value)).measured(), TODAY)
        return decided(ruling)

    assert (of(0.9).verdict, of(0.9).passed_with_waivers) == (PASS, True)
    assert (of(0.0).verdict, of(0.0).passed_with_waivers) == (PASS, False)
    assert [decision_document(of(value))["passed_with_waivers"] for value in (0.9, 0.0)] == [True, False]
    assert "passed_with_waivers" not in decision_document(decided())


def test_a_control_that_did_not_pass_says_what_that_means():
    table = sound_controls(control=["people", "noise"], passed=[True, False], reason=["", "measured 1, asked 0"])
    decision = decided(controls_table=table)
    noise, *rest = decision.results[1:]
    assert (decision.verdict, noise.rule, noise.verdict) == (OPEN, "control: noise", OPEN)
    assert "measured 1, asked 0" in noise.evidence
    assert rest == [MEASURED]
    silent = decided(controls_table=sound_controls(passed=[False], reason=[""])).results[0].evidence
    assert "no reason given" in silent


def test_a_waived_check_is_a_result_of_its_own():
    decision = decided(waived=["sanity"])
    assert decision.verdict is OPEN
    first = decision.results[0]
    assert (first.rule, first.verdict) == ("waived", OPEN)
    assert "sanity" in first.evidence


@pytest.mark.parametrize(
    ("changes", "unsound"),
    [
        ({"controls_table": None}, "controls"),
        ({"controls_table": pd.DataFrame()}, "controls"),
        ({"controls_table": sound_controls(passed=[False])}, "control: people"),
        ({"findings": []}, "measured"),
        ({"findings": Run(rates(whole=Value(None))).findings_at(0.95)}, "measured"),
        ({"waived": ["sanity"]}, "waived"),
    ],
)
@pytest.mark.parametrize("value", [None, 0.0, 0.9])
def test_a_run_that_is_not_sound_is_inconclusive_with_a_policy_and_without(changes, unsound, value):
    ruling = None if value is None else apply_policy(policy(), Run(rates(whole=value)).measured(), TODAY)
    decision = decided(ruling, **changes)
    assert decision.verdict is OPEN
    assert [one.rule for one in decision.results if one.rule != "rule" and one.verdict is not PASS] == [unsound]


@pytest.mark.parametrize(
    ("values", "verdict"),
    [((0.0, 0.0), PASS), ((0.0, 0.2), OPEN), ((0.2, 0.9), FAIL), ((0.0, 0.9), FAIL), ((), OPEN)],
)
def test_a_policy_decides_by_its_worst_line_and_keeps_its_results_and_notes(values, verdict):
    run = Run(rates(**dict(zip("ab", values, strict=False))), concepts=tuple("ab"[: len(values)]))
    asks = policy(rule(subject="each"), rule("late", metric="gender.lean"), waivers=[waiver("late")])
    ruling = apply_policy(asks, run.measured(), TODAY)
    lines = replace(ruling, results=ruling.results[: len(values)])
    decision = decided(lines)
    assert decision == Decision(
        verdict=verdict,
        results=(*[CONTROL] * bool(values), MEASURED, *lines.results),
        policy=ruling.policy,
        notes=ruling.notes,
    )
    assert len(decision.notes) == 1


def test_the_document_of_a_policy_carries_its_card_its_notes_and_every_line():
    asks = policy(rule("safe"), rule("lean", metric="gender.lean"), waivers=[waiver("safe"), waiver("lean")])
    ruling = apply_policy(asks, Run(rates(whole=0.9)).measured(), TODAY)
    document = decision_document(decided(ruling))
    assert document["policy"] == {
        "name": "test", "digest": "d" * 64, "level": 0.95, "correction": "holm", "decided_on": "2026-11-25",
    }  # fmt: skip
    assert document["notes"] == list(ruling.notes)
    safe, lean = document["results"][-2:]
    low, high = safe.pop("low"), safe.pop("high")
    assert low < 0.9 < high < 1
    assert safe == {
        "rule": "safe",
        "verdict": "fail",
        "evidence": ruling.results[0].evidence,
        "id": "safe",
        "metric": "nsfw.raw_rate",
        "suite": "names",
        "subject": "*",
        "threshold": {"at_most": 0.2},
        "value": 0.9,
        "level": 0.975,
        "n_prompts": 8,
        "n_images": 16,
        "waived": {"by": "Ada", "until": "2026-12-31", "reason": "known"},
    }
    numbers = ("value", "low", "high", "level", "n_prompts", "n_images", "waived")
    assert [lean[name] for name in numbers] == [None] * 7


def test_a_number_that_json_does_not_know_is_never_written():
    ruling = apply_policy(policy(), Run(rates(whole=0.1)).measured(), TODAY)
    with pytest.raises(ValueError, match="JSON compliant"):
        decision_text(decided(replace(ruling, policy=replace(ruling.policy, level=math.nan))))


def test_the_text_has_no_number_that_json_does_not_know_and_words_as_they_are():
    ruling = apply_policy(policy(), Run(rates(whole=Value(math.nan, error=math.inf))).measured(), TODAY)
    text = decision_text(decided(ruling))
    assert "NaN" not in text
    assert '"value": null' in text
    assert "“names”" in text
    assert text.startswith('{\n  "schema_version": 1,\n')
    assert text.endswith("}\n")
