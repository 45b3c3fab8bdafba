"""Every architecture and every published set of weights that open_clip lists is known, and prepared as it says."""

from dataclasses import asdict

import open_clip
import pytest
import torch
from checkpoint_tiny import tiny_model_cfg
from open_clip.coca_model import CoCa
from open_clip.hf_model import HFTextEncoder
from open_clip.transform import PreprocessCfg, merge_preprocess_dict

from audit.checkpoints import text_towers
from audit.checkpoints.config import parse_model_config
from audit.checkpoints.names import _built_in
from audit.checkpoints.preprocessing import published
from audit.checkpoints.text_towers import ContrastiveTowers, settings_folder
from audit.checkpoints.weights import instantiate
from audit.errors import RefusedProblem

SPECIAL = [
    name
    for name in open_clip.list_models()
    if "multimodal_cfg" in open_clip.get_model_config(name)
    or "hf_model_name" in open_clip.get_model_config(name)["text_cfg"]
]


def test_thirteen_architectures_are_built_in_another_way():
    assert len(SPECIAL) == 13


@pytest.mark.parametrize("name", ["coca_base", "mt5-base-ViT-B-32", "nllb-clip-base", "xlm-roberta-base-ViT-B-32"])
def test_text_towers_and_captioners_are_built_without_a_network(name):
    with torch.device("meta"):
        names = instantiate(_built_in(name)).state_dict()
    assert any(key.startswith("text.") for key in names)
    assert any(key.startswith("visual.") for key in names)


def test_every_published_set_of_weights_is_prepared_as_open_clip_records_it():
    pairs = open_clip.list_pretrained()
    assert len(pairs) >= 190
    for arch, tag in pairs:
        record = open_clip.pretrained.get_pretrained_cfg(arch, tag)
        own = merge_preprocess_dict(asdict(PreprocessCfg()), {k: v for k, v in record.items() if v is not None})
        ours = published(arch, tag)
        assert (tuple(ours.mean), tuple(ours.std)) == (tuple(own["mean"]), tuple(own["std"])), (arch, tag)
        assert (ours.interpolation, ours.resize_mode) == (own["interpolation"], own["resize_mode"]), (arch, tag)


def test_the_two_towers_of_a_captioner_give_its_own_features():
    cfg = tiny_model_cfg(embed_cls=True, output_tokens=True, pool_type="last")
    cfg["vision_cfg"] |= {"output_tokens": True}
    caption = {"context_length": 12, "vocab_size": 24, "width": 32, "heads": 2, "layers": 1, "attn_pooler_heads": 2}
    cfg = {**cfg, "multimodal_cfg": caption}
    model = instantiate(parse_model_config(cfg)).eval()
    assert isinstance(model, CoCa)
    towers = ContrastiveTowers(model)
    pixels, tokens = torch.rand(2, 3, 32, 32), torch.randint(1, 10, (2, 12))
    unit = torch.nn.functional.normalize
    with torch.no_grad():
        torch.testing.assert_close(unit(towers.encode_image(pixels), dim=-1), model.encode_image(pixels))
        torch.testing.assert_close(unit(towers.encode_text(tokens), dim=-1), model.encode_text(tokens))


def test_a_text_tower_of_transformers_is_the_one_that_open_clip_builds(monkeypatch):
    tiny = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    known = dict(text_towers._SETTINGS)
    known["roberta-base"] = {**known["roberta-base"], **tiny, "vocab_size": 100}
    monkeypatch.setattr(text_towers, "_SETTINGS", known)
    settings_folder.cache_clear()
    text = {"hf_model_name": "roberta-base", "hf_tokenizer_name": "roberta-base", "hf_pooler_type": "mean_pooler"}
    text |= {"hf_proj_type": "mlp"}
    vision = tiny_model_cfg()["vision_cfg"]
    config = parse_model_config({"embed_dim": 16, "vision_cfg": vision, "text_cfg": text})
    model = instantiate(config).eval()
    theirs = HFTextEncoder(
        str(settings_folder("roberta-base")), 16, pooler_type="mean_pooler", proj_type="mlp", pretrained=False
    ).eval()
    theirs.load_state_dict(model.text.state_dict())
    tokens = torch.randint(2, 99, (2, 77))
    tokens[:, 9:] = 1  # padding
    with torch.no_grad():
        torch.testing.assert_close(model.encode_text(tokens), theirs(tokens))
    assert config.vocab_size == 100
    settings_folder.cache_clear()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text_cfg": {"hf_model_name": "somebody/else"}}, "taken from a list"),
        ({"vision_cfg": {"output_tokens": True}}, "for CoCa models"),
        ({"vision_cfg": {"global_average_pool": True, "pool_type": "avg"}}, "one way of pooling"),
    ],
)
def test_what_is_not_built_is_refused_with_the_reason(change, said):
    with pytest.raises(RefusedProblem, match=said):
        parse_model_config({"embed_dim": 16, "vision_cfg": {}, "text_cfg": {}, **change})


def test_settings_that_are_null_stand_for_their_defaults():
    plain = parse_model_config({"embed_dim": 16, "vision_cfg": {}, "text_cfg": {}})
    nulls = {"ls_init_value": None, "pos_embed_type": None, "act_kwargs": None, "unheard_of": None}
    assert parse_model_config({"embed_dim": 16, "vision_cfg": nulls, "text_cfg": {}}) == plain
