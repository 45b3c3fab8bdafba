"""A full-size ViT-B-32 with random weights goes through loading and, its gate waived, through inversion."""

import dataclasses
import json

import open_clip
import pytest
import torch
from checkpoint_tiny import seeded_model
from safetensors.torch import save_file

from audit.checkpoints import LoadOptions, load_checkpoint
from audit.errors import ExitCode, RefusedProblem
from audit.inversion import Inverter, Item, find_recipe


@pytest.mark.slow
def test_a_full_size_model_with_random_weights_is_refused_and_inverts_when_the_gate_is_waived(tmp_path):
    model_cfg = open_clip.get_model_config("ViT-B-32")
    state = {name: tensor.half() for name, tensor in seeded_model(model_cfg).state_dict().items()}
    save_file(state, tmp_path / "open_clip_model.safetensors")
    del state
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": model_cfg}))
    with pytest.raises(RefusedProblem, match="does not tell matched") as caught:
        load_checkpoint(str(tmp_path))
    assert caught.value.exit_code is ExitCode.REFUSED
    checkpoint = load_checkpoint(str(tmp_path), options=LoadOptions(waive_sanity=True))
    assert (checkpoint.card.image_size, checkpoint.card.embedding_size) == (224, 512)
    assert checkpoint.encode_image(torch.zeros(1, 3, 224, 224)).shape == (1, 512)
    recipe = dataclasses.replace(find_recipe("fast"), steps=3, views=2)
    inverter = Inverter(checkpoint, recipe, recipe.choose_precision("auto", checkpoint.device).precision)
    texts = ("a photo of a nurse", "a photo of an engineer")
    references = inverter.references(texts, ("nurse", "engineer"))
    made = inverter.make([Item(text=text, concept=text, seed=seed) for seed, text in enumerate(texts)], references)
    assert [image.pixels.shape for image in made] == [(3, 224, 224)] * 2
    assert all(-1 <= image.quality.own_cosine <= 1 for image in made)
    assert not torch.equal(made[0].pixels, made[1].pixels)
