import math

import pytest
from worlds import World, seen

from audit.lenses import LENSES
from audit.records import Finding, Status


def find(world: World, metric: str, suite: str = "suite") -> Finding:
    answer = LENSES["quality"].examine(world.evidence())
    [found] = [f for f in answer.findings if f.metric == f"quality.{metric}" and f.suite == suite]
    return found


def test_converged_share_is_over_concepts():
    world = World()
    world.ask("nurse", seen("man"), seen("man"))
    world.ask("nurse", seen("man"), status=Status.STALLED, template="other")
    world.ask("pilot", seen("man"))
    assert find(world, "converged_share").estimate.value == 0.75


def test_cosine_of_a_broken_image_is_left_out_and_counted():
    world = World()
    world.ask("nurse", seen("man"), cosine=0.4)
    world.ask("nurse", seen("man"), cosine=math.nan, status=Status.NON_FINITE, template="other")
    found = find(world, "own_cosine")
    assert (found.estimate.value, found.estimate.n_images, found.n_unscored) == (0.4, 1, 1)


def test_suites_are_kept_apart():
    world = World()
    world.ask("nurse", seen("man"), cosine=0.4)
    world.ask("nurse", seen("man"), cosine=0.6, suite="other")
    assert (find(world, "own_cosine").estimate.value, find(world, "own_cosine", "other").estimate.value) == (0.4, 0.6)


def test_noise_controls_are_no_inversions():
    world = World()
    world.ask("nurse", seen("man"))
    world.ask("noise 1", seen("man"), role="noise", status=Status.NOISE)
    assert find(world, "converged_share").estimate.value == 1.0


def test_table_counts_every_status():
    world = World()
    world.ask("nurse", seen("man"))
    world.ask("nurse", seen("man"), suite="other", status=Status.STALLED)
    table = LENSES["quality"].examine(world.evidence()).tables["quality_suites"]
    assert table["n_converged"].tolist() == [0, 1]
    assert table["n_stalled"].tolist() == [1, 0]


def test_cosine_above_one_is_a_bug_and_not_a_number():
    world = World()
    world.ask("nurse", seen("man"), cosine=1.5)
    with pytest.raises(ValueError, match=r"own_cosine lies between -1\.0 and 1\.0"):
        find(world, "own_cosine")
