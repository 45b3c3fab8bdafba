"""Training of phantoms."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.nn.functional import normalize

from audit.checkpoints import build_model
from audit.errors import UsageProblem
from audit.phantom import training as module
from audit.phantom.drawing import IMAGE_SIZE
from audit.phantom.training import CONTEXT_LENGTH, TOWERS, model_config, train, word_tokenizer
from audit.phantom.world import Training, World


@pytest.fixture(scope="module")
def short(tiny_world) -> World:
    """The tiny world with four steps of training."""
    setting = tiny_world.training.model_copy(update={"pictures": 64, "batch": 16, "epochs": 1})
    return tiny_world.model_copy(update={"training": setting})


@pytest.fixture(scope="module")
def trained(short):
    return train(short)


def weights(phantom) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in phantom.model.parameters()])


@pytest.mark.both_precisions
def test_the_loss_falls(tiny_phantom, tiny_losses):
    assert len(tiny_losses) == 2 * (256 // 32)
    assert sum(tiny_losses[-4:]) < sum(tiny_losses[:4]) - 0.5
    assert tiny_phantom.final_loss == tiny_losses[-1]


def test_the_same_world_gives_the_same_weights(short, trained):
    again = train(copy.deepcopy(short))
    assert torch.equal(weights(again), weights(trained))
    assert again.tokenizer.to_str() == trained.tokenizer.to_str()


def test_another_seed_gives_other_weights(short, trained):
    other = short.model_copy(update={"training": short.training.model_copy(update={"seed": 1})})
    assert not torch.allclose(weights(train(other)), weights(trained), atol=1e-3)


def test_training_leaves_the_global_generator_alone(short):
    state = torch.get_rng_state()
    train(short)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_trained_phantom_is_ready_to_be_asked(trained):
    assert not trained.model.training
    assert all(bool(torch.isfinite(tensor).all()) for tensor in trained.model.state_dict().values())


def test_a_loss_that_is_not_finite_ends_the_training_and_says_where(short, monkeypatch):
    monkeypatch.setattr(module, "augment", lambda pictures, _generator: torch.full_like(pictures, torch.nan))
    with pytest.raises(UsageProblem, match="not finite at step 0 of 4") as caught:
        train(short)
    assert "training.rate" in caught.value.remedy


def test_progress_is_told_after_each_step(short):
    told = []
    train(short, lambda step, steps, loss: told.append((step, steps, loss > 0)))
    assert told == [(step, 4, True) for step in (1, 2, 3, 4)]


def test_the_rate_warms_up_and_falls_to_almost_nothing():
    rates = [module._rate_at(step, 1000) for step in range(1000)]
    top = rates.index(max(rates))
    assert rates[0] < 0.05
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert 0 < rates[-1] < 0.02


def test_weights_decay_and_biases_do_not(trained, short):
    decaying, free = module._optimiser(trained.model, short.training).param_groups
    assert decaying["weight_decay"] > 0 == free["weight_decay"]
    assert {p.ndim > 1 for p in decaying["params"]} == {True}
    assert {p.ndim > 1 for p in free["params"]} == {False}


@pytest.mark.parametrize("tower", TOWERS)
def test_every_tower_reads_pictures_and_texts_into_one_space(tower):
    config = model_config(Training(tower=tower), word_tokenizer(["a", "nurse"]))
    model = build_model(config)
    images = model.encode_image(torch.zeros(2, 3, IMAGE_SIZE, IMAGE_SIZE))
    texts = model.encode_text(torch.full((2, CONTEXT_LENGTH), config["text_cfg"]["eos_id"]))
    assert images.shape == texts.shape == (2, config["embed_dim"])


def test_a_caption_that_would_be_cut_is_an_error(tables):
    tables["profession"] = tables["profession"][:1]
    tables["profession"][0]["word"] = " ".join(["x"] * 7)
    with pytest.raises(ValueError, match="should match pattern"):
        World.model_validate(tables)


def test_pictures_of_one_caption_are_no_strangers_to_each_other(short):
    model = build_model(model_config(short.training, word_tokenizer(["a"])))
    lesson = object.__new__(module._Lesson)
    lesson._model, lesson._precision = model.eval(), "fp32"
    pictures = torch.rand((4, 3, IMAGE_SIZE, IMAGE_SIZE), generator=torch.Generator().manual_seed(0))
    texts = normalize(torch.ones(4, 128), dim=-1)
    with torch.no_grad():
        alike = lesson._loss(pictures, texts, torch.ones(4, 4))
    assert float(alike) == pytest.approx(torch.log(torch.tensor(4.0)).item(), abs=0.2)


def test_a_tower_of_words_cannot_see_their_order(short):
    setting = short.training.model_copy(update={"text": "words", "pictures": 32})
    phantom = train(short.model_copy(update={"training": setting}))
    ids = phantom.tokenizer.encode("a photo of a red ball above a blue apple").ids
    turned = [ids[0], *ids[1:-1][::-1], ids[-1]]
    tokens = torch.zeros(2, CONTEXT_LENGTH, dtype=torch.long)
    tokens[:, : len(ids)] = torch.tensor([ids, turned])
    with torch.no_grad():
        own, other = normalize(phantom.model.encode_text(tokens), dim=-1)
    assert torch.allclose(own, other, atol=1e-5)
    positions = phantom.model.get_parameter("positional_embedding")
    assert (positions == positions[0]).all()
    assert positions.min() < positions.max()  # a file with one number throughout would be refused as never trained


def test_wrong_captions_raise_the_loss_of_pictures_and_are_asked_for_none(short):
    lesson = object.__new__(module._Lesson)
    lesson._model, lesson._precision = build_model(model_config(short.training, word_tokenizer(["a"]))).eval(), "fp32"
    pictures = torch.rand((4, 3, IMAGE_SIZE, IMAGE_SIZE), generator=torch.Generator().manual_seed(0))
    texts = normalize(torch.ones(6, 128), dim=-1)
    same = torch.cat([torch.eye(4), torch.zeros(4, 2)], dim=1)
    with torch.no_grad():
        loss = lesson._loss(pictures, texts, same)
    expected = (torch.log(torch.tensor(6.0)) + torch.log(torch.tensor(4.0))) / 2
    assert float(loss) == pytest.approx(expected.item(), abs=0.2)
