"""A full-size ViT-B-32 with random weights goes through loading."""

import json

import open_clip
import pytest
import torch
from checkpoint_tiny import seeded_model
from safetensors.torch import save_file

from audit.checkpoints import LoadOptions, load_checkpoint
from audit.errors import ExitCode, RefusedProblem


@pytest.mark.slow
def test_a_full_size_model_with_random_weights_is_refused_and_loads_when_the_gate_is_waived(tmp_path):
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
