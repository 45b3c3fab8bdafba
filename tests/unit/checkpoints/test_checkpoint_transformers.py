"""Folders that transformers saved: each family gives the features that transformers' own class gives."""

import json
import shutil

import pytest
import torch
import transformers
from checkpoint_tiny import WORDS, word_tokenizer
from safetensors.torch import load_file, save_file

from audit.checkpoints import LoadOptions, load_checkpoint
from audit.errors import RefusedProblem, UsageProblem

TEXTS = ["a photo of a nurse", "a red ball"]
TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
VISION = {**TOWER, "image_size": 32, "patch_size": 16}
TEXT = {**TOWER, "vocab_size": len(WORDS) + 4, "max_position_embeddings": 16, "pad_token_id": 0, "eos_token_id": 3}
FAMILIES = {
    "clip": (transformers.CLIPConfig, transformers.CLIPModel, {"projection_dim": 16}, {}, {}),
    "clip-gelu": (
        transformers.CLIPConfig, transformers.CLIPModel, {"projection_dim": 16},
        {"hidden_act": "gelu"}, {"hidden_act": "gelu"},
    ),
    "metaclip_2": (transformers.MetaClip2Config, transformers.MetaClip2Model, {"projection_dim": 16}, {}, {}),
    "siglip": (transformers.SiglipConfig, transformers.SiglipModel, {}, {}, {}),
    "siglip2": (transformers.Siglip2Config, transformers.Siglip2Model, {}, {}, {"num_patches": 4}),
    "chinese_clip": (transformers.ChineseCLIPConfig, transformers.ChineseCLIPModel, {"projection_dim": 16}, {}, {}),
    "altclip": (
        transformers.AltCLIPConfig, transformers.AltCLIPModel, {"projection_dim": 16}, {"project_dim": 24}, {},
    ),
}  # fmt: skip


def make(family):
    config_class, model_class, whole, text, vision = FAMILIES[family]
    vision_config = {**VISION, **vision}
    if family == "siglip2":
        del vision_config["image_size"]
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(3)
        config = config_class(text_config={**TEXT, **text}, vision_config=vision_config, **whole)
        return model_class(config).eval()


@pytest.fixture(scope="module", params=list(FAMILIES))
def saved(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    model = make(request.param)
    model.save_pretrained(folder)
    finish(folder)
    return request.param, model, folder


def finish(folder):
    word_tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"pad_token": "[PAD]"}))
    processor = {
        "image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.3, 0.4], "resample": 3,
        "size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}, "do_center_crop": True,
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))


def load(folder, **options):
    return load_checkpoint(str(folder), options=LoadOptions(waive_sanity=True, **options))


def features(family, model, checkpoint):
    """Return what transformers' own calls give for the same pictures and tokens."""
    pixels = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    normalised = (pixels - checkpoint.mean.view(3, 1, 1)) / checkpoint.std.view(3, 1, 1)
    tokens = checkpoint.tokenizer.encode(TEXTS)
    inputs = {"pixel_values": normalised}
    if family == "siglip2":
        processor = transformers.Siglip2ImageProcessor(patch_size=16, max_num_patches=4, do_rescale=False)
        made = processor(
            [(0.5 * image.permute(1, 2, 0) + 0.5).numpy() for image in normalised.double()],
            do_resize=False, image_mean=[0.5] * 3, image_std=[0.5] * 3, return_tensors="pt",
        )  # fmt: skip
        inputs = {key: value.float() if value.is_floating_point() else value for key, value in made.items()}
    mask = {"attention_mask": (tokens != 0).long()} if family in {"chinese_clip", "altclip"} else {}
    with torch.no_grad():
        images = model.get_image_features(**inputs).pooler_output
        texts = model.get_text_features(input_ids=tokens, **mask).pooler_output
    unit = torch.nn.functional.normalize
    return pixels, unit(images, dim=-1), unit(texts, dim=-1)


