"""Shards of items: order, controls, memory, precision and status."""

from __future__ import annotations

import dataclasses
import weakref

import pytest
import torch

from audit.checkpoints import load_checkpoint
from audit.errors import EnvironmentProblem
from audit.inversion import RECIPES, Inverter, Item, References, batch_size, loop
from audit.inversion.draws import draw, noise_tiles
from audit.inversion.inverter import take_off
from audit.inversion.parameterization import parameterize
from audit.lenses.common.references import place_between
from audit.records import Status
from audit.suites import load_suite, suite_path

CPU = torch.device("cpu")
BRIEF = dataclasses.replace(RECIPES["fast"], steps=3)
CONCEPTS = ("nurse", "baker", "engineer", "zelka orrin", "fenn ilko")


def items(count: int, **more: object) -> list[Item]:
    return [
        Item(text=f"a photo of {CONCEPTS[k % 5]}", concept=CONCEPTS[k % 5], seed=100 + k, **more) for k in range(count)
    ]


@pytest.fixture
def inverter(tiny_checkpoint) -> Inverter:
    return Inverter(tiny_checkpoint, BRIEF, "fp32")


@pytest.fixture
def references(inverter) -> References:
    return inverter.references([f"a photo of {concept}" for concept in CONCEPTS], CONCEPTS)


@pytest.fixture(scope="module")
def skewed():
    return load_checkpoint("phantom:skewed")


def test_there_is_one_image_per_item_in_order(inverter, references):
    made = inverter.make(items(3), references)
    assert [one.pixels.shape for one in made] == [(3, 64, 64)] * 3
    assert {one.pixels.dtype for one in made} == {torch.uint8}
    turned = inverter.make(items(3)[::-1], references)
    for one, other in zip(made, turned[::-1], strict=True):
        assert float((one.pixels.float() - other.pixels.float()).abs().mean()) < 3


@pytest.mark.parametrize("grade", [-1.0, -0.5, 0.0, 1.0])
def test_an_image_can_be_brought_to_a_direction_between_two_texts(inverter, references, tiny_checkpoint, grade):
    upper, lower = "a photo of nurse", "a photo of baker"
    one, two = (tiny_checkpoint.encode_text([text])[0] for text in (upper, lower))
    between = torch.nn.functional.normalize((1 + grade) * one + (1 - grade) * two, dim=0)
    [made] = inverter.make([Item(text=upper, opposite=lower, grade=grade, concept="nurse", seed=3)], references)
    [turned] = inverter.make([Item(text=lower, opposite=upper, grade=-grade, concept="nurse", seed=3)], references)
    direct = loop.invert(inverter._tower(), between[None], [3], BRIEF)
    assert float((made.pixels.float() / 255 - direct[0]).abs().mean()) < 0.01
    assert torch.equal(made.pixels, turned.pixels)


def test_what_is_taken_off_a_text_leaves_it_in_the_middle_of_two_others(tiny_checkpoint):
    texts = "a photo of nurse", "a photo of baker", "a photo of engineer"
    subject, upper, lower = (tiny_checkpoint.encode_text([text]) for text in texts)
    assert abs(float(place_between(subject.numpy(), upper.numpy(), lower.numpy())[0])) > 0.01
    middle = take_off(subject, upper - lower)
    assert float(place_between(middle.numpy(), upper.numpy(), lower.numpy())[0]) == pytest.approx(0, abs=1e-5)
    assert float(middle.norm()) == pytest.approx(1, abs=1e-5)
    plane = torch.cat([subject, upper - lower]).T
    parts = torch.linalg.lstsq(plane, middle.T).solution
    assert torch.allclose(plane @ parts, middle.T, atol=1e-5)  # nothing else is changed
    assert torch.equal(take_off(subject, upper - upper), subject)


def test_a_neutralised_item_is_brought_to_its_text_without_its_own_place(inverter, tiny_checkpoint, monkeypatch):
    aims = []
    monkeypatch.setattr(
        "audit.inversion.inverter.invert",
        lambda _, targets, seeds, *__: aims.append(targets) or torch.rand(len(seeds), 3, 64, 64),
    )
    texts = "a photo of nurse", "a photo of baker", "a photo of engineer"
    own = inverter.references(["a photo of nurse"], ["nurse"], also=texts[1:])
    plain = Item(text=texts[0], concept="nurse", seed=3)
    inverter.make([plain, dataclasses.replace(plain, taken_off=texts[1:])], own)
    subject, upper, lower = (tiny_checkpoint.encode_text([text]) for text in texts)
    expected = torch.cat([subject, take_off(subject, upper - lower)])
    assert torch.allclose(aims[0], expected, atol=1e-5)
    assert not torch.allclose(aims[0][0], aims[0][1], atol=1e-3)


def test_nothing_is_made_of_nothing(inverter, references):
    assert inverter.references([], []).concepts == ()


def test_references_are_unit_embeddings_of_their_texts(references, tiny_checkpoint):
    assert references.embeddings.norm(dim=1).tolist() == pytest.approx([1.0] * 5, rel=1e-5)
    again = tiny_checkpoint.encode_text([f"a photo of {concept}" for concept in CONCEPTS])
    assert torch.equal(references.embeddings, again)


