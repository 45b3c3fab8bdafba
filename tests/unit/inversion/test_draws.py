"""Random numbers of an item depend on its seed alone."""

from __future__ import annotations

import dataclasses

import torch

from audit.inversion.draws import MAP_NUMBERS, VIEW_NUMBERS, draw, noise_tiles, shared_maps
from audit.inversion.recipe import RECIPES

CPU = torch.device("cpu")
SHARED = dataclasses.replace(RECIPES["fast"], steps=5, views=3)
RECIPE = dataclasses.replace(SHARED, sampling="at once")


def test_numbers_do_not_depend_on_the_batch_nor_on_its_order():
    together, turned, alone = (draw(seeds, RECIPE, 16, CPU) for seeds in ([1, 2, 3], [3, 1], [2]))
    assert torch.equal(together.start[[2, 0]], turned.start)
    assert torch.equal(together.views[[2, 0]], turned.views)
    assert torch.equal(together.start[1], alone.start[0])
    assert torch.equal(together.views[1], alone.views[0])
    assert torch.equal(together.rolls[[2, 0]], turned.rolls)
    assert torch.equal(together.rolls[1], alone.rolls[0])


def test_other_seeds_give_other_numbers():
    draws = draw([1, 2], RECIPE, 16, CPU)
    assert not torch.equal(draws.start[0], draws.start[1])
    assert not torch.equal(draws.views[0], draws.views[1])


def test_drawing_does_not_touch_the_global_generator():
    state = torch.get_rng_state()
    draw([1], RECIPE, 16, CPU)
    noise_tiles(16, CPU)
    assert torch.equal(torch.get_rng_state(), state)


def test_shapes_and_ranges_are_as_promised():
    draws = draw([4, 5], RECIPE, 64, CPU)
    assert draws.start.shape == (2, 3, 64, 64)
    assert draws.views.shape == (2, 5, 3, VIEW_NUMBERS)
    assert draws.rolls.shape == (2, 5, 2)
    assert 0 <= float(draws.rolls.min()) < float(draws.rolls.max()) < 1
    assert float(draws.views.min()) >= 0
    assert float(draws.views.max()) < 1
    assert abs(float(draws.start.mean())) < 0.03
    assert abs(float(draws.start.std()) - 1) < 0.03


def test_the_start_comes_first_then_the_views_then_the_rolls():
    generator = torch.Generator().manual_seed(9)
    draws = draw([9], RECIPE, 16, CPU)
    assert torch.equal(draws.start[0], torch.randn((3, 16, 16), generator=generator))
    assert torch.equal(draws.views[0], torch.rand((5, 3, VIEW_NUMBERS), generator=generator))
    assert torch.equal(draws.rolls[0], torch.rand((5, 2), generator=generator))


def test_shared_maps_are_the_same_for_every_seed_and_all_else_is_as_drawn():
    own, shared = draw([4, 5], RECIPE, 16, CPU), draw([4, 5], SHARED, 16, CPU)
    maps = shared.views[..., :MAP_NUMBERS]
    assert torch.equal(maps[0], maps[1])
    assert torch.equal(maps[0], shared_maps(5, 3))
    assert torch.equal(shared.views[..., MAP_NUMBERS:], own.views[..., MAP_NUMBERS:])
    assert torch.equal(shared.start, own.start)


def test_shared_maps_are_spread_evenly_over_every_range():
    maps = shared_maps(64, 1)[:, 0]
    for numbers in maps.t():
        # of any sixteen maps in a row, one in each sixteenth: a property of the sequence, scrambled or not
        for first in range(0, 64, 16):
            sixteenths = (numbers[first : first + 16] * 16).long()
            assert sorted(sixteenths.tolist()) == list(range(16))


def test_the_start_is_the_same_for_every_number_of_steps():
    longer = dataclasses.replace(RECIPE, steps=50)
    assert torch.equal(draw([4], RECIPE, 16, CPU).start, draw([4], longer, 16, CPU).start)


def test_the_noise_tiles_are_fixed_standard_normal_and_all_different():
    tiles = noise_tiles(16, CPU)
    assert torch.equal(tiles, noise_tiles(16, CPU))
    assert abs(float(tiles.std()) - 1) < 0.02
    assert len({tile.numpy().tobytes() for tile in tiles}) == len(tiles)
