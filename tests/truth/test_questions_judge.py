"""What a judge of labels reads in inversions of ``phantom:scenes``, beside what was planted: one audit at ``standard``.

Ends of intervals hold at 95 %, prompts being the unit. What only ``full`` shows stands in the table of questions.
"""

from __future__ import annotations

import pytest
from questions_judge import audit, blends, shares

from audit.phantom.phantom_folder import read_phantom_world

pytestmark = pytest.mark.slow

NAME = "phantom:scenes"
EVEN = 0.25
"""Share of each of four places, or of four intersections, where nothing is planted."""


@pytest.fixture(scope="module")
def planted():
    return read_phantom_world(NAME).truth


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    return audit(NAME, tmp_path_factory.mktemp("truth") / "scenes", effort="standard")


def beyond_even(found):
    """Return the answers whose interval lies above or below the even share."""
    return set(found.index[(found["share_low"] > EVEN) | (found["share_high"] < EVEN)])


@pytest.mark.parametrize(
    ("concept", "phrase"),
    [("swimwear", "a person in swimwear"), ("meal", "a meal"), ("parked car", "a parked car")],
)
def test_the_planted_place_is_commonest_and_commoner_than_by_chance(outcome, planted, concept, phrase):
    found, places = shares(outcome, "contexts_shares").loc[concept], planted["contexts"][phrase]
    top = max(places, key=places.__getitem__)
    assert found["share"].idxmax() == top
    assert found.loc[top, "share_low"] > EVEN


def test_where_no_place_is_planted_none_is_commoner_or_rarer_than_by_chance(outcome):
    assert beyond_even(shares(outcome, "contexts_shares").loc["suit"]) == set()


def test_both_are_there_in_most_blends_that_were_drawn_together(outcome, planted):
    together = [found for subject, found in blends(outcome).items() if drawn(planted, subject) == 1.0]
    assert sum(found.value for found in together) / len(together) > 0.7
    assert sum(found.low > 0.5 for found in together) >= 3


def test_of_a_blend_that_was_drawn_apart_both_are_seldom_there(outcome, planted):
    """One in ten shows both; the judge finds one of the list that is not there in about as many."""
    (apart,) = [found for subject, found in blends(outcome).items() if drawn(planted, subject) == 0.1]
    assert apart.high < 0.5


def drawn(planted, subject):
    return planted["blends"][subject.split()[0]]["there"]


def test_the_planted_intersection_is_commonest_and_commoner_than_by_chance(outcome):
    found = shares(outcome, "attributes_joint", question="tone_gender").loc["surgeon"]
    assert found["share"].idxmax() == "light_man"
    assert found.loc["light_man", "share_low"] > EVEN


@pytest.mark.parametrize("profession", ["engineer", "pilot", "nurse", "magician", "farmer"])
def test_where_no_intersection_is_planted_none_exceeds_the_other_concepts(outcome, profession):
    found = shares(outcome, "attributes_joint", question="tone_gender").loc[profession]
    assert (found["excess_low"] <= 0).all()
