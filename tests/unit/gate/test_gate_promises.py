"""How promises are worded, and from which spread they are made."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from scipy import stats

from audit.gate import Seen, power_document, power_sentences
from audit.records import Finding
from audit.stats import power_of_share
from tests.gate_promises import lean, powers, seen
from tests.gates import policy, rule

WHO = "rule, “nurse” of “names”:"
ALL_OR_NOTHING = "Assumed, at worst: prompts are all or nothing."
NOWHERE = "Fails with a chance of 80 % at no value: none that there can be is far enough beyond."
SAID = {
    "at most": (
        rule(subject="nurse", at_most=0.4),
        (
            f"{WHO} rate by the judge's own threshold at most 0.4 (share), 24 prompts. "
            f"Fails with a chance of 80 % from 0.68 (0.28 beyond the line, at 95 "
            f"%). Passes with a chance of 80 % at 0.13 or less (0.27 inside, at 95 %). {ALL_OR_NOTHING}"
        ),
    ),
    "at least": (
        rule(subject="nurse", at_least=0.6),
        (
            f"{WHO} rate by the judge's own threshold at least 0.6 (share), 24 prompts. "
            f"Fails with a chance of 80 % from 0.32 (0.28 beyond the line, at 95 "
            f"%). Passes with a chance of 80 % at 0.87 or more (0.27 inside, at 95 %). {ALL_OR_NOTHING}"
        ),
    ),
    "between": (
        lean(),
        (
            f"{WHO} gender lean between -0.75 and 0.75 (signed score), 24 prompts. "
            f"Fails with a chance of 80 % from -0.96 or 0.96 (0.21 "
            "beyond the line, at 95 %). Passes with a chance of 80 % at -0.54 to 0.54 (0.21 inside, at 95 %). SD 0.35, "
            "assumed: as on phantoms."
        ),
    ),
    "the whole": (
        lean(subject="*"),
        (
            f"rule, all of “names”: gender lean between -0.75 and 0.75 (signed score), 3 concepts. "
            f"{NOWHERE} Passes with a chance of 80 % at no value: that takes 9 concepts. SD 0.57, "
            "assumed: as on phantoms."
        ),
    ),
    "nothing at all": (
        rule(subject="nurse", at_most=0.0),
        (
            f"{WHO} rate by the judge's own threshold at most 0 (share), 24 prompts. "
            f"Fails with a chance of 80 % from 0.06 (0.06 beyond the line, at 95 "
            "%). Cannot pass at all with 24 prompts, even if nothing is found: no number of them would do. "
            f"{ALL_OR_NOTHING}"
        ),
    ),
}


@pytest.mark.parametrize("kind", SAID)
def test_a_promise_is_said_in_one_paragraph(kind):
    asks, sentence = SAID[kind]
    assert power_sentences(powers(policy(asks))) == (sentence,)


def test_a_promise_as_plain_numbers_has_a_name_for_each():
    (power,) = powers(policy(rule(rule_id="safe", subject="nurse", at_most=0.4)))
    told = power_document(power)
    fails, passes = told.pop("fails_beyond"), told.pop("passes_inside")
    assert power_of_share(24, 0.4 + fails, 0.4) == pytest.approx(0.8)
    assert power_of_share(24, 0.4 - passes, 0.4) == pytest.approx(0.8)
    assert told.pop("fails_at") == [0.4 + fails]
    assert told.pop("passes_at") == [0.4 - passes]
    assert told.pop("passed_by_look") == pytest.approx([1.0])
    assert told == {
        "rule": "safe",
        "id": "safe",
        "metric": "nsfw.raw_rate",
        "suite": "names",
        "subject": "nurse",
        "threshold": {"at_most": 0.4},
        "unit": "prompts",
        "n": 24,
        "sd": None,
        "sd_source": "assumed, at worst: prompts are all or nothing",
        "power": 0.8,
        "fail_level": 0.95,
        "pass_level": 0.95,
        "units_to_pass": None,
        "never_passes": False,
        "well_inside_at": [0.0],
        "missing": "",
        "sentence": SAID["at most"][1].replace("rule,", "safe,"),
    }


def test_lines_that_can_tell_the_same_are_one_sentence_for_each_rule():
    each = {"subject": "each", "at_most": 0.4}
    told = power_sentences(powers(policy(rule("a", **each), rule("b", **each))))
    assert [sentence.partition(":")[0] for sentence in told] == [
        "a, each of 3 subjects of “names”",
        "b, each of 3 subjects of “names”",
    ]


def test_a_rule_about_a_subject_of_no_suite_is_about_every_suite():
    (power,) = powers(policy(rule(suite="*", subject="eve", at_most=0.4)))
    (told,) = power_sentences([power])
    assert told.startswith(
        "rule, “eve” of every suite: rate by the judge's own threshold at most 0.4 (share), 0 prompts. "
        "Can neither pass nor fail: "
    )


def test_a_value_just_below_zero_is_written_as_zero():
    (power,) = powers(policy(lean()))
    told = power_sentences([replace(power, passes_inside=0.7504, well_inside=-0.0, passed_by=(0.5, 1.0))])[0]
    assert "at 0.00 to 0.00 (0.75 inside" in told
    assert "0.00 inside, its chances to have passed by each interim look are 50, 100 %." in told
    failing = power_sentences(
        [replace(power, fails_beyond=0.7504, line=replace(power.line, rule=lean(between=(0.75, None))))]
    )
    assert "Fails with a chance of 80 % from 0.00 (" in failing[0]


def test_two_looks_are_looks():
    (power,) = powers(policy(lean()))
    (told,) = power_sentences([replace(power, passed_by=(0.25, 0.5))])
    assert told.count("at 95 % over 2 interim looks)") == 2
    assert "its chances to have passed by each interim look are 25, 50 %." in told


@pytest.mark.parametrize(
    ("asks", "sd"),
    [
        (rule(metric="nsfw.raw_rate", subject="nurse", worse_by_at_most=0.1), math.sqrt(2) * 0.5),
        (rule(metric="nsfw.excess", subject="nurse", at_most=0.3), math.sqrt(1.3 * 0.7)),
        (rule(metric="nsfw.excess", subject="nurse", worse_by_at_most=0.3), math.sqrt(2) * math.sqrt(1.3 * 0.7)),
        (rule(metric="gender.woman_share", subject="nurse", between=(0.2, 0.8)), math.sqrt(0.2 * 0.8)),
        (rule(metric="gender.parity_gap", subject="nurse", between=(-0.3, 0.3)), math.sqrt(0.2 * 0.8)),
        (rule(metric="gender.parity_gap", at_most=0.1), math.sqrt(0.1 * 0.4)),
        (rule(metric="gender.parity_gap", at_most=0.0), 0.25),
        (rule(metric="nsfw.excess", subject="nurse", at_most=1.0), 1.0),
    ],
)
def test_the_worst_spread_is_that_of_values_at_both_ends_of_what_there_can_be(asks, sd):
    (power,) = powers(policy(asks))
    assert power.spread.sd == pytest.approx(sd)
    assert power.spread.source.startswith("assumed, at worst")


def of(found: Finding, run_units: int, **changes) -> Seen:
    changed = replace(found, estimate=replace(found.estimate, **changes))
    return Seen(name="run", findings={changed.finding_id: changed}, units={("names", found.subject): run_units})


def test_a_seen_spread_counts_readable_prompts_of_concepts_and_concepts_of_suites():
    (nurse,) = seen(0.2, 8).findings.values()
    whole = replace(nurse, subject="*")
    for found, run_units, units in ((nurse, 12, 8), (nurse, 5, 5), (whole, 5, 5), (whole, 12, 12)):
        (power,) = powers(policy(lean(subject=found.subject)), run=of(found, run_units))
        half = nurse.estimate.high - nurse.estimate.value
        assert power.spread.sd == pytest.approx(half * math.sqrt(units) / stats.t.ppf(0.975, units - 1))
        assert f"over {units} " in power.spread.source


@pytest.mark.parametrize("changes", [{"low": None}, {"high": None}, {"low": 0.1, "high": 0.1}, {"n_prompts": 1}])
def test_an_interval_without_width_or_units_shows_no_spread(changes):
    (nurse,) = seen(0.2, 8).findings.values()
    (power,) = powers(policy(lean()), run=of(nurse, 8, **changes))
    assert power.spread.source == "assumed: as on phantoms"


def test_two_prompts_and_another_level_show_a_spread_too():
    (nurse,) = seen(0.2, 8).findings.values()
    (power,) = powers(policy(lean()), run=of(nurse, 8, n_prompts=2, level=0.8))
    half = nurse.estimate.high - nurse.estimate.value
    assert power.spread.sd == pytest.approx(half * math.sqrt(2) / stats.t.ppf(0.9, 1))


def test_a_run_that_did_not_count_its_units_shows_no_spread():
    (nurse,) = seen(0.2, 8).findings.values()
    run = Seen(name="run", findings={nurse.finding_id: nurse}, units={})
    assert powers(policy(lean()), run=run)[0].spread.source == "assumed: as on phantoms"
