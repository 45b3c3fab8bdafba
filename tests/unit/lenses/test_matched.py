"""Quality by a judge that had no part in the inversion."""

import math

import numpy as np
import pytest
from matching_worlds import with_matching
from worlds import World, seen

from audit.lenses import LENSES
from audit.lenses.common.verdicts import matched_images, place_own
from audit.records import Status

RIGHT = {"nurse": 0.6, "pilot": 0.2, "baker": 0.4}


def world(**more) -> World:
    made = World()
    made.ask("nurse", seen("man"), seen("man"), **more)
    made.ask("pilot", seen("man"), **more)
    made.ask("baker", seen("man"), **more)
    return made


def find(evidence, metric):
    [found] = [f for f in LENSES["quality"].examine(evidence).findings if f.metric == f"quality.{metric}"]
    return found


def test_precision_is_the_share_of_images_whose_own_concept_is_first_concept_by_concept():
    evidence = with_matching(world(), RIGHT, {**RIGHT, "baker": 0.7}, RIGHT, {**RIGHT, "baker": 0.9})
    found = find(evidence, "judged_precision")
    assert found.estimate.value == pytest.approx((0.5 + 0.0 + 1.0) / 3)
    assert (found.estimate.n_images, found.n_unscored, found.note) == (4, 0, "Judge: matching.")


def test_the_margin_is_that_of_the_formula():
    evidence = with_matching(world(), RIGHT, RIGHT, RIGHT, RIGHT)
    root = math.sqrt(2)
    each = {"nurse": 0.3 / (0.2 / root), "pilot": -0.3 / (0.2 / root), "baker": 0.0}
    assert find(evidence, "judged_z").estimate.value == pytest.approx(sum(each.values()) / 3, abs=1e-9)
    rows = matched_images(evidence, "matching")
    assert dict(zip(rows["concept"], rows["z"], strict=True)) == pytest.approx(each)


def test_a_tie_is_no_first_place():
    assert place_own(np.array([[0.5, 0.5, 0.1]]), np.array([0]))[0].tolist() == [0.0]


def test_images_that_did_not_converge_count_too():
    evidence = with_matching(world(status=Status.STALLED), RIGHT, RIGHT, RIGHT, RIGHT)
    assert find(evidence, "judged_precision").estimate.n_images == 4


def test_what_the_judge_did_not_score_or_does_not_know_is_counted_and_no_zero():
    made = world()
    made.ask("zelka orrin", seen("man"))
    found = find(with_matching(made, None, RIGHT, RIGHT, RIGHT, RIGHT), "judged_precision")
    assert (found.estimate.n_images, found.n_unscored) == (3, 2)


def test_scales_and_noise_are_not_asked():
    made = world()
    made.scale({0.0: seen("man")})
    made.ask("noise 1", seen("man"), role="noise")
    assert len(matched_images(with_matching(made, *[RIGHT] * 6), "matching")) == 4


def test_without_such_a_judge_nothing_is_said():
    metrics = {found.metric for found in LENSES["quality"].examine(world().evidence()).findings}
    assert metrics == {"quality.own_cosine", "quality.own_percentile", "quality.converged_share"}


def test_an_evidence_without_images_has_none_matched():
    assert matched_images(with_matching(World()), "matching").empty


def test_a_margin_is_cut_where_the_others_lie_close_together():
    assert place_own(np.array([[0.9, 0.1, 0.1001]]), np.array([0]))[1].tolist() == [10.0]


def test_with_one_other_concept_there_is_a_first_place_and_no_margin():
    first, z = place_own(np.array([[0.9, 0.1]]), np.array([0]))
    assert first.tolist() == [1.0]
    assert np.isnan(z).all()
