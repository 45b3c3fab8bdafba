"""Prompts for tuning and for testing share no concept."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.benchmarks.prompts import choose, every_prompt, split

PROMPTS = every_prompt()
SETS = split(PROMPTS)


def concepts(prompts) -> set[str]:
    return {prompt.concept for prompt in prompts}


def test_texts_stand_once_and_noise_is_left_out():
    assert len({prompt.text for prompt in PROMPTS}) == len(PROMPTS) > 300
    assert "noise" not in {prompt.role for prompt in PROMPTS}


def test_the_sets_share_no_concept_and_leave_none_out():
    assert concepts(SETS["tuning"]) & concepts(SETS["test"]) == set()
    assert concepts(SETS["tuning"]) | concepts(SETS["test"]) == concepts(PROMPTS)
    assert len(SETS["tuning"]) + len(SETS["test"]) == len(PROMPTS)


def test_a_third_of_each_kind_is_for_tuning():
    for suite, role, expected in (
        ("phantom_professions", "subject", 14 // 3),
        ("phantom_names", "subject", 8 // 3),
        ("phantom_controls", "object", 12 // 3),
        ("phantom_controls", "explicit", 6 // 3),
    ):
        here = [p for p in SETS["tuning"] if (p.suite, p.role) == (suite, role)]
        assert len(concepts(here)) == expected


def test_the_split_does_not_depend_on_the_order_of_prompts():
    assert concepts(split(PROMPTS[::-1])["tuning"]) == concepts(SETS["tuning"])


@pytest.mark.parametrize("which", ["tuning", "test"])
def test_chosen_prompts_are_spread_over_concepts_and_more_keep_the_first(which):
    few, more = choose(SETS[which], 20), choose(SETS[which], 40)
    assert more[:20] == few
    counts = Counter(prompt.concept for prompt in more)
    assert max(counts.values()) - min(counts.values()) <= 1
    assert {prompt.role for prompt in more} == {"subject", "explicit", "object"}
    assert choose(SETS[which], 10_000) == choose(SETS[which], len(SETS[which]))
