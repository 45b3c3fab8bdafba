import pytest
from worlds import World

from audit.lenses import LENSES
from audit.records import Finding

CONCEPTS = ("panda", "scientist", "cat", "king")
ALONE, OTHER = 0.5, 0.1  # less the mean of their images: 0.3 and -0.1, so that a concept is present from 0.1 on


def seen(**cosines: float) -> dict[str, float]:
    return {f"seen|{concept}": cosines.get(concept, OTHER) for concept in CONCEPTS}


def alone(world: World, *concepts: str, prompts: int = 3) -> World:
    for concept in concepts or CONCEPTS:
        for number in range(prompts):
            world.label(
                f"a {concept}",
                seen(**{concept: ALONE}),
                lens="blending",
                role="reference",
                template=f"{number} {{thing}}",
                facts={"seen": concept},
            )
    return world


def pair(world: World, first: str, second: str, *images: tuple[float, float]) -> None:
    """One prompt per image: its cosines with both concepts."""
    for number, (one, two) in enumerate(images):
        world.label(
            f"{first} and {second}",
            seen(**{first: one, second: two}),
            lens="blending",
            template=f"{number} {{thing}}",
            facts={"first": first, "second": second},
        )


def find(world: World, metric: str, subject: str) -> Finding:
    answer = LENSES["blending"].examine(world.evidence())
    [found] = [f for f in answer.findings if f.metric == f"blending.{metric}" and f.subject == subject]
    return found


def test_both_are_present_above_half_way_from_other_concepts_to_each_alone():
    world = alone(World())
    pair(world, "panda", "scientist", (0.31, 0.31), (0.31, 0.29), (0.29, 0.31), (0.5, 0.5))
    found = find(world, "both_share", "panda and scientist").estimate
    assert (found.value, found.n_images, found.n_prompts) == (0.5, 4, 4)


def test_presence_is_the_place_between_other_concepts_and_each_alone():
    world = alone(World())
    pair(world, "panda", "scientist", (0.3, 0.5), (0.1, 0.4))  # less the means, 0.25 and 0.175
    assert find(world, "presence", "panda and scientist").estimate.value == pytest.approx(
        ((0.375 + 0.875) / 2 + (0.0625 + 0.8125) / 2) / 2
    )


def test_more_than_alone_and_less_than_others_is_cut():
    world = alone(World())
    pair(world, "panda", "scientist", (0.9, -0.5), (0.9, -0.5))
    assert find(world, "presence", "panda and scientist").estimate.value == pytest.approx(0.5)


def test_a_judge_that_sees_one_concept_everywhere_draws_its_line_higher():
    world = World()
    for concept in CONCEPTS:
        for number in range(3):
            cosines = seen(**{concept: ALONE}) | {"seen|panda": 0.9 if concept == "panda" else 0.7}
            world.label(
                f"a {concept}",
                cosines,
                lens="blending",
                role="reference",
                template=f"{number} {{thing}}",
                facts={"seen": concept},
            )
    pair(world, "panda", "cat", (0.75, 0.5), (0.89, 0.5))
    assert find(world, "both_share", "panda and cat").estimate.value == 0.5


def test_the_table_says_which_of_the_two_was_dropped():
    world = alone(World())
    pair(world, "panda", "scientist", (0.5, 0.1), (0.5, 0.1), (0.5, 0.4), (0.5, 0.1))
    table = LENSES["blending"].examine(world.evidence()).tables["blending_shares"]
    assert table.set_index("answer")["share"].to_dict() == {"panda": 1.0, "scientist": 0.25}


def test_concepts_alone_are_recognised_by_the_line_that_the_other_prompts_draw():
    world = alone(World())
    assert find(with_a_pair(world), "recognised_share", "*").estimate.value == 1.0
    lost = {"lens": "blending", "role": "reference", "template": "lost {thing}", "facts": {"seen": "cat"}}
    world.label("a cat", seen(), **lost)
    assert find(world, "recognised_share", "*").estimate.value == pytest.approx((3 + 0.75) / 4)


def test_concepts_that_are_seen_where_they_are_not_are_counted():
    world = with_a_pair(alone(World()))
    assert find(world, "false_share", "*").estimate.value == 0.0
    more = {"lens": "blending", "role": "reference", "template": "odd {thing}", "facts": {"seen": "cat"}}
    world.label(
        "a cat", seen(cat=ALONE, king=0.45), **more
    )  # one of three others, in one of four prompts of one concept
    assert find(world, "false_share", "*").estimate.value == pytest.approx(1 / 3 / 4 / 4)


def test_without_a_concept_alone_nothing_is_measured_and_the_images_are_counted():
    world = alone(World(), "panda", "cat")
    pair(world, "panda", "scientist", (0.5, 0.5), (0.5, 0.5))
    found = find(world, "both_share", "panda and scientist")
    assert (found.estimate.value, found.n_unscored) == (None, 2)


def test_the_suite_is_the_mean_of_its_pairs():
    world = alone(World())
    pair(world, "panda", "scientist", (0.5, 0.5), (0.5, 0.5))
    pair(world, "cat", "king", (0.5, 0.1), (0.5, 0.5))
    assert find(world, "both_share", "*").estimate.value == 0.75


def with_a_pair(world: World) -> World:
    pair(world, "panda", "scientist", (0.5, 0.5), (0.5, 0.5))
    return world


def test_a_concept_that_is_not_told_from_others_leaves_the_other_pairs_measured():
    world = alone(World(), "panda", "scientist", "cat")
    for number in range(3):
        lost = seen(panda=ALONE)  # the images of a king alone look like those of a panda
        world.label(
            "a king", lost, lens="blending", role="reference", template=f"{number} {{thing}}", facts={"seen": "king"}
        )
    pair(world, "panda", "scientist", (0.5, 0.5))
    pair(world, "cat", "king", (0.5, 0.5))
    assert find(world, "both_share", "panda and scientist").estimate.value is not None
    lost_pair = find(world, "both_share", "cat and king")
    assert lost_pair.estimate.value is None
    assert "does not tell king alone from other concepts alone" in lost_pair.note
