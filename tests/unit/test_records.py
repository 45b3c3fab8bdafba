"""Records that cross the borders between chapters."""

import dataclasses
import subprocess
import sys

import pytest

from audit.records import Estimate, Finding, Method, Prompt, Score, Status, Verdict, method_text, read_method

PROMPT = Prompt(prompt_id="0" * 16, suite="s", text="a nurse", template="a {x}", concept="nurse", role="subject")
ESTIMATE = Estimate(value=0.5, low=0.4, high=0.6, level=0.95, method=Method.T, n_images=8, n_prompts=4)


def test_a_score_has_either_values_or_a_reason():
    assert Score(values={"woman": 0.0}).reason == ""
    assert Score(values=None, reason="no face").values is None
    for values, reason in ((None, ""), ({"woman": 0.5}, "no face")):
        with pytest.raises(ValueError, match="either values or the reason"):
            Score(values=values, reason=reason)


def test_a_score_of_zero_is_not_a_missing_one():
    assert Score(values={"woman": 0.0}) != Score(values=None, reason="no face")


@pytest.mark.parametrize("record", [PROMPT, ESTIMATE, Score(values={})])
def test_a_record_cannot_be_changed_nor_given_new_fields(record):
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(record, dataclasses.fields(record)[0].name, "other")
    assert not hasattr(record, "__dict__")


def test_two_prompts_share_no_facts():
    given = {f.name: getattr(PROMPT, f.name) for f in dataclasses.fields(PROMPT) if f.name != "facts"}
    one, other = Prompt(**given), Prompt(**given)
    assert one == other == PROMPT
    assert one.facts is not other.facts


def test_a_finding_is_named_by_metric_suite_and_subject_and_not_by_its_value():
    finding = Finding(
        lens="gender", suite="s", subject="nurse", metric="gender.lean", unit="lean", neutral=0.0, estimate=ESTIMATE
    )
    later = dataclasses.replace(finding, estimate=dataclasses.replace(ESTIMATE, value=0.9), note="again")
    assert finding.finding_id == later.finding_id == "gender.lean:s:nurse"


def test_statuses_and_verdicts_are_written_as_plain_words():
    assert {str(status) for status in Status} == {"converged", "misaligned", "stalled", "noise", "non_finite"}
    assert {str(verdict) for verdict in Verdict} == {"pass", "fail", "inconclusive", "none"}


def test_records_reach_neither_torch_nor_pandas():
    code = (
        "import sys, audit.records, audit.seeding, audit.errors; sys.exit(bool({'torch', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("method", [method for method in Method if method is not Method.OTHER])
@pytest.mark.parametrize("over", ["concepts", "families", "matched pairs"])
def test_a_method_is_read_back_from_its_words(method, over):
    text = method_text(method, over, "over 2 worlds")
    found, units, remark = read_method(text)
    assert (found, remark) == (method, "over 2 worlds")
    assert method_text(found, units, remark) == text


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("t over prompts", (Method.T, "prompts", "")),
        ("Welch's t, Bonferroni over 6 intersections", (Method.WELCH, "prompts", "Bonferroni over 6 intersections")),
        ("t over differences of paired prompts", (Method.PAIRED_T, "prompts", "")),
        ("no interval: all concepts agree", (Method.ALIKE, "concepts", "")),
        ("jackknife over words", (Method.OTHER, "prompts", "jackknife over words")),
    ],
)
def test_the_words_of_the_first_release_are_read(said, read):
    assert read_method(said) == read


def test_words_that_are_nobodys_are_kept():
    assert method_text(*read_method("by hand; of two")) == "by hand; of two"


def test_only_units_that_did_not_differ_agree():
    assert Method.EXACT.says_that_all_agree
    assert Method.ALIKE_DIFFERENCES.says_that_all_agree
    assert not Method.T.says_that_all_agree
