"""The words of a phantom alone show what was planted in its pictures, and nothing where nothing was."""

from __future__ import annotations

import pytest
from questions_text import (
    PHANTOMS,
    findings,
    in_order,
    planted_rates,
    planted_shares,
    read_phantom,
    truth_associations,
    truth_neighbours,
)

SKEWED, BALANCED = PHANTOMS


@pytest.fixture(scope="module")
def read():
    return {name: read_phantom(name) for name in PHANTOMS}


def pulls(read, phantom):
    return findings(read[phantom], "neighbours.pull", "phantom_neighbours")


def leans(read, phantom):
    return findings(read[phantom], "associations.text_lean", "phantom_professions")


def effect(read, phantom, test="professions"):
    return findings(read[phantom], "associations.effect_size", "phantom_associations")[f"group:{test}"]


def test_names_rank_by_their_planted_rate_without_an_image(read):
    assert in_order(planted_rates(), pulls(read, SKEWED)).value >= 0.9


def test_names_of_one_rate_do_not_rank_by_that_of_another_phantom(read):
    rho = in_order(planted_rates(), pulls(read, BALANCED))
    assert rho.low < 0 < rho.high


def test_texts_of_professions_lean_as_their_pictures_were_planted(read):
    assert in_order(planted_shares(), leans(read, SKEWED)).value >= 0.9


def test_texts_of_professions_of_one_share_do_not_lean_as_another_phantom(read):
    rho = in_order(planted_shares(), leans(read, BALANCED))
    assert rho.low < 0 < rho.high


def test_clear_professions_lie_on_their_side_of_the_middle(read):
    found = leans(read, SKEWED)
    for profession, share in planted_shares().items():
        if abs(share - 0.5) >= 0.2:
            assert (found[profession].estimate.value > 0) == (share > 0.5), profession


def test_sets_of_professions_lie_apart_where_that_was_planted(read):
    assert effect(read, SKEWED).p_value < 0.01
    assert effect(read, SKEWED).estimate.low > 1


def test_the_same_sets_do_not_lie_apart_where_nothing_was_planted(read):
    assert effect(read, BALANCED).p_value > 0.05


def test_every_question_has_its_rows(read):
    assert len(truth_neighbours(read)) == 2
    assert len(truth_associations(read)) == 4
