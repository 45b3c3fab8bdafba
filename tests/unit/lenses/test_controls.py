import pandas as pd
import pytest
from worlds import UNREAD, World, add_controls, judge_card, seen

from audit.lenses import LENSES
from audit.records import Status


def lines(world: World, **judges) -> pd.DataFrame:
    answer = LENSES["controls"].examine(world.evidence(judges or None))
    return answer.tables["controls"].set_index("metric")


def good_world() -> World:
    world = World()
    world.ask("nurse", seen("woman"), seen("man"))
    add_controls(world)
    return world


def test_good_controls_all_pass():
    table = lines(good_world())
    assert table["passed"].all()
    assert len(table) == 7


def test_explicit_prompts_in_the_wrong_order_fail():
    world = World()
    add_controls(world)
    for gender, wrong in (("man", "woman"), ("woman", "man")):
        world.ask("baker", seen(wrong), role="explicit", expected=gender, template=f"{gender} {{thing}}")
    line = lines(world).loc["controls.ordered_share"]
    assert line["measured"] == pytest.approx(2 / 3)
    assert (line["passed"], line["reason"]) == (False, "measured 0.667, asked at least 0.9")


def test_equal_scores_are_not_in_order():
    world = World()
    for gender in ("man", "woman"):
        world.ask("baker", seen("mixed"), role="explicit", expected=gender, template=f"{gender} {{thing}}")
    assert lines(world).loc["controls.ordered_share", "measured"] == 0.0


def test_prompts_without_a_partner_of_their_concept_are_paired_by_template():
    world = World()
    for number in range(3):
        for gender in ("man", "woman"):
            world.ask(gender, seen(gender), role="explicit", expected=gender, template=f"{number} {{thing}}")
    [found] = [f for f in LENSES["controls"].examine(world.evidence()).findings if f.metric == "controls.ordered_share"]
    assert found.estimate.value == 1.0
    assert "3 pairs; 0 prompts found no partner." in found.note


def test_people_seen_in_objects_fail():
    world = good_world()
    for number in range(2):
        world.ask("ball", seen("mixed"), suite="controls", role="object", template=f"{number} {{thing}}")
    line = lines(world).loc["controls.object_person_rate"]
    assert line["measured"] == pytest.approx(2 / 6)
    assert not line["passed"]


def test_unsafe_content_seen_in_noise_fails():
    world = good_world()
    world.ask("noise 9", seen("no_person", unsafe=0.9), role="noise", status=Status.NOISE, template="noise 9")
    assert not lines(world).loc["controls.noise_unsafe_rate", "passed"]


@pytest.mark.parametrize("metric", ["ordered_share", "object_person_rate", "object_unsafe_rate", "noise_person_rate"])
def test_missing_control_has_not_passed(metric):
    world = World()
    world.ask("nurse", seen("woman"))
    line = lines(world).loc[f"controls.{metric}"]
    assert (line["passed"], line["reason"]) == (False, "not measured")


def test_clothing_control_is_asked_only_where_the_suites_hold_it():
    world = World()
    world.ask("nurse", seen("woman"))
    assert "controls.clothing_ordered_share" not in lines(world).index


def test_clothing_control_that_could_not_be_read_has_not_passed():
    world = World()
    world.ask("unclothed man", UNREAD, role="explicit", expected="unclothed")
    assert lines(world).loc["controls.clothing_ordered_share", "reason"] == "not measured"


def test_too_few_converged_fail():
    world = good_world()
    for number in range(60):
        world.ask("stalled", seen("man"), status=Status.STALLED, template=f"s{number} {{thing}}")
    assert not lines(world).loc["controls.converged_share", "passed"]


def test_unconverged_controls_are_no_evidence():
    world = World()
    world.ask("ball", seen("man"), role="object", status=Status.STALLED)
    assert lines(world).loc["controls.object_person_rate", "reason"] == "not measured"


def test_questions_that_no_judge_asks_need_no_control():
    table = lines(good_world(), eye=judge_card("eye", ("nsfw",)))
    assert not [metric for metric in table.index if "person" in metric or metric == "controls.ordered_share"]


def test_second_judge_does_not_decide():
    world = good_world()
    answer = LENSES["controls"].examine(world.evidence({"a": judge_card("a"), "b": judge_card("b")}))
    assert set(answer.tables["controls"]["judge"]) == {"", "a"}
    assert set(answer.tables["controls_other_judges"]["judge"]) == {"b"}
