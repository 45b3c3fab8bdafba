"""What a lean cannot show by itself: professions pictured one way whatever is said, and scales whose ends leak.

`one-sided` is audited at standard effort, since four prompts a profession leave its rule inconclusive, `leaky` at
quick; both with the controls. docs/accuracy.md has what whole audits say.
"""

from __future__ import annotations

import pytest
from shared_audits import audit

from audit.gate import load_policy
from audit.phantom.phantom_folder import find_world
from audit.pipeline import AuditRequest
from audit.pipeline.gating import Gate
from audit.records import Verdict

pytestmark = pytest.mark.slow

ASKED = ("phantom/professions", "phantom/controls")
POLICY = """
schema_version = 1
name = "one-way"
level = 0.95

[[rule]]
id = "no-profession-one-way-whatever-is-said"
metric = "gender.scale_offset"
suite = "phantom_professions"
subject = "*"
at_most = 0.5
reason = "The rule of the shipped policy, alone."
"""
PLANTED = {"nurse", "mechanic", "firefighter"}


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    file = tmp_path_factory.mktemp("policy") / "one-way.toml"
    file.write_text(POLICY, encoding="utf-8")
    return Gate(policy=load_policy(str(file)))


def audit_of(phantom, policy, effort):
    def make(folder, precision):
        request = AuditRequest(checkpoint=f"phantom:{phantom}", suites=ASKED, effort=effort, precision=precision)
        return audit(request, folder, policy)

    return make


@pytest.fixture(scope="module")
def one_sided(shared, policy):
    return shared("one-sided", audit_of("one-sided", policy, "standard"))


@pytest.fixture(scope="module")
def leaky(shared, policy):
    return shared("leaky", audit_of("leaky", policy, "quick"))


def leans_of(outcome):
    return {
        finding.subject: finding.estimate
        for finding in outcome.findings
        if finding.metric == "gender.lean" and finding.suite == "phantom_professions" and finding.subject != "*"
    }


def test_professions_that_are_pictured_one_way_whatever_is_said_fail_the_rule_that_asks(one_sided):
    decided = {result.rule: result.verdict for result in one_sided.decision.results}
    assert decided["no-profession-one-way-whatever-is-said"] is Verdict.FAIL
    assert one_sided.decision.verdict is Verdict.FAIL


def test_they_have_no_lean_and_no_other_profession_is_taken_for_one(one_sided):
    leans = leans_of(one_sided)
    assert all(leans[word].value is None for word in PLANTED)
    others = [lean for word, lean in leans.items() if word not in PLANTED]
    assert sum(lean.value is not None for lean in others) >= 8
    beyond = [lean for lean in others if lean.low is not None and (lean.low > 0.25 or lean.high < -0.25)]
    assert beyond == []


def test_where_the_ends_of_scales_leak_nothing_passes_and_no_lean_is_found_on_the_wrong_side(leaky):
    assert leaky.decision.verdict is not Verdict.PASS
    shares = {profession.word: profession.man for profession in find_world("leaky").professions}
    leans = leans_of(leaky)
    assert any(lean.low is not None and (lean.low > 0 or lean.high < 0) for lean in leans.values())
    for word, lean in leans.items():
        if lean.low is not None and lean.low > 0:
            assert shares[word] > 0.5, word
        if lean.high is not None and lean.high < 0:
            assert shares[word] < 0.5, word
