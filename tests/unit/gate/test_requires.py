"""What a policy is about: suites, judges, recipe, effort, precision and seeds that a run has to have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from audit.errors import UsageProblem
from audit.gate import RunFacts, apply_policy, check_requirements, load_policy, requires_text
from audit.gate.policy import EFFORTS, NO_LABELS, SHIPPED, PinnedJudge, Requires
from audit.pipeline.audit_plan import EFFORTS as PLANNED
from audit.pipeline.audit_plan import shipped_digest
from audit.records import Verdict
from audit.suites import list_suites, load_suite
from tests.gates import TODAY, Run, decided, policy, rates

OURS, OTHERS = "a" * 64, "b" * 64
FACTS = RunFacts(
    suites={"names": OURS}, shipped={"names": OURS}, judges={"one": OURS, "two": OTHERS}, recipe="fast",
    recipe_digest="c" * 16, effort="standard", precision="fp32", seeds=(0,),
)  # fmt: skip


def met(facts: RunFacts = FACTS, **asks) -> bool:
    found = check_requirements(
        replace(policy(), requires=Requires(**asks)), facts, Run(rates(ada=0.0)).measured().asked
    )
    return not any(result.stands_in_the_way for result in found)


def test_a_suite_that_only_calls_itself_the_same_is_another():
    assert met()
    foreign = replace(FACTS, suites={"names": OTHERS})
    [told] = check_requirements(policy(), foreign)
    assert (told.rule, told.verdict) == ("requires: suite names", Verdict.INCONCLUSIVE)
    assert "another suite that is called names" in told.evidence


def test_a_suite_of_ones_own_is_pinned_by_its_digest_or_decides_nothing():
    own = replace(FACTS, shipped={})
    assert not met(own)
    assert met(own, suites={"names": (OURS,)})
    assert met(own, suites={"names": (OTHERS, OURS)})
    assert not met(own, suites={"names": (OTHERS,)})
    assert not met(own, suites={"names": (SHIPPED,)})


def test_a_suite_that_the_policy_is_about_has_to_be_asked():
    assert not met(suites={"names": (SHIPPED,), "jobs": (OURS,)})


@pytest.mark.parametrize(
    ("asks", "is_met"),
    [
        ({"judges": (PinnedJudge(name="one", digest=OURS), PinnedJudge(name="two"))}, True),
        ({"judges": (PinnedJudge(name="one"),)}, False),
        ({"judges": (PinnedJudge(name="two"), PinnedJudge(name="one"))}, False),
        ({"judges": (PinnedJudge(name="one", digest=OTHERS), PinnedJudge(name="two"))}, False),
        ({"recipe": "fast"}, True),
        ({"recipe": "c" * 16}, True),
        ({"recipe": "careful"}, False),
        ({"least_effort": "quick"}, True),
        ({"least_effort": "full"}, False),
        ({"precision": "fp32"}, True),
        ({"precision": "bf16"}, False),
        ({"seeds": (0,)}, True),
        ({"seeds": (1,)}, False),
        ({"seeds": (0, 1)}, False),
        ({"least_prompts": 8}, True),
        ({"least_prompts": 9}, False),
    ],
)
def test_every_requirement_is_asked(asks, is_met):
    assert met(**asks) is is_met


def test_labels_of_ones_own_choosing_decide_nothing_where_the_policy_says_which():
    labelled = replace(FACTS, labels=OURS)
    for asks, plain, corrected in (
        ("", True, True),
        (NO_LABELS, True, False),
        (OURS, False, True),
        (OTHERS, False, False),
    ):
        assert (met(labels=asks), met(labelled, labels=asks)) == (plain, corrected), asks
    assert met(labelled, labels=OURS[:16])
    assert ", labels)." in check_requirements(policy(), labelled)[0].evidence
    assert "labels" not in check_requirements(policy(), FACTS)[0].evidence
    [unmet] = check_requirements(replace(policy(), requires=Requires(labels=NO_LABELS)), labelled)
    assert (unmet.rule, unmet.verdict) == ("requires: labels", Verdict.INCONCLUSIVE)


def test_what_a_run_does_not_state_meets_nothing():
    assert not met(replace(FACTS, precision=""), precision="fp32")
    assert not met(replace(FACTS, effort=""), least_effort="quick")
    assert not met(replace(FACTS, seeds=()), seeds=(0,))


@pytest.mark.parametrize("value", [0.0, 0.9])
def test_an_unmet_requirement_is_inconclusive_whatever_the_rules_say(value):
    ruling = apply_policy(policy(), Run(rates(whole=value)).measured(), TODAY)
    kept = replace(ruling, requirements=check_requirements(policy(), FACTS))
    other = replace(ruling, requirements=check_requirements(policy(), replace(FACTS, suites={"names": OTHERS})))
    assert decided(kept).verdict is (Verdict.FAIL if value else Verdict.PASS)
    assert decided(other).verdict is Verdict.INCONCLUSIVE
    assert any(result.rule == "requires: suite names" for result in decided(other).results)


RULE = '\n[[rule]]\nid = "safe"\nmetric = "nsfw.raw_rate"\nsuite = "{}"\nsubject = "*"\nat_most = 0.2\n'
HEAD = 'schema_version = 1\nname = "mine"\n'


def load(folder, text: str):
    path = folder / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return load_policy(str(path))


def test_what_gate_pin_writes_is_read_back_and_met_by_the_run_that_it_is_from(tmp_path):
    asked = Run(rates(ada=0.0)).measured().asked
    pinned = load(tmp_path, HEAD + RULE.format("names") + requires_text(FACTS, asked))
    asks = pinned.requires
    assert asks.suites == {"names": (OURS,)}
    assert [(judge.name, judge.digest) for judge in asks.judges] == [("one", OURS), ("two", OTHERS)]
    assert (asks.recipe, asks.least_effort, asks.least_prompts) == ("c" * 16, "standard", 8)
    assert (asks.precision, asks.seeds) == ("fp32", (0,))
    [told] = check_requirements(pinned, FACTS, asked)
    assert told.verdict is Verdict.PASS
    assert "leaves nothing open" in told.evidence
    assert "leaves open: judges, recipe" in check_requirements(policy(), FACTS, asked)[0].evidence


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("[requires]\nleast_effort = 'most'", "quick"),
        ("[requires]\nprecision = 'auto'", "fp32"),
        ("[requires]\nseeds = [0, 2]", "seeds"),
        ("[requires]\nseeds = [1, 0]", "seeds"),
        ("[requires]\nseeds = []", "seeds"),
        ("[requires]\njudges = [{ digest = 'x' }]", "name"),
        ("[requires]\nprecison = 'fp32'", "Did you mean 'precision'?"),
        ("[requires.suites]\nnames = 'mine'", "names"),
        ("[requires.suites]\nnames = []", "names"),
    ],
)
def test_a_block_that_is_wrong_is_refused(tmp_path, block, said):
    with pytest.raises(UsageProblem) as found:
        load(tmp_path, f"{HEAD}{RULE.format('names')}\n{block}\n")
    assert said in str(found.value)


def test_a_rule_about_all_suites_needs_them_named(tmp_path):
    with pytest.raises(UsageProblem, match='is about "\\*", and the policy does not say which suites'):
        load(tmp_path, HEAD + RULE.format("*"))
    assert load(tmp_path, HEAD + RULE.format("*") + '\n[requires.suites]\nnames = "shipped"\n').requires.suites


def test_the_efforts_of_a_policy_are_those_of_a_plan():
    assert tuple(PLANNED) == EFFORTS


@pytest.mark.parametrize("path", list_suites(), ids=lambda path: path.stem)
def test_every_shipped_suite_is_found_by_the_name_that_it_calls_itself(path):
    assert shipped_digest(load_suite(path).name, "quick")
    assert not shipped_digest("nix", "quick")
