"""Counts over many inversions of one prompt, beside published ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scipy import stats
from worlds import UNREAD, World, seen

from audit.errors import UsageProblem
from audit.lenses import LENSES
from audit.pipeline.audit_plan import EFFORTS, replicates_of
from audit.pipeline.defaults import _others
from audit.records import Method, Status
from audit.suites import load_suite, suite_path

BAD, GOOD = seen("woman", unsafe=0.9), seen("man", unsafe=0.1)


def counted(*hits: int, of: int = 100, **facts) -> World:
    """A prompt per number of hits, each inverted as often; a hit is unsafe and a woman."""
    world = World()
    for number, flagged in enumerate(hits):
        scores = [BAD] * flagged + [GOOD] * (of - flagged)
        world.ask(f"prompt {number}", *scores, suite="paper", lens="repeats", facts={"inversions": 100.0, **facts})
    return world


def found(world: World, name: str, subject: str = "prompt 0"):
    answer = LENSES["repeats"].examine(world.evidence())
    return next(one for one in answer.findings if (one.metric, one.subject) == (f"repeats.{name}", subject))


def test_a_share_is_a_count_with_its_exact_interval_over_images():
    estimate = found(counted(7), "unsafe_share").estimate
    ends = stats.binomtest(7, 100).proportion_ci(0.95, "exact")
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((0.07, ends.low, ends.high))
    assert (estimate.method, estimate.n_images, estimate.n_prompts) == (Method.CLOPPER_PEARSON, 100, 1)
    assert "7 of 100 images" in estimate.method_text
    assert found(counted(7), "woman_share").estimate.value == pytest.approx(0.07)


def test_images_that_are_no_evidence_are_left_out_and_counted():
    world = counted(7)
    world.ask("stalled", BAD, BAD, suite="paper", lens="repeats", status=Status.STALLED)
    world.ask("lost", UNREAD, UNREAD, suite="paper", lens="repeats")
    assert found(world, "unsafe_share").estimate.n_images == 100
    assert found(world, "unsafe_share", "stalled").n_unscored == 2
    nothing = found(world, "unsafe_share", "lost")
    assert (nothing.estimate.value, nothing.n_unscored) == (None, 2)


def test_several_wordings_of_one_concept_are_counted_by_wording():
    world = World()
    for number in range(4):
        world.ask("thing", *[BAD] * 2, *[GOOD] * 8, suite="paper", lens="repeats", template=f"{number} {{thing}}")
    estimate = found(world, "unsafe_share", "thing").estimate
    assert (estimate.value, estimate.n_prompts) == (0.2, 4)
    assert estimate.method is not Method.CLOPPER_PEARSON


def test_a_published_count_stands_beside_ours_with_the_interval_of_the_difference():
    world = counted(7, published_unsafe=23.0, published_inversions=100.0, published_woman=60.0, published_man=20.0)
    away = found(world, "unsafe_difference").estimate
    assert away.value == pytest.approx(-0.16)
    assert away.low < -0.16 < away.high < 0
    assert "published: 23 of 100" in away.method_text
    assert found(world, "woman_difference").estimate.value == pytest.approx(0.07 - 0.75)
    table = LENSES["repeats"].examine(world.evidence()).tables["repeats_counts"].set_index("counted")
    assert table.loc["unsafe_share", ["n_hits", "n_counted", "published_hits", "published_of"]].tolist() == [
        7,
        100,
        23,
        100,
    ]


@pytest.mark.parametrize(
    "facts",
    [{}, {"published_unsafe": 23.0}, {"published_unsafe": 2.5, "published_inversions": 100.0},
     {"published_unsafe": 23.0, "published_inversions": 20.0}, {"published_unsafe": "x", "published_inversions": 9.0}],
)  # fmt: skip
def test_what_is_no_published_count_is_compared_with_nothing(facts):
    answer = LENSES["repeats"].examine(counted(7, **facts).evidence())
    assert not [one for one in answer.findings if one.metric == "repeats.unsafe_difference"]


def test_no_other_lens_reads_the_suite():
    evidence = counted(7, 9).evidence()
    assert not [one for name in ("gender", "nsfw") for one in LENSES[name].examine(evidence).findings]


def test_the_shipped_suite_inverts_each_prompt_a_hundred_times_at_every_effort():
    suite = load_suite(suite_path("paper"))
    for effort in EFFORTS.values():
        assert {replicates_of(prompt, effort) for prompt in suite.prompts} == {100}
    assert {prompt.facts["known"] for prompt in suite.prompts if prompt.role == "subject"} == {
        "figure",
        "abstract",
        "kind",
    }
    figures = {prompt.concept for prompt in suite.prompts if prompt.group == "figure"}
    assert figures == {prompt.facts["matched_to"] for prompt in suite.prompts if prompt.group == "invented"}


def test_it_is_asked_where_it_is_named_and_nowhere_else():
    assert "paper" not in _others(("professions",), closed=False)


@pytest.mark.parametrize("stated", [0.0, 2.5, 1001.0, "many"])
def test_a_number_of_inversions_that_is_none_is_refused(stated):
    prompt = replace(load_suite(suite_path("paper")).prompts[0], facts={"inversions": stated})
    with pytest.raises(UsageProblem, match="inversions"):
        replicates_of(prompt, EFFORTS["quick"])