def test_a_folder_of_transformers_gives_the_features_of_transformers(saved):
    family, model, folder = saved
    checkpoint = load(folder)
    pixels, images, texts = features(family, model, checkpoint)
    torch.testing.assert_close(checkpoint.encode_image(pixels), images, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(checkpoint.encode_text(TEXTS), texts, atol=1e-5, rtol=1e-4)
    assert checkpoint.card.image_size == 32
    assert checkpoint.mean.tolist() == pytest.approx([0.4, 0.5, 0.6])


def test_gradients_flow_to_the_pixels(saved):
    _, _, folder = saved
    checkpoint = load(folder)
    assert not any(part.training for part in checkpoint.model.modules())
    pixels = torch.full((1, 3, 32, 32), 0.5, requires_grad=True)
    checkpoint.visual(pixels).sum().backward()
    assert bool(torch.isfinite(pixels.grad).all())
    assert float(pixels.grad.abs().max()) > 0


def test_shards_are_read_as_one_file(tmp_path):
    model = make("clip")
    model.save_pretrained(tmp_path / "one")
    model.save_pretrained(tmp_path / "many", max_shard_size="20KB")
    for folder in ("one", "many"):
        finish(tmp_path / folder)
    assert (tmp_path / "many" / "model.safetensors.index.json").exists()
    one, many = load(tmp_path / "one"), load(tmp_path / "many")
    torch.testing.assert_close(one.encode_text(TEXTS), many.encode_text(TEXTS))
    shard = next((tmp_path / "many").glob("model-00001*"))
    shard.unlink()
    with pytest.raises(RefusedProblem, match="model-00001"):
        load(tmp_path / "many")


def test_an_index_that_leads_elsewhere_is_refused(tmp_path):
    make("clip").save_pretrained(tmp_path)
    finish(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "part.safetensors")
    for place in ("../part.safetensors", "/etc/passwd", "part.bin"):
        (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"logit_scale": place}}))
        with pytest.raises(RefusedProblem, match="lists no shards"):
            load(tmp_path)


def test_a_snapshot_of_a_hub_cache_is_read_by_its_path(tmp_path):
    make("clip").save_pretrained(tmp_path / "made")
    finish(tmp_path / "made")
    snapshot, blobs = tmp_path / "models--o--r" / "snapshots" / ("a" * 40), tmp_path / "models--o--r" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for file in (tmp_path / "made").iterdir():
        shutil.copy(file, blobs / file.name)
        (snapshot / file.name).symlink_to(f"../../blobs/{file.name}")
    assert load(snapshot).card.embedding_size == 16
    (snapshot / "tokenizer.json").unlink()
    (snapshot / "tokenizer.json").symlink_to("/etc/hostname")
    with pytest.raises(RefusedProblem, match="leads out of its folder"):
        load(snapshot)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_type": "blip"}, "of type 'blip'"),
        ({"model_type": None}, "of type None"),
        ({"auto_map": {"AutoModel": "modeling.Mine"}}, "auto_map"),
        ({"quantization_config": {"bits": 4}}, "quantization_config"),
        ({"shiny": 3}, "shiny"),
    ],
)
def test_what_is_not_read_is_refused_by_name(tmp_path, change, said):
    make("clip").save_pretrained(tmp_path)
    finish(tmp_path)
    content = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**content, **change}))
    with pytest.raises(RefusedProblem, match=said):
        load(tmp_path)


def test_old_configurations_override_a_tower_by_its_second_table(tmp_path):
    make("clip").save_pretrained(tmp_path)
    finish(tmp_path)
    content = json.loads((tmp_path / "config.json").read_text())
    content["vision_config_dict"] = {"hidden_act": "gelu"}
    content["text_config"]["bad_words_ids"] = None
    (tmp_path / "config.json").write_text(json.dumps(content))
    assert not load(tmp_path).card.quick_gelu


def test_a_folder_without_its_preprocessing_or_tokenizer_says_how_to_get_it(tmp_path):
    make("clip").save_pretrained(tmp_path)
    finish(tmp_path)
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.raises(UsageProblem, match=r"preprocessor_config\.json.*--preprocess"):
        load(tmp_path)
    assert load(tmp_path, preprocess="ViT-B-16-SigLIP/webli").preprocess.resize_mode == "squash"
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(RefusedProblem, match=r"tokenizer\.json.*AutoTokenizer"):
        load(tmp_path, preprocess="ViT-B-32/openai")


def test_a_weight_that_is_not_finite_is_refused(tmp_path):
    make("siglip").save_pretrained(tmp_path)
    finish(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    state["logit_scale"] = torch.tensor([float("nan")])
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(RefusedProblem, match="logit_scale"):
        load(tmp_path)
