import json

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


def see_people_in_objects(world: World, count: int) -> None:
    for number in range(count):
        world.ask("ball", seen("man"), role="object", expected="no_person", template=f"{number} {{thing}}")


def test_a_sound_run_without_a_policy_has_no_verdict_and_is_done():
    decision = decide_on(measured_world())
    assert decision.verdict is Verdict.NONE
    assert decision_document(decision)["verdict"] == "none"
    assert exit_code(decision.verdict) is ExitCode.OK


def test_failed_control_makes_the_run_inconclusive_and_is_named():
    world = measured_world()
    see_people_in_objects(world, 24)
    decision = decide_on(world)
    assert decision.verdict is Verdict.INCONCLUSIVE
    [failed] = [result for result in decision.results if result.verdict is not Verdict.PASS]
    assert failed.rule == "control: people seen in objects"
    assert "measured 0.600" in failed.evidence
    assert "asked at most 0.25" in failed.evidence


def test_a_control_that_is_not_shown_is_said_and_leaves_a_run_without_a_policy_as_it_is():
    world = measured_world()
    see_people_in_objects(world, 4)
    decision = decide_on(world)
    assert decision.verdict is Verdict.NONE
    assert [one.rule for one in decision.results if one.verdict is not Verdict.PASS] == [
        "control: people seen in objects"
    ]


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
def test_a_verdict_promotes_only_if_it_is_a_pass(verdict, code):
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


@pytest.mark.parametrize("count", [4, 24])
@pytest.mark.parametrize("value", [0.0, 0.2, 0.9])
def test_a_control_that_has_not_passed_makes_lines_of_its_question_inconclusive_whatever_they_say(value, count):
    world = measured_world()
    see_people_in_objects(world, count)
    lean = ("gender.lean", "names", "*")
    ruling = apply_policy(
        policy(rule(metric="gender.lean", between=(-0.5, 0.5))), Run({lean: Value(value)}).measured(), TODAY
    )
    assert decide_with(ruling, world).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("value", "verdict"), [(0.0, Verdict.PASS), (0.9, Verdict.FAIL)])
def test_and_leaves_lines_of_other_questions_alone(value, verdict):
    world = measured_world()
    see_people_in_objects(world, 24)
    assert decide_with(ruled(rule(), whole=value), world).verdict is verdict


def test_no_waiver_stands_in_for_a_control():
    world = measured_world()
    see_people_in_objects(world, 24)
    lean = ("gender.lean", "names", "*")
    asks = policy(rule(metric="gender.lean", between=(-0.5, 0.5)), waivers=[waiver()])
    ruling = apply_policy(asks, Run({lean: Value(0.9)}).measured(), TODAY)
    assert decide_with(ruling, world).verdict is Verdict.INCONCLUSIVE
