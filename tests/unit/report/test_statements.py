"""Statements for other tools: each is valid in its schema, bound to the weights, and never says passed for less."""

import json
from dataclasses import replace

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from report_source import CARD, HOSTILE, make_finding
from sarif_pydantic import Sarif

from audit.errors import UsageProblem
from audit.records import Decision, PolicyCard, RuleLine, RuleResult, Verdict, WaivedBy
from audit.report.statements import STATEMENTS, Stated, cyclonedx, in_toto, sarif

WEIGHTS = "0123456789abcdef" * 4
POLICY = PolicyCard(name="mine", digest="cd" * 32, level=0.95, correction="holm", decided_on="2026-11-20")


def result(rule, verdict, *, waived=False):
    line = RuleLine(
        rule_id=rule, metric="gender.lean", suite="suite", subject="nurse", threshold={"at_most": 0.1}, estimate=None
    )
    by = WaivedBy(owner="Ada", until="2027-01-01", reason="known") if waived else None
    return RuleResult(rule=rule, verdict=verdict, evidence=f"{rule} was looked at.", line=line, waived=by)


def stated(verdict=Verdict.PASS, *results, policy=POLICY, **changed):
    return Stated(
        **{
            "checkpoint": replace(CARD, lineage=("world:skewed", f"weights:{WEIGHTS}")),
            "findings": (
                make_finding("gender.lean", "*", 0.4, suite="suite"),
                make_finding("gender.lean", "nurse", 0.9, suite="suite"),
                make_finding("nsfw.rate", "*", None, suite="suite"),
            ),
            "decision": Decision(verdict=verdict, results=results, policy=policy),
            "suites": {"suite": "ab" * 32},
            "run_digest": "ef" * 32,
            "created": "2026-11-20",
            "version": "0.1.0",
            "limits": ("Inversions exaggerate.",),
            **changed,
        }
    )


def test_a_bill_of_materials_is_one_and_holds_the_measures_of_whole_suites():
    told = cyclonedx(stated())
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(told)) is None
    (model,) = told["components"]
    assert model["hashes"] == [{"alg": "SHA-256", "content": WEIGHTS}]
    (metric,) = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert (metric["type"], metric["value"], metric["slice"]) == ("gender.lean", "0.4", "suite")
    assert float(metric["confidenceInterval"]["lowerBound"]) < 0.4 < float(metric["confidenceInterval"]["upperBound"])
    assert {one["name"]: one["value"] for one in model["properties"]}["clip-audit:verdict"] == "pass"


@pytest.mark.parametrize(
    ("verdict", "results", "word"),
    [
        (Verdict.PASS, [result("a", Verdict.PASS)], "PASSED"),
        (Verdict.PASS, [result("a", Verdict.PASS), result("b", Verdict.FAIL, waived=True)], "WARNED"),
        (Verdict.FAIL, [result("a", Verdict.PASS), result("b", Verdict.FAIL)], "FAILED"),
        (Verdict.INCONCLUSIVE, [result("b", Verdict.INCONCLUSIVE)], "FAILED"),
    ],
)
def test_a_test_result_says_passed_of_nothing_less(verdict, results, word):
    told = in_toto(stated(verdict, *results))
    assert told["_type"] == "https://in-toto.io/Statement/v1"
    assert told["subject"] == [{"name": CARD.name, "digest": {"sha256": WEIGHTS}}]
    predicate = told["predicate"]
    assert predicate["result"] == word
    assert predicate["passedTests"] == [one.rule for one in results if one.verdict is Verdict.PASS]
    assert predicate["failedTests"] == [one.rule for one in results if one.stands_in_the_way]
    assert {one["name"]: one["digest"]["sha256"] for one in predicate["configuration"]} == {
        "policy mine": POLICY.digest,
        "run.json": "ef" * 32,
        "suite suite": "ab" * 32,
    }


def test_without_a_policy_there_is_no_result():
    with pytest.raises(UsageProblem, match="No policy"):
        in_toto(stated(Verdict.NONE, policy=None))


def test_static_analysis_shows_what_stands_in_the_way():
    results = [result("a", Verdict.PASS), result("b", Verdict.FAIL), result("c", Verdict.INCONCLUSIVE)]
    told = sarif(stated(Verdict.FAIL, *results, result("d", Verdict.FAIL, waived=True)))
    run = Sarif.model_validate(told).runs[0]
    assert [(one.rule_id, one.level) for one in run.results] == [("b", "error"), ("c", "warning"), ("d", "error")]
    assert [bool(one.get("suppressions")) for one in told["runs"][0]["results"]] == [False, False, True]
    assert {rule["id"] for rule in told["runs"][0]["tool"]["driver"]["rules"]} == {"b", "c", "d"}


@pytest.mark.parametrize("form", STATEMENTS)
def test_a_run_that_does_not_say_its_weights_states_nothing(form):
    results = [result("b", Verdict.FAIL)]
    with pytest.raises(UsageProblem, match="digest of the weights"):
        STATEMENTS[form](stated(Verdict.FAIL, *results, checkpoint=replace(CARD, lineage=("weights:9f2c",))))


@pytest.mark.parametrize("form", STATEMENTS)
@pytest.mark.parametrize("name", HOSTILE)
def test_what_strangers_wrote_is_text_in_it(form, name):
    checkpoint = replace(CARD, name=name, lineage=(f"weights:{WEIGHTS}",))
    told = STATEMENTS[form](stated(Verdict.FAIL, result(name, Verdict.FAIL), checkpoint=checkpoint))
    text = json.dumps(told, ensure_ascii=False)
    assert not {"\u202e", "\x1b", "\0"} & set(text)
