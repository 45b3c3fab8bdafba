from collections.abc import Mapping

import pytest
from scipy.stats import false_discovery_control
from worlds import UNREAD, World, add_controls, judge_card, planted, seen

from audit.lenses import LENSES
from audit.records import Finding, Method, Status
from audit.suites.expansion import GRADES

PAIR = (seen("man"), seen("man")), (seen("woman"), seen("woman"))


def find(world: World, metric: str, subject: str = "nurse", **examine) -> Finding:
    answer = LENSES["gender"].examine(world.evidence(), **examine)
    [found] = [f for f in answer.findings if f.metric == f"gender.{metric}" and f.subject == subject]
    return found


def ask(*prompts: tuple, concept: str = "nurse", **more) -> World:
    world = World()
    for number, scores in enumerate(prompts):
        world.ask(concept, *scores, template=f"{number} {{thing}}", **more)
    return world


def test_shares_are_among_the_images_read_as_woman_or_man():
    world = ask((seen("woman"), seen("mixed")), (seen("man"), seen("no_person")), (seen("woman"), seen("unclear")))
    assert find(world, "woman_share").estimate.value == pytest.approx(2 / 3)
    assert find(world, "man_share").estimate.value == pytest.approx(1 / 3)
    assert find(world, "woman_share").estimate.n_images == 3


def test_undetermined_images_widen_the_bounds():
    world = ask((seen("woman"), seen("unclear")), (seen("man"), seen("unclear")))
    assert "Between 0.25 and 0.75" in find(world, "woman_share").note


def test_unconverged_images_are_undetermined_and_no_evidence():
    world = ask((seen("woman"),), (seen("woman"),))
    world.ask("nurse", seen("man"), seen("man"), template="stalled {thing}", status=Status.STALLED)
    assert find(world, "woman_share").estimate.value == 1.0
    assert find(world, "undetermined_share").estimate.value == pytest.approx(1 / 3)
    assert find(world, "raw_lean").estimate.value == pytest.approx(-0.8)
    assert find(world, "raw_lean").n_unscored == 2


def test_gap_is_signed():
    assert find(ask(PAIR[0], PAIR[0]), "parity_gap").estimate.value == -0.5


def test_labour_gap_is_taken_where_the_share_is_known():
    world = ask(*PAIR, facts={"women": 0.9, "year": 2025.0, "source": "BLS"})
    assert find(world, "labour_gap").estimate.value == pytest.approx(-0.4)


def test_labour_gap_is_left_out_where_it_is_not():
    findings = LENSES["gender"].examine(ask(*PAIR).evidence()).findings
    assert not [f for f in findings if f.metric.startswith("gender.labour")]


def test_agreeing_prompts_leave_an_honest_interval():
    estimate = find(ask(*[PAIR[0]] * 4), "woman_share").estimate
    assert (estimate.value, estimate.low, estimate.high) == (0.0, 0.0, pytest.approx(0.6024, abs=1e-4))


def test_level_is_used_and_stated():
    narrow, wide = (find(ask(*PAIR, *PAIR), "raw_lean", level=level).estimate for level in (0.8, 0.99))
    assert (narrow.level, wide.level) == (0.8, 0.99)
    assert wide.high - wide.low > narrow.high - narrow.low


def test_unread_concept_has_no_share_and_is_all_undetermined():
    world = ask((UNREAD, UNREAD), (UNREAD, UNREAD))
    assert find(world, "woman_share").estimate.value is None
    assert find(world, "raw_lean").estimate.value is None
    assert find(world, "raw_lean").p_value is None
    assert find(world, "undetermined_share").estimate.value == 1.0


def test_family_of_leans_is_corrected_and_a_missing_one_poisons_nothing():
    world = planted({"nurse": 0.0, "pilot": 1.0, "baker": 0.5})
    world.ask("ghost", UNREAD)
    world.scale({grade: seen("man", signed=grade) for grade in GRADES})
    leans = {concept: find(world, "lean", concept) for concept in ("nurse", "pilot", "baker", "ghost")}
    tested = [leans[concept] for concept in ("nurse", "pilot", "baker")]
    expected = false_discovery_control([found.p_value for found in tested])
    assert [found.p_adjusted for found in tested] == pytest.approx(expected)
    assert leans["ghost"].p_adjusted is None


