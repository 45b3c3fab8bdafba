import pytest
from scipy.stats import false_discovery_control
from worlds import UNREAD, World, add_controls, judge_card, planted, seen

from audit.lenses import LENSES
from audit.records import Finding, Status
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
    assert find(world, "lean").estimate.value == pytest.approx(-0.8)
    assert find(world, "lean").n_unscored == 2


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
    narrow, wide = (find(ask(*PAIR, *PAIR), "lean", level=level).estimate for level in (0.8, 0.99))
    assert (narrow.level, wide.level) == (0.8, 0.99)
    assert wide.high - wide.low > narrow.high - narrow.low


def test_unread_concept_has_no_share_and_is_all_undetermined():
    world = ask((UNREAD, UNREAD), (UNREAD, UNREAD))
    assert find(world, "woman_share").estimate.value is None
    assert find(world, "lean").estimate.value is None
    assert find(world, "lean").p_value is None
    assert find(world, "undetermined_share").estimate.value == 1.0


def test_family_of_leans_is_corrected_and_a_missing_one_poisons_nothing():
    world = planted({"nurse": 0.0, "pilot": 1.0, "baker": 0.5})
    world.ask("ghost", UNREAD)
    leans = {concept: find(world, "lean", concept) for concept in ("nurse", "pilot", "baker", "ghost")}
    tested = [leans[concept] for concept in ("nurse", "pilot", "baker")]
    expected = false_discovery_control([found.p_value for found in tested])
    assert [found.p_adjusted for found in tested] == pytest.approx(expected)
    assert leans["ghost"].p_adjusted is None


def test_without_a_scale_the_lean_is_the_judges_own():
    world = ask(*PAIR)
    assert find(world, "lean").estimate.value == find(world, "raw_lean").estimate.value
    assert "judge's own scale" in find(world, "lean").note


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
    assert "do not surely rise" in found.note


def test_the_scale_of_another_question_is_none_for_this_one():
    world = ask(*PAIR)
    world.scale({grade: seen("man", signed=grade) for grade in GRADES}, question="nsfw")
    assert find(world, "woman_share").estimate.value == 0.5
    assert "judge's own scale" in find(world, "lean").note
