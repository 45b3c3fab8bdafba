import pytest
from worlds import World

from audit.lenses import LENSES
from audit.records import Finding, Status

CELLS = ("light_woman", "light_man", "dark_woman", "dark_man")


def look(cell: str, question: str = "tone_gender", cells: tuple[str, ...] = CELLS) -> dict[str, float]:
    return {f"{question}|{other}": 0.5 if other == cell else 0.0 for other in cells}


def ask(world: World, concept: str, *prompts: str, **more) -> None:
    """One prompt per text: the cells of its images, by their first letters; "?" is unclear."""
    short = {"lw": CELLS[0], "lm": CELLS[1], "dw": CELLS[2], "dm": CELLS[3]}
    for number, cells in enumerate(prompts):
        images = [look(short.get(cell, "")) for cell in cells.split()]
        world.label(concept, *images, lens="attributes", template=f"{number} {{thing}}", **more)


EVEN = ["lw lm dw dm"] * 4


def find(world: World, metric: str, subject: str) -> Finding:
    answer = LENSES["attributes"].examine(world.evidence())
    [found] = [f for f in answer.findings if f.metric == f"attributes.{metric}" and f.subject == subject]
    return found


def test_the_excess_is_that_of_the_intersection_farthest_above_the_other_concepts():
    world = World()
    ask(world, "surgeon", *["lm lm lm dw"] * 4)
    ask(world, "pilot", *EVEN)
    ask(world, "nurse", *["lw lw dw dm"] * 4)
    found = find(world, "tone_gender_excess", "surgeon")
    assert found.estimate.value == pytest.approx(0.75 - 0.125)
    assert "light_man: 0.75, and 0.12 over the other concepts." in found.note
    assert (found.estimate.n_images, found.estimate.n_prompts) == (16, 4)


def test_what_a_judge_sees_in_every_concept_is_no_excess():
    world = World()
    for concept in ("surgeon", "pilot", "nurse"):
        ask(world, concept, *["lm lm lm lm"] * 4)
    found = find(world, "tone_gender_excess", "surgeon").estimate
    assert found.value == 0.0
    assert found.low < 0 < found.high


def test_an_intersection_that_neither_margin_shows_is_an_interaction():
    world = World()
    ask(world, "tailor", "lm lm dw dw", "lm dw lm dw", "lm lm lm dw", "dw dw dw lm")
    ask(world, "pilot", *EVEN)
    found = find(world, "tone_gender_interaction", "tailor")
    assert found.estimate.value == pytest.approx(0.5 - 0.25)
    table = LENSES["attributes"].examine(world.evidence()).tables["attributes_margins"]
    tailor = table[table["concept"] == "tailor"].set_index("answer")["share"]
    assert tailor.to_dict() == {"light": 0.5, "dark": 0.5, "woman": 0.5, "man": 0.5}


def test_a_single_intersection_is_no_interaction():
    world = World()
    ask(world, "surgeon", *["lm lm lm lm"] * 4)
    ask(world, "pilot", *EVEN)
    assert find(world, "tone_gender_interaction", "surgeon").estimate.value == 0.0
    assert find(world, "tone_gender_interaction", "pilot").estimate.value == 0.0


def test_every_intersection_stands_beside_its_numbers():
    world = World()
    ask(world, "surgeon", "lm dw ?", "lm lm")
    ask(world, "pilot", *EVEN)
    table = LENSES["attributes"].examine(world.evidence()).tables["attributes_joint"]
    rows = table[table["concept"] == "surgeon"].set_index("answer")
    assert rows["share"].to_dict() == {"light_woman": 0, "light_man": 0.75, "dark_woman": 0.25, "dark_man": 0}
    assert set(rows["n_images"]) == {4}
    assert set(rows["n_prompts"]) == {2}
    assert set(rows["others_share"]) == {0.25}


def test_what_could_not_be_told_is_counted():
    world = World()
    ask(world, "surgeon", "lm ?", "lm lm")
    ask(world, "pilot", *EVEN)
    world.label("surgeon", look("dark_man"), lens="attributes", template="stalled", status=Status.STALLED)
    found = find(world, "tone_gender_undetermined_share", "surgeon")
    assert found.estimate.value == pytest.approx((0.5 + 0 + 1) / 3)
    assert found.n_unscored == 1


def test_two_questions_have_metrics_of_their_own():
    world = World()
    ages = ("young_woman", "young_man", "old_woman", "old_man")
    for concept, cell in (("farmer", "old_man"), ("pilot", "young_woman")):
        for number in range(3):
            both = look("light_man") | look(cell, "age_gender", ages)
            world.label(concept, both, lens="attributes", template=f"{number} {{thing}}")
    assert find(world, "age_gender_excess", "farmer").estimate.value == 1.0
    assert find(world, "tone_gender_excess", "farmer").estimate.value == 0.0


def test_known_intersections_are_recognised():
    world = World()
    ask(world, "surgeon", *EVEN)
    ask(world, "a dark man", "dm", "dm", role="reference", facts={"tone_gender": "dark_man"})
    ask(world, "a light man", "lm", "lw", role="reference", facts={"tone_gender": "light_man"})
    assert find(world, "tone_gender_recognised_share", "*").estimate.value == 0.75


def test_other_questions_are_left_alone():
    world = World()
    world.label("surgeon", {"place|beach": 0.5, "place|street": 0.0}, lens="attributes")
    assert LENSES["attributes"].examine(world.evidence()).findings == ()


def test_a_concept_with_known_intersections_of_its_own_is_measured_by_these_alone():
    world = World()
    tinted = {f"tone_gender|{cell}": 0.3 if cell.startswith("dark") else 0.0 for cell in CELLS}  # the look of a surgeon
    for concept, tint in (("surgeon", tinted), ("pilot", {})):
        for cell in CELLS:
            for number in range(2):
                seen = {key: value + tint.get(key, 0.0) for key, value in look(cell).items()}
                more = {"role": "reference", "template": f"{number} {cell} {{thing}}", "facts": {"tone_gender": cell}}
                world.label(concept, seen, lens="attributes", **more)
        for number in range(3):
            light = {key: 0.6 * value + tint.get(key, 0.0) for key, value in look("light_man").items()}
            world.label(concept, light, lens="attributes", template=f"{number} {{thing}}")
    table = LENSES["attributes"].examine(world.evidence()).tables["attributes_joint"]
    assert table[table["answer"] == "light_man"].set_index("concept")["share"].to_dict() == {"surgeon": 1, "pilot": 1}
