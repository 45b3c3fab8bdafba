"""Recipes with a part changed, and the failure signs that go with wrong recipes."""

import dataclasses

import pytest

from audit.checkpoints import load_checkpoint
from audit.errors import UsageProblem
from audit.inversion import RECIPES, Inverter, Item
from audit.inversion.recipe import PARTS, STRENGTHS, Span, ablate, changes_anything, find_recipe
from audit.records import Status

FAST = RECIPES["fast"]
WORDS = ("nurse", "pilot", "farmer", "doctor", "painter", "baker")
CHANGED = {
    "views": {"rotation", "zoom", "shift", "colour"},
    "noise": {"noise"},
    "low-pass": {"cutoff", "canvas"},
    "tv": {"total_variation"},
    "l1": {"absolute"},
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("strength", STRENGTHS)
def test_one_part_changes_and_nothing_else(part, strength):
    before, after = (dataclasses.asdict(one) for one in (FAST, ablate(FAST, part, strength)))
    differing = {name for name in before if before[name] != after[name]} - {"name"}
    assert differing <= CHANGED[part]
    assert after["steps"] * after["views"] == FAST.image_gradients


def test_off_is_off():
    assert ablate(FAST, "noise", "off").noise == Span(start=0.0, end=0.0)
    still = ablate(FAST, "views", "off")
    assert (still.rotation, still.zoom, still.shift, still.colour.start) == (0.0, (1.0, 1.0), 0.0, 0.0)
    assert ablate(FAST, "tv", "off").total_variation == 0.0
    assert ablate(RECIPES["reference"], "low-pass", "off").growth == ()


def test_weak_and_strong_lie_on_either_side():
    weak, strong = ablate(FAST, "noise", "weak").noise, ablate(FAST, "noise", "strong").noise
    assert weak.start < FAST.noise.start < strong.start
    # a stronger low-pass lets less through
    assert ablate(FAST, "low-pass", "strong").cutoff.end < FAST.cutoff.end < ablate(FAST, "low-pass", "weak").cutoff.end


def test_switching_off_what_is_off_changes_nothing():
    assert not changes_anything(FAST, ablate(FAST, "l1", "off"))
    assert not changes_anything(RECIPES["reference"], ablate(RECIPES["reference"], "noise", "strong"))
    assert changes_anything(FAST, ablate(FAST, "l1", "weak"))


def test_a_changed_recipe_is_found_by_its_name():
    assert find_recipe("fast/low-pass-off") == ablate(FAST, "low-pass", "off")


@pytest.mark.parametrize("name", ["fast/noise", "fast/noise-none", "fast/", "fast/noise-off/tv-off", "slow/noise-off"])
def test_other_names_are_refused(name):
    with pytest.raises(UsageProblem, match="There is no recipe"):
        find_recipe(name)


@pytest.fixture(scope="module")
def skewed():
    return load_checkpoint("phantom:skewed")


def statuses(checkpoint, **changed):
    inverter = Inverter(checkpoint, dataclasses.replace(FAST, **changed), "fp32")
    texts = [f"a photo of a {word}" for word in WORDS]
    references = inverter.references(texts, WORDS)
    jobs = [Item(text=text, concept=word, seed=k) for k, (text, word) in enumerate(zip(texts, WORDS, strict=True))]
    return [one.quality.status for one in inverter.make(jobs, references)]


def test_a_sound_recipe_converges(skewed):
    assert statuses(skewed).count(Status.CONVERGED) >= 4


def test_an_image_that_total_variation_holds_back_has_stalled(skewed):
    assert statuses(skewed, total_variation=1.0, rate=0.05).count(Status.STALLED) >= 4


def test_of_an_image_that_total_variation_flattens_noise_is_left_or_nothing(skewed):
    assert set(statuses(skewed, total_variation=50.0)) <= {Status.STALLED, Status.NOISE}


def test_an_image_that_never_left_its_start_is_misaligned(skewed):
    assert statuses(skewed, rate=0.0, steps=2).count(Status.MISALIGNED) >= 4


def test_an_image_without_low_pass_and_total_variation_is_noise(skewed):
    wild = {"cutoff": Span(start=1e6, end=1e6), "canvas": 1.0, "decay": 0.0, "total_variation": 0.0}
    assert set(statuses(skewed, steps=24, **wild)) == {Status.NOISE}


def test_an_image_of_endless_steps_is_not_finite(skewed):
    assert set(statuses(skewed, rate=float("inf"), steps=3)) == {Status.NON_FINITE}
