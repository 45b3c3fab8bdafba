"""Weights as OpenAI, open_clip's training and Hugging Face hand them round."""

import json

import pytest
import torch
from checkpoint_tiny import bpe_model_cfg, seeded_model
from safetensors.torch import load_file, save_file

from audit.checkpoints import LoadOptions, load_checkpoint, names
from audit.checkpoints.config import parse_model_config
from audit.checkpoints.weights import to_open_clip
from audit.errors import RefusedProblem

TEXTS = ["a photo of a nurse", "a red ball"]


@pytest.fixture(autouse=True)
def tiny_architectures(monkeypatch):
    """Two architectures that open_clip does not know, as if it did."""
    known = {"tiny": bpe_model_cfg(), "tiny-quickgelu": bpe_model_cfg(quick_gelu=True)}
    monkeypatch.setattr(names, "_built_in", lambda arch: parse_model_config(known[arch]))


def load(path, arch, *, allow_pickle=True):
    return load_checkpoint(
        str(path),
        options=LoadOptions(arch=arch, preprocess="ViT-B-32/openai", allow_pickle=allow_pickle, waive_sanity=True),
    )


def embed(model, checkpoint):
    with torch.no_grad():
        return model.eval().encode_text(checkpoint.tokenizer.encode(TEXTS), normalize=True)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_training_checkpoint_of_open_clip_loads(tmp_path, bpe_model, prefix):
    state = {f"{prefix}{name}": tensor for name, tensor in bpe_model.state_dict().items()}
    torch.save({"epoch": 3, "name": "run", "state_dict": state, "optimizer": {}}, tmp_path / "epoch_3.pt")
    checkpoint = load(tmp_path / "epoch_3.pt", "tiny")
    torch.testing.assert_close(checkpoint.encode_text(TEXTS), embed(bpe_model, checkpoint))
    assert checkpoint.card.architecture == "tiny"


@pytest.mark.parametrize("kind", ["pt", "safetensors"])
def test_the_layout_of_openai_loads_where_quickgelu_is_stated_and_is_refused_elsewhere(tmp_path, kind):
    model = seeded_model(bpe_model_cfg(quick_gelu=True))
    extra = {"input_resolution": 32, "context_length": 16, "vocab_size": 49408}
    path = tmp_path / f"openai.{kind}"
    if kind == "pt":
        torch.save({**{name: t.half() for name, t in model.state_dict().items()}, **extra}, path)
    else:
        save_file({**model.state_dict(), **{name: torch.tensor(value) for name, value in extra.items()}}, path)
    checkpoint = load(path, "tiny-quickgelu")
    assert checkpoint.card.quick_gelu
    torch.testing.assert_close(checkpoint.encode_text(TEXTS), embed(model, checkpoint), atol=5e-3, rtol=0)
    with pytest.raises(RefusedProblem, match=r"QuickGELU.*-quickgelu"):
        load(path, "tiny")


def hugging_face_model(activation):
    from transformers import CLIPConfig, CLIPModel

    tower = {"hidden_size": 32, "intermediate_size": 128, "num_hidden_layers": 1, "hidden_act": activation}
    config = CLIPConfig(
        text_config={
            **tower,
            "num_attention_heads": 4,
            "max_position_embeddings": 16,
            "vocab_size": 49408,
            "eos_token_id": 49407,
        },
        vision_config={**tower, "num_attention_heads": 2, "image_size": 32, "patch_size": 16},
        projection_dim=16,
    )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(7)
        return CLIPModel(config).eval()


@pytest.mark.parametrize(("activation", "arch"), [("quick_gelu", "tiny-quickgelu"), ("gelu", "tiny")])
def test_the_layout_of_hugging_face_loads_and_gives_the_same_embeddings(tmp_path, monkeypatch, activation, arch):
    cfg = bpe_model_cfg(quick_gelu=activation == "quick_gelu")
    cfg["text_cfg"]["heads"] = 4
    monkeypatch.setattr(names, "_built_in", lambda _arch: parse_model_config(cfg))
    model = hugging_face_model(activation)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"vision_config": {"hidden_act": activation}}))
    checkpoint = load(tmp_path / "model.safetensors", arch, allow_pickle=False)
    tokens = checkpoint.tokenizer.encode(TEXTS)
    pixels = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    normalised = (pixels - checkpoint.mean.view(3, 1, 1)) / checkpoint.std.view(3, 1, 1)
    with torch.no_grad():
        theirs = model(input_ids=tokens, pixel_values=normalised)
    torch.testing.assert_close(checkpoint.encode_text(TEXTS), theirs.text_embeds, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(checkpoint.encode_image(pixels), theirs.image_embeds, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("stated", ["gelu", None])
def test_hugging_face_weights_with_the_other_activation_are_refused(tmp_path, stated):
    save_file(hugging_face_model("gelu").state_dict(), tmp_path / "model.safetensors")
    if stated is not None:
        (tmp_path / "config.json").write_text(json.dumps({"vision_config": {"hidden_act": stated}}))
    wrong = "tiny-quickgelu" if stated == "gelu" else "tiny"
    with pytest.raises(RefusedProblem, match=r"Hugging Face's layout with the activation"):
        load(tmp_path / "model.safetensors", wrong, allow_pickle=False)


def test_hugging_face_weights_that_lack_a_part_are_refused(tmp_path):
    state = hugging_face_model("quick_gelu").state_dict()
    del state["text_model.encoder.layers.0.self_attn.k_proj.weight"]
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(RefusedProblem, match="in_proj_weight has the shape"):
        load(tmp_path / "model.safetensors", "tiny-quickgelu")


def test_a_separate_text_tower_takes_the_flat_layout(bpe_model):
    flat = bpe_model.state_dict()
    nested = seeded_model({**bpe_model_cfg(), "custom_text": True}).state_dict()
    renamed = to_open_clip(flat, custom_text=True)
    assert set(renamed) == set(nested)
    assert to_open_clip(nested, custom_text=True).keys() == nested.keys()


def test_half_precision_weights_become_single_precision(tmp_path, bpe_model):
    save_file({name: tensor.bfloat16() for name, tensor in bpe_model.state_dict().items()}, tmp_path / "w.safetensors")
    checkpoint = load(tmp_path / "w.safetensors", "tiny", allow_pickle=False)
    assert {parameter.dtype for parameter in checkpoint.model.parameters()} == {torch.float32}
    assert load_file(tmp_path / "w.safetensors")["visual.proj"].dtype == torch.bfloat16
