"""Which concepts of a run a judge is asked to tell apart."""

from worlds import World, seen

from audit.evidence import concept_texts


def test_concepts_have_all_texts_that_name_them_and_none_of_their_scales_or_controls():
    world = World()
    world.ask("nurse", seen("man"), template="a {thing}")
    world.scale({0.0: seen("man")})
    world.ask("nurse", seen("man"), template="a male {thing}", role="explicit", expected="man")
    world.ask("clerk", seen("man"), role="reference", template="a {thing}")
    world.ask("noise 1", seen("man"), role="noise", template="noise")
    found = {one.concept: one.texts for one in concept_texts(world.evidence().prompts)}
    assert found == {"clerk": ("a clerk",), "nurse": ("a male nurse", "a nurse")}


def test_a_suite_of_one_concept_has_nothing_to_tell_apart():
    world = World()
    world.ask("nurse", seen("man"), suite="one")
    world.ask("nurse", seen("man"), suite="two")
    world.ask("pilot", seen("man"), suite="two")
    assert [one.column for one in concept_texts(world.evidence().prompts)] == ["two|nurse", "two|pilot"]


def test_without_prompts_there_are_no_concepts():
    assert concept_texts(World().evidence().prompts) == ()