def test_without_a_scale_there_is_a_raw_lean_and_no_lean():
    answer = LENSES["gender"].examine(ask(*PAIR, *PAIR).evidence())
    assert not [f for f in answer.findings if f.metric in {"gender.lean", "gender.scale_centre"}]
    assert find(ask(*PAIR, *PAIR), "raw_lean").p_value is not None
    assert "lean" not in answer.tables["gender_concepts"].columns
    assert answer.tables["gender_concepts"]["p_value"].notna().all()


def test_suite_gap_is_the_mean_of_absolute_gaps():
    world = planted({"nurse": 0.0, "pilot": 1.0})
    assert find(world, "parity_gap", "*").estimate.value == 0.5


def test_labour_correlation_is_one_where_the_order_is_that_of_the_labour_market():
    world = planted({"a": 0.05, "b": 0.3, "c": 0.7, "d": 0.95}, templates=40)
    found = find(world, "labour_correlation", "*")
    assert found.estimate.value == pytest.approx(1.0)
    assert found.estimate.low < 1.0


def test_planted_shares_lie_within_their_intervals():
    world = planted({"nurse": 0.2, "pilot": 0.7, "baker": 0.5}, templates=12)
    for concept, men in (("nurse", 0.2), ("pilot", 0.7), ("baker", 0.5)):
        estimate = find(world, "man_share", concept).estimate
        assert estimate.low <= men <= estimate.high


def test_controls_are_no_subjects():
    world = ask(*PAIR)
    add_controls(world)
    subjects = {f.subject for f in LENSES["gender"].examine(world.evidence()).findings}
    assert subjects == {"nurse", "*"}


def test_second_judge_stands_in_the_tables_and_not_in_the_findings():
    evidence = ask(*PAIR).evidence({"first": judge_card("first"), "second": judge_card("second")})
    answer = LENSES["gender"].examine(evidence)
    assert answer.tables["gender_concepts"]["judge"].tolist() == ["first", "second"]
    assert answer.tables["gender_concepts"]["primary"].tolist() == [True, False]
    assert all("Judge: first." in f.note for f in answer.findings)


def test_five_shares_add_up_and_state_their_method():
    table = LENSES["gender"].examine(ask(*PAIR, (seen("mixed"), UNREAD)).evidence()).tables["gender_shares"]
    assert table["presentation"].tolist() == ["woman", "man", "mixed", "undetermined", "no_person"]
    assert table["share"].tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 6, 1 / 6, 0])
    assert set(table["method"]) == {"Goodman, simultaneous"}
    assert table[["n_images", "n_prompts"]].drop_duplicates().values.tolist() == [[6, 3]]


def test_concept_table_counts_every_image_once():
    world = ask((seen("woman"), seen("unclear"), UNREAD, seen("man"), seen("mixed"), seen("no_person")))
    row = LENSES["gender"].examine(world.evidence()).tables["gender_concepts"].iloc[0]
    classes = ("woman", "man", "mixed", "undetermined", "no_person")
    assert [row[f"n_{name}"] for name in classes] == [1, 1, 1, 2, 1]
    assert row["n_images"] == 6


def test_no_judge_gives_no_finding():
    evidence = ask(*PAIR).evidence({"eye": judge_card("eye", ("nsfw",))})
    answer = LENSES["gender"].examine(evidence)
    assert (answer.findings, dict(answer.tables)) == ((), {})


def ask_with_scales(*leans: float, shift: float = 0.3) -> World:
    """One prompt with one image per lean, on a judge that is off by ``shift`` and reads half of what is there."""
    world = World()
    for number, lean in enumerate(leans):
        slip = shift + 0.01 * number
        world.ask("nurse", seen("man", signed=lean / 2 + slip), template=f"{number} {{thing}}")
        world.scale({grade: seen("man", signed=grade / 2 + slip) for grade in GRADES})
    return world


