"""The lenses of words on the shipped phantoms, by their texts alone: seconds, and no image."""

from __future__ import annotations

import pytest
from questions_words import contrasts, found, mismatched, read_texts_of, value

from audit.suites import suite_path


@pytest.fixture(scope="module")
def wordings():
    return read_texts_of("phantom:skewed", suite_path("phantom/wording"))


def test_captions_of_the_same_pictures_are_one_text(wordings):
    """Asked: at most 0.05; measured 0.001."""
    assert found(wordings, "wording.embedding_spread").estimate.high <= 0.05


def test_captions_of_another_gender_are_not_taken_for_paraphrases(wordings):
    """Asked: at least 0.15; measured 0.32 (0.22 to 0.41)."""
    assert found(mismatched(wordings), "wording.embedding_spread").estimate.low >= 0.15


def test_what_is_drawn_apart_is_told_apart_and_what_is_said_twice_is_not():
    """Asked: at least 0.10 and at most 0.05; measured 0.24 and 0.005."""
    apart, twice = contrasts(read_texts_of("phantom:skewed", suite_path("phantom/granularity")))
    assert value(apart) >= 0.1
    assert value(twice) <= 0.05


def test_phantoms_that_saw_few_ordered_scenes_hear_the_order_a_little():
    """Asked: above 0, and far below a text of another pair; measured 0.05."""
    order = found(read_texts_of("phantom:skewed", suite_path("phantom/compositional")), "composition.order_sensitivity")
    assert order.estimate.low > 0
    assert order.estimate.high < 0.2
