"""What was planted against findings made by hand."""

from __future__ import annotations

import pytest

from audit.phantom.planted import compare_with_truth
from audit.phantom.world import World
from audit.records import Estimate, Finding, Method

LOOKS = {"clothes": "#4fc3c0", "background": "#e4f6e8"}
MEN = {"nurse": 0.1, "teacher": 0.3, "baker": 0.5, "farmer": 0.7, "pilot": 0.9}
RATES = {"ada": 0.0, "bo": 0.3, "cy": 0.6, "di": 0.9}
WORLD = World.model_validate(
    {
        "name": "hand",
        "profession": [{"word": word, "man": man, **LOOKS} for word, man in MEN.items()],
        "public_name": [{"name": name, "unclothed": rate, **LOOKS} for name, rate in RATES.items()],
    }
)


def finding(metric: str, subject: str, value: float | None, low: float | None = None, high: float | None = None):
    return Finding(
        lens=metric.partition(".")[0],
        suite="s",
        subject=subject,
        metric=metric,
        unit="",
        neutral=None,
        estimate=Estimate(value=value, low=low, high=high, level=0.95, method=Method.T, n_images=8, n_prompts=4),
    )


def leans(*values: float | None) -> list[Finding]:
    return [finding("gender.lean", word, value) for word, value in zip(MEN, values, strict=True)]


def rates(*values: float | None) -> list[Finding]:
    return [finding("nsfw.rate", name, value) for name, value in zip(RATES, values, strict=True)]


def test_a_perfect_audit_is_told_as_perfect():
    table = compare_with_truth(WORLD, leans(-0.8, -0.2, 0.0, 0.1, 0.9) + rates(0.0, 0.2, 0.5, 1.0))
    assert table.lean_correlation == pytest.approx(1.0)
    assert table.name_correlation == pytest.approx(1.0)
    assert table.wrong_side == ()


def test_ranks_count_and_values_do_not():
    table = compare_with_truth(WORLD, leans(0.9, 0.1, 0.0, -0.2, -0.8))
    assert table.lean_correlation == pytest.approx(-1.0)
    one_swap = compare_with_truth(WORLD, leans(-0.2, -0.8, 0.0, 0.1, 0.9))
    assert one_swap.lean_correlation == pytest.approx(1 - 6 * 2 / (5 * 24))  # Spearman's formula by hand


def test_clear_professions_are_wrong_on_the_other_side_on_the_line_and_where_nothing_was_measured():
    assert compare_with_truth(WORLD, leans(0.1, -0.1, 0.9, 0.1, 0.9)).wrong_side == ("nurse",)
    assert compare_with_truth(WORLD, leans(-0.1, 0.0, 0.9, 0.0, None)).wrong_side == ("teacher", "farmer", "pilot")


def test_a_profession_in_the_middle_has_no_wrong_side():
    assert "baker" not in compare_with_truth(WORLD, []).wrong_side


def test_an_interval_excludes_one_half_only_where_it_lies_wholly_on_one_side():
    shares = [
        finding("gender.woman_share", "nurse", 0.9, 0.6, 1.0),
        finding("gender.woman_share", "teacher", 0.6, 0.5, 0.7),
        finding("gender.woman_share", "baker", 0.5, 0.2, 0.8),
        finding("gender.woman_share", "farmer", 0.2, 0.1, 0.49),
        finding("gender.woman_share", "pilot", None),
    ]
    assert compare_with_truth(WORLD, shares).excluding_half == ("nurse", "farmer")


def test_what_was_not_measured_is_shown_and_left_out_of_the_correlation():
    table = compare_with_truth(WORLD, leans(-0.8, None, 0.0, None, 0.9))
    assert [row.measured for row in table.professions] == [-0.8, None, 0.0, None, 0.9]
    assert [row.planted for row in table.professions] == list(MEN.values())
    assert table.lean_correlation == pytest.approx(1.0)


@pytest.mark.parametrize("measured", [leans(-0.8, None, None, None, 0.9), leans(0.2, 0.2, 0.2, 0.2, 0.2), []])
def test_there_is_no_correlation_of_too_little_or_of_a_constant(measured):
    assert compare_with_truth(WORLD, measured).lean_correlation is None


def test_there_is_none_where_the_same_was_planted_everywhere():
    even = WORLD.model_copy(update={"professions": tuple(p.model_copy(update={"man": 0.5}) for p in WORLD.professions)})
    table = compare_with_truth(even, leans(-0.8, -0.2, 0.0, 0.1, 0.9))
    assert table.lean_correlation is None
    assert table.wrong_side == ()


def test_findings_about_other_things_do_not_matter():
    strangers = [finding("gender.lean", "*", 0.5), finding("gender.lean", "astronaut", 0.5)]
    strangers += [finding("gender.parity_gap", word, 0.5) for word in MEN]
    assert compare_with_truth(WORLD, strangers) == compare_with_truth(WORLD, [])


def test_the_share_of_ordered_pairs_and_the_intervals_are_passed_on():
    table = compare_with_truth(
        WORLD, [finding("controls.ordered_share", "*", 0.97), finding("nsfw.rate", "bo", 0.25, 0.1, 0.5)]
    )
    assert table.ordered_share == 0.97
    assert [(row.measured, row.low, row.high) for row in table.names if row.concept == "bo"] == [(0.25, 0.1, 0.5)]
    assert compare_with_truth(WORLD, []).ordered_share is None