def test_the_lean_is_read_off_the_scale_of_the_concept():
    found = find(ask_with_scales(0.4, 0.6, 0.2, 0.4), "lean")
    assert found.estimate.value == pytest.approx(0.4)
    assert found.estimate.low > 0
    assert found.p_value < 0.05
    assert "own scale" in found.note


def test_what_a_look_does_to_the_judge_does_not_move_the_lean():
    one, two = (find(ask_with_scales(0.4, 0.6, 0.1, shift=s), "lean").estimate for s in (0.0, 0.3))
    assert (one.value, one.low, one.high) == pytest.approx((two.value, two.low, two.high))


def test_an_image_is_a_womans_if_it_reads_more_so_than_the_middle_of_its_scale():
    world = ask_with_scales(-0.4, 0.6, -0.2, -0.1)
    assert find(world, "woman_share").estimate.value == 0.75
    assert find(world, "man_share").estimate.value == 0.25
    assert find(world, "parity_gap").estimate.value == 0.25


def test_a_prompt_whose_scale_lacks_a_grade_is_not_read_off():
    world = ask_with_scales(-0.4, -0.6)
    world.ask("nurse", seen("man"), template="alone {thing}")
    world.scale({grade: seen("man", signed=grade) for grade in GRADES[:-1]})
    world.scale({GRADES[-1]: seen("man")}, status=Status.STALLED)
    assert find(world, "woman_share").estimate.value == 1.0
    assert find(world, "woman_share").estimate.n_images == 2
    assert find(world, "lean").estimate.n_images == 2
    assert find(world, "raw_lean").estimate.n_images == 3


def test_a_scale_on_which_nothing_rises_gives_no_lean():
    world = World()
    for number in range(4):
        world.ask("nurse", seen("man"), template=f"{number} {{thing}}")
        world.scale({grade: seen("man", signed=(-1) ** number * grade) for grade in GRADES})
    found = find(world, "lean")
    assert (found.estimate.value, found.p_value) == (None, None)
    assert found.estimate.method is Method.NOT_OWN_SIDES


def test_a_scale_that_does_not_surely_rise_gives_no_lean():
    world = World()
    for number in range(4):
        world.ask("nurse", seen("man"), template=f"{number} {{thing}}")
        world.scale({grade: seen("man", signed=(1 if number else -0.8) * grade) for grade in GRADES})
    found = find(world, "lean")
    assert (found.estimate.value, found.estimate.method) == (None, Method.NOT_RISING)
    assert "do not surely rise" in found.note


def test_the_scale_of_another_question_is_none_for_this_one():
    world = ask(*PAIR)
    world.scale({grade: seen("man", signed=grade) for grade in GRADES}, question="nsfw")
    assert find(world, "woman_share").estimate.value == 0.5
    assert not [f for f in LENSES["gender"].examine(world.evidence()).findings if f.metric == "gender.lean"]


def ask_as_pictured(
    *, centre: float, half: float, lean: float = 0.0, prompts: int = 4, concept: str = "nurse"
) -> World:
    """Pictures of texts that say a gender lie at ``centre`` -+ ``half``, and those of the text itself between them."""
    world = World()
    for number in range(prompts):
        slip = 0.02 * (number % 2) - 0.01
        kind = "woman" if centre + half * lean < 0 else "man"
        world.ask(concept, *[seen(kind, signed=centre + half * lean + slip)] * 2, template=f"{number} {{thing}}")
        world.scale({grade: seen("man", signed=centre + half * grade + slip) for grade in GRADES})
    return world


def test_a_checkpoint_that_pictures_a_concept_as_women_whatever_is_said_is_found():
    world = ask_as_pictured(centre=-0.7, half=0.2)
    raw, centre, length = (find(world, metric).estimate for metric in ("raw_lean", "scale_centre", "scale_length"))
    assert raw.high < -0.5
    assert (centre.value, length.value) == pytest.approx((-0.7, 0.2))
    assert centre.high < -0.5
    assert find(world, "woman_share").estimate.value == 1.0


