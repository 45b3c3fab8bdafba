"""Who is audited, who judges, and what is trained where it is missing."""

from __future__ import annotations

import dataclasses

import pytest

from audit.errors import UsageProblem
from audit.phantom.phantom_folder import read_phantom_world
from audit.phantom.world import World
from tests.benchmarks.checkpoints import LEAST_JUDGES, held_out, provide, read_plan, tower_name


@pytest.mark.parametrize("which", ["test", "tuning"])
def test_every_audited_checkpoint_has_judges_of_two_other_architectures(which):
    plan = read_plan(which)
    towers = {name: world.training.tower for name, world in plan.worlds.items()} | {"phantom:skewed": "resnet"}
    seeds = [world.training.seed for world in plan.worlds.values()]
    assert len(set(seeds)) == len(seeds)
    assert set(plan.audited) == {"phantom:skewed", "vit-41"}
    for audited in plan.audited:
        others = {towers[judge] for judge in plan.judges} - {towers[audited]}
        assert len(others) >= LEAST_JUDGES


def test_the_sets_share_no_judge_and_nobody_judges_itself():
    test, tuning = read_plan("test"), read_plan("tuning")
    assert set(test.judges) & set(tuning.judges) == set()
    assert not set(test.judges + tuning.judges) & set(test.audited + tuning.audited)


def test_the_worlds_differ_from_skewed_in_name_tower_and_seed_alone():
    world = read_plan("test").worlds["vit-51"]
    skewed = read_phantom_world("skewed")
    assert (world.name, world.training.tower, world.training.seed) == ("bench-vit-51", "vit", 51)
    assert world.professions == skewed.professions
    assert world.training.model_copy(update={"tower": "resnet", "seed": 11}) == skewed.training


def test_a_phantom_is_trained_once_and_again_when_its_world_changes(tables, tmp_path):
    tables["training"] = {"pictures": 64, "batch": 32, "epochs": 1}
    said: list[str] = []
    worlds = {"small": World.model_validate(tables)}
    place = provide("small", worlds, tmp_path, said.append)
    assert provide("small", worlds, tmp_path, said.append) == place
    assert len(said) == 1
    tables["training"]["seed"] = 5
    provide("small", {"small": World.model_validate(tables)}, tmp_path, said.append)
    assert len(said) == 2
    assert read_phantom_world(place).training.seed == 5


def test_a_name_that_is_not_in_the_plan_is_left_as_it_is(tmp_path):
    assert provide("phantom:skewed", {}, tmp_path, lambda _: None) == "phantom:skewed"


def relative(checkpoint, **card):
    """The same checkpoint under another card."""
    return dataclasses.replace(checkpoint, card=dataclasses.replace(checkpoint.card, **card))


TEXT = ["a photo of a nurse"]


def test_a_judge_with_the_same_tower_or_lineage_or_weights_is_left_out(tiny_checkpoint):
    judges = {
        "itself": tiny_checkpoint,
        "same tower": relative(tiny_checkpoint, digest="1", lineage=()),
        "same lineage": relative(tiny_checkpoint, digest="2", architecture="another tower, text 2x96"),
        "vit": relative(tiny_checkpoint, digest="3", lineage=(), architecture="a ViT, text 2x96"),
        "deep": relative(tiny_checkpoint, digest="4", lineage=(), architecture="a deep ResNet, text 2x96"),
    }
    assert list(held_out(tiny_checkpoint, judges, TEXT)) == ["vit", "deep"]
    del judges["vit"]
    with pytest.raises(UsageProblem, match="Of the judges named, 1 share nothing"):
        held_out(tiny_checkpoint, judges, TEXT)


def test_a_judge_that_does_not_know_the_words_is_refused(tiny_checkpoint):
    judges = {
        name: relative(tiny_checkpoint, digest=name, lineage=(), architecture=f"{name}, text 2x96") for name in "ab"
    }
    with pytest.raises(UsageProblem, match="does not know the words astronaut"):
        held_out(tiny_checkpoint, judges, ["a photo of an astronaut"])


def test_an_architecture_without_its_text_tower(tiny_checkpoint):
    assert tower_name(tiny_checkpoint.card).startswith("ResNet-1-2-2-1 width 16")
    assert "text" not in tower_name(tiny_checkpoint.card)
