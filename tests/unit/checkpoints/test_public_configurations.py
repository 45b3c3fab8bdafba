"""Configurations that people published, as facts: each is taken, or refused for what truly stands in the way.

From jina-ai/jina-openclip (``src/open_clip/model_configs``), whose towers of text need code of their own, and its two
plain ones. Settings are written anew.
"""

import pytest

from audit.checkpoints.config import parse_model_config
from audit.errors import RefusedProblem

PLAIN_VISION = {"image_size": 224, "layers": 12, "width": 768, "patch_size": 32}
PLAIN_TEXT = {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12}


def remote(name, **more):
    """A text tower that its hub's own code builds, averaged over all tokens."""
    named = {"hf_model_name": name, "hf_tokenizer_name": name, "hf_pooler_type": "mean_pooler"}
    return {"context_length": 77, **named, "hf_trust_remote_code": True, "proj_type": None, **more}


JINA_BERT = remote("jinaai/jina-bert-b-en-v1-8k")
JINA_XLM = remote("jinaai/jina-xlm-roberta-large-rope-wwm-cont")
EVA = {
    "image_size": 224,
    "layers": 24,
    "width": 1024,
    "head_width": 64,
    "patch_size": 14,
    "mlp_ratio": 2.6667,
    "eva_model_name": "EVA02",
}
SO400M = {"image_size": 384, "timm_model_name": "vit_so400m_patch14_siglip_384", "timm_pool": "map", "timm_proj": ""}
DINO = {"image_size": 224, "timm_model_name": "vit_base_patch16_224.dino", "timm_pool": "token", "timm_proj": "none"}
DINO_2 = {"image_size": 224, "hf_vision_model_name": "facebook/dinov2-base", "hf_vision_pool": "tok"}


def test_a_plain_one_is_taken_with_its_activation():
    told = {"embed_dim": 512, "vision_cfg": PLAIN_VISION, "text_cfg": PLAIN_TEXT}
    assert parse_model_config({**told, "quick_gelu": True}).quick_gelu
    assert not parse_model_config(told).quick_gelu


def test_a_projection_that_is_there_anyway_may_be_named():
    """ViT-B-32-quickgelu, as that fork writes it."""
    told = {"embed_dim": 512, "text_cfg": PLAIN_TEXT, "quick_gelu": True}
    plain = parse_model_config({**told, "vision_cfg": PLAIN_VISION})
    named = parse_model_config({**told, "vision_cfg": {**PLAIN_VISION, "proj_type": "linear"}})
    assert named.canonical() == plain.canonical()


@pytest.mark.parametrize("tower", [{**DINO, "timm_proj": "linear"}, {"layers": [3, 4, 6, 3], "width": 64}])
def test_the_projection_of_a_transformer_is_not_one_of_other_towers(tower):
    told = {"embed_dim": 512, "text_cfg": PLAIN_TEXT, "vision_cfg": {**tower, "proj_type": "linear"}}
    with pytest.raises(RefusedProblem, match="proj_type"):
        parse_model_config(told)


REFUSED = {
    "ViT-B-32 without its projection": ({**PLAIN_VISION, "proj_type": "none"}, PLAIN_TEXT, ["proj_type"]),
    "jina-backbone-clip-ViT-B-32": (PLAIN_VISION, JINA_BERT, ["hf_model_name", "hf_trust_remote_code"]),
    "jina-clip-ViT-B-16-dino": (DINO, JINA_BERT, ["hf_model_name", "hf_trust_remote_code"]),
    "jina-clip-ViT-B-14-hf-dinov2": (DINO_2, JINA_BERT, ["hf_vision_model_name", "hf_model_name"]),
    "jina-clip-xlmBERT-large-EVA02-ViT-L14": (EVA, JINA_XLM, ["eva_model_name", "hf_model_name"]),
    "jina-clip-xlmBERT-large-SoViT-384": (SO400M, JINA_XLM, ["hf_model_name", "hf_trust_remote_code"]),
}


@pytest.mark.parametrize(("vision", "text", "named"), REFUSED.values(), ids=REFUSED)
def test_one_that_needs_other_code_is_refused_by_the_setting_that_stands_in_the_way(vision, text, named):
    with pytest.raises(RefusedProblem) as caught:
        parse_model_config({"embed_dim": 768, "vision_cfg": vision, "text_cfg": text})
    assert [setting for setting in named if f"_cfg.{setting}`" not in caught.value.what] == []
    assert caught.value.remedy


def test_a_third_tower_is_named():
    told = {"embed_dim": 512, "vision_cfg": PLAIN_VISION, "text_cfg": PLAIN_TEXT, "teacher_cfg": JINA_BERT}
    with pytest.raises(RefusedProblem, match="teacher_cfg"):
        parse_model_config(told)