@pytest.mark.parametrize("name", RECIPES)
def test_a_blank_item_is_a_full_image_that_no_inversion_has_touched(tiny_checkpoint, references, name):
    inverter = Inverter(tiny_checkpoint, dataclasses.replace(RECIPES[name], steps=3), "fp32")
    blank = Item(text="noise 1", concept="noise 1", seed=7, blank=True)
    alone = inverter.make([blank], references)[0]
    assert alone.pixels.shape == (3, 64, 64)
    mixed = inverter.make([items(1)[0], blank, items(2)[1]], references)
    assert torch.equal(mixed[1].pixels, alone.pixels)
    assert float((mixed[0].pixels.float() - mixed[1].pixels.float()).abs().mean()) > 1


def test_white_noise_is_told_as_noise(tiny_checkpoint, references):
    inverter = Inverter(tiny_checkpoint, dataclasses.replace(RECIPES["reference"], steps=3), "fp32")
    made = inverter.make(items(4, blank=True), references)
    assert {one.quality.status for one in made} == {Status.NOISE}


@pytest.mark.parametrize("grey", [0.0, 0.5, 1.0])
def test_a_flat_image_is_no_evidence_of_anything(skewed, grey):
    suites = [load_suite(suite_path(f"phantom/{name}")) for name in ("professions", "names", "controls")]
    every = {(p.text, p.concept): None for suite in suites for p in suite.prompts if p.role != "noise"}
    inverter = Inverter(skewed, BRIEF, "fp32")
    references = inverter.references([text for text, _ in every], [concept for _, concept in every])
    asked = {p.concept: p.text for suite in suites[:2] for p in suite.prompts if p.role == "subject"}
    flat = [Item(text=text, concept=concept, seed=k) for k, (concept, text) in enumerate(asked.items())]
    images, targets = torch.full((len(flat), 3, 64, 64), grey), skewed.encode_text(list(asked.values()))
    found = inverter._qualities(images, flat, targets, references)
    assert {quality.status for quality in found} == {Status.STALLED}
    assert {quality.sharpness for quality in found} == {0.0}


def test_a_tower_that_is_not_finite_gives_images_that_say_so(tiny_checkpoint, references):
    broken = dataclasses.replace(tiny_checkpoint, mean=torch.full((3,), torch.nan))
    made = Inverter(broken, BRIEF, "fp32").make(items(2), references)
    assert {one.quality.status for one in made} == {Status.NON_FINITE}
    assert all(one.pixels.dtype == torch.uint8 for one in made)


def test_cosines_rise_over_the_run(skewed, references):
    found = []
    for steps in (1, 10, 40):
        inverter = Inverter(skewed, dataclasses.replace(BRIEF, steps=steps), "fp32")
        found.append([one.quality.own_cosine for one in inverter.make(items(4), references)])
    first, middle, last = (sum(cosines) / 4 for cosines in found)
    assert last > middle + 0.05 > first + 0.1
    assert all(late > early + 0.1 for early, late in zip(found[0], found[2], strict=True))


def test_a_batch_that_does_not_fit_is_halved_and_so_are_later_ones(inverter, references, monkeypatch):
    inverter = inverter.with_recipe(inverter._recipe)
    whole = inverter.make(items(7), references)
    sizes, make = [], Inverter._make

    def short_of_memory(self, batch, *rest):
        sizes.append(len(batch))
        if len(batch) > 2:
            raise torch.OutOfMemoryError("out of memory")
        return make(self, batch, *rest)

    monkeypatch.setattr(Inverter, "_make", short_of_memory)
    halved = inverter.make(items(7), references)
    assert sizes == [7, 3, 1, 2, 2, 2]
    sizes.clear()
    again = inverter.make(items(7), references)
    assert sizes == [1, 2, 2, 2]
    assert all(torch.equal(one.pixels, other.pixels) for one, other in zip(halved, again, strict=True))
    assert len(halved) == 7
    for one, other in zip(whole, halved, strict=True):
        assert float((one.pixels.float() - other.pixels.float()).abs().mean()) < 3


def test_what_did_not_fit_is_let_go_before_the_next_try(inverter, references, monkeypatch):
    held: list[weakref.ref] = []
    still_there = []

    class Large:
        pass

    def short_of_memory(_self, batch, *_rest):
        still_there.append(any(ref() is not None for ref in held))
        large = Large()
        held.append(weakref.ref(large))
        if len(batch) > 1:
            raise torch.OutOfMemoryError("out of memory")
        return []

    monkeypatch.setattr(Inverter, "_make", short_of_memory)
    inverter.with_recipe(inverter._recipe).make(items(4), references)
    assert still_there == [False] * 6