def test_one_concept_that_is_pictured_one_way_shows_over_the_suite():
    world = ask_as_pictured(centre=-0.7, half=0.2)
    other = ask_as_pictured(centre=0.1, half=0.6, concept="pilot")
    for name in ("prompts", "images", "scores", "labels"):
        getattr(world, name).extend(getattr(other, name))
    found = find(world, "scale_offset", "*")
    assert found.estimate.value == pytest.approx(0.7)
    assert 0.5 < found.estimate.low < 0.7 < found.estimate.high
    fair = find(ask_as_pictured(centre=0.1, half=0.6), "scale_offset", "*").estimate
    assert 0.0 < fair.low < 0.1 < fair.high < 0.5


def test_opposite_leans_cancel_in_their_mean_and_not_in_their_size():
    world = World()
    for concept, lean in (("nurse", -0.6), ("midwife", -0.5), ("pilot", 0.6), ("roofer", 0.5)):
        for number in range(4):
            world.ask(concept, seen("man", signed=lean + 0.02 * number), template=f"{number} {{thing}}")
            world.scale({grade: seen("man", signed=grade) for grade in GRADES})
    assert abs(find(world, "lean", "*").estimate.value) < 0.05
    size = find(world, "lean_size", "*").estimate
    assert size.value == pytest.approx(0.55, abs=0.02)
    assert size.low > 0.4


def test_a_suite_of_which_one_scale_has_no_interval_says_nothing_of_the_farthest():
    world = ask_as_pictured(centre=0.0, half=0.6)
    world.ask("pilot", seen("man", signed=0.0), template="one {thing}")
    world.scale({grade: seen("man", signed=grade) for grade in GRADES})
    assert find(world, "scale_offset", "*").estimate.high is None


def test_a_concept_that_lost_most_of_its_scales_can_be_the_one_that_lies_farthest():
    def offset(lost: int) -> Finding:
        world = ask_as_pictured(centre=0.1, half=0.6, prompts=24)
        for number in range(24):
            status = Status.STALLED if number < lost else Status.CONVERGED
            world.ask("pilot", seen("man", signed=0.0), template=f"{number} {{thing}}")
            slip = 0.02 * (number % 2) - 0.01
            world.scale({grade: seen("man", signed=0.6 * grade + slip) for grade in GRADES}, status=status)
        return find(world, "scale_offset", "*")

    whole, half = offset(0).estimate, offset(12).estimate
    assert whole.high < 0.2
    assert half.value == pytest.approx(whole.value, abs=0.02)
    assert half.high == pytest.approx(0.5, abs=0.02)  # twelve middles as read, twelve at an end


def test_an_image_whose_prompt_lost_its_scale_might_have_been_read():
    world = World()
    for number in range(8):
        status = Status.STALLED if number >= 2 else Status.CONVERGED
        world.ask(
            "nurse", seen("man" if number >= 2 else "woman"), template=f"{number} {{thing}}", facts={"women": 0.9}
        )
        world.scale({grade: seen("man" if grade > 0 else "woman", signed=grade) for grade in GRADES}, status=status)
    for subject in ("nurse", "*"):
        for metric in ("parity_gap", "labour_gap", *(("woman_share", "man_share") if subject == "nurse" else ())):
            found = find(world, metric, subject)
            assert (found.estimate.n_images, found.n_unscored) == (2, 6), found.finding_id
    assert "Between 0.25 and 1.00 however those read" in find(world, "woman_share").note


def test_a_gap_to_statistics_counts_the_concepts_that_have_them():
    world = World()
    for concept, women, last in (("nurse", {"women": 0.9}, "unclear"), ("poet", {}, "man")):
        for number in range(4):
            kind = last if number > 1 else "woman"
            world.ask(concept, seen(kind), template=f"{number} {{thing}}", facts=women)
    gap, parity = find(world, "labour_gap", "*"), find(world, "parity_gap", "*")
    assert (gap.estimate.n_images, gap.n_unscored) == (2, 2)
    assert (parity.estimate.n_images, parity.n_unscored) == (6, 2)


def test_the_mean_gap_to_parity_is_at_most_one_half():
    world = ask(*[(seen("woman"),)] * 4)
    for number in range(4):
        world.ask("pilot", seen("man" if number else "woman"), template=f"{number} {{thing}}")
    assert find(world, "parity_gap", "*").estimate.high <= 0.5


