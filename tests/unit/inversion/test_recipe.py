"""Recipes: all settings in one record, with a digest."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from audit.errors import UsageProblem
from audit.inversion.recipe import RECIPES, Recipe, Span, find_recipe

CPU = torch.device("cpu")
FAST = RECIPES["fast"]


def changed(value: object) -> object:
    """Return another value of the same kind."""
    if isinstance(value, Span):
        return Span(start=value.start + 0.125, end=value.end)
    if isinstance(value, tuple):
        return ((0.0, 0.5), (0.5, 1.0)) if not value else tuple(number * 0.5 + 0.125 for number in value)
    if isinstance(value, str):
        others = {
            "fourier": "pixels",
            "unit": "clipped",
            "spherical": "distance",
            "shared": "at once",
            "normalised": "pixels",
            "device": "fp32",
        }
        return others.get(value, f"{value} too")
    assert isinstance(value, int | float)
    return value + 1


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Recipe)])
def test_the_digest_changes_with_every_setting(field):
    other = dataclasses.replace(FAST, **{field: changed(getattr(FAST, field))})
    assert other.digest != FAST.digest


def test_equal_recipes_have_equal_digests():
    assert dataclasses.replace(FAST).digest == FAST.digest
    assert len(FAST.digest) == 16


def test_the_shipped_recipes_are_told_apart_by_name_and_digest():
    assert all(recipe.name == name for name, recipe in RECIPES.items())
    assert len({recipe.digest for recipe in RECIPES.values()}) == len(RECIPES)


def test_a_recipe_is_found_by_its_name_or_refused_with_the_known_ones():
    assert find_recipe("careful") is RECIPES["careful"]
    with pytest.raises(UsageProblem, match="no recipe 'slow'") as caught:
        find_recipe("slow")
    assert all(name in caught.value.remedy for name in RECIPES)


def test_the_reference_recipe_is_the_published_one():
    reference = RECIPES["reference"]
    assert (reference.steps, reference.views, reference.rate) == (3400, 13, 0.1)
    assert (reference.parameterization, reference.loss, reference.total_variation) == ("pixels", "distance", 0.005)
    assert [round(share * 224) for _, share in reference.growth] == [64, 128, 224]
    assert [round(moment * 3400) for moment, _ in reference.growth] == [0, 900, 1800]


def test_the_reference_has_neither_schedule_nor_noise_nor_colours():
    reference = RECIPES["reference"]
    assert (reference.final_rate, reference.betas, reference.gradient) == (1.0, (0.9, 0.999), "clipped")
    assert (reference.rotation, reference.shift, reference.zoom) == (30.0, 0.1, (0.7, 1.2))
    assert (reference.view_probability, reference.sampling) == (0.5, "published")
    still = Span(start=0.0, end=0.0)
    assert (reference.noise, reference.colour, reference.colour_shift, reference.jitter) == (still, still, (0, 0), 0)
    assert (reference.absolute, reference.average_from) == (0.0, 1.0)


def test_the_twins_of_the_reference_differ_in_what_their_names_say_and_nothing_else():
    reference = RECIPES["reference"]
    batched = dataclasses.replace(reference, name="reference-batched", together=0, precision="device")
    assert RECIPES["reference-batched"] == batched
    shifted = dataclasses.replace(batched, name="reference-shift", colour_shift=(1.0, 1.0), jitter=0.5)
    assert RECIPES["reference-shift"] == shifted


def test_a_recipe_says_how_many_images_at_once():
    assert [RECIPES[name].batch(48) for name in ("reference", "reference-batched", "fast")] == [1, 48, 48]


@pytest.mark.parametrize("name", ["reference-batched", "reference-shift", "fast", "careful"])
def test_a_recipe_takes_the_precision_that_is_asked_for(name):
    assert [RECIPES[name].choose_precision(asked, CPU).precision for asked in ("fp32", "bf16")] == ["fp32", "bf16"]


def test_the_published_loop_computes_in_fp32_whatever_suits_the_device_and_refuses_bf16():
    chosen = [RECIPES["reference"].choose_precision(asked, CPU).precision for asked in ("auto", "fp32")]
    assert chosen == ["fp32", "fp32"]
    with pytest.raises(UsageProblem, match=r"reference.*bf16") as caught:
        RECIPES["reference"].choose_precision("bf16", CPU)
    assert "--precision" in caught.value.remedy


def test_the_price_is_steps_times_views():
    assert RECIPES["reference"].image_gradients == 3400 * 13


def test_a_span_moves_geometrically_between_positive_ends():
    span = Span(start=0.1, end=0.001)
    assert [span.at(progress) for progress in (0.0, 0.5, 1.0)] == pytest.approx([0.1, 0.01, 0.001])


def test_a_span_moves_in_a_line_where_an_end_is_zero():
    assert [Span(start=0.2, end=0.0).at(p) for p in (0.0, 0.25, 1.0)] == pytest.approx([0.2, 0.15, 0.0])
    assert [Span(start=0.0, end=0.0).at(p) for p in (0.0, 0.5, 1.0)] == [0.0, 0.0, 0.0]
