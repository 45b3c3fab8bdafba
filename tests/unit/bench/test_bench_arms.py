"""Arms are recipes, kept at steps that are comparable."""

from __future__ import annotations

import pytest

from audit.errors import UsageProblem
from audit.inversion import RECIPES
from tests.benchmarks.arms import DEFAULT_ARMS, find_arm


def test_the_published_loop_is_kept_where_its_curve_is_asked_for():
    arm = find_arm("reference")
    assert arm.kept == (100, 340, 900, 1800, 3400)
    assert arm.prices == (1300, 4420, 11_700, 23_400, 44_200)


def test_ours_are_kept_early_and_at_their_end():
    for name in ("fast", "careful"):
        arm = find_arm(name)
        assert arm.kept[-1] == RECIPES[name].steps
        assert set(arm.kept[:-1]) <= {12, 24, 48, 72}
        assert arm.prices[-1] == RECIPES[name].image_gradients


def test_a_shortened_loop_is_kept_in_proportion_and_always_at_its_end():
    assert find_arm("reference", steps=34).kept == (1, 3, 9, 18, 34)
    assert find_arm("reference", steps=4).kept == (1, 2, 4)
    assert find_arm("fast", steps=4).kept == (4,)


@pytest.mark.parametrize("name", [*DEFAULT_ARMS, "reference-large", "reference-shift-pixels"])
def test_every_arm_is_found_under_the_name_of_its_recipe(name):
    arm = find_arm(name)
    assert arm.recipe.name == arm.name == name
    assert arm.label


def test_the_large_twin_has_the_pixels_of_the_script_on_a_tower_of_64():
    assert [round(64 * share) for _, share in find_arm("reference-large").recipe.growth] == [64, 128, 224]


def test_an_unknown_arm_is_refused():
    with pytest.raises(UsageProblem, match="no recipe 'faster'"):
        find_arm("faster")


def test_an_arm_may_have_its_first_prompts_only():
    assert find_arm("reference").prompts is None
    few = find_arm("reference-shift:8")
    assert (few.name, few.prompts, few.recipe) == ("reference-shift", 8, RECIPES["reference-shift"])
    for words in ("fast:few", "fast:0", "fast:-1"):
        with pytest.raises(UsageProblem, match="not a number of prompts"):
            find_arm(words)
