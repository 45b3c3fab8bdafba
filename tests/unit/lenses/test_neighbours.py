import json
import tomllib

import numpy as np
import pytest
from text_worlds import SAFE, UNSAFE, embedded, named
from worlds import World

from audit.evidence import Evidence
from audit.lenses import LENSES
from audit.lenses.neighbours import common_words, masked, unsafe_words
from audit.records import Finding
from audit.suites import load_suite, suite_path

LENS = LENSES["neighbours"]


def found(evidence: Evidence, metric: str, subject: str) -> Finding:
    [one] = [f for f in LENS.examine(evidence).findings if (f.metric, f.subject) == (f"neighbours.{metric}", subject)]
    return one


def test_all_words_that_are_nearest_are_unsafe_on_their_axis_and_none_on_the_other():
    evidence = embedded(named("zelkanear", "zelkafar"), {"zelkanear": np.pi / 2, "zelkafar": 0.0})
    assert found(evidence, "unsafe_share", "zelkanear").estimate.value == 1.0
    assert found(evidence, "unsafe_share", "zelkafar").estimate.value == 0.0


def test_nearest_words_are_a_tenth_of_a_small_vocabulary():
    assert "5 nearest of 50 words" in found(embedded(named("zelkaone"), {"zelkaone": 0.0}), "pull", "zelkaone").note


def test_pull_is_the_difference_of_mean_cosines():
    evidence = embedded(named("zelkahalf"), {"zelkahalf": np.pi / 6})
    texts = evidence.texts
    own = [row.text for row in evidence.prompts.itertuples()]
    expected = (texts.of(own) @ texts.of(UNSAFE).T).mean() - (texts.of(own) @ texts.of(SAFE).T).mean()
    assert found(evidence, "pull", "zelkahalf").estimate.value == pytest.approx(float(expected), abs=1e-6)


def test_pull_orders_names_where_shares_saturate():
    angles = {f"name {place}": 0.1 * place for place in range(5)}
    evidence = embedded(named(*angles), angles)
    pulls = [found(evidence, "pull", name).estimate.value for name in angles]
    assert pulls == sorted(pulls)
    assert {found(evidence, "unsafe_share", name).estimate.value for name in angles} == {0.0}


def test_excess_is_over_the_controls():
    angles = {"zelkanear": np.pi / 2, "control one": 0.0, "control two": 0.1}
    evidence = embedded(named(*angles), angles)
    assert found(evidence, "excess", "zelkanear").estimate.value == 1.0
    assert found(evidence, "pull_excess", "zelkanear").estimate.value > 1.8


def test_p_of_a_name_is_its_place_among_the_controls():
    angles = {"zelkanear": 1.0, **{f"control {place}": 0.1 * place for place in range(4)}}
    assert found(embedded(named(*angles), angles), "pull_excess", "zelkanear").p_value == pytest.approx(1 / 5)


def test_a_name_among_its_controls_has_no_small_p():
    angles = {"zelkaamid": 0.15, **{f"control {place}": 0.1 * place for place in range(4)}}
    assert found(embedded(named(*angles), angles), "pull_excess", "zelkaamid").p_value == pytest.approx(3 / 5)


def test_references_have_no_excess_of_their_own():
    angles = {"zelkanear": 1.0, "control one": 0.0}
    metrics = {f.metric for f in LENS.examine(embedded(named(*angles), angles)).findings if f.subject == "control one"}
    assert metrics == {"neighbours.unsafe_share", "neighbours.pull"}


def test_matched_names_are_compared_in_pairs():
    world = World()
    angles = {}
    for number in range(6):
        for name, facts in ((f"figure {number}", {}), (f"twin {number}", {"matched_to": f"figure {number}"})):
            world.ask(name, suite="s", lens="neighbours", role="text", facts=facts)
            world.ask(name, suite="s", lens="neighbours", role="text", facts=facts, template="this is {thing}")
            angles[name] = 0.1 * number + (0.0 if facts else 0.2)
    whole = found(embedded(world, angles), "pull_excess", "*")
    assert whole.estimate.method_text == "t over matched pairs"
    assert whole.p_value == pytest.approx(2 / 2**6)


def test_suites_of_names_and_roles_are_screened_too():
    world = World()
    world.ask("zelka", lens="nsfw")
    world.ask("nurse", lens="gender", role="reference")
    world.ask("lamp", lens="controls")
    subjects = {f.subject for f in LENS.examine(embedded(world, {"zelka": 1.0, "nurse": 0.0, "lamp": 0.0})).findings}
    assert subjects == {"zelka", "nurse", "*"}


def test_a_suite_may_bring_unsafe_words_of_its_own():
    world = named("zelkanear")
    world.ask("bare", suite="neighbours", lens="neighbours", role="text", group="unsafe")
    answer = LENS.examine(embedded(world, {"zelkanear": 1.5, "bare": 1.5}))
    assert "bare" not in {f.subject for f in answer.findings}
    words = answer.tables["neighbours_words"]
    assert words.loc[words["word"] == "b**e", "unsafe"].all()


def test_nothing_is_said_where_no_unsafe_word_was_read():
    world = World()
    world.ask("zelka", lens="nsfw")
    assert LENS.examine(world.evidence()).findings == ()


def test_no_unsafe_word_is_shown_whole():
    answer = LENS.examine(embedded(named("zelkanear"), {"zelkanear": np.pi / 2}))
    words = set(answer.tables["neighbours_words"]["word"])
    assert words & {masked(word) for word in UNSAFE}
    assert not words & set(UNSAFE)


def test_words_are_wanted_where_something_is_screened():
    world = World()
    world.ask("zelka", lens="nsfw")
    other = World()
    other.ask("zelka", lens="contexts")
    assert set(LENS.wants(world.evidence().prompts)) == {*common_words(), *unsafe_words()}
    assert LENS.wants(other.evidence().prompts) == ()


def test_the_vocabulary_is_of_about_ten_thousand_common_words_and_no_unsafe_one():
    assert 9_500 < len(common_words()) <= 10_000
    assert not set(common_words()) & set(unsafe_words())


def test_the_screen_holds_names_of_the_suite_of_public_figures_with_their_matches():
    screen, figures = (tomllib.loads(suite_path(name).read_text("utf-8"))["slots"] for name in NAMED)
    for slot in ("figure", "invented"):
        known = [json.dumps(entry, sort_keys=True) for entry in figures[slot]]
        assert all(json.dumps(entry, sort_keys=True) in known for entry in screen[slot])
    assert {entry["matched_to"] for entry in screen["invented"]} == {entry["concept"] for entry in screen["figure"]}


NAMED = ("neighbours", "public_figures")


@pytest.mark.parametrize("fact", ["gender", "field", "region"])
def test_the_screen_is_balanced(fact):
    prompts = load_suite(suite_path("neighbours")).prompts
    values = [prompt.facts[fact] for prompt in prompts if prompt.group == "figure"]
    assert len({values.count(value) for value in values}) == 1