def test_a_scale_whose_ends_are_not_read_as_what_they_say_gives_no_lean():
    found = find(ask_as_pictured(centre=-0.7, half=0.2), "lean")
    assert (found.estimate.value, found.estimate.low, found.p_value) == (None, None, None)
    assert found.estimate.method is Method.NOT_OWN_SIDES
    assert "are not read as" in found.note
    table = LENSES["gender"].examine(ask_as_pictured(centre=-0.7, half=0.2).evidence()).tables["gender_concepts"]
    assert table["lean"].isna().all()
    assert table["raw_lean"].notna().all()


@pytest.mark.parametrize("lean", [-1.0, 0.0, 0.5])
def test_a_scale_that_is_shorter_at_both_ends_is_still_one(lean):
    found = find(ask_as_pictured(centre=0.05, half=0.25, lean=lean), "lean")
    assert found.estimate.value == pytest.approx(lean, abs=0.01)


def neutralised(errors: Mapping[str, float], *, lean: float = 0.0, noise: float = 0.05, shown: bool = True) -> World:
    """Concepts that share a lean, each with an error of its own that shows in subject and neutralised subject alike."""
    world = World()
    for concept, error in errors.items():
        for number in range(4):
            slip = noise * (-1) ** number
            world.ask(concept, seen("man", signed=lean + error + slip), template=f"{number} {{thing}}")
            world.scale({grade: seen("man", signed=grade) for grade in GRADES})
            if shown:
                world.neutralise(seen("man", signed=error + slip))
    return world


ERRORS = {f"job {number}": (-1) ** number * 0.2 for number in range(12)}


def test_intervals_hold_the_error_that_neutralised_subjects_show():
    with_them, without = neutralised(ERRORS), neutralised(ERRORS, shown=False)
    wide, narrow = (find(world, "lean", "job 0") for world in (with_them, without))
    assert wide.estimate.value == narrow.estimate.value == pytest.approx(0.2)
    assert narrow.estimate.low > 0 > wide.estimate.low
    assert narrow.p_value < 0.05 < wide.p_value
    assert "without the instrument's own error" in narrow.note
    assert "without the instrument's own error" not in wide.note
    assert wide.estimate.method is Method.INSTRUMENT


def test_the_instruments_own_error_is_stated_with_the_false_alarms_that_it_leaves():
    world = neutralised(ERRORS)
    error, alarms = (find(world, metric, "*").estimate for metric in ("instrument_error", "false_alarms"))
    assert error.value == pytest.approx(0.2, abs=0.01)
    assert error.low < error.value < error.high
    assert (error.n_prompts, error.n_images) == (48, 48)
    assert alarms.value == 0.0
    table = LENSES["gender"].examine(world.evidence()).tables["gender_neutralised"]
    assert table["lean"].tolist() == pytest.approx([ERRORS[name] for name in sorted(ERRORS)])
    assert not table["alarm"].any()


def test_a_neutralised_subject_that_is_like_no_other_is_a_false_alarm():
    errors = {f"job {number}": 0.0 for number in range(12)} | {"odd": 0.6}
    world = neutralised(errors)
    assert find(world, "false_alarms", "*").estimate.value == pytest.approx(1 / 13)
    assert "1 of 13" in find(world, "false_alarms", "*").note


def test_neutralised_subjects_are_no_subjects():
    found = LENSES["gender"].examine(neutralised({"nurse": 0.1, "pilot": 0.1}, lean=0.5).evidence())
    assert [f.estimate.n_images for f in found.findings if f.metric == "gender.raw_lean" and f.subject == "nurse"] == [
        4
    ]
    assert found.tables["gender_shares"]["n_images"].unique().tolist() == [4]


def test_an_interval_at_the_end_of_a_scale_does_not_collapse():
    world = neutralised({f"job {number}": 0.02 * number for number in range(8)}, noise=0.15)
    for number in range(4):
        world.ask("pilot", seen("woman", signed=-1.0), template=f"{number} {{thing}}")
        world.scale({grade: seen("man", signed=grade) for grade in GRADES})
    estimate = find(world, "lean", "pilot").estimate
    assert estimate.value == pytest.approx(-1.0)
    assert estimate.low < -1.1
    assert estimate.high > -0.9
