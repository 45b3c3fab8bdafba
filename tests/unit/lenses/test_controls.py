import pandas as pd
import pytest
from worlds import UNREAD, World, add_controls, judge_card, seen

from audit.evidence import prompts_table
from audit.lenses import LENSES
from audit.lenses import controls_too_few as too_few
from audit.records import GRADE, NOTHING_SEEN, SCALE_OF, Score, Status

POSITIVE = ("woman_share", "man_share", "unclothed_flagged_share")
NEGATIVE = (
    "clothed_flagged_rate",
    "object_person_rate",
    "object_unsafe_rate",
    "noise_person_rate",
    "noise_unsafe_rate",
)


def lines(world: World, **judges) -> pd.DataFrame:
    answer = LENSES["controls"].examine(world.evidence(judges or None))
    return answer.tables["controls"].set_index("metric")


def states(world: World, **judges) -> dict[str, str]:
    return {metric.removeprefix("controls."): state for metric, state in lines(world, **judges)["state"].items()}


def measured(world: World) -> dict[str, float | None]:
    findings = LENSES["controls"].examine(world.evidence()).findings
    return {found.metric.removeprefix("controls."): found.estimate.value for found in findings}


def good_world(templates: int = 8) -> World:
    world = World()
    world.ask("nurse", seen("woman"), seen("man"))
    add_controls(world, templates=templates)
    return world


def test_what_is_read_right_on_enough_prompts_has_passed():
    table = lines(good_world())
    assert table["passed"].all()
    assert set(table["state"]) == {"passed"}
    assert set(table.index) == {f"controls.{name}" for name in (*POSITIVE, *NEGATIVE, "converged_share")}


def test_a_perfect_judge_is_not_shown_by_a_few_prompts():
    found = states(good_world(templates=2))
    assert {found[name] for name in (*POSITIVE, *NEGATIVE)} == {"not shown"}


@pytest.mark.parametrize(("wrong", "state"), [(0, "passed"), (3, "not shown"), (16, "failed")])
def test_a_control_is_decided_by_the_ends_of_its_interval(wrong, state):
    world = World()
    for number in range(16):
        seen_there = seen("mixed" if number < wrong else "no_person")
        world.ask("ball", seen_there, role="object", expected="no_person", template=f"{number} {{thing}}")
    line = lines(world).loc["controls.object_person_rate"]
    assert (line["state"], line["passed"]) == (state, state == "passed")
    assert line["measured"] == pytest.approx(wrong / 16)
    assert line["low"] <= line["measured"] <= line["high"]
    assert "16 prompts, asked at most 0.25" in line["reason"]


def test_a_hundred_images_of_one_prompt_show_nothing():
    world = World()
    world.ask("woman", *[seen("woman")] * 100, role="explicit", expected="woman")
    assert states(world)["woman_share"] == "not shown"


@pytest.mark.parametrize(("reason", "state"), [(f"{NOTHING_SEEN}: no face", "passed"), ("it crashed", "failed")])
def test_an_object_in_which_a_judge_finds_nothing_to_read_is_no_false_alarm_and_one_it_could_not_judge_is(
    reason, state
):
    world = World()
    for number in range(16):
        nothing = Score(values=None, reason=reason)
        world.ask("ball", nothing, role="object", expected="no_person", template=f"{number} {{thing}}")
        world.ask("woman", nothing, role="explicit", expected="woman", template=f"{number} {{thing}}")
    assert states(world)["object_person_rate"] == state
    assert states(world)["woman_share"] == "failed"


def people(*, unsafe: dict[str, float], count: int = 16, reads: str = "") -> World:
    """Women and men, unclothed and clothed, with the unsafe score of each; read as ``reads``, or as what they are."""
    world = World()
    for number in range(count):
        for state, score in unsafe.items():
            for gender in ("woman", "man"):
                more = {"role": "explicit", "expected": state, "facts": {"gender": gender}}
                world.ask(
                    f"{state} {gender}", seen(reads or gender, unsafe=score), template=f"{number} {{thing}}", **more
                )
    return world


def test_a_judge_that_sees_nothing_unsafe_fails_though_it_never_errs_on_the_clothed():
    found = states(people(unsafe={"unclothed": 0.0, "clothed": 0.0}))
    assert (found["unclothed_flagged_share"], found["clothed_flagged_rate"]) == ("failed", "passed")


def test_a_judge_that_flags_everything_fails_though_it_misses_nothing():
    found = states(people(unsafe={"unclothed": 1.0, "clothed": 1.0}))
    assert (found["unclothed_flagged_share"], found["clothed_flagged_rate"]) == ("passed", "failed")


def test_order_alone_is_not_enough():
    world = people(unsafe={"unclothed": 0.4, "clothed": 0.1})
    assert measured(world)["clothing_ordered_share"] == 1.0
    assert states(world)["unclothed_flagged_share"] == "failed"


