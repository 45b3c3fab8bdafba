"""Pseudonyms: how a name may be spelt, what else tells who is meant, and that everybody keeps one."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import pandas as pd
import pytest
from report_source import make_evidence, make_finding, make_prompts

from audit.evidence import prompts_table
from audit.records import Decision, RuleLine, RuleResult, Verdict, WaivedBy
from audit.report.pseudonyms import SOMEBODY, Pseudonyms, make_pseudonyms

PASS = Decision(verdict=Verdict.PASS, results=())


def people(*names: str, suite: str = "names"):
    return [replace(one, group="figure") for one in make_prompts(names, suite, women=False)]


def pseudonyms(*names: str, salt: str = "salt", decision: Decision = PASS) -> Pseudonyms:
    return make_pseudonyms(prompts_table(people(*names)), decision, salt=salt)


@pytest.mark.parametrize(
    "spelt",
    [
        "Zoé Ilko-Dest", "ZOÉ ILKO-DEST", "zoé_ilko_dest", "zoé-ilko-dest", "zoé%20ilko-dest", "Zoé  Ilko\nDest",
        unicodedata.normalize("NFD", "Zoé Ilko-Dest"),
    ],
)  # fmt: skip
def test_a_name_is_found_however_it_is_spelt(spelt):
    assert pseudonyms("Zoé Ilko-Dest").text(f"a photo of {spelt}'s hat") == "a photo of Person 01's hat"


def test_a_long_part_of_a_name_is_found_as_the_suite_writes_it():
    told = pseudonyms("Zora Ilko Baker")
    assert told.text("Zora, and a baker of Li") == "Person 01, and a baker of Li"


def test_a_part_that_two_people_share_stands_for_neither():
    assert pseudonyms("Zora Halm", "Zora Tull").text("Zora waves") == f"{SOMEBODY} waves"


def test_other_words_stay():
    text = "a photo of an adult, zora's fennilko and 0123456789abcdef"
    assert pseudonyms("Fenn Ilko").text(text) == text


def test_numbers_do_not_follow_the_order_of_the_suite():
    names = [f"Nn{chr(97 + k)} Oo" for k in range(26)]
    numbered = [pseudonyms(*names).names[name] for name in names]
    assert numbered != sorted(numbered)
    assert sorted(numbered) == [f"Person {k:02}" for k in range(1, 27)]
    assert numbered != [pseudonyms(*names, salt="another run").names[name] for name in names]
    assert pseudonyms(*reversed(names)).names == pseudonyms(*names).names


def test_only_people_and_who_answers_for_waivers_get_one():
    by = WaivedBy(owner="Ada Moor", until="2027-01-01", reason="x")
    decision = replace(PASS, results=(RuleResult(rule="r", verdict=Verdict.FAIL, evidence="e", waived=by),))
    prompts = prompts_table([*people("Fenn Ilko"), *make_prompts(["nurse"], "jobs", women=True)])
    assert set(make_pseudonyms(prompts, decision, salt="").names) == {"Fenn Ilko", "Ada Moor"}


def test_evidence_keeps_its_numbers_and_loses_names_ids_facts_and_seeds():
    known = [replace(one, facts={"field": "film"}) for one in people("Fenn Ilko", "Mira Sol")]
    evidence = make_evidence(known)
    told = make_pseudonyms(evidence.prompts, PASS, salt="").evidence(evidence)
    tables = [told.prompts, told.images, *told.scores.values()]
    text = " ".join(table.to_csv() for table in tables)
    for secret in ("Fenn", "Ilko", "Mira", "film", *evidence.prompts["prompt_id"]):
        assert secret not in text
    assert set(told.images["seed"]) == {0}
    assert sorted(told.images["own_cosine"]) == sorted(evidence.images["own_cosine"])
    assert told.prompts["prompt_id"].tolist() == sorted(told.prompts["prompt_id"])


def test_pictures_and_scores_still_belong_to_their_prompts():
    evidence = make_evidence(people("Fenn Ilko", "Mira Sol"))
    named = make_pseudonyms(evidence.prompts, PASS, salt="")
    told = named.evidence(evidence)
    before = evidence.images.merge(evidence.prompts, on="prompt_id").set_index("own_cosine")["concept"]
    after = told.images.merge(told.prompts, on="prompt_id").set_index("own_cosine")["concept"]
    assert after.sort_index().tolist() == before.map(named.names).sort_index().tolist()


def test_findings_and_lines_of_a_rule_are_told_in_an_order_that_tells_nothing():
    names = [f"Nn{chr(97 + k)} Oo" for k in range(12)]
    named = pseudonyms(*names)
    findings = named.findings([make_finding("nsfw.rate", name, 0.1, suite="s") for name in names])
    lines = [
        RuleLine(rule_id="r", metric="nsfw.rate", suite="s", subject=name, threshold={}, estimate=None)
        for name in names
    ]
    results = tuple(RuleResult(rule=f"r {x.subject}", verdict=Verdict.PASS, evidence="", line=x) for x in lines)
    decision = named.decision(Decision(verdict=Verdict.PASS, results=results))
    assert [one.subject for one in findings] == sorted(named.names.values())
    assert [one.rule for one in decision.results] == [f"r {name}" for name in sorted(named.names.values())]
    assert decision.verdict is Verdict.PASS


def test_columns_of_tables_are_texts_too_and_numbers_stay():
    table = pd.DataFrame({"names|who|Fenn Ilko": [0.5, 0.25], "concept": ["nurse", "Fenn Ilko"]})
    told = pseudonyms("Fenn Ilko").table(table)
    assert told.to_dict("list") == {"names|who|Person 01": [0.25, 0.5], "concept": ["Person 01", "nurse"]}


def test_what_was_read_in_pictures_of_people_is_left_out():
    """Letters of a name are no whole name, and would be missed."""
    evidence = make_evidence([*people("Fenn Ilko"), *make_prompts(["nurse"], "jobs", women=True)])
    concepts = evidence.prompts.set_index("prompt_id")["concept"]
    ((name, scores),) = evidence.scores.items()
    texts = scores["prompt_id"].map(concepts).map({"Fenn Ilko": "FENIL", "nurse": "NURS"}).astype("str")
    judge = replace(evidence.judges[name], text="read")
    evidence = replace(evidence, scores={name: scores.assign(read=texts)}, judges={name: judge})
    named = make_pseudonyms(evidence.prompts, PASS, salt="")
    assert set(named.evidence(evidence).scores[name]["read"]) == {"", "NURS"}
    read = pd.DataFrame({"concept": ["Fenn Ilko", "nurse"], "answer": ["FENIL", "NURS"]})
    assert named.tables({"letters_read": read})["letters_read"]["answer"].tolist() == ["NURS"]


def test_without_people_nothing_changes():
    assert pseudonyms().text("a photo of a nurse") == "a photo of a nurse"
