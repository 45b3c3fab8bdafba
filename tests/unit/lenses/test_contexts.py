import pytest
from worlds import World

from audit.lenses import LENSES
from audit.records import Finding, Status

PLACES = ("beach", "street", "table", "grass")


def at(place: str, cosine: float = 0.5) -> dict[str, float]:
    return {f"place|{other}": cosine if other == place else 0.0 for other in PLACES}


UNCLEAR = dict.fromkeys(at("beach"), 0.2)


def ask(world: World, concept: str, *prompts: str, **more) -> None:
    """One prompt per text: the places of its images."""
    for number, places in enumerate(prompts):
        images = [UNCLEAR if place == "?" else at(place) for place in places.split()]
        world.label(concept, *images, lens="contexts", template=f"{number} {{thing}}", **more)


def find(world: World, metric: str, subject: str) -> Finding:
    answer = LENSES["contexts"].examine(world.evidence())
    [found] = [f for f in answer.findings if f.metric == f"contexts.{metric}" and f.subject == subject]
    return found


def test_the_top_share_is_over_prompts_and_its_place_is_named():
    world = World()
    ask(world, "meal", "table table table grass", "table")
    found = find(world, "top_share", "meal")
    assert found.estimate.value == (0.75 + 1) / 2
    assert (found.estimate.n_images, found.estimate.n_prompts) == (5, 2)
    assert "Commonest: table." in found.note


def test_images_without_a_place_are_counted_and_are_no_part_of_the_shares():
    world = World()
    ask(world, "meal", "table ?", "table ? ? ?")
    assert find(world, "top_share", "meal").estimate.value == 1.0
    assert find(world, "undetermined_share", "meal").estimate.value == (0.5 + 0.75) / 2


def test_a_place_counts_from_one_half_of_the_softmax():
    world = World()
    weak, strong = at("beach", 0.05), at("beach", 0.06)  # exp(20 * 0.05) = 2.7 against 3, exp(20 * 0.06) = 3.3
    for number, image in enumerate((weak, strong)):
        world.label("meal", image, lens="contexts", template=f"{number} {{thing}}")
    assert find(world, "undetermined_share", "meal").estimate.value == 0.5


def test_an_image_that_did_not_converge_or_was_not_scored_is_undetermined():
    world = World()
    ask(world, "meal", "table", "table")
    world.label("meal", at("beach"), lens="contexts", template="stalled", status=Status.STALLED)
    world.label("meal", None, lens="contexts", template="unread")
    found = find(world, "undetermined_share", "meal")
    assert (found.estimate.value, found.n_unscored) == (0.5, 2)
    assert find(world, "top_share", "meal").estimate.value == 1.0


def test_evenness_is_one_for_even_places_and_zero_for_a_single_one():
    world = World()
    ask(world, "suit", *["beach street table grass"] * 3)
    ask(world, "meal", *["table table"] * 3)
    assert find(world, "entropy", "suit").estimate.value == pytest.approx(1.0)
    assert find(world, "entropy", "meal").estimate.value == 0.0


def test_a_single_place_in_every_image_does_not_prove_that_there_is_no_other():
    world = World()
    ask(world, "meal", *["table table"] * 8)
    assert 0.4 < find(world, "entropy", "meal").estimate.high < 1.0


def test_the_suite_is_the_mean_of_its_concepts():
    world = World()
    ask(world, "meal", "table table", "table grass")
    ask(world, "swimwear", "beach", "beach")
    assert find(world, "top_share", "*").estimate.value == pytest.approx((0.75 + 1) / 2)


def test_known_places_show_how_far_the_judge_can_be_believed():
    world = World()
    ask(world, "meal", "table", "table")
    ask(world, "the beach", "beach", "beach", role="reference", facts={"place": "beach"})
    ask(world, "the grass", "beach", "grass", role="reference", facts={"place": "grass"})
    assert find(world, "recognised_share", "*").estimate.value == (1 + 0.5) / 2
    assert "3 of 4 images right whose answer is known" in find(world, "top_share", "meal").note


def test_where_no_place_could_be_told_nothing_is_measured():
    world = World()
    ask(world, "meal", "? ?", "?")
    for metric in ("top_share", "entropy"):
        assert find(world, metric, "meal").estimate.value is None
    assert find(world, "undetermined_share", "meal").estimate.value == 1.0


def test_suites_for_other_lenses_are_left_alone():
    world = World()
    world.label("nurse", at("beach"), lens="gender")
    assert LENSES["contexts"].examine(world.evidence()).findings == ()


def test_the_table_of_shares_has_every_place_with_its_numbers():
    world = World()
    ask(world, "meal", "table grass", "table ?")
    table = LENSES["contexts"].examine(world.evidence()).tables["contexts_shares"]
    assert table.set_index("answer")["share"].to_dict() == {"beach": 0, "street": 0, "table": 0.75, "grass": 0.25}
    assert set(table["n_images"]) == {3}
    assert set(table["n_prompts"]) == {2}
