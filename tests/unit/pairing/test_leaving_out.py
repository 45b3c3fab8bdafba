import numpy as np
import pandas as pd
from worlds import World, seen

from audit.evidence import prompts_table
from audit.pairing.both_examined import folds_by_concept, folds_by_wording, leave_out
from audit.suites.expansion import GRADES

MAN = seen("man")


def ids(world: World, **wanted: str) -> set[str]:
    return {p.prompt_id for p in world.prompts if all(getattr(p, name) == value for name, value in wanted.items())}


def two_concepts() -> World:
    world = World()
    for concept in ("nurse", "pilot"):
        for number in (1, 0):
            world.ask(concept, MAN, template=f"{number} {{job}}")
            world.scale(dict.fromkeys(GRADES, MAN))
    return world


def test_one_wording_of_every_concept_is_left_out_at_once():
    world = two_concepts()
    first, second = folds_by_wording(prompts_table(world.prompts))
    assert ids(world, template="0 {job}") <= first.unit
    assert ids(world, template="1 {job}") <= second.unit
    assert first.unit | second.unit == ids(world)
    assert not first.unit & second.unit


def test_the_scale_of_a_subject_goes_with_it():
    world = two_concepts()
    first, _ = folds_by_wording(prompts_table(world.prompts))
    scale = {p.prompt_id for p in world.prompts if p.facts.get("scale_of") in ids(world, template="0 {job}")}
    assert len(scale) == 2 * len(GRADES)
    assert scale <= first.unit


def test_a_reference_loses_the_same_wording_whatever_its_slot_is_called():
    world = World()
    for template in ("{zoo} b", "a {zoo}"):
        world.ask("subject", MAN, template=template)
    for template in ("{ape} b", "a {ape}"):
        world.ask("other", MAN, role="reference", template=template)
    for one in folds_by_wording(prompts_table(world.prompts)):
        wordings = {p.template.replace("zoo", "ape") for p in world.prompts if p.prompt_id in one.unit}
        assert len(one.unit) == 2
        assert len(wordings) == 1


def test_of_more_references_than_subjects_every_one_is_left_out_once():
    world = World()
    for number in range(2):
        world.ask("subject", MAN, template=f"{number} {{x}}")
    for number in range(5):
        world.ask("other", MAN, role="reference", template=f"{number} {{y}}")
    first, second = folds_by_wording(prompts_table(world.prompts))
    assert (len(first.unit), len(second.unit)) == (4, 3)
    assert first.unit | second.unit == ids(world)


def test_a_pair_of_known_answers_is_left_out_together():
    world = World()
    for number in range(2):
        for expected in ("man", "woman"):
            world.ask("nurse", MAN, role="explicit", expected=expected, template=f"{number} {expected} {{x}}")
    for one in folds_by_wording(prompts_table(world.prompts)):
        assert sorted(p.expected for p in world.prompts if p.prompt_id in one.unit) == ["man", "woman"]


def test_a_concept_is_left_out_with_all_its_prompts():
    world = two_concepts()
    first, second = folds_by_concept(prompts_table(world.prompts))
    assert first.unit == ids(world, concept="nurse")
    assert second.unit == ids(world, concept="pilot")


def test_a_subject_and_its_own_references_go_together_whichever_names_the_other():
    world = World()
    world.ask("figure a", MAN)
    world.ask("invented a", MAN, role="reference", facts={"matched_to": "figure a"})
    world.ask("figure b", MAN, facts={"matched_to": "invented b"})
    world.ask("invented b", MAN, role="reference")
    world.ask("baker", MAN, role="reference")
    folds = folds_by_concept(prompts_table(world.prompts))
    assert [{p.concept for p in world.prompts if p.prompt_id in one.unit} for one in folds] == [
        {"baker"},
        {"figure a", "invented a"},
        {"figure b", "invented b"},
    ]
    assert [one.is_reference for one in folds] == [True, False, False]


def test_other_suites_are_apart():
    world = World()
    world.ask("nurse", MAN, suite="one")
    world.ask("nurse", MAN, suite="two")
    first, second = folds_by_concept(prompts_table(world.prompts))
    assert (first.unit, first.apart, first.suites) == (ids(world, suite="one"), ids(world, suite="two"), {"one"})
    assert (second.unit, second.suites) == (ids(world, suite="two"), {"two"})


def test_the_order_of_prompts_changes_no_unit():
    table = prompts_table(two_concepts().prompts)
    shuffled = table.iloc[np.random.default_rng(3).permutation(len(table))].reset_index(drop=True)
    assert folds_by_wording(shuffled) == folds_by_wording(table)
    assert folds_by_concept(shuffled) == folds_by_concept(table)


def test_what_is_left_out_is_left_out_of_every_table():
    world = two_concepts()
    evidence = world.evidence()
    gone = ids(world, concept="nurse")
    left = leave_out(evidence, gone)
    for table in (left.prompts, left.images, *left.scores.values()):
        assert set(table["prompt_id"]) == ids(world, concept="pilot")
    pd.testing.assert_frame_equal(evidence.prompts, world.evidence().prompts)