def test_a_batch_is_halved_as_often_as_asked_before_it_is_begun(inverter, references, monkeypatch):
    sizes, make = [], Inverter._make

    def count(self, batch, *rest):
        sizes.append(len(batch))
        return make(self, batch, *rest)

    monkeypatch.setattr(Inverter, "_make", count)
    assert len(inverter.make(items(7), references, halvings=2)) == 7
    assert sizes == [1, 2, 2, 2]
    assert len(inverter.make(items(2), references, halvings=9)) == 2
    assert sizes[4:] == [1, 1]


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
    ],
    ids=str,
)
def test_one_image_that_does_not_fit_is_a_problem_with_a_remedy(inverter, references, monkeypatch, error):
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Inverter, "_make", fail)
    with pytest.raises(EnvironmentProblem, match="One image of 64 pixels a side does not fit") as caught:
        inverter.make(items(5), references)
    assert "fewer views" in caught.value.remedy


@pytest.mark.parametrize("text", ["shapes do not fit", "unsupported memory format option Preserve", "memory is shared"])
def test_an_error_that_does_not_say_that_memory_ran_out_is_not_swallowed(inverter, references, monkeypatch, text):
    tries = []

    def fail(_self, batch, *_rest) -> None:
        tries.append(len(batch))
        raise RuntimeError(text)

    monkeypatch.setattr(Inverter, "_make", fail)
    with pytest.raises(RuntimeError, match=text):
        inverter.make(items(2), references)
    assert tries == [2]


def test_each_text_is_encoded_once(tiny_checkpoint, monkeypatch):
    encoded: list[str] = []
    encode = type(tiny_checkpoint).encode_text
    monkeypatch.setattr(
        type(tiny_checkpoint), "encode_text", lambda self, texts: (encoded.extend(texts), encode(self, texts))[1]
    )
    inverter = Inverter(tiny_checkpoint, BRIEF, "fp32")
    asked = [f"a photo of {concept}" for concept in CONCEPTS]
    references = inverter.references([*asked, asked[0]], [*CONCEPTS, "another"])
    inverter.make([*items(3), *items(1, blank=True)], references)
    unknown = [Item(text="a drawing of a nurse", concept="nurse", seed=1)] * 2
    inverter.make(unknown, references)
    inverter.make(unknown, references)
    assert encoded == [*asked, "a drawing of a nurse"]
    assert torch.equal(references.embeddings[-1], references.embeddings[0])


def test_a_text_means_the_same_whichever_shard_it_is_met_in(tiny_checkpoint):
    texts = [f"a drawing of {concept}" for concept in CONCEPTS]
    forwards, backwards = (Inverter(tiny_checkpoint, BRIEF, "fp32") for _ in range(2))
    assert torch.equal(forwards._embed(texts), backwards._embed(texts[::-1]).flip(0))


def test_the_checkpoint_itself_is_left_as_it_was(tiny_checkpoint, references):
    before = {name: tensor.clone() for name, tensor in tiny_checkpoint.model.state_dict().items()}
    Inverter(tiny_checkpoint, BRIEF, "bf16").make(items(1), references)
    after = tiny_checkpoint.model.state_dict()
    assert all(
        torch.equal(tensor, after[name]) and tensor.dtype == after[name].dtype for name, tensor in before.items()
    )
    assert all(parameter.grad is None for parameter in tiny_checkpoint.model.parameters())


def test_gradients_in_bf16_point_where_those_in_fp32_do(skewed):
    recipe = dataclasses.replace(RECIPES["fast"], steps=16)
    texts = ["a photo of a nurse", "a photo of an engineer", "a photo of a pilot", "a photo of zelka orrin"]
    targets, seeds = skewed.encode_text(texts), [1, 2, 3, 4]
    draws, tiles = draw(seeds, recipe, 64, CPU), noise_tiles(64, CPU)
    cosines = []
    for step in (0, 8, 15):
        towers = [Inverter(skewed, recipe, precision)._tower() for precision in ("fp32", "bf16")]
        exact, fast = (
            loop._gradient(
                parameterize(draws.start, recipe, tower.dtype),
                tower,
                targets,
                loop._Moment(draws, tiles, recipe, step),
            ).flatten(0, -2)
            for tower in towers
        )
        cosines += (exact * fast).sum(dim=0).tolist()
    assert sum(cosines) / len(cosines) > 0.99
    assert min(cosines) > 0.97


def test_inversion_in_bf16_matches_its_text_as_well_as_in_fp32(tiny_checkpoint, references):
    recipe = dataclasses.replace(BRIEF, steps=20)
    found = [
        [one.quality.own_cosine for one in Inverter(tiny_checkpoint, recipe, precision).make(items(3), references)]
        for precision in ("fp32", "bf16")
    ]
    assert found[1] == pytest.approx(found[0], abs=0.1)


@pytest.mark.parametrize("name", RECIPES)
def test_larger_images_and_more_views_make_smaller_batches(name):
    recipe = RECIPES[name]
    sizes = [batch_size(recipe, side, CPU) for side in (64, 96, 224, 448, 1024)]
    assert sizes == sorted(sizes, reverse=True)
    assert min(sizes) >= 1
    more = dataclasses.replace(recipe, views=recipe.views * 2)
    assert all(batch_size(more, side, CPU) <= batch_size(recipe, side, CPU) for side in (64, 224))
