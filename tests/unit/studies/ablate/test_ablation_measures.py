"""What a changed recipe did, against differences worked out by hand."""

import pytest
from matching_worlds import with_matching
from worlds import World, seen

from audit.records import Status
from audit.studies.ablate.ablation_result import MEASURES, measure_recipe

WELL, BADLY = {"nurse": 0.9, "pilot": 0.1, "baker": 0.3}, {"nurse": 0.1, "pilot": 0.2, "baker": 0.3}


def evidence(*looks, cosine=0.5, status=Status.CONVERGED, who="man"):
    world = World()
    for number in range(len(looks)):
        world.ask("nurse", seen(who), template=f"{number} {{thing}}", cosine=cosine, status=status)
    return with_matching(world, *looks)


def test_the_unchanged_recipe_has_values_and_no_differences():
    plain = evidence(WELL, WELL, BADLY)
    found = measure_recipe(plain, plain)
    assert found.measures["judged_precision"].value.value == pytest.approx(2 / 3)
    assert found.measures.keys() == set(MEASURES) - {"agreement"}
    assert {one.difference for one in found.measures.values()} == {None}


def test_differences_are_paired_by_prompt():
    plain, changed = evidence(WELL, WELL, BADLY), evidence(WELL, BADLY, BADLY, cosine=0.7)
    found = measure_recipe(changed, plain).measures
    assert found["judged_precision"].difference.value == pytest.approx(-1 / 3)
    assert found["own_cosine"].difference.value == pytest.approx(0.2)
    assert found["judged_z"].difference.n_prompts == 3


def test_agreement_is_the_share_of_images_with_the_same_verdict():
    plain = evidence(WELL, WELL, WELL)
    assert measure_recipe(evidence(WELL, WELL, WELL), plain).measures["agreement"].value.value == 1.0
    assert measure_recipe(evidence(WELL, WELL, WELL, who="woman"), plain).measures["agreement"].value.value == 0.0


def test_an_image_that_is_no_evidence_agrees_with_one_that_is_none_either():
    lost = evidence(WELL, WELL, WELL, status=Status.NOISE)
    again = evidence(WELL, WELL, WELL, status=Status.STALLED)
    assert measure_recipe(again, lost).measures["agreement"].value.value == 1.0
    assert measure_recipe(again, evidence(WELL, WELL, WELL)).measures["agreement"].value.value == 0.0


def test_every_status_is_counted():
    found = measure_recipe(evidence(WELL, status=Status.MISALIGNED), evidence(WELL))
    assert found.statuses == {"converged": 0, "misaligned": 1, "stalled": 0, "noise": 0, "non_finite": 0}


def test_a_run_without_a_held_out_judge_cannot_be_compared():
    world = World()
    world.ask("nurse", seen("man"))
    with pytest.raises(ValueError, match='asks "concepts"'):
        measure_recipe(world.evidence(), world.evidence())
