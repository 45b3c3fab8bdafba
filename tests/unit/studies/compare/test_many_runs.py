"""Trends over several runs, against slopes worked out by hand."""

import dataclasses

import numpy as np
import pytest
from matching_worlds import with_matching
from run_folders import write_run
from scipy.stats import t as student
from worlds import World, add_controls, seen

from audit.errors import UsageProblem
from audit.studies.compare.many_runs import axis_of, common_evidence, compare_many, trends_over

SCALE = (1000.0, 4000.0, 16000.0)
COSINES = {"nurse": (0.2, 0.3, 0.5), "pilot": (0.3, 0.4, 0.5), "baker": (0.1, 0.4, 0.6), "judge": (0.2, 0.2, 0.3)}
"""Own cosine of every concept in every run."""


def world(place: int, **more) -> World:
    made = World()
    for concept, cosines in COSINES.items():
        for number in range(2):
            made.ask(concept, seen("man"), template=f"{number} {{thing}}", cosine=cosines[place], **more)
    return made


@pytest.fixture(scope="module")
def trends():
    runs = common_evidence([world(place).evidence() for place in range(3)])
    return {one.metric: one for one in trends_over(runs, axis_of(SCALE, 3))}


def test_values_stand_in_the_order_of_the_runs(trends):
    means = np.array(list(COSINES.values())).mean(axis=0)
    assert [one.value for one in trends["quality.own_cosine"].values] == pytest.approx(means.tolist())


def test_the_slope_and_its_interval_are_those_of_the_slopes_of_the_concepts(trends):
    slopes = np.array([(row[2] - row[0]) / 4 for row in COSINES.values()])  # places 0, 2 and 4 doublings apart
    half = student.ppf(0.975, 3) * slopes.std(ddof=1) / 2
    found = trends["quality.own_cosine"].slope
    assert found.value == pytest.approx(slopes.mean())
    assert (found.low, found.high) == (pytest.approx(slopes.mean() - half), pytest.approx(slopes.mean() + half))
    assert found.method_text == "jackknife over concepts, t"


def test_the_order_is_spearmans(trends):
    assert trends["quality.own_cosine"].order == pytest.approx(1.0)


def test_what_is_the_same_in_every_run_has_no_slope_and_no_interval(trends):
    found = trends["quality.converged_share"]
    assert (found.slope.value, found.slope.low, found.order) == (0.0, None, None)


def test_p_values_are_corrected_over_all_trends(trends):
    found = trends["quality.own_cosine"]
    assert found.p_adjusted >= found.p_value > 0


def test_a_finding_that_one_run_lacks_has_no_trend():
    runs = [world(0).evidence(), with_matching(world(1), *[dict.fromkeys(COSINES, 0.5)] * 8), world(2).evidence()]
    metrics = {one.metric for one in trends_over(common_evidence(runs), axis_of(None, 3))}
    assert "quality.judged_z" not in metrics
    assert "quality.own_cosine" in metrics


def test_what_was_not_measured_in_one_run_has_no_slope():
    cosines = [[0.1] * 8, [float("nan")] * 8, [0.2] * 8]
    runs = []
    for place, values in enumerate(cosines):
        evidence = world(place).evidence()
        runs.append(dataclasses.replace(evidence, images=evidence.images.assign(own_cosine=values)))
    found = {one.metric: one for one in trends_over(common_evidence(runs), axis_of(None, 3))}["quality.own_cosine"]
    assert (found.slope.value, found.order, found.slope.method_text) == (
        None,
        None,
        "nothing measured in one of the runs",
    )


def test_images_that_one_run_lacks_are_left_out_of_all():
    runs = [world(place).evidence() for place in range(3)]
    short = world(1)
    short.prompts, short.images, short.scores = short.prompts[1:], short.images[1:], short.scores[1:]
    common = common_evidence([runs[0], short.evidence(), runs[2]])
    assert [len(run.images) for run in common] == [7, 7, 7]


def test_runs_of_other_seeds_are_refused():
    other = world(1).evidence()
    moved = dataclasses.replace(other, images=other.images.assign(seed=2))
    with pytest.raises(UsageProblem, match="did not start from the same seed"):
        common_evidence([world(0).evidence(), moved, world(2).evidence()])


def test_without_a_scale_a_slope_is_per_run():
    assert (axis_of(None, 3).places, axis_of(None, 3).labels) == ((0.0, 1.0, 2.0), ("1", "2", "3"))


@pytest.mark.parametrize("scale", [[1.0, 2.0], [1.0, 0.0, 2.0], [5.0, 5.0, 5.0], [1.0, float("nan"), 2.0]])
def test_a_scale_is_one_positive_number_for_every_run(scale):
    with pytest.raises(UsageProblem, match="one number above 0 for each"):
        axis_of(scale, 3)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("many")
    made = []
    for number in range(3):
        one = world(number)
        add_controls(one, templates=2)
        made.append(write_run(place / str(number), one.evidence(), pictures=str(number)))
    return made


@pytest.mark.slow
def test_every_run_is_compared_with_the_first(folders):
    found = compare_many(folders, scale=SCALE)
    assert [run.folder for run in found.runs] == folders
    assert [(one.baseline.folder, one.candidate.folder) for one in found.comparisons] == [
        (folders[0], folders[1]),
        (folders[0], folders[2]),
    ]
    assert found.is_conclusive
    assert {(one.suite, one.metric) for one in found.trends} >= {("suite", "quality.own_cosine")}


def test_runs_that_differ_in_more_than_the_checkpoint_are_refused(folders, tmp_path):
    one = world(2)
    add_controls(one, templates=2)
    other = write_run(tmp_path / "other", one.evidence(), recipe={"name": "careful", "steps": 160})
    with pytest.raises(UsageProblem, match=r"recipe\.name"):
        compare_many([*folders[:2], other])
