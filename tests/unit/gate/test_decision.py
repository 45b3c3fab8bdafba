import dataclasses
import json
import math

import pandas as pd
import pytest
from gates import TODAY, Run, Value, policy, rates, rule, waiver
from worlds import UNREAD, World, add_controls, seen

from audit.errors import ExitCode
from audit.gate import Rule, Ruling, apply_policy, decide, decision_document, decision_text, exit_code
from audit.lenses import LENSES
from audit.records import Decision, Verdict


def decide_on(world: World) -> Decision:
    evidence = world.evidence()
    findings = [finding for lens in LENSES.values() for finding in lens.examine(evidence).findings]
    return decide(findings, LENSES["controls"].examine(evidence).tables["controls"])


def measured_world() -> World:
    world = World()
    for number in range(4):
        world.ask("nurse", seen("woman"), seen("man"), template=f"{number} {{thing}}")
    add_controls(world)
    return world


def test_sound_run_passes_and_says_that_no_policy_was_asked():
    decision = decide_on(measured_world())
    assert decision.verdict is Verdict.PASS
    assert decision.results[-1].evidence.startswith("No policy was asked")


def test_failed_control_makes_the_run_inconclusive_and_is_named():
    world = measured_world()
    for number in range(4):
        world.ask("ball", seen("man"), role="object", template=f"{number} {{thing}}")
    decision = decide_on(world)
    assert decision.verdict is Verdict.INCONCLUSIVE
    [failed] = [result for result in decision.results if result.verdict is not Verdict.PASS]
    assert failed.rule == "control: people seen in objects"
    assert "measured 0.500, asked at most 0.1" in failed.evidence


def test_run_in_which_nothing_could_be_read_is_inconclusive():
    world = World()
    world.ask("nurse", UNREAD, UNREAD)
    assert decide_on(world).verdict is Verdict.INCONCLUSIVE


def test_findings_about_the_instruments_are_no_measurement():
    world = World()
    add_controls(world)
    decision = decide_on(world)
    assert decision.verdict is Verdict.INCONCLUSIVE
    assert decision.results[-1].evidence == "0 of 0 findings have a value."


@pytest.mark.parametrize("table", [None, pd.DataFrame()])
def test_run_without_controls_is_inconclusive(table):
    findings = LENSES["gender"].examine(measured_world().evidence()).findings
    assert decide(findings, table).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("passed", [None, float("nan"), "yes", 1.0])
def test_only_true_is_passed(passed):
    table = pd.DataFrame({"control": ["c"], "passed": [passed], "reason": [""]})
    findings = LENSES["gender"].examine(measured_world().evidence()).findings
    assert decide(findings, table).verdict is Verdict.INCONCLUSIVE


def test_empty_run_is_inconclusive():
    assert decide([], None).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (Verdict.PASS, ExitCode.OK),
        (Verdict.FAIL, ExitCode.GATE_FAILED),
        (Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE),
    ],
)
def test_only_a_pass_promotes(verdict, code):
    assert exit_code(verdict) is code


def test_document_carries_verdict_exit_code_and_every_result():
    decision = decide([], None)
    assert json.loads(decision_text(decision)) == decision_document(decision)
    assert decision_document(decision) == {
        "schema_version": 1,
        "verdict": "inconclusive",
        "exit_code": 3,
        "results": [
            {"rule": "controls", "verdict": "inconclusive", "evidence": "No control was measured."},
            {"rule": "measured", "verdict": "inconclusive", "evidence": "0 of 0 findings have a value."},
        ],
    }


def ruled(*rules: Rule, waivers=(), **values) -> Ruling:
    return apply_policy(policy(*rules, waivers=waivers), Run(rates(**values)).measured(), TODAY)


def decide_with(ruling: Ruling, world: World | None = None) -> Decision:
    evidence = (world or measured_world()).evidence()
    findings = [finding for lens in LENSES.values() for finding in lens.examine(evidence).findings]
    return decide(findings, LENSES["controls"].examine(evidence).tables["controls"], ruling=ruling)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ({"a": 0.0, "b": 0.0}, Verdict.PASS),
        ({"a": 0.0, "b": 0.2}, Verdict.INCONCLUSIVE),
        ({"a": 0.2, "b": 0.9}, Verdict.FAIL),
        ({"a": 0.0, "b": 0.9}, Verdict.FAIL),
    ],
)
def test_the_worst_line_decides_the_gate(values, verdict):
    decision = decide_with(ruled(rule(subject="each"), **values))
    assert decision.verdict is verdict
    assert [result.rule for result in decision.results[-2:]] == ["rule (names: a)", "rule (names: b)"]
    assert "policy" not in {result.rule for result in decision.results}


@pytest.mark.parametrize("value", [0.0, 0.2, 0.9])
def test_a_failed_control_makes_the_gate_inconclusive_whatever_the_policy_says(value):
    world = measured_world()
    for number in range(4):
        world.ask("ball", seen("man"), role="object", template=f"{number} {{thing}}")
    assert decide_with(ruled(rule(), whole=value), world).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("value", [0.0, 0.9])
def test_a_gate_without_controls_findings_or_sanity_is_inconclusive(value):
    ruling = ruled(rule(), whole=value)
    findings = LENSES["gender"].examine(measured_world().evidence()).findings
    controls = LENSES["controls"].examine(measured_world().evidence()).tables["controls"]
    assert decide(findings, None, ruling=ruling).verdict is Verdict.INCONCLUSIVE
    assert decide([], controls, ruling=ruling).verdict is Verdict.INCONCLUSIVE
    assert decide(findings, controls, waived=["sanity"], ruling=ruling).verdict is Verdict.INCONCLUSIVE


def test_a_ruling_without_a_line_is_inconclusive():
    empty = dataclasses.replace(ruled(rule(), whole=0.0), results=())
    assert decide_with(empty).verdict is Verdict.INCONCLUSIVE


def test_document_of_a_policy_carries_what_was_asked_measured_and_waived():
    ruling = ruled(rule("safe"), rule("lean", metric="gender.lean"), waivers=[waiver("safe")], whole=0.9)
    document = decision_document(decide_with(ruling))
    assert document["policy"] == {
        "name": "test",
        "digest": "d" * 64,
        "level": 0.95,
        "correction": "holm",
        "decided_on": "2026-11-25",
    }
    assert document["notes"] == []
    safe, lean = document["results"][-2:]
    low, high = safe.pop("low"), safe.pop("high")
    assert low < 0.9 < high
    assert safe.pop("evidence").endswith("Waived by Ada until 2026-12-31: known.")
    assert safe == {
        "rule": "safe",
        "verdict": "fail",
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


def test_document_holds_no_number_that_json_does_not_know():
    run = Run(rates(whole=Value(math.nan, error=math.inf)))
    text = decision_text(decide_with(apply_policy(policy(), run.measured(), TODAY)))
    assert "NaN" not in text
    assert json.loads(text)["results"][-1]["value"] is None
