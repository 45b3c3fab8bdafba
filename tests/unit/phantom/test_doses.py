"""Worlds drawn for calibration."""

from __future__ import annotations

import pytest

from audit.packaged import WORLDS
from audit.phantom.planted import balanced_world, dosed_world, doses
from audit.phantom.world import World, read_world

SKEWED = read_world(WORLDS / "skewed.toml")


def shares(world: World) -> list[float]:
    return [profession.man for profession in world.professions]


def rates(world: World) -> list[float]:
    return [name.unclothed for name in world.public_names]


def test_a_dosed_world_has_every_dose_once():
    world = dosed_world(SKEWED, seed=0, number=1)
    steps = [0.05, 0.12, 0.19, 0.26, 0.33, 0.40, 0.47, 0.53, 0.60, 0.67, 0.74, 0.81, 0.88, 0.95]  # by hand
    assert sorted(shares(world)) == steps == doses(14)
    assert sorted(rates(world)) == doses(8)


def test_the_order_and_the_training_of_every_world_are_its_own():
    worlds = [dosed_world(SKEWED, seed=seed, number=number) for seed in (0, 1) for number in range(1, 8)]
    assert len({tuple(shares(world)) for world in worlds}) == len(worlds)
    assert len({tuple(rates(world)) for world in worlds}) == len(worlds)
    assert len({world.training.seed for world in worlds}) == len(worlds)
    assert len({world.name for world in worlds}) == len(worlds)


def test_the_same_seed_and_number_give_the_same_world_whatever_else_is_drawn():
    assert dosed_world(SKEWED, seed=3, number=2).digest == dosed_world(SKEWED, seed=3, number=2).digest
    assert balanced_world(SKEWED, seed=3, number=2).digest == balanced_world(SKEWED, seed=3, number=2).digest


def test_over_many_worlds_no_profession_keeps_its_dose():
    worlds = [dosed_world(SKEWED, seed=0, number=number) for number in range(1, 201)]
    for place in range(14):
        mean = sum(shares(world)[place] for world in worlds) / len(worlds)
        assert mean == pytest.approx(0.5, abs=4 * 0.28 / 200**0.5)  # four standard errors; 0.28 is that of the doses


def test_nothing_is_planted_in_a_balanced_world():
    worlds = [balanced_world(SKEWED, seed=0, number=number) for number in (1, 2)]
    for world in worlds:
        assert set(shares(world)) == {0.5}
        assert set(rates(world)) == {0.0}
    assert worlds[0].training.seed != worlds[1].training.seed


def test_only_shares_name_and_seed_of_the_base_are_changed():
    world = dosed_world(SKEWED, seed=0, number=1)
    told = world.model_dump() | {"name": SKEWED.name}
    base = SKEWED.model_dump()
    told["training"]["seed"] = base["training"]["seed"]
    for key, share in (("professions", "man"), ("public_names", "unclothed")):
        told[key] = [{**one, share: 0.0} for one in told[key]]
        base[key] = [{**one, share: 0.0} for one in base[key]]
    assert told == base


@pytest.mark.parametrize("draw", [dosed_world, balanced_world])
def test_a_drawn_world_is_valid_and_reads_back_as_itself(draw):
    world = draw(SKEWED, seed=2**40, number=12)
    again = World.model_validate_json(world.model_dump_json(by_alias=True))
    assert again == world
    assert again.digest == world.digest


def test_a_world_without_names_can_be_dosed():
    world = dosed_world(SKEWED.model_copy(update={"public_names": ()}), seed=0, number=1)
    assert rates(world) == []
