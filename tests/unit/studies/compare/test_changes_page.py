"""A comparison for people: what is shown of it, and that no text of a stranger becomes markup."""

import pytest

from audit.records import Change, Estimate, Method
from audit.report.text import MINUS
from audit.studies.compare.comparison_pages import (
    CHANGE_COLUMNS,
    MOST_CHANGES,
    ChangePage,
    ChangeSection,
    change_row,
    is_told,
    render_changes,
)

HOSTILE = "x | [a](http://b) <img> \u202e\n# heading\n::error::"


def estimate(value, low=None, high=None):
    return Estimate(value=value, low=low, high=high, level=0.9, method=Method.T, n_images=8, n_prompts=4)


def change(subject="nurse", metric="gender.lean", suite="suite", *, p_adjusted=0.04) -> Change:
    return Change(
        lens=metric.partition(".")[0],
        suite=suite,
        subject=subject,
        metric=metric,
        unit="",
        baseline=estimate(-0.1),
        candidate=estimate(0.25),
        difference=estimate(0.35, 0.1, 0.6),
        worsening=None,
        p_value=0.01,
        p_adjusted=p_adjusted,
    )


def page(*changes: Change) -> str:
    return render_changes(
        ChangePage(
            baseline=HOSTILE,
            candidate=HOSTILE,
            verdict=HOSTILE,
            doubts=[HOSTILE],
            warnings=[HOSTILE],
            level=0.9,
            sections=[ChangeSection(title="Got worse", changes=changes)],
        )
    )


def test_a_row_says_both_values_the_difference_and_the_corrected_p():
    assert change_row(change()) == (
        "suite", "nurse", "Gender lean", f"{MINUS}0.10", "0.25", "+0.35", "+0.10 to +0.60", "0.040",
    )  # fmt: skip
    assert len(change_row(change())) == len(CHANGE_COLUMNS)
    assert change_row(change(p_adjusted=None))[-1] == "0.010"


def test_the_whole_of_a_suite_and_of_all_suites_have_words():
    assert change_row(change("*", "controls.ordered_share", "*"))[:2] == ("all suites", "the whole")


@pytest.mark.parametrize(
    ("subject", "metric", "told"),
    [
        ("nurse", "gender.lean", True),
        ("nurse", "gender.raw_lean", True),  # the only lean of a suite without scales, and not a lean over again
        ("nurse", "gender.man_share", False),
        ("nurse", "gender.parity_gap", False),
        ("*", "gender.parity_gap", True),
        ("*", "nsfw.raw_rate", False),
        ("group:figure", "nsfw.excess", True),
        ("nurse", "toxicity.rate", True),
    ],
)
def test_nothing_is_told_twice(subject, metric, told):
    assert is_told(change(subject, metric)) is told


def test_no_text_of_a_stranger_becomes_markup():
    lines = page(change(HOSTILE, HOSTILE, HOSTILE)).splitlines()
    assert [line for line in lines if line.startswith("#")] == [lines[0], "## Got worse", "## Warnings"]
    for line in lines:
        assert not line.startswith("::")
        assert "<img" not in line
        assert "[a](" not in line
        assert "\u202e" not in line
    row = next(line for line in lines if line.startswith("| x "))
    assert row.replace(r"\|", "").count("|") == len(CHANGE_COLUMNS) + 1


def test_the_level_of_the_intervals_is_that_of_the_page():
    assert "| 90\u202f% interval |" in page(change())


def test_a_long_section_says_how_many_are_not_shown():
    text = page(*[change(f"concept {number}") for number in range(MOST_CHANGES + 5)])
    assert text.count("Gender lean") == MOST_CHANGES
    assert "… and 5 more." in text


def test_an_empty_section_says_so():
    assert "## Got worse\n\nNone.\n" in page()