def test_the_clothed_are_controls_of_gender_too_and_the_unclothed_are_not():
    assert states(people(unsafe={"clothed": 0.1}, reads="man"))["woman_share"] == "failed"
    assert states(people(unsafe={"clothed": 0.1}, reads="man"))["man_share"] == "passed"
    assert states(people(unsafe={"unclothed": 0.9}, reads="man"))["woman_share"] == "not measured"


def test_scales_and_floors_of_concepts_are_no_test_of_the_judge():
    world = World()
    for number in range(16):
        for facts in ({SCALE_OF: "x", GRADE: -1.0}, {SCALE_OF: "x"}):
            for answer in ("woman", "clothed"):
                more = {
                    "role": "explicit",
                    "expected": answer,
                    "facts": facts,
                    "template": f"{number} {len(facts)} {{thing}}",
                }
                world.ask("nurse", seen("man", unsafe=1.0), **more)
    found = states(world)
    assert (found["woman_share"], found["clothed_flagged_rate"]) == ("not measured", "not measured")


@pytest.mark.parametrize("metric", [*POSITIVE, *NEGATIVE])
def test_a_judge_that_says_nothing_has_not_shown_that_it_sees(metric):
    world = good_world()
    world.scores = [UNREAD] * len(world.scores)
    assert states(world)[metric] == "failed"


def test_equal_scores_are_not_in_order():
    world = World()
    for gender in ("man", "woman"):
        world.ask("baker", seen("mixed"), role="explicit", expected=gender, template=f"{gender} {{thing}}")
    assert measured(world)["ordered_share"] == 0.0


def test_prompts_without_a_partner_of_their_concept_are_paired_by_template():
    world = World()
    for number in range(3):
        for gender in ("man", "woman"):
            world.ask(gender, seen(gender), role="explicit", expected=gender, template=f"{number} {{thing}}")
    [found] = [f for f in LENSES["controls"].examine(world.evidence()).findings if f.metric == "controls.ordered_share"]
    assert found.estimate.value == 1.0
    assert "3 pairs; 0 prompts found no partner." in found.note


@pytest.mark.parametrize("metric", [*POSITIVE, *NEGATIVE])
def test_a_missing_control_has_not_passed(metric):
    world = World()
    world.ask("nurse", seen("woman"))
    line = lines(world).loc[f"controls.{metric}"]
    assert (line["passed"], line["state"], line["reason"]) == (False, "not measured", "not measured")


def test_order_is_measured_only_where_the_suites_hold_pairs_and_has_no_line():
    world = World()
    world.ask("nurse", seen("woman"))
    assert not {"clothing_ordered_share", "ordered_share"} & set(measured(world))
    assert "controls.ordered_share" not in lines(good_world()).index


def test_too_few_converged_fail():
    world = good_world()
    for number in range(400):
        world.ask("stalled", seen("man"), status=Status.STALLED, template=f"s{number} {{thing}}")
    assert states(world)["converged_share"] == "failed"


def test_unconverged_controls_are_no_evidence():
    world = World()
    world.ask("ball", seen("man"), role="object", status=Status.STALLED)
    assert lines(world).loc["controls.object_person_rate", "reason"] == "not measured"


def test_questions_that_no_judge_asks_need_no_control():
    table = lines(good_world(), eye=judge_card("eye", ("nsfw",)))
    assert set(table["question"]) == {"", "nsfw"}


def test_second_judge_does_not_decide():
    world = good_world()
    answer = LENSES["controls"].examine(world.evidence({"a": judge_card("a"), "b": judge_card("b")}))
    assert set(answer.tables["controls"]["judge"]) == {"", "a"}
    assert set(answer.tables["controls_other_judges"]["judge"]) == {"b"}


def test_lines_are_held_at_one_level_whatever_findings_are_asked_at():
    evidence = good_world().evidence()
    tables = [LENSES["controls"].examine(evidence, level=level).tables["controls"] for level in (0.95, 0.9999)]
    pd.testing.assert_frame_equal(*tables)


def test_the_plan_knows_which_controls_cannot_pass_and_how_many_prompts_it_takes():
    few = {one.control: (one.prompts, one.wanted) for one in too_few(prompts_table(good_world(2).prompts), {"nsfw"})}
    assert few["unclothed people flagged as unsafe"] == (4, 13)
    assert few["clothed people flagged as unsafe"] == (4, 13)
    assert too_few(prompts_table(good_world().prompts), {"nsfw", "gender"}) == ()


def test_what_the_plan_calls_enough_is_enough_and_one_less_is_not():
    for count, state in ((12, "not shown"), (13, "passed")):
        world = World()
        for number in range(count):
            world.ask("woman", seen("woman"), role="explicit", expected="woman", template=f"{number} {{thing}}")
        assert states(world)["woman_share"] == state


def test_an_image_in_which_no_class_stands_out_is_not_seen():
    world = World()
    unclear = Score(
        values={**dict.fromkeys(("woman", "man", "mixed", "no_person"), 0.25), "signed": 0.0, "unsafe": 0.1}
    )
    for number in range(16):
        world.ask("woman", unclear, role="explicit", expected="woman", template=f"{number} {{thing}}")
    assert states(world)["woman_share"] == "failed"
